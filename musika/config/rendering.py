"""What a person chooses about a piece beside its seed."""

from __future__ import annotations

import dataclasses

from musika.config.fields import MAX_SEED, Config, require, setting, with_default
from musika.config.musical import MusicalSettings
from musika.config.musical.curves import format_timeline, parse_timeline
from musika.errors import ConfigError

TRUNCATION = 2.0  # the usual one, of all kinds of pieces


@dataclasses.dataclass(frozen=True)
class GeneratorSettings(Config):
    """Settings of a piece that a generator makes without notes."""

    truncation: float = setting(
        TRUNCATION,
        "how varied the music is; small values keep it close to the average of what was learned (bound of random "
        "vectors, in standard deviations; half of it multiplies the temperature of composers)",
        above=0,
        high=10,
        common=True,
    )
    variation: float = setting(
        1.0,
        "how much new material comes: 1 all the time; 0 none, the first material repeats",
        "",
        0,
        1,
        common=True,
    )
    style_seed: int = setting(
        -1,
        "seed of the style of the whole piece (composed pieces: instrument and touch); -1: the seed chooses it",
        "",
        -1,
        MAX_SEED,
        common=True,
    )
    styles: str = setting(
        "",
        "styles by time, such as 0:00=12, 2:00=40; the music moves slowly between them; not for composed pieces",
        common=True,
    )

    def __post_init__(self) -> None:
        object.__setattr__(self, "styles", format_timeline(self.style_points, str) if self.styles.strip() else "")
        super().__post_init__()

    def check(self) -> None:
        require(not self.styles or self.style_seed < 0, "style_seed and styles both choose the style: leave out one")

    @property
    def style_points(self) -> tuple[tuple[float, int], ...]:
        """Seconds, ascending, and the number of the style that is reached there; empty where one style lasts."""
        try:
            return parse_timeline(self.styles, _parse_style) if self.styles.strip() else ()
        except ConfigError as error:
            raise ConfigError(f"styles: {error}", about="styles") from None


def _parse_style(text: str) -> int:
    require(text.isascii() and text.isdecimal() and int(text) <= MAX_SEED, f"{text!r} is not the number of a style")
    return int(text)


@dataclasses.dataclass(frozen=True)
class PerformerSettings(Config):
    """Settings of a piece that a performer plays from notes."""

    style: int = setting(0, "sound of the performer (instrument, room), from 1 on; 0: the seed chooses it", "", 0)
    touch: float = setting(1.0, "how much the seed varies the loudness of each note; 0: exactly as written", "", 0, 10)


@dataclasses.dataclass(frozen=True)
class ComposedSettings(MusicalSettings):
    """Settings of a piece that is composed and performed: musical ones, and those of the performer."""

    style: int = with_default(PerformerSettings, "style", 0)
    touch: float = with_default(PerformerSettings, "touch", 1.0)
    truncation: float = with_default(GeneratorSettings, "truncation", TRUNCATION)
    variation: float = with_default(GeneratorSettings, "variation", 1.0)
    style_seed: int = with_default(GeneratorSettings, "style_seed", -1)
    guidance: float = setting(
        1.0,
        "how strongly density, dynamics and register act on the composer (classifier-free guidance); 1: as learned",
        "",
        0,
        4,
    )
