"""What a person asks of composed music: tempo, metre, key, chords and the like, each as a text and as a value.

A setting that is empty is left to the composer. Texts are kept in one form each, so that equal settings have equal
texts, and files and pages can carry them.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any, Self

from musika.config.fields import Config, setting
from musika.config.musical.chords import Progression, parse_progression
from musika.config.musical.curves import Band, Curve, Timeline, format_number, format_timeline, parse_timeline
from musika.config.musical.form import format_form, parse_form
from musika.config.musical.instruments import Instrument, parse_instruments
from musika.config.musical.keys import MODE_WORDS, Key, parse_key
from musika.config.musical.levels import (
    ARTICULATIONS,
    DENSITIES,
    DYNAMICS,
    REGISTERS,
    format_band,
    format_level,
    parse_band,
    parse_curve,
    parse_level,
)
from musika.config.musical.metres import COMMON_TIME, Metre, parse_metre
from musika.errors import ConfigError

SLOWEST, FASTEST = 30.0, 300.0  # beats (quarter notes) a minute
LOWEST_KEY, HIGHEST_KEY = 21.0, 108.0  # MIDI keys of a piano
LONGEST_TEXT = 20_000  # characters of one setting
OUTSIDE_KEY = Fraction(1, 2)  # of the time of a progression; more with notes outside the key is another key


@dataclasses.dataclass(frozen=True)
class MusicalSettings(Config):
    """Musical settings. Every field is a text; the property of its name with `_value` behind it is what it means.

    Raises:
        ConfigError: a text that means nothing, or settings that cannot be met together. `about` is the field's name.
    """

    tempo: str = setting("", "tempo in beats (quarter notes) a minute, 30 to 300, such as 124 or 0:00=90, 1:00=120")
    metre: str = setting("", "metre, such as 3/4")
    key: str = setting("", "key, such as F# minor, or keys by time: 0:00=A minor, 1:00=C major")
    mode: str = setting("", "major or minor; the composer chooses the tonic")
    chords: str = setting("", "chords that repeat, a bar each: Am F C G; Am:2 lasts two beats, Am*2 two bars")
    form: str = setting("", "letters of the sections, which repeat, such as AABA")
    density: str = setting("", "how many notes: sparse, medium, dense, or 0 to 1; also by time")
    dynamics: str = setting("", "how loud: ppp to fff, or two with dots between them, such as pp..ff; also by time")
    register: str = setting("", "how high: low, mid, high, or a MIDI key; two with dots between them; also by time")
    articulation: str = setting("", "how long notes are held: staccato, detached, normal, legato; also by time")
    instruments: str = setting("", "instruments that play, such as piano, strings; checkpoints/ensemble has many")

    def __post_init__(self) -> None:
        for name, parser in PARSERS.items():
            text = getattr(self, name)
            if not text.strip():
                object.__setattr__(self, name, "")
                continue
            if len(text) > LONGEST_TEXT:
                raise ConfigError(f"{name} has {len(text):,} characters: at most {LONGEST_TEXT:,}", about=name)
            try:
                object.__setattr__(self, name, parser.format(parser.parse(text)))
            except ConfigError as error:
                raise ConfigError(f"{name}: {error}", about=name) from None
        super().__post_init__()

    def check(self) -> None:
        """Raises ConfigError where settings cannot be met together, with the reason."""
        keys = self.key_value.values if self.key_value else ()
        other = next((key for key in keys if self.mode and key.mode != self.mode), None)
        if other is not None:
            raise ConfigError(f"the key {other} is not in {self.mode}: leave out one of key and mode", about="mode")
        if self.chords_value and self.key_value:
            if not self.key_value.is_constant:
                raise ConfigError(
                    "chords that repeat stay in one key, but there are several: leave out the chords, or name one key",
                    about="chords",
                )
            self._check_chords(keys[0], self.chords_value)

    def _check_chords(self, key: Key, progression: Progression) -> None:
        """Raises ConfigError where most of the time, chords have notes outside the key."""
        bar = (self.metre_value or COMMON_TIME).bar_length
        outside = [span for span in progression.spans if span.chord.root and not is_in_key(span.chord, key)]
        share = sum((span.get_beats(bar) for span in outside), Fraction(0)) / progression.get_length(bar)
        if share > OUTSIDE_KEY:
            names = ", ".join(dict.fromkeys(str(span.chord) for span in outside[:4]))
            raise ConfigError(
                f"the chords {names} have notes outside {key}: leave out the key, or say other chords", about="chords"
            )

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """As of every configuration; numbers count as texts, so that a tempo may be 124."""
        names = set(PARSERS)

        def convert(name: str, value: Any) -> Any:
            if name not in names or isinstance(value, (bool, str)):
                return value
            return "" if value is None else format_number(value) if isinstance(value, (int, float)) else value

        return super().from_dict({name: convert(name, value) for name, value in values.items()})

    @functools.cached_property
    def tempo_value(self) -> Curve | None:
        """Beats (quarter notes) a minute."""
        return self._parse("tempo")

    @functools.cached_property
    def metre_value(self) -> Metre | None:
        """The metre."""
        return self._parse("metre")

    @functools.cached_property
    def key_value(self) -> Timeline[Key] | None:
        """The key by time."""
        return self._parse("key")

    @functools.cached_property
    def chords_value(self) -> Progression | None:
        """The chords."""
        return self._parse("chords")

    @functools.cached_property
    def density_value(self) -> Curve | None:
        """Density, 0 to 1."""
        return self._parse("density")

    @functools.cached_property
    def dynamics_value(self) -> Band | None:
        """Softest and loudest, velocities of MIDI over 127."""
        return self._parse("dynamics")

    @functools.cached_property
    def register_value(self) -> Band | None:
        """Lowest and highest mean of the notes, MIDI keys."""
        return self._parse("register")

    @functools.cached_property
    def articulation_value(self) -> Curve | None:
        """How long notes are, relative to their written length."""
        return self._parse("articulation")

    @functools.cached_property
    def instruments_value(self) -> tuple[Instrument, ...]:
        """The instruments; none where it is left to the composer."""
        return self._parse("instruments") or ()

    def _parse(self, name: str) -> Any:
        text = getattr(self, name)
        return PARSERS[name].parse(text) if text else None

    def get_given(self) -> dict[str, str]:
        """The settings that are not left to the composer, by name."""
        return {name: getattr(self, name) for name in PARSERS if getattr(self, name)}

    def merge(self, other: MusicalSettings) -> MusicalSettings:
        """These settings, and from the other those that are left open here.

        A key or mode here takes the place of key and mode there, and so do chords here: chords have a key.
        """
        mine, theirs = self.get_given(), other.get_given()
        if mine.keys() & {"key", "mode", "chords"}:
            theirs = {name: text for name, text in theirs.items() if name not in ("key", "mode", "chords")}
        return MusicalSettings(**{**theirs, **mine})


@dataclasses.dataclass(frozen=True)
class Parser:
    """How a setting's text becomes a value, and the value one text.

    Attributes:
        parse: raises ConfigError.
        format: its inverse.
    """

    parse: Callable[[str], Any]
    format: Callable[[Any], str]


def is_in_key(chord: Any, key: Key) -> bool:
    """Whether all notes of a chord belong to a key."""
    return bool(chord.pitch_classes <= key.usual_notes)


def parse_tempo(text: str) -> float:
    """Beats a minute of one number, with or without `bpm`.

    Raises:
        ConfigError: it is no number, or out of range.
    """
    understood = f"say beats a minute from {SLOWEST:g} to {FASTEST:g}"
    try:
        tempo = float(text.lower().removesuffix("bpm"))
    except ValueError:
        raise ConfigError(f"{text.strip()!r} is not understood: {understood}, such as 124") from None
    if not SLOWEST <= tempo <= FASTEST:
        raise ConfigError(f"{format_number(tempo)} is out of range: {understood}")
    return tempo


def parse_mode(text: str) -> str:
    """`major` or `minor`.

    Raises:
        ConfigError: it is neither.
    """
    word = text.strip().lower()
    if not word or word not in MODE_WORDS:
        raise ConfigError(f"{text.strip()!r} is not understood: say major or minor")
    return MODE_WORDS[word]


def _make_curve_parser(names: Mapping[str, float], low: float, high: float) -> Parser:
    return Parser(
        lambda text: parse_curve(text, lambda part: parse_level(part, names, low, high)),
        lambda curve: format_timeline(curve.points, lambda value: format_level(value, names)),
    )


def _make_band_parser(names: Mapping[str, float], low: float, high: float) -> Parser:
    return Parser(
        lambda text: parse_band(text, lambda part: parse_level(part, names, low, high)),
        lambda band: format_band(band, lambda value: format_level(value, names)),
    )


PARSERS = {
    "tempo": Parser(lambda text: parse_curve(text, parse_tempo), lambda c: format_timeline(c.points, format_number)),
    "metre": Parser(parse_metre, str),
    "key": Parser(lambda text: Timeline(parse_timeline(text, parse_key)), lambda t: format_timeline(t.points, str)),
    "mode": Parser(parse_mode, str),
    "chords": Parser(parse_progression, str),
    "form": Parser(parse_form, format_form),
    "density": _make_curve_parser(DENSITIES, 0.0, 1.0),
    "dynamics": _make_band_parser(DYNAMICS, 0.0, 1.0),
    "register": _make_band_parser(REGISTERS, LOWEST_KEY, HIGHEST_KEY),
    "articulation": _make_curve_parser(ARTICULATIONS, 0.1, 2.0),
    "instruments": Parser(parse_instruments, lambda found: ", ".join(map(str, found))),
}
