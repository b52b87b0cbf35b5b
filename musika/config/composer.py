"""Sizes of the composer, the network that writes notes."""

from __future__ import annotations

import dataclasses

from musika.config.fields import Config, require, setting


@dataclasses.dataclass(frozen=True)
class ComposerConfig(Config):
    """Sizes of the composer's network."""

    width: int = setting(224, "width of the network", "channels", 8, 4096)
    heads: int = setting(7, "heads of each attention layer", "", 1, 256)
    layers: int = setting(6, "attention layers", "", 1, 64)
    head_width: int = setting(128, "width of the layers that decode the fields of a note", "channels", 4, 4096)
    theme_notes: int = setting(64, "notes of a theme that a section can see", "notes", 1, 4096)
    section_notes: int = setting(192, "notes of a section in training", "notes", 8, 4096)

    def check(self) -> None:
        require(self.width % self.heads == 0, f"width {self.width} is not a multiple of heads {self.heads}")

    @property
    def length(self) -> int:
        """L, steps of an example: the notes of a theme and of a section, and a step before each."""
        return self.theme_notes + self.section_notes + 2
