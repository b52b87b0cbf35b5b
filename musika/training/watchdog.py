"""Going back to an earlier state, with lower learning rates, when losses are not finite any more."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from musika import console
from musika.errors import MusikaError

Tree = Any
MAX_ROLLBACKS = 3  # of a run before it ends
RATE_FACTOR = 0.5  # on the learning rates, each time
RATE = "rate"  # the leaf of a state that multiplies its stage's learning rates


class RolledBack(Exception):
    """Training continues from an earlier state."""


@dataclasses.dataclass(frozen=True)
class _Snapshot:
    state: Tree
    position: int


class Watchdog:
    """Keeps the states of the last two reports of finite losses.

    A state is known to be good once the losses of the steps that began with it have been seen: the one before the last.
    """

    def __init__(self, state: Tree, position: int) -> None:
        self._good = self._newest = _Snapshot(state, position)
        self._rollbacks = 0

    def record_finite(self, state: Tree, position: int) -> None:
        """Takes note that losses up to this position are finite."""
        self._good, self._newest = self._newest, _Snapshot(state, position)

    def roll_back(self, position: int, losses: str, kept: str) -> tuple[Tree, int]:
        """The good state, with lower learning rates, and its position.

        Args:
            position: of the training now.
            losses: their values now, for the message.
            kept: what is on the disk, for the message.

        Raises:
            MusikaError: there were MAX_ROLLBACKS already.
        """
        if self._rollbacks == MAX_ROLLBACKS:
            raise MusikaError(
                f"training has diverged after {position} samples ({losses}), although the learning rate "
                f"was halved {MAX_ROLLBACKS} times; {kept}; choose a smaller learning rate",
                about="learning_rate",
            )
        self._rollbacks += 1
        good, at = self._good.state, self._good.position
        rate = RATE_FACTOR * float(np.asarray(_to_host(good[RATE])))
        console.warn(
            f"losses are not finite after {position} samples ({losses}): going back to {at} samples with "
            f"{rate:.3g} of the learning rate ({self._rollbacks} of {MAX_ROLLBACKS})"
        )
        self._good = self._newest = _Snapshot({**good, RATE: np.asarray(rate, np.float32)}, at)
        return self._good.state, at


def _to_host(leaf: Any) -> np.ndarray:
    from musika import backend

    array: np.ndarray = backend.to_numpy(leaf)
    return array
