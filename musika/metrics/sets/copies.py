"""Copies: for each generated clip, the most similar stretch of training music.

A clip is 32 steps (3 s) of a sequence `[T, C]`, latents or log-mel. Its distance to a stretch of training music is the
root mean square difference of their numbers, each divided by its standard deviation in real music: 0 for a copy, 1.4
for unrelated music. Every stretch is compared, at every step. Real pieces that were kept out of training show which
distances are usual; generated clips that are nearer than those may be copies. Clips that stay constant (silence) are
left out.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from musika.metrics.sets.spaces import CLIP_STEPS

MIN_DEVIATION = 0.05  # over the time of a clip, in deviations of real music; with less it is constant
STRETCHES_AT_ONCE, CLIPS_AT_ONCE = 1024, 128  # that are compared
SAME = 0.02  # distance of two encodings of the same audio


@dataclasses.dataclass(frozen=True)
class Scale:
    """Mean and standard deviation of each number in real music, `[C]`."""

    mean: np.ndarray
    deviation: np.ndarray

    @classmethod
    def measure(cls, sequences: Sequence[np.ndarray]) -> Scale:
        """The scale of sequences `[T, C]`; numbers that never change are not scaled."""
        count = sum(len(sequence) for sequence in sequences)
        mean = sum(sequence.sum(axis=0, dtype=np.float64) for sequence in sequences) / count
        variance = sum(np.square(sequence - mean).sum(axis=0) for sequence in sequences) / count
        deviation = np.sqrt(variance)
        return cls(mean, np.where(deviation > 1e-6, deviation, 1.0))

    def normalize(self, sequence: np.ndarray) -> np.ndarray:
        """A sequence `[T, C]` in deviations from the mean, float32."""
        return ((sequence - self.mean) / self.deviation).astype(np.float32)


class Clips:
    """Clips, and the nearest neighbour of each in the music that was searched so far.

    Attributes:
        piece: number of the sequence that each clip is from, `[n]`.
        start: its first step, `[n]`.
        constant: how many clips were left out because they stay constant.
        distance: to the nearest stretch so far, `[n]`; infinite before the first search.
        neighbour: number of the piece that it is in, `[n]`; -1 before the first search.
        place: its first step, `[n]`.
    """

    def __init__(self, sequences: Sequence[np.ndarray], scale: Scale) -> None:
        """Cuts sequences `[T, C]` into clips without overlap."""
        self.scale = scale
        rows, places, self.constant = [], [], 0
        for number, sequence in enumerate(sequences):
            normalized = scale.normalize(sequence)
            for start in range(0, len(sequence) - CLIP_STEPS + 1, CLIP_STEPS):
                clip = normalized[start : start + CLIP_STEPS]
                if clip.std(axis=0).mean() < MIN_DEVIATION:
                    self.constant += 1
                    continue
                rows.append(clip)
                places.append((number, start))
        self.rows = np.array(rows, np.float32).reshape(len(rows), CLIP_STEPS, -1 if rows else 0)  # [n, 32, C]
        self.piece, self.start = np.array(places, int).reshape(-1, 2).T
        self.squares = np.square(self.rows).sum(axis=(1, 2), dtype=np.float64)
        self.distance = np.full(len(rows), np.inf)
        self.neighbour, self.place = np.full(len(rows), -1), np.zeros(len(rows), int)

    def search(self, number: int, sequence: np.ndarray) -> None:
        """Compares all clips with every stretch of one piece of training music `[T, C]`."""
        if len(sequence) < CLIP_STEPS or not len(self.rows):
            return
        normalized = self.scale.normalize(sequence)
        energy = np.concatenate([[0.0], np.cumsum(np.square(normalized).sum(axis=1, dtype=np.float64))])
        for first in range(0, len(normalized) - CLIP_STEPS + 1, STRETCHES_AT_ONCE):
            count = min(STRETCHES_AT_ONCE, len(normalized) - CLIP_STEPS + 1 - first)
            stretches = energy[first + CLIP_STEPS : first + CLIP_STEPS + count] - energy[first : first + count]
            for start in range(0, len(self.rows), CLIPS_AT_ONCE):
                some = slice(start, start + CLIPS_AT_ONCE)
                products = _multiply(self.rows[some], normalized[first : first + count + CLIP_STEPS - 1])
                self._keep_nearer(some, number, first, self.squares[some, None] + stretches - 2 * products)

    def _keep_nearer(self, some: slice, number: int, first: int, squares: np.ndarray) -> None:
        """Keeps what is nearer than before; squares are squared distances `[some, stretches]`, from step `first` on."""
        nearest = squares.argmin(axis=1)
        distances = np.sqrt(np.maximum(0, squares[np.arange(len(nearest)), nearest]) / self.rows[0].size)
        better = np.flatnonzero(distances < self.distance[some])
        self.distance[some.start + better] = distances[better]
        self.neighbour[some.start + better] = number
        self.place[some.start + better] = first + nearest[better]

    def list_nearest(self, count: int = 10) -> list[int]:
        """The numbers of the clips with the smallest distances, nearest first."""
        order = np.argsort(self.distance, kind="stable")[:count]
        return [int(index) for index in order if np.isfinite(self.distance[index])]


def _multiply(clips: np.ndarray, sequence: np.ndarray) -> np.ndarray:
    """Inner products of clips `[n, 32, C]` with every stretch of a sequence `[stretches + 31, C]`: `[n, stretches]`."""
    stretches = len(sequence) - CLIP_STEPS + 1
    steps = (clips.reshape(-1, clips.shape[2]) @ sequence.T).reshape(len(clips), CLIP_STEPS, -1)  # of single steps
    return np.sum([steps[:, step, step : step + stretches] for step in range(CLIP_STEPS)], axis=0)


def evaluate(generated: Clips, held_out: Clips) -> dict[str, float]:
    """Distances of generated clips, and for comparison those of real clips that were kept out of training.

    Returns:
        `clips`, `nearest`, `fifth_percentile` and `median` of the generated clips; the same of the real ones as
        `held_out_...`; `closer`, the number of generated clips that are nearer than any held-out one; `closer_share`,
        the share that is nearer than the fifth percentile of the held-out ones (0.05 is usual); `constant`, generated
        clips that were left out because they stay constant; `shared`, held-out clips that are in the training music.
        NaN where there are no clips.
    """
    figures: dict[str, float] = {}
    for prefix, clips in (("", generated), ("held_out_", held_out)):
        known = clips.distance[np.isfinite(clips.distance)]
        levels = np.quantile(known, (0, 0.05, 0.5)) if known.size else np.full(3, np.nan)
        figures[f"{prefix}clips"] = float(known.size)
        names = (f"{prefix}{level}" for level in ("nearest", "fifth_percentile", "median"))
        figures |= dict(zip(names, map(float, levels), strict=True))
    if figures["clips"] and figures["held_out_clips"]:
        figures["closer"] = float((generated.distance < figures["held_out_nearest"]).sum())
        figures["closer_share"] = float((generated.distance < figures["held_out_fifth_percentile"]).mean())
    else:
        figures["closer"] = figures["closer_share"] = float("nan")
    figures["constant"] = float(generated.constant)
    figures["shared"] = float((held_out.distance < SAME).sum())
    return figures
