"""Chords and progressions: `Am F C G`, `| Dm7 G7 | Cmaj7 |`, `Am:2 F:2 C:4`.

A chord lasts a bar unless the text says otherwise. Bar lines divide a bar among the chords between two of them, `:2`
gives a chord two beats (quarter notes), and `*2` two bars. A progression repeats without end.
"""

from __future__ import annotations

import dataclasses
import re
from fractions import Fraction

from musika.config.musical.keys import get_pitch_class, spell_note
from musika.errors import ConfigError

# kinds of chords by the sign behind the root: semitones above the root
KINDS = {
    "": (0, 4, 7),
    "m": (0, 3, 7),
    "dim": (0, 3, 6),
    "aug": (0, 4, 8),
    "sus2": (0, 2, 7),
    "sus4": (0, 5, 7),
    "5": (0, 7),
    "6": (0, 4, 7, 9),
    "m6": (0, 3, 7, 9),
    "7": (0, 4, 7, 10),
    "m7": (0, 3, 7, 10),
    "maj7": (0, 4, 7, 11),
    "mmaj7": (0, 3, 7, 11),
    "dim7": (0, 3, 6, 9),
    "m7b5": (0, 3, 6, 10),
    "aug7": (0, 4, 8, 10),
    "7sus4": (0, 5, 7, 10),
    "add9": (0, 2, 4, 7),
    "madd9": (0, 2, 3, 7),
    "9": (0, 2, 4, 7, 10),
    "m9": (0, 2, 3, 7, 10),
    "maj9": (0, 2, 4, 7, 11),
    "7b9": (0, 1, 4, 7, 10),
    "11": (0, 2, 5, 7, 10),
    "13": (0, 4, 7, 9, 10),
}
# other ways to write a kind; where only the case differs (M7 and m7), the text counts as it is
ALIASES = {
    **dict.fromkeys(("maj", "major", "M"), ""),
    **dict.fromkeys(("min", "minor", "-", "mi"), "m"),
    **dict.fromkeys(("o", "°", "diminished"), "dim"),
    **dict.fromkeys(("+", "augmented", "#5"), "aug"),
    **dict.fromkeys(("sus",), "sus4"),
    **dict.fromkeys(("min6", "-6"), "m6"),
    **dict.fromkeys(("dom7",), "7"),
    **dict.fromkeys(("min7", "-7", "mi7"), "m7"),
    **dict.fromkeys(("M7", "Maj7", "ma7", "Δ", "Δ7", "^", "^7"), "maj7"),
    **dict.fromkeys(("mM7", "minmaj7", "m(maj7)", "-maj7"), "mmaj7"),
    **dict.fromkeys(("o7", "°7"), "dim7"),
    **dict.fromkeys(("ø", "ø7", "min7b5", "m7(b5)", "-7b5", "h7"), "m7b5"),
    **dict.fromkeys(("+7", "7#5", "7+"), "aug7"),
    **dict.fromkeys(("7sus",), "7sus4"),
    **dict.fromkeys(("(add9)", "add2"), "add9"),
    **dict.fromkeys(("m(add9)",), "madd9"),
    **dict.fromkeys(("min9", "-9"), "m9"),
    **dict.fromkeys(("M9", "Maj9"), "maj9"),
    **dict.fromkeys(("7(b9)",), "7b9"),
}
CHORD = re.compile(r"([A-G])(#|b|♯|♭)?([^/\s]*)(?:/([A-Ga-g])(#|b|♯|♭)?)?")
NO_CHORD = {"N.C.", "NC", "N"}
MOST_CHORDS = 256
LONGEST = 1024  # beats or bars of one chord
UNDERSTOOD = "say a root and a kind, such as C, Am, F#m7, Gsus4, Bdim or C/E"


@dataclasses.dataclass(frozen=True)
class Chord:
    """A chord.

    Attributes:
        root: name of its root, such as `F#`; empty where no chord sounds and any note may.
        kind: one of KINDS, such as `m7`.
        bass: name of the lowest note where it is not the root, else empty.
    """

    root: str
    kind: str = ""
    bass: str = ""

    @property
    def pitch_classes(self) -> frozenset[int]:
        """Its notes, 0 (C) to 11 (B); all of them where no chord is asked for."""
        if not self.root:
            return frozenset(range(12))
        notes = {(get_pitch_class(self.root) + step) % 12 for step in KINDS[self.kind]}
        return frozenset(notes | {get_pitch_class(self.bass)} if self.bass else notes)

    @property
    def bass_class(self) -> int | None:
        """Pitch class of the lowest note; None where no chord is asked for."""
        return get_pitch_class(self.bass or self.root) if self.root else None

    def __str__(self) -> str:
        return f"{self.root}{self.kind}{f'/{self.bass}' if self.bass else ''}" if self.root else "N.C."


