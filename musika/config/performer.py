"""Sizes of the performer, the network that plays notes."""

from __future__ import annotations

import dataclasses

from musika.config.fields import Config, require, setting

DILATIONS = (1, 2, 4, 8, 1, 2, 4, 8)


@dataclasses.dataclass(frozen=True)
class PerformerConfig(Config):
    """Sizes of a performer. Its context follows from kernel and dilations."""

    channels: int = setting(128, "numbers in one latent (C); the latents decide it", low=1)
    tracks: tuple[str, ...] = setting(("notes", "loudness"), "what the network is told, by the names of the tracks")
    track_widths: tuple[int, ...] = setting((), "numbers that each track has in a latent; the tracks decide it", low=1)
    width: int = setting(384, "width of the network", "channels", 1, 8192)
    kernel: int = setting(3, "kernel of each block's convolution; odd", "latents", 1, 31)
    dilations: tuple[int, ...] = setting(DILATIONS, "dilation of each block's convolution", "latents", 1, 1024)
    styles: int = setting(1, "styles (instrument, room); the training data decide it", low=1)
    style_size: int = setting(16, "numbers in a style (S); 0: all styles sound the same", "", 0, 4096)
    noise_size: int = setting(0, "random numbers in each latent (Z); 0: none", "", 0, 4096)

    def check(self) -> None:
        require(self.kernel % 2 == 1, f"kernel {self.kernel} is even: choose an odd number")
        require(len(set(self.tracks)) == len(self.tracks) > 0, "tracks: name each track once, and at least one")
        fits = not self.track_widths or len(self.track_widths) == len(self.tracks)
        require(fits, f"{len(self.tracks)} tracks cannot have {len(self.track_widths)} widths")

    @property
    def input_width(self) -> int:
        """K, numbers in a latent of all tracks."""
        return sum(self.track_widths)

    @property
    def context(self) -> int:
        """Latents on either side that an output depends on."""
        return self.kernel // 2 * sum(self.dilations)
