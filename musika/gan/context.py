"""The tracks of an editor: what is known of the latents, and what the music sounds like on average.

    context   [T, C + 1]   the known latents, then how much of each is known (its detail d)
    summary   [T, 2 C]     mean and standard deviation of the known latents of a stretch, the same in every row

Latents are in the editor's basis, whose directions are sorted by variance, the largest first. Of a latent with
detail d, the first round(d² C) numbers are known, at least one where d is more than 0, and the others are zero, which
is their mean. So detail 1 is the latent, detail 0 is nothing, and between them is its coarse course: first how loud and
how bright it is, then more and more of its spectrum. NumPy only.
"""

from __future__ import annotations

import numpy as np


def count_kept(detail: np.ndarray, channels: int) -> np.ndarray:
    """How many numbers of latents are known, whole numbers `[T]`, for details `[T]` from 0 to 1."""
    kept = np.rint(np.square(detail, dtype=np.float64) * channels).astype(np.int64)
    return np.where(detail > 0.0, np.maximum(kept, 1), 0)


def make_context(latents: np.ndarray, detail: np.ndarray) -> np.ndarray:
    """Latents `[T, C]` in the basis and their detail `[T]` as a track `[T, C + 1]` float32."""
    channels = latents.shape[1]
    known = np.arange(channels) < count_kept(detail, channels)[:, None]  # [T, C]
    return np.concatenate([np.where(known, latents, 0.0), detail[:, None]], axis=1).astype(np.float32)


def summarize(latents: np.ndarray) -> np.ndarray:
    """Mean and standard deviation of latents `[T, C]` in the basis, `[2 C]` float32; zeros of none."""
    if not len(latents):
        return np.zeros(2 * latents.shape[1], np.float32)
    rows = latents.astype(np.float64)
    return np.concatenate([rows.mean(axis=0), rows.std(axis=0)]).astype(np.float32)


def make_tracks(latents: np.ndarray, detail: np.ndarray, summary: np.ndarray) -> np.ndarray:
    """All tracks side by side, `[T, 3 C + 1]` float32."""
    return np.concatenate(
        [make_context(latents, detail), np.broadcast_to(summary, (len(latents), len(summary)))], axis=1
    )
