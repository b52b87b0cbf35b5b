"""Where training goes back to when its losses are not finite any more."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from musika import console
from musika.errors import MusikaError

Tree = Any
TIMES = 3  # that a run may go back before it ends
SLOWER = 0.5  # factor on the learning rates each time
RATE = "rate"  # the leaf of a state that multiplies its stage's learning rates


class Retreat(Exception):
    """Training goes on from an earlier state."""


@dataclasses.dataclass(frozen=True)
class _Place:
    state: Tree
    position: int


class Places:
    """The last two places at which losses were looked at and finite.

    A state is known to be good once the losses of the steps that began with it have been seen: the one before the last.
    """

    def __init__(self, state: Tree, position: int) -> None:
        self._good = self._newest = _Place(state, position)
        self._times = 0

    def passed(self, state: Tree, position: int) -> None:
        """Losses up to here are finite."""
        self._good, self._newest = self._newest, _Place(state, position)

    def back(self, position: int, losses: str, kept: str) -> tuple[Tree, int]:
        """The good state, with lower learning rates, and its position.

        Args:
            position: where training stands.
            losses: what they were, to be told.
            kept: what is on the disk, to be told.

        Raises:
            MusikaError: that was tried often enough.
        """
        if self._times == TIMES:
            raise MusikaError(
                f"training has diverged after {position} samples ({losses}), and so it did {TIMES} times with lower "
                f"rates; {kept}; try a smaller --lr"
            )
        self._times += 1
        good, at = self._good.state, self._good.position
        rate = SLOWER * float(np.asarray(_host(good[RATE])))
        console.warn(
            f"losses are not finite after {position} samples ({losses}): going back to {at} samples with "
            f"{rate:.3g} of the learning rate ({self._times} of {TIMES})"
        )
        self._good = self._newest = _Place({**good, RATE: np.asarray(rate, np.float32)}, at)
        return self._good.state, at


def _host(leaf: Any) -> np.ndarray:
    from musika import backend

    found: np.ndarray = backend.to_numpy(leaf)
    return found
