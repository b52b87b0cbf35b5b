"""Keys: `F# minor`, `Bb`, `Am`."""

from __future__ import annotations

import dataclasses
import re

from musika.errors import ConfigError

LETTERS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
ACCIDENTALS = {"": 0, "#": 1, "b": -1}
MODES = ("major", "minor")
MODE_WORDS = {"": "major", "major": "major", "maj": "major", "dur": "major"}
MODE_WORDS |= {"minor": "minor", "min": "minor", "m": "minor", "moll": "minor"}
SCALES = {"major": (0, 2, 4, 5, 7, 9, 11), "minor": (0, 2, 3, 5, 7, 8, 10)}
RAISED = {"major": (), "minor": (9, 11)}  # steps that minor keys also use, on the way up and in cadences
# how tonics are spelled where nobody said otherwise
SPELLINGS = {
    "major": ("C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B"),
    "minor": ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "G#", "A", "Bb", "B"),
}
NOTE = re.compile(r"([A-Ga-g])[ -]?(#|♯|b|♭|sharp|flat)?")
KEY = re.compile(rf"{NOTE.pattern}[ -]?([A-Za-z]*)")
UNDERSTOOD = "say a note and major or minor, such as F# minor, Bb major or Am"


@dataclasses.dataclass(frozen=True)
class Key:
    """A key.

    Attributes:
        tonic: name of its first note, such as `F#` or `Bb`.
        mode: `major` or `minor`.
    """

    tonic: str
    mode: str

    @property
    def pitch_class(self) -> int:
        """Of the tonic: 0 is C, 11 is B."""
        return get_pitch_class(self.tonic)

    @property
    def scale(self) -> frozenset[int]:
        """Pitch classes of its scale; of minor keys the natural scale."""
        return frozenset((self.pitch_class + step) % 12 for step in SCALES[self.mode])

    @property
    def usual_notes(self) -> frozenset[int]:
        """Pitch classes that belong to it; of minor keys also the raised sixth and seventh."""
        return self.scale | {(self.pitch_class + step) % 12 for step in RAISED[self.mode]}

    def __str__(self) -> str:
        return f"{self.tonic} {self.mode}"


def get_pitch_class(note: str) -> int:
    """0 (C) to 11 (B) of a note's name such as `C`, `F#` or `Bb`."""
    return (LETTERS[note[0]] + ACCIDENTALS[note[1:]]) % 12


def spell_note(letter: str, accidental: str | None) -> str:
    """The name of a note from its letter and sign in any spelling: `f`, `sharp` is `F#`."""
    sign = {"♯": "#", "sharp": "#", "♭": "b", "flat": "b"}.get((accidental or "").lower(), (accidental or "").lower())
    return letter.upper() + sign


def make_key(pitch_class: int, mode: str) -> Key:
    """The key on a pitch class, 0 to 11, in its usual spelling."""
    return Key(SPELLINGS[mode][pitch_class % 12], mode)


def parse_key(text: str) -> Key:
    """The key that a text names.

    Raises:
        ConfigError: it names none.
    """
    match = KEY.fullmatch(text.strip())
    mode = None if match is None else MODE_WORDS.get("m" if match[3] == "m" else match[3].lower())
    if match is None or mode is None or match[3] == "M":
        raise ConfigError(f"{text.strip()!r} is no key: {UNDERSTOOD}")
    return Key(spell_note(match[1], match[2]), mode)
