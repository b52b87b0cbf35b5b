"""What the training loop asks of a stage, and of a log."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

import numpy as np

Tree = Any


class Stage(Protocol):
    """Networks and all that trains them.

    `state` is one tree (nested dicts and lists) of arrays: weights, averages, moments, whatever a step needs from the
    one before, in float32 and whole numbers. Its leaf "rate", 1 at first, multiplies the learning rates.
    """

    name: str
    sample_seconds: float  # of audio in one sample
    sample_rate: int  # of the previews, Hz

    def init_state(self, seed: int) -> Tree:
        """The state before the first step: a function of the seed alone."""

    def make_batch(self, position: int) -> Tree:
        """The batch after `position` samples, NumPy arrays: a function of the position alone. Called in a thread."""

    def step(self, state: Tree, batch: Tree) -> tuple[Tree, Mapping[str, Any]]:
        """One step: the new state and scalars to show and to log. `state` is not used again by the caller."""

    def render_previews(self, state: Tree) -> Iterable[tuple[str, np.ndarray]]:
        """A few samples to listen to: name, and waveform `[N, 2]`. May give none."""

    def measure(self, state: Tree) -> Mapping[str, float]:
        """Figures of how good the result is, on held-out data where there is any. May give none."""

    def export_weights(self, state: Tree) -> tuple[Mapping[str, Any], Mapping[str, Mapping[str, np.ndarray]]]:
        """What is needed to use the result: content of `config.json` with its `kind`, and arrays by file and name."""


class Log(Protocol):
    """Where scalars and previews go besides the console; never raises."""

    def write_scalars(self, position: int, values: Mapping[str, float]) -> None:
        """Numbers after `position` samples."""

    def write_sample(self, position: int, name: str, waveform: np.ndarray, rate: int, picture: bytes | None) -> None:
        """A waveform `[N, 2]` at `rate` Hz and its PNG picture."""

    def flush(self) -> None:
        """Writes everything to the disk."""
