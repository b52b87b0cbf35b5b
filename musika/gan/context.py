"""The tracks of an editor: what is known of the latents, what the music sounds like on average, and a draft.

    context   [T, C + 1]   the known latents, then how much of each is known (its detail d)
    summary   [T, 2 C]     mean and standard deviation of the known latents of a stretch, the same in every row
    draft     [T, C]       music from elsewhere in the same sound (`gan/drafts.py`); where latents are known, these

Latents are in the editor's basis, whose directions are sorted by variance, the largest first. Of a latent with
detail d, the first round(d² C) numbers are known, at least one where d is more than 0, and the others are zero, which
is their mean. So detail 1 is the latent, detail 0 is nothing, and between them is its coarse part: first how loud and
how bright it is, then more and more of its spectrum. NumPy only.
"""

from __future__ import annotations

import numpy as np

from musika.gan import drafts


def count_kept(detail: np.ndarray, channels: int) -> np.ndarray:
    """How many numbers of each latent are known, int `[T]`, for details `[T]` from 0 to 1."""
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


def make_tracks(latents: np.ndarray, detail: np.ndarray, summary: np.ndarray, draft: np.ndarray) -> np.ndarray:
    """All tracks side by side, `[T, 4 C + 1]` float32."""
    along = np.broadcast_to(summary, (len(latents), len(summary)))
    return np.concatenate([make_context(latents, detail), along, draft], axis=1, dtype=np.float32)


def make_example_draft(latents: np.ndarray, detail: np.ndarray, chances: np.ndarray) -> np.ndarray:
    """The draft of a training example, `[T, C]` float32: drawn from its own known latents, zeros where none are known.

    Args:
        latents: `[T, C]` in the basis.
        detail: how much of each is known, `[T]`.
        chances: random numbers in [0, 1).
    """
    if not detail.any():
        return np.zeros_like(latents)
    draft = drafts.draft_detail(latents, count_kept(detail, latents.shape[1]), 0, chances)
    edges = np.flatnonzero(np.diff(detail > 0.0, prepend=False, append=False)).reshape(-1, 2)  # known stretches
    materials = [latents[begin:end] for begin, end in edges]
    ends = [0, *edges.ravel().tolist(), len(latents)]
    for number, (begin, end) in enumerate(zip(ends[::2], ends[1::2], strict=True)):
        if begin < end:
            left, right = latents[max(begin - drafts.JOIN, 0) : begin], latents[end : end + drafts.JOIN]
            draft[begin:end] = drafts.draft_gap(materials, left, right, end - begin, np.roll(chances, -number))
    return draft
