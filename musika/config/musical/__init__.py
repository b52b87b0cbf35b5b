"""Musical settings: tempo, metre, key, chords and the like, each a function of position. Standard library only."""

from musika.config.musical.chords import Chord, ChordSpan, Progression, parse_chord, parse_progression
from musika.config.musical.curves import Band, Curve, Timeline, parse_time, read_curve
from musika.config.musical.instruments import Instrument, parse_instruments
from musika.config.musical.keys import Key, parse_key
from musika.config.musical.metres import Metre, parse_metre
from musika.config.musical.settings import MusicalSettings

__all__ = [
    "Band",
    "Chord",
    "ChordSpan",
    "Curve",
    "Instrument",
    "Key",
    "Metre",
    "MusicalSettings",
    "Progression",
    "Timeline",
    "parse_chord",
    "parse_instruments",
    "parse_key",
    "parse_metre",
    "parse_progression",
    "parse_time",
    "read_curve",
]
