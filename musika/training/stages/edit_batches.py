"""Batches for an editor: stretches of latents, and what it is told of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from musika import draws
from musika.config import EditorConfig, EditTrainConfig
from musika.gan.basis import Basis, LatentFiles
from musika.gan.context import make_example_draft, make_tracks, summarize
from musika.training.stages.edit_tasks import draw_detail
from musika.training.stages.places import choose_place, count_places

DRAFT_CHANCES = 32  # random numbers for one draft


class EditBatches:
    """Batches, each a function of the position in training alone.

    Args:
        files: latents to crop examples from.
        basis: that latents are given in.
    """

    def __init__(self, config: EditorConfig, train: EditTrainConfig, files: LatentFiles, basis: Basis) -> None:
        self.config, self.train, self.files, self.basis = config, train, files, basis
        self._ends = count_places(files.lengths, train.crop)

    def make(self, position: int) -> dict[str, Any]:
        """The `bs` examples after `position`.

        Returns:
            `latents` `[B, T, C]` in the basis; `given` `[B, T, 1]`, 1 where a latent is known in full; and two draws of
            a draft and noise: `tracks` and `other_tracks` `[B, T, K]`, `noise` and `other_noise` `[B, T, Z]`.
        """
        examples = [self.make_example(sample) for sample in range(position, position + self.train.bs)]
        return {name: np.stack([example[name] for example in examples]) for name in examples[0]}

    def make_example(self, sample: int) -> dict[str, np.ndarray]:
        """One row of a batch."""
        train, seed = self.train, self.train.seed
        file, offset = choose_place(self._ends, seed, sample)
        latents = self.basis.transform(self.files.crop(file, offset, train.crop))
        detail = draw_detail(seed, sample, train.crop, train.shortest_gap, self.config.longest_gap)
        summary = summarize(latents[detail > 0.0])
        is_left_out = draws.uniform(seed, "training/dropout", sample, (2,)) < train.track_dropout
        if is_left_out[0]:
            detail = np.zeros_like(detail)
        if is_left_out[1]:
            summary = np.zeros_like(summary)
        row = describe_example(self.config, latents, detail, summary, seed, sample, "training/noise")
        other = describe_example(self.config, latents, detail, summary, seed, sample, "training/other noise")
        return {**row, "other_noise": other["noise"], "other_tracks": other["tracks"]}


def describe_example(
    config: EditorConfig,
    latents: np.ndarray,
    detail: np.ndarray,
    summary: np.ndarray,
    seed: int,
    sample: int,
    purpose: str,
) -> dict[str, np.ndarray]:
    """A row of a batch: latents `[T, C]` with what is told of them, and the noise of (seed, purpose, sample)."""
    draft = make_example_draft(latents, detail, draws.uniform(seed, f"{purpose}/draft", sample, (DRAFT_CHANCES,)))
    return {
        "latents": latents,
        "tracks": make_tracks(latents, detail, summary, draft),
        "noise": draws.normal(seed, purpose, sample, (len(latents), config.noise_size)),
        "given": (detail >= 1.0).astype(np.float32)[:, None],
    }
