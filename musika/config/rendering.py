"""What a person chooses about a piece beside its seed."""

from __future__ import annotations

import dataclasses

from musika.config.fields import Config, setting, with_default
from musika.config.musical import MusicalSettings


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


@dataclasses.dataclass(frozen=True)
class PerformerSettings(Config):
    """Settings of a piece that a performer plays from notes."""

    style: int = setting(0, "sound of the performer (instrument, room), from 1 on; 0: the seed chooses it", "", 0)
    touch: float = setting(
        1.0, "how much the strength of notes varies by itself, by the seed; 0: exactly as written", "", 0, 10
    )


@dataclasses.dataclass(frozen=True)
class ComposedSettings(MusicalSettings):
    """Settings of a piece that is composed and performed: musical ones, and those of the performer."""

    style: int = with_default(PerformerSettings, "style", 0)
    touch: float = with_default(PerformerSettings, "touch", 1.0)
