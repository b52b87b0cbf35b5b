"""Is it copying? The stretch of training music that is nearest to each generated clip.

A clip is 32 steps (3 s) of a sequence `[T, C]`, latents or log-mel. Its distance to a stretch of training music is the
root mean square difference of their numbers, each scaled by the deviation that it has in real music, so 0 is a copy
and 1.4 unrelated. All stretches are tried, at every step. Real pieces that were not trained on say what is usual:
generated clips that are nearer than those are suspicious. Clips in which nothing moves (silence) say nothing and are
left out.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

CLIP = 32  # steps
STILL = 0.05  # scaled deviation over a clip's time of which nothing moves
POSITIONS, TOGETHER = 1024, 128  # stretches and clips that are compared at once
SAME = 0.02  # distance of two encodings of the same audio


@dataclasses.dataclass(frozen=True)
class Scale:
    """Mean and deviation of each number in real music, `[C]`."""

    mean: np.ndarray
    deviation: np.ndarray

    @classmethod
    def of(cls, sequences: Sequence[np.ndarray]) -> Scale:
        """Those of `[T, C]` sequences; a number that never changes is left as it is."""
        count = sum(len(sequence) for sequence in sequences)
        mean = sum(sequence.sum(axis=0, dtype=np.float64) for sequence in sequences) / count
        square = sum(np.square(sequence - mean).sum(axis=0) for sequence in sequences) / count
        deviation = np.sqrt(square)
        return cls(mean, np.where(deviation > 1e-6, deviation, 1.0))

    def __call__(self, sequence: np.ndarray) -> np.ndarray:
        """The same sequence with mean 0 and deviation 1, float32."""
        return ((sequence - self.mean) / self.deviation).astype(np.float32)


class Clips:
    """Clips that look for their nearest neighbours in music that comes piece by piece.

    Attributes:
        piece: which sequence each clip is of, `[n]`.
        start: its first step, `[n]`.
        still: how many clips were left out because nothing moves.
        distance: to the nearest stretch so far, `[n]`; infinite before there is one.
        neighbour: number of the piece that it is in, `[n]`; -1 before there is one.
        place: its first step, `[n]`.
    """

    def __init__(self, sequences: Sequence[np.ndarray], scale: Scale) -> None:
        """Cuts sequences `[T, C]` into clips that follow each other."""
        self.scale = scale
        rows, places, self.still = [], [], 0
        for number, sequence in enumerate(sequences):
            scaled = scale(sequence)
            for start in range(0, len(sequence) - CLIP + 1, CLIP):
                clip = scaled[start : start + CLIP]
                if clip.std(axis=0).mean() < STILL:
                    self.still += 1
                    continue
                rows.append(clip)
                places.append((number, start))
        self.rows = np.array(rows, np.float32).reshape(len(rows), CLIP, -1 if rows else 0)
        self.piece, self.start = np.array(places, int).reshape(-1, 2).T
        self.squares = np.square(self.rows).sum(axis=(1, 2), dtype=np.float64)
        self.distance = np.full(len(rows), np.inf)
        self.neighbour, self.place = np.full(len(rows), -1), np.zeros(len(rows), int)

    def look(self, number: int, sequence: np.ndarray) -> None:
        """Tries every stretch of one piece of training music `[T, C]`."""
        if len(sequence) < CLIP or not len(self.rows):
            return
        scaled = self.scale(sequence)
        energy = np.concatenate([[0.0], np.cumsum(np.square(scaled).sum(axis=1, dtype=np.float64))])
        for first in range(0, len(scaled) - CLIP + 1, POSITIONS):
            count = min(POSITIONS, len(scaled) - CLIP + 1 - first)
            stretches = energy[first + CLIP : first + CLIP + count] - energy[first : first + count]
            for start in range(0, len(self.rows), TOGETHER):
                some = slice(start, start + TOGETHER)
                products = _products(self.rows[some], scaled[first : first + count + CLIP - 1])
                self._take(some, number, first, self.squares[some, None] + stretches - 2 * products)

    def _take(self, some: slice, number: int, first: int, squares: np.ndarray) -> None:
        """Keeps what is nearer than before; squared distances `[some, positions]` from step `first` on."""
        nearest = squares.argmin(axis=1)
        found = np.sqrt(np.maximum(0, squares[np.arange(len(nearest)), nearest]) / self.rows[0].size)
        better = np.flatnonzero(found < self.distance[some])
        self.distance[some.start + better] = found[better]
        self.neighbour[some.start + better] = number
        self.place[some.start + better] = first + nearest[better]


def _products(clips: np.ndarray, sequence: np.ndarray) -> np.ndarray:
    """Inner products of clips `[n, CLIP, C]` with each stretch of a sequence `[positions + CLIP - 1, C]`."""
    positions = len(sequence) - CLIP + 1
    steps = (clips.reshape(-1, clips.shape[2]) @ sequence.T).reshape(len(clips), CLIP, -1)  # of single steps
    return np.sum([steps[:, step, step : step + positions] for step in range(CLIP)], axis=0)


def evaluate(generated: Clips, held_out: Clips) -> dict[str, float]:
    """Distances of generated clips beside those of real ones that were not trained on.

    Returns:
        `clips`, `nearest`, `fifth_percentile` and `median` of the generated; the same as `held_out_...`; `closer`, how
        many generated clips are nearer than any held-out one; `closer_share`, the share that is nearer than the fifth
        percentile of those (0.05 is usual); `still`, generated clips without motion; `shared`, held-out clips that are
        in the training music. NaN where there are no clips.
    """
    found: dict[str, float] = {}
    for name, clips in (("", generated), ("held_out_", held_out)):
        known = clips.distance[np.isfinite(clips.distance)]
        levels = np.quantile(known, (0, 0.05, 0.5)) if known.size else np.full(3, np.nan)
        found[f"{name}clips"] = float(known.size)
        names = (f"{name}{level}" for level in ("nearest", "fifth_percentile", "median"))
        found |= dict(zip(names, map(float, levels), strict=True))
    if found["clips"] and found["held_out_clips"]:
        found["closer"] = float((generated.distance < found["held_out_nearest"]).sum())
        found["closer_share"] = float((generated.distance < found["held_out_fifth_percentile"]).mean())
    else:
        found["closer"] = found["closer_share"] = float("nan")
    found["still"] = float(generated.still)
    found["shared"] = float((held_out.distance < SAME).sum())
    return found


def suspicious(clips: Clips, count: int = 10) -> list[int]:
    """The clips with the smallest distances, nearest first."""
    order = np.argsort(clips.distance, kind="stable")[:count]
    return [int(index) for index in order if np.isfinite(clips.distance[index])]
