"""What an edit needs of a network: an editor makes latents where little or nothing is known, from those around.

Shapes: T latents, C numbers in a latent, S numbers that describe a style.
"""

from __future__ import annotations

import typing
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np

from musika.codec.base import Codec

# is called before each step of an edit's work, with the share of a search that is done; None where there is no search.
# What it raises ends the work.
OnStep = Callable[[float | None], None]


class HasCodec(Protocol):
    """A network with the codec of its latents."""

    @property
    def codec(self) -> Codec:
        """Encodes what is known and decodes what is made."""


class Editor(HasCodec, Protocol):
    """A network that makes latents, and the codec that they belong to."""

    @property
    def name(self) -> str:
        """Of the checkpoint."""

    @property
    def reach(self) -> int:
        """Latents on either side that a latent depends on."""

    @property
    def step(self) -> int:
        """Latents that one window makes."""

    @property
    def longest(self) -> int:
        """Latents of the longest gap that is filled from both sides at once."""

    @property
    def seen(self) -> int:
        """Latents around a gap that its style is measured on."""

    def measure_style(self, latents: np.ndarray) -> np.ndarray:
        """What music sounds like on average, `[S]`: of known latents `[T, C]`, T at least 1."""

    def draft_gap(
        self, materials: Sequence[np.ndarray], left: np.ndarray, right: np.ndarray, size: int, place: int, seed: int
    ) -> np.ndarray:
        """A draft for a gap, `[size, C]`: music from elsewhere in the same sound, before the network.

        Args:
            materials: stretches of known latents `[N, C]`, where the draft comes from; one of them is not empty.
            left: latents just before the gap, `[n, C]`; n may be 0.
            right: latents just after it, `[n, C]`; n may be 0.
            place: absolute number of the gap's first latent.
            seed: of the edit.
        """

    def draft_detail(self, first: int, latents: np.ndarray, detail: np.ndarray, seed: int) -> np.ndarray:
        """A draft for latents `[T, C]` from number `first` on, of which only the coarse part is to be kept, `[T, C]`.

        It may look at all of the latents: the detail of each comes from another place.
        """

    def make_window(
        self, first: int, latents: np.ndarray, detail: np.ndarray, style: np.ndarray, draft: np.ndarray, seed: int
    ) -> np.ndarray:
        """Latents `first` to `first + step`, `[step, C]` float32.

        Args:
            first: absolute number; random numbers depend on seed and absolute numbers alone.
            latents: `[reach + step + reach, C]`, from number `first - reach` on; anything where nothing is known.
            detail: `[reach + step + reach]`, how much of each latent is known: 0 nothing, 1 all of it, between them its
                coarse part.
            style: as `measure_style` gives it.
            draft: what the network begins with, `[reach + step + reach, C]`; where latents are known, these.
            seed: of the edit.
        """


def watch_editor(editor: Editor, on_step: OnStep) -> Editor:
    """The same editor, which calls a function before each window that it makes; what that raises ends the work."""
    return typing.cast(Editor, _WatchedEditor(editor, on_step))


class _WatchedEditor:
    def __init__(self, editor: Editor, on_step: OnStep) -> None:
        self._editor, self._on_step = editor, on_step

    def __getattr__(self, name: str) -> Any:
        return getattr(self._editor, name)

    def make_window(self, *values: Any) -> np.ndarray:
        """As `Editor` says."""
        self._on_step(None)
        return self._editor.make_window(*values)
