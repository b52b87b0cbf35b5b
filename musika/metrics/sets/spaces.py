"""Spaces in which sets of pieces are compared: each piece becomes rows of numbers.

A piece is a sequence with one step for 4096 samples (0.093 s): the codec's latents `[T, C]`, or log-mel `[T, 128]`,
which is log10 of the mel power of mid and side, (left ± right) / 2, with 64 bands each (librosa: Slaney, window 2048,
hop 1024, mean of four frames, at least 1e-5). Two kinds of rows describe a sequence:
- `CLIPS`: for each clip of 32 steps (3 s), without overlap, the mean, the standard deviation and the mean absolute step
  of each number, `[3 C]`. Fréchet distances are taken on the 64 principal components of both sets together.
- `STEPS`: every eighth step as it is, `[C]`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol

import numpy as np

HOP = 4096  # samples in one step of log-mel
CLIP_STEPS = 32
STEP_INTERVAL = 8  # steps from one row of STEPS to the next
WINDOW, BANDS, FLOOR = 2048, 64, 1e-5
FRAME_HOP = HOP // 4  # samples from one frame of the spectrogram to the next
STEPS_AT_ONCE = 64  # of log-mel, a few seconds


def describe_clips(sequence: np.ndarray) -> np.ndarray:
    """A sequence `[T, C]` to one row for each whole clip, `[T // 32, 3 C]`."""
    count = len(sequence) // CLIP_STEPS
    clips = sequence[: count * CLIP_STEPS].reshape(count, CLIP_STEPS, sequence.shape[1])
    steps = np.abs(np.diff(clips, axis=1)).mean(axis=1)
    return np.concatenate([clips.mean(axis=1), clips.std(axis=1), steps], axis=1)


def pick_steps(sequence: np.ndarray) -> np.ndarray:
    """A sequence `[T, C]` to every eighth step, `[ceil(T / 8), C]`."""
    return sequence[::STEP_INTERVAL]


@dataclasses.dataclass(frozen=True)
class RowKind:
    """A way to describe sequences by rows of numbers.

    Attributes:
        describe: from a sequence `[T, C]` to rows `[n, D]`.
        components: principal components that distances are taken on; None for all D numbers.
    """

    describe: Callable[[np.ndarray], np.ndarray]
    components: int | None = None

    def describe_all(self, sequences: Iterable[np.ndarray]) -> np.ndarray:
        """The rows of all sequences together, `[n, D]`; `[0, 1]` if there are none."""
        rows = [self.describe(sequence) for sequence in sequences]
        return np.concatenate(rows) if rows else np.zeros((0, 1))


CLIPS = RowKind(describe_clips, components=64)
STEPS = RowKind(pick_steps)


class BlockConsumer(Protocol):
    """What receives a waveform block by block."""

    def add(self, block: np.ndarray) -> None:
        """Receives the next samples `[n, 2]`."""


class LogMel:
    """Receives a waveform block by block and computes its log-mel sequence."""

    def __init__(self, sample_rate: int) -> None:
        self.sample_rate = sample_rate
        self._pending = np.zeros((0, 2), np.float32)  # samples that are not in a step yet
        self._steps: list[np.ndarray] = []

    def add(self, block: np.ndarray) -> None:
        """Receives the next samples `[n, 2]`."""
        self._pending = np.concatenate([self._pending, block])
        steps = (len(self._pending) - (WINDOW - FRAME_HOP)) // HOP
        if steps >= STEPS_AT_ONCE:
            self._compute(steps)

    def finish(self) -> np.ndarray:
        """The sequence `[T, 128]`: a step for each 4096 whole samples; what is left over is dropped."""
        steps = len(self._pending) // HOP
        if steps:
            self._pending = np.concatenate([self._pending, np.zeros((WINDOW - FRAME_HOP, 2), np.float32)])
            self._compute(steps)
        return np.concatenate([np.zeros((0, 2 * BANDS), np.float32), *self._steps])

    def _compute(self, steps: int) -> None:
        import librosa

        part = self._pending[: steps * HOP + WINDOW - FRAME_HOP]
        self._pending = self._pending[steps * HOP :]
        powers = [
            librosa.feature.melspectrogram(
                y=(part[:, 0] + sign * part[:, 1]) / 2,
                sr=self.sample_rate,
                n_fft=WINDOW,
                hop_length=FRAME_HOP,
                n_mels=BANDS,
                center=False,
            )
            for sign in (1, -1)
        ]
        power = np.concatenate(powers).reshape(2 * BANDS, steps, 4).mean(axis=2)
        self._steps.append(np.log10(np.maximum(power, FLOOR)).T.astype(np.float32))


def pass_through(blocks: Iterable[np.ndarray], consumers: Sequence[BlockConsumer]) -> Iterator[np.ndarray]:
    """Yields the blocks `[n, 2]` of a waveform, and gives each to the consumers first."""
    for block in blocks:
        for consumer in consumers:
            consumer.add(block)
        yield block
