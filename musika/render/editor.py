"""An editor with its codec: it makes latents where little or nothing is known, from those around (`musika/edit/`).

It has no pieces of its own. Every window has one shape, and its random numbers depend on the seed and on absolute
numbers of latents: what is made at a place never depends on what else was asked for.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, NoReturn

import numpy as np

from musika import draws
from musika.config import Config, EditorConfig
from musika.errors import UsageError
from musika.gan import drafts
from musika.gan.basis import Basis
from musika.gan.context import count_kept, make_tracks, summarize
from musika.gan.editor_load import load_editor
from musika.render.computing import Computation
from musika.render.generator import GENERATOR_SIZES, name_checkpoint
from musika.render.matching import load_fitting_codec
from musika.render.piece import Model, Piece

STEP = 64  # latents that one window makes, without its context
SEEN = 256  # latents around a gap that its summary is measured on
NOISE_BLOCK = 64  # latents whose noise is drawn at once
DRAFT_CHANCES = 64  # random numbers for one draft

Make = Callable[[np.ndarray, np.ndarray], np.ndarray]


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class EditorModel(Model):
    """An editor and its codec, as `musika.edit` takes them.

    Attributes:
        config: the network's sizes.
        make: tracks `[1, T, K]` and noise `[1, T, Z]` to what is added to a draft, `[1, T, C]` in the basis.
        basis: plain latents to the basis and back.
    """

    config: EditorConfig
    make: Make
    basis: Basis

    settings_kind: ClassVar[type[Config]] = Config

    @property
    def reach(self) -> int:
        """Latents on either side that a latent depends on."""
        return self.config.context

    @property
    def step(self) -> int:
        """Latents that one window makes."""
        return STEP

    @property
    def longest(self) -> int:
        """Latents of the longest gap that is filled from both sides at once."""
        return self.config.longest_gap

    @property
    def seen(self) -> int:
        """Latents around a gap that its style is measured on."""
        return SEEN

    def measure_style(self, latents: np.ndarray) -> np.ndarray:
        """Summary `[2 C]` of known plain latents `[T, C]`."""
        return summarize(self.basis.transform(latents))

    def draft_gap(
        self, materials: Sequence[np.ndarray], left: np.ndarray, right: np.ndarray, size: int, place: int, seed: int
    ) -> np.ndarray:
        """Plain latents for a gap, `[size, C]`, as `edit.Editor` says."""
        parts = [self.basis.transform(part) for part in (*materials, left[-drafts.JOIN :], right[: drafts.JOIN])]
        chances = draws.uniform(seed, "edit/draft", place, (DRAFT_CHANCES,))
        return self.basis.invert(drafts.draft_gap(parts[:-2], parts[-2], parts[-1], size, chances))

    def draft_detail(self, first: int, latents: np.ndarray, detail: np.ndarray, seed: int) -> np.ndarray:
        """Plain latents with the detail of similar places, `[T, C]`, as `edit.Editor` says."""
        rows = self.basis.transform(latents)
        chances = draws.uniform(seed, "edit/detail", max(first, 0), (DRAFT_CHANCES,))
        return self.basis.invert(drafts.draft_detail(rows, count_kept(detail, rows.shape[1]), first, chances))

    def make_window(
        self, first: int, latents: np.ndarray, detail: np.ndarray, style: np.ndarray, draft: np.ndarray, seed: int
    ) -> np.ndarray:
        """Latents `first` to `first + step`, `[step, C]`, as `edit.Editor` says."""
        begun = self.basis.transform(draft)
        tracks = make_tracks(self.basis.transform(latents), detail, style, begun)
        noise = draw_noise(seed, first - self.reach, len(latents), self.config.noise_size)
        made = (begun + self.make(tracks[None], noise[None])[0])[self.reach : self.reach + self.step]
        return np.clip(self.basis.invert(made), -1.0, 1.0)  # the range of latents

    def piece(self, seed: int, **settings: Any) -> Piece:
        """Raises UsageError: an editor has no pieces."""
        self._refuse()

    def make_latents(self, piece: Piece) -> NoReturn:
        """Raises UsageError: an editor has no pieces."""
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise UsageError(f"{self.name} is an editor: it changes recordings, and has no pieces of its own", about="edit")


def draw_noise(seed: int, first: int, count: int, size: int) -> np.ndarray:
    """Noise of latents `first` to `first + count`, `[count, size]`: a function of seed and absolute number.

    Before number 0 it is zero.
    """
    parts = [np.zeros((max(min(first + count, 0) - first, 0), size), np.float32)]
    start, stop = max(first, 0), max(first + count, 0)
    for block in range(start // NOISE_BLOCK, -(-stop // NOISE_BLOCK)):
        offset = block * NOISE_BLOCK
        noise = draws.normal(seed, "edit/noise", block, (NOISE_BLOCK, size))
        parts.append(noise[max(start - offset, 0) : stop - offset])
    return np.concatenate(parts)


def load_editor_model(folder: Path, dec_path: Path | None, sizes: Mapping[str, Any], how: Computation) -> EditorModel:
    """The model of an editor's checkpoint; arguments and errors are those of `load.load_model`."""
    for name in GENERATOR_SIZES:
        if sizes.get(name) is not None:
            raise UsageError(f"{name} belongs to generators, and {folder.name} is an editor: leave it out")
    loaded = load_editor(folder, how.precision)
    codec = load_fitting_codec(folder, dec_path, loaded.codec_identity, loaded.config.channels, sizes, how)
    make = compile_editor(loaded.network, how.xla)
    name = name_checkpoint(folder.resolve())
    return EditorModel(config=loaded.config, make=make, basis=loaded.basis, codec=codec, name=name)


def compile_editor(network: Any, xla: bool = False) -> Make:
    """An editor's network as a function of NumPy arrays, compiled at its first call."""
    from musika import backend

    call = backend.compile(lambda tracks, noise: network(tracks, None, noise), xla)
    return lambda tracks, noise: backend.to_numpy(call(tracks, noise))
