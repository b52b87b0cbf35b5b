"""What a person chooses about a piece beside its seed."""

from __future__ import annotations

import dataclasses

from musika.config.fields import Config, setting


@dataclasses.dataclass(frozen=True)
class GeneratorSettings(Config):
    """Settings of a piece that a generator makes without notes."""

    truncation: float = setting(
        2.0,
        "bound of the random coordinates, in standard deviations: smaller is closer to the average, larger more varied",
        above=0,
        high=10,
        common=True,
    )
