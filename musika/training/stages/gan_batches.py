"""Batches for generator and critic: real windows of latents, coordinates and noise."""

from __future__ import annotations

from typing import Any

import numpy as np

from musika import draws
from musika.config import GanTrainConfig, GeneratorConfig
from musika.gan.basis import Basis, LatentFiles
from musika.gan.coordinates import draw_training_coordinates
from musika.gan.noise import draw_training_noise
from musika.training.stages.places import choose_place, count_places


class GanBatches:
    """Batches, each a function of the position in training alone.

    Args:
        files: latents; None where no batch will be asked for.
        stereo_halves: whether latents are the two channels' halves, which change places in half of all batches.
        basis: that real windows are given in; None leaves them plain.
    """

    def __init__(
        self,
        config: GeneratorConfig,
        train: GanTrainConfig,
        files: LatentFiles | None,
        stereo_halves: bool,
        basis: Basis | None,
    ) -> None:
        self.config, self.train, self.files = config, train, files
        self.stereo_halves, self.basis = stereo_halves, basis
        self._ends = count_places(files.lengths if files else (), config.window)

    def make(self, position: int) -> dict[str, Any]:
        """Real windows `[B, L, C]`, coordinates `[B, L, 2D]` and noise of the `bs` samples after `position`."""
        train, config = self.train, self.config
        real = np.stack([self.crop_window(sample) for sample in range(position, position + train.bs)])
        if self.stereo_halves and self._swaps_channels(position):
            real = np.roll(real, config.channels // 2, axis=2)
        return {
            "real": real if self.basis is None else self.basis.transform(real),
            "coordinates": draw_training_coordinates(config, train.seed, position, train.bs, train.truncation),
            "noise": draw_training_noise(config, train.seed, position, train.bs),
        }

    def crop_window(self, sample: int) -> np.ndarray:
        """A real window `[L, C]`: every place in every file is as likely as any other."""
        assert self.files is not None
        return self.files.crop(*choose_place(self._ends, self.train.seed, sample), self.config.window)

    def _swaps_channels(self, position: int) -> bool:
        """Whether left and right change places in this batch: half of the time."""
        return bool(draws.uniform(self.train.seed, "training/swap", position, (1,))[0] < 0.5)