@dataclasses.dataclass(frozen=True)
class ChordSpan:
    """A chord and how long it lasts.

    Attributes:
        chord: the chord.
        length: in beats (quarter notes) or in bars.
        in_bars: whether the length counts bars.
    """

    chord: Chord
    length: Fraction = Fraction(1)
    in_bars: bool = True

    def get_beats(self, bar_length: Fraction) -> Fraction:
        """Its length in beats, where a bar has that many."""
        return self.length * bar_length if self.in_bars else self.length

    def __str__(self) -> str:
        if self.in_bars and self.length == 1:
            return str(self.chord)
        return f"{self.chord}{'*' if self.in_bars else ':'}{self.length}"


@dataclasses.dataclass(frozen=True)
class Progression:
    """Chords one after another, from the beginning of a piece on, again and again.

    Attributes:
        spans: the chords; one at least.
    """

    spans: tuple[ChordSpan, ...]

    def get_length(self, bar_length: Fraction) -> Fraction:
        """Beats until it repeats."""
        return sum((span.get_beats(bar_length) for span in self.spans), Fraction(0))

    def get_chord(self, beat: float | Fraction, bar_length: Fraction) -> Chord:
        """The chord that holds at a beat of the piece."""
        place = Fraction(beat) % self.get_length(bar_length)
        for span in self.spans:
            place -= span.get_beats(bar_length)
            if place < 0:
                return span.chord
        raise AssertionError("a place within the progression")

    @property
    def chords(self) -> tuple[Chord, ...]:
        """Its chords in order."""
        return tuple(span.chord for span in self.spans)

    def __str__(self) -> str:
        return " ".join(map(str, self.spans))


def parse_chord(text: str) -> Chord:
    """The chord that a text names.

    Raises:
        ConfigError: it names none.
    """
    if text in NO_CHORD:
        return Chord("")
    match = CHORD.fullmatch(text[:1].upper() + text[1:])
    kind = None if match is None else _find_kind(match[3])
    if match is None or kind is None:
        raise ConfigError(f"{text!r} is no chord: {UNDERSTOOD}")
    root, bass = spell_note(match[1], match[2]), spell_note(match[4], match[5]) if match[4] else ""
    return Chord(root, kind, "" if bass and get_pitch_class(bass) == get_pitch_class(root) else bass)


def parse_progression(text: str) -> Progression:
    """The chords of a text, with their lengths.

    Raises:
        ConfigError: a chord or a length that is none, or no chord at all.
    """
    has_bars = "|" in text
    spans: list[ChordSpan] = []
    for bar in text.split("|") if has_bars else [text]:
        words = [word for word in re.split(r"[\s,]+|(?<=\S)-(?=[A-G])", bar) if word not in ("", "-")]
        shared = Fraction(1, len(words)) if has_bars and words else Fraction(1)
        for word in words:
            spans.append(_parse_span(word, shared, spans[-1].chord if spans else None))
    if not spans:
        raise ConfigError(f"there is no chord in it: {UNDERSTOOD}")
    if len(spans) > MOST_CHORDS:
        raise ConfigError(f"{len(spans)} chords are too many: at most {MOST_CHORDS}")
    return Progression(tuple(spans))


def _find_kind(sign: str) -> str | None:
    """The kind that a sign behind the root means; None where it means none."""
    for way in (sign, sign.strip("()"), sign.lower()):
        if way in KINDS:
            return way
        if way in ALIASES:
            return ALIASES[way]
    return None


def _parse_span(word: str, bars: Fraction, previous: Chord | None) -> ChordSpan:
    """One chord with its length; `%` is the chord before."""
    name, sign, length = re.fullmatch(r"([^:*]*)([:*]?)(.*)", word, re.DOTALL).groups()  # type: ignore[union-attr]
    if name == "%":
        if previous is None:
            raise ConfigError("% repeats the chord before it, and there is none")
        chord = previous
    else:
        chord = parse_chord(name)
    if not sign:
        return ChordSpan(chord, bars)
    if not re.fullmatch(r"\d{1,4}(\.\d{1,3}|/\d{1,2})?", length) or length.endswith(("/0", "/00")):
        raise ConfigError(f"{word!r}: {length!r} is no length: {name}:2 lasts two beats, {name}*2 two bars")
    amount = Fraction(length)
    if not 0 < amount <= LONGEST:
        raise ConfigError(f"{word!r}: a chord lasts more than 0 and at most {LONGEST} beats or bars")
    return ChordSpan(chord, amount, sign == "*")
