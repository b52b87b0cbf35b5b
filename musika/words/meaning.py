"""What words were taken to mean: a value that prints as words, and is read back from them."""

from __future__ import annotations

import dataclasses

from musika.config import MusicalSettings
from musika.config.musical.levels import ARTICULATIONS, DENSITIES, DYNAMICS, REGISTERS
from musika.words.table import SCALES

DYNAMIC_WORDS = {
    "ppp": "extremely soft",
    "pp": "very soft",
    "p": "soft",
    "mp": "rather soft",
    "mf": "rather loud",
    "f": "loud",
    "ff": "very loud",
    "fff": "extremely loud",
}
REGISTER_WORDS = {"low": "low register", "mid": "middle register", "high": "high register"}
DENSITY_WORDS = {"sparse": "sparse", "medium": "medium density", "dense": "dense"}
ARTICULATION_WORDS = {"staccato": "staccato", "detached": "detached", "legato": "legato"}
BRIGHTNESS_WORDS = {-1: "dark sound", 1: "bright sound"}
# settings whose text says by itself what it is
PLAIN = ("key", "metre", "mode", "instruments")
assert set(DYNAMIC_WORDS) == set(DYNAMICS) and set(REGISTER_WORDS) == set(REGISTERS) and set(SCALES) > {"tempo"}
assert set(DENSITY_WORDS) == set(DENSITIES) and set(ARTICULATION_WORDS) < set(ARTICULATIONS)


@dataclasses.dataclass(frozen=True)
class Meaning:
    """What words were taken to mean.

    Attributes:
        settings: what they ask of composed music.
        brightness: -1 dark, 1 bright, 0 where they say nothing about it.
        without: instruments that they do not want.
        unknown: words that were not understood.
        guessed: words that a text encoder took for others, and these others.
        style: number of the style (instrument, room) as the checkpoint counts them; None where they leave it open.
        nearest: names of what they leave open, and what the captions nearest to them agree on.
    """

    settings: MusicalSettings
    brightness: int = 0
    without: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    guessed: tuple[tuple[str, str], ...] = ()
    style: int | None = None
    nearest: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether nothing was understood."""
        return not (self.settings.get_given() or self.brightness or self.without or self.style is not None)

    def __str__(self) -> str:
        words = [describe_setting(name, text) for name, text in self.settings.get_given().items()]
        words += [BRIGHTNESS_WORDS[self.brightness]] if self.brightness else []
        words += [f"no {name}" for name in self.without]
        return ", ".join(words if self.style is None else [*words, f"style {self.style}"])


def describe_setting(name: str, text: str) -> str:
    """A setting in words that `read_prompt` reads as this setting."""
    words = {
        "dynamics": DYNAMIC_WORDS,
        "register": REGISTER_WORDS,
        "density": DENSITY_WORDS,
        "articulation": ARTICULATION_WORDS,
    }.get(name, {})
    if text in words:
        return words[text]
    return text if name in PLAIN and "=" not in text else f"{name} {text.replace(',', ';')}"
