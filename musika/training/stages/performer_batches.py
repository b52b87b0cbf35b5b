"""Batches for a performer: stretches of latents with the tracks and the style that belong to them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from musika import draws
from musika.config import PerformerConfig, PerformerTrainConfig
from musika.gan.basis import Basis
from musika.tracks import choose_dropped_tracks, drop_tracks
from musika.training.stages.places import choose_place, count_places


class Pairs(Protocol):
    """Files of latents and the notes that belong to them, as `training.pairs.PairSet` gives them."""

    @property
    def lengths(self) -> Sequence[int]:
        """Latents in each file."""

    @property
    def styles(self) -> Sequence[int]:
        """Number of each file's style."""

    def crop(self, file_index: int, offset: int, length: int) -> np.ndarray:
        """Latents offset ... offset + length of a file, `[length, C]` float32."""

    def compute_tracks(self, file_index: int, offset: int, length: int) -> list[np.ndarray]:
        """The tracks of the same latents, each `[length, K]` float32."""

    def get_absent_values(self) -> list[np.ndarray]:
        """What each track says where it is left out, each `[K]` float32."""


class PerformerBatches:
    """Batches, each a function of the position in training alone.

    Args:
        pairs: what is trained on.
        basis: that latents are given in.
    """

    def __init__(self, config: PerformerConfig, train: PerformerTrainConfig, pairs: Pairs, basis: Basis) -> None:
        self.config, self.train, self.pairs, self.basis = config, train, pairs, basis
        self._ends = count_places(pairs.lengths, train.crop)

    def make(self, position: int) -> dict[str, Any]:
        """Latents `[B, T, C]` in the basis, tracks `[B, T, K]`, styles `[B]` and perhaps noise `[B, T, Z]`."""
        samples = range(position, position + self.train.bs)
        places = [self.choose_place(sample) for sample in samples]
        length = self.train.crop
        batch = {
            "latents": self.basis.transform(np.stack([self.pairs.crop(file, at, length) for file, at in places])),
            "tracks": self._compute_tracks(samples, places),
            "styles": np.array([self.pairs.styles[file] for file, _ in places], np.int32),
        }
        if self.config.noise_size:
            shape = (length, self.config.noise_size)
            batch["noise"] = np.stack([draws.normal(self.train.seed, "training/noise", n, shape) for n in samples])
        return batch

    def choose_place(self, sample: int) -> tuple[int, int]:
        """File and offset of an example: every place in every file is as likely as any other."""
        return choose_place(self._ends, self.train.seed, sample)

    def _compute_tracks(self, samples: range, places: Sequence[tuple[int, int]]) -> np.ndarray:
        """All tracks side by side, `[B, T, K]`; some are left out at random."""
        train, absent = self.train, self.pairs.get_absent_values()
        batch = np.empty((len(places), train.crop, self.config.input_width), np.float32)
        for row, sample, (file, offset) in zip(batch, samples, places, strict=True):
            values = self.pairs.compute_tracks(file, offset, train.crop)
            dropped = choose_dropped_tracks(train.seed, sample, len(values), train.track_dropout)
            np.concatenate(drop_tracks(values, absent, dropped), axis=1, out=row)
        return batch
