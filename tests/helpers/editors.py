"""An editor of a few lines for tests of edits, and a codec that loses nothing."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from functools import cache

import numpy as np

from musika import draws
from musika.codec.base import Codec
from musika.gan.drafts import JOIN
from musika.render import GeneratorModel
from tests.helpers import tiny


class ExactCodec(Codec):
    """A latent is its own samples, and a little of its neighbours on either side, which decoding ignores."""

    channels, hop_total, sample_rate, identity, block, context = 64, 16, 1000, "exact", 8, 3

    @property
    def encoder_context(self) -> int:
        return 1

    def encode_window(self, waveform: np.ndarray) -> np.ndarray:
        rows = waveform.reshape(len(waveform), -1, 2 * self.hop_total)  # [B, block + 2 context, 32]
        near = np.roll(rows, 1, axis=1) + np.roll(rows, -1, axis=1)
        return np.concatenate([rows, near], axis=2)[:, self.context : -self.context].astype(np.float32)

    def decode_window(self, latents: np.ndarray) -> np.ndarray:
        inside = latents[:, self.context : -self.context, : 2 * self.hop_total]
        return inside.reshape(len(latents), self.block * self.hop_total, 2).astype(np.float32)


class FourNumberCodec(ExactCodec):
    """The same with as many numbers as the tiny generators make."""

    channels = 4

    def encode_window(self, waveform: np.ndarray) -> np.ndarray:
        return super().encode_window(waveform)[..., :4]

    def decode_window(self, latents: np.ndarray) -> np.ndarray:
        return super().decode_window(np.repeat(latents, 8, axis=2))


@cache
def make_generator_model() -> GeneratorModel:
    """A small generator that edits through its coordinates."""
    return dataclasses.replace(tiny.make_model(tiny.SMALL, FourNumberCodec()), network=tiny.make_generator(tiny.SMALL))


class StandInEditor:
    """Fills with noise as loud as what is known, and adds what lies `step` latents before: it shows what it sees."""

    name, reach, step, longest, seen = "stand-in", 12, 4, 10, 20

    def __init__(self) -> None:
        self.codec = ExactCodec()
        self.seen_detail: list[np.ndarray] = []

    def measure_style(self, latents: np.ndarray) -> np.ndarray:
        assert len(latents) and latents.any(axis=1).all(), "only what is known tells the style"
        return np.array([np.sqrt(np.mean(np.square(latents)))], np.float32)

    def draft_gap(
        self, materials: Sequence[np.ndarray], left: np.ndarray, right: np.ndarray, size: int, place: int, seed: int
    ) -> np.ndarray:
        assert all(len(material) for material in materials) and len(left) <= JOIN and len(right) <= JOIN
        return np.resize(materials[0], (size, self.codec.channels))

    def draft_detail(self, first: int, latents: np.ndarray, detail: np.ndarray, seed: int) -> np.ndarray:
        return latents

    def make_window(
        self, first: int, latents: np.ndarray, detail: np.ndarray, style: np.ndarray, draft: np.ndarray, seed: int
    ) -> np.ndarray:
        assert draft.shape == latents.shape
        np.testing.assert_array_equal(draft[detail >= 1.0], latents[detail >= 1.0])
        assert latents.shape == (2 * self.reach + self.step, self.codec.channels) and len(detail) == len(latents)
        assert not latents[detail == 0.0].any(), "nothing is told of what is unknown"
        self.seen_detail.append(detail)
        numbers = range(first, first + self.step)
        noise = np.stack([draws.normal(seed, "stand-in", n, (self.codec.channels,)) for n in numbers])
        kept = detail[:, None] * latents
        before, own = kept[self.reach - self.step : self.reach], kept[self.reach : self.reach + self.step]
        return (0.5 * style * noise + 0.3 * before + own).astype(np.float32)
