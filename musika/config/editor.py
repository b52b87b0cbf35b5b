"""Sizes of the editor, the network that makes latents from those around them."""

from __future__ import annotations

import dataclasses

from musika.config.fields import require, setting, with_default
from musika.config.performer import PerformerConfig

DILATIONS = (1, 2, 4, 8, 16, 1, 2, 4, 8, 16)
TRACKS = ("context", "summary", "draft")


@dataclasses.dataclass(frozen=True)
class EditorConfig(PerformerConfig):
    """Sizes of an editor: a performer whose tracks are known latents, the mean of the music, and a draft."""

    tracks: tuple[str, ...] = with_default(PerformerConfig, "tracks", TRACKS)
    width: int = with_default(PerformerConfig, "width", 256)
    dilations: tuple[int, ...] = with_default(PerformerConfig, "dilations", DILATIONS)
    style_size: int = with_default(PerformerConfig, "style_size", 0)
    longest_gap: int = setting(128, "longest gap that is filled at once, in training and later", "latents", 8, 4096)

    def check(self) -> None:
        super().check()
        require(self.tracks == TRACKS, f"tracks of an editor are {', '.join(TRACKS)}")
        require(self.styles == 1 and self.style_size == 0, "an editor has no styles: leave out styles and style_size")

    def fit(self, channels: int) -> EditorConfig:
        """The same sizes for latents of so many numbers."""
        return dataclasses.replace(self, channels=channels, track_widths=(channels + 1, 2 * channels, channels))
