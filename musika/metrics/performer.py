"""What a performer plays beside what it should have played: the figures of its checkpoints during training.

The excerpts are the same every time, so the figures of one run compare with each other. With z latents of an excerpt
in the basis of the training (partly whitened) and p those that were played:

    loss                 mean |p - z|
    variance_explained   1 - sum (p - z)² / sum (z - mean z)²; 1 is best
    note_f1              notes of the score that a transcriber hears in what was played (`notes/note_onsets.py`)
    note_f1_original     the same for the latents of the recording: what the codec alone can reach

The last two need a codec and the transcriber, and are left out without them.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from musika.errors import UsageError
from musika.metrics.notes import note_onsets, transcriber

if TYPE_CHECKING:
    from musika.codec.base import Codec
    from musika.score import Notes

SEED = 1_000_003  # of what is drawn for figures: a number that training does not use


@dataclasses.dataclass(frozen=True, eq=False)
class Excerpt:
    """A stretch of a recording with the notes that it plays.

    Attributes:
        latents: of the recording, `[T, C]`.
        tracks: with the performer's context on both sides, `[T + 2 context, K]`.
        style: number of its style.
        notes: in seconds from the excerpt's beginning.
    """

    latents: np.ndarray
    tracks: np.ndarray
    style: int
    notes: Notes


def measure_latents(
    wanted: np.ndarray, played: np.ndarray, transform: Callable[[np.ndarray], np.ndarray]
) -> dict[str, float]:
    """`loss` and `variance_explained` of latents `[.., C]` that were played.

    Args:
        wanted: latents `[.., C]` of the recordings.
        transform: latents to the basis of the training.
    """
    wanted, played = transform(wanted), transform(played)
    error = np.square(played - wanted).sum()
    spread = np.square(wanted - wanted.reshape(-1, wanted.shape[-1]).mean(axis=0)).sum()
    return {
        "loss": float(np.abs(played - wanted).mean()),
        "variance_explained": float(1.0 - error / spread) if spread > 0 else float("nan"),
    }


def measure_notes(scores: Sequence[Notes], latents: np.ndarray, codec: Codec) -> float:
    """Mean `note_f1` of latents `[excerpts, T, C]`, decoded; NaN where there is no transcriber, or no notes."""
    network = _load_transcriber()
    if network is None:
        return float("nan")
    found = [
        note_onsets.evaluate(network, notes, codec.decode(rows), codec.sample_rate)["note_f1"]
        for notes, rows in zip(scores, latents, strict=True)
    ]
    finite = [value for value in found if np.isfinite(value)]
    return float(np.mean(finite)) if finite else float("nan")


@functools.cache
def _load_transcriber() -> transcriber.Network | None:
    """The transcriber where it is installed."""
    try:
        return transcriber.load_network()
    except UsageError:
        return None
