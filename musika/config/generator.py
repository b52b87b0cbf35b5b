"""Sizes of the generator and of the critics that teach it."""

from __future__ import annotations

import dataclasses

from musika.config.fields import Config, require, setting

LOCAL_FIELDS = (1, 4, 16)  # latents that each local critic sees: 0.1, 0.4 and 1.5 s


@dataclasses.dataclass(frozen=True)
class GeneratorConfig(Config):
    """Sizes of a generator and its critics; defaults of the original Musika, but for the local critics."""

    channels: int = setting(128, "numbers in one latent (C); the latents decide it", low=1)
    coordinate_depth: int = setting(64, "numbers in an anchor or a style (D)", "", 1, 4096, flag="coorddepth")
    base_channels: int = setting(128, "width of the networks (c)", "channels", 1, 4096, common=True)
    small: bool = setting(
        False, "a smaller network with windows of 12 s instead of 24 s, which learns sooner", common=True
    )
    critic_channels: int = setting(0, "width of the critic; 0: that of base_channels", "", 0, 4096)
    critic_fields: tuple[int, ...] = setting(
        LOCAL_FIELDS,
        "latents that each local critic sees; the original Musika has no local critics",
        "latents",
        1,
        256,
        value_in_old_files=(),
    )

    def check(self) -> None:
        require(self.base_channels % 2 == 0, f"base_channels {self.base_channels} is odd: choose an even number")
        fields = self.critic_fields
        require(
            all(field <= self.window for field in fields) and len(set(fields)) == len(fields),
            f"critic_fields {fields} are not different numbers of latents in 1..{self.window}",
        )

    @property
    def critic_unit(self) -> int:
        """Width of the critic, in channels."""
        return self.critic_channels or self.base_channels

    def widens(self, other: GeneratorConfig) -> bool:
        """Whether networks of the other sizes can grow to these: no width is smaller, local critics may be added."""
        same = (self.channels, self.coordinate_depth, self.small) == (
            other.channels,
            other.coordinate_depth,
            other.small,
        )
        wide = self.base_channels >= other.base_channels and self.critic_unit >= other.critic_unit
        return same and wide and set(self.critic_fields) >= set(other.critic_fields)

    @property
    def window(self) -> int:
        """L, latents that the critic sees at once."""
        return 128 if self.small else 256

    @property
    def half_window(self) -> int:
        """Latents that the generator makes from one stretch of coordinates."""
        return self.window // 2

    @property
    def anchor_distance(self) -> int:
        """Latents from one anchor to the next."""
        return self.window + self.window // 2
