"""Spaces in which sets of pieces are compared: a piece becomes rows of numbers, one for each clip.

Sequences have one step for 4096 samples (0.093 s): the codec's latents `[T, C]`, or log-mel `[T, 128]`, log10 of mel
power of mid and side (left ± right) / 2, 64 bands each (librosa: Slaney, window 2048, hop 1024, mean of four frames,
floor 1e-5). Of a sequence there are
- rows of windows: of 32 steps (3 s) that follow each other, mean, deviation and mean absolute step of each number, `[3
  C]`; distances are taken on the 64 main components of both sets together (`COMPONENTS`);
- single rows: each eighth step as it is, `[C]`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

import numpy as np

HOP = 4096  # samples in one step of log-mel
WINDOW_STEPS = 32
COMPONENTS = 64
EACH = 8  # steps from one single row to the next
FRAME, BANDS, FLOOR = 2048, 64, 1e-5
STEP = HOP // 4  # samples from one frame to the next


def windows(sequence: np.ndarray) -> np.ndarray:
    """A sequence `[T, C]` to one row for each whole window, `[T // 32, 3 C]`."""
    count = len(sequence) // WINDOW_STEPS
    parts = sequence[: count * WINDOW_STEPS].reshape(count, WINDOW_STEPS, sequence.shape[1])
    steps = np.abs(np.diff(parts, axis=1)).mean(axis=1)
    return np.concatenate([parts.mean(axis=1), parts.std(axis=1), steps], axis=1)


def singles(sequence: np.ndarray) -> np.ndarray:
    """A sequence `[T, C]` to every eighth step, `[ceil(T / 8), C]`."""
    return sequence[::EACH]


class Listener(Protocol):
    """What takes a waveform block by block."""

    def add(self, block: np.ndarray) -> None:
        """The next samples `[n, 2]`."""


class LogMel:
    """Takes a waveform block by block and makes its log-mel sequence."""

    def __init__(self, sample_rate: int) -> None:
        self.sample_rate = sample_rate
        self.held = np.zeros((0, 2), np.float32)
        self.made: list[np.ndarray] = []

    def add(self, block: np.ndarray) -> None:
        """The next samples `[n, 2]`."""
        self.held = np.concatenate([self.held, block])
        steps = (len(self.held) - (FRAME - STEP)) // HOP
        if steps >= 64:  # a few seconds at once
            self._make(steps)

    def finish(self) -> np.ndarray:
        """`[T, 128]`, a step for each 4096 whole samples; what is left over is dropped."""
        steps = len(self.held) // HOP
        if steps:
            self.held = np.concatenate([self.held, np.zeros((FRAME - STEP, 2), np.float32)])
            self._make(steps)
        return np.concatenate([np.zeros((0, 2 * BANDS), np.float32), *self.made])

    def _make(self, steps: int) -> None:
        import librosa

        part = self.held[: steps * HOP + FRAME - STEP]
        self.held = self.held[steps * HOP :]
        powers = [
            librosa.feature.melspectrogram(
                y=(part[:, 0] + sign * part[:, 1]) / 2,
                sr=self.sample_rate,
                n_fft=FRAME,
                hop_length=STEP,
                n_mels=BANDS,
                center=False,
            )
            for sign in (1, -1)
        ]
        power = np.concatenate(powers).reshape(2 * BANDS, steps, 4).mean(axis=2)
        self.made.append(np.log10(np.maximum(power, FLOOR)).T.astype(np.float32))


def watched(blocks: Iterable[np.ndarray], listeners: Iterable[Listener]) -> Iterator[np.ndarray]:
    """Passes blocks of a waveform on and shows them to listeners on the way."""
    listeners = tuple(listeners)
    for block in blocks:
        for listener in listeners:
            listener.add(block)
        yield block
