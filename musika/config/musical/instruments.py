"""Instruments by name: the families, and the 128 programs of General MIDI."""

from __future__ import annotations

import dataclasses
import difflib
import re

from musika.errors import ConfigError

DRUMS = "drums"
# the program that stands for a family
FAMILIES = {
    "piano": 0,
    "mallets": 11,
    "organ": 19,
    "guitar": 24,
    "bass": 32,
    "strings": 48,
    "choir": 52,
    "brass": 61,
    "winds": 73,
    "synthesiser": 81,
}
# the names of General MIDI, in order
_NAMES = """
grand piano, bright piano, electric grand piano, honky-tonk piano, electric piano, electric piano 2, harpsichord,
clavinet, celesta, glockenspiel, music box, vibraphone, marimba, xylophone, tubular bells, dulcimer, drawbar organ,
percussive organ, rock organ, church organ, reed organ, accordion, harmonica, tango accordion, nylon guitar, steel
guitar, jazz guitar, clean guitar, muted guitar, overdriven guitar, distorted guitar, guitar harmonics, acoustic
bass, fingered bass, picked bass, fretless bass, slap bass, slap bass 2, synth bass, synth bass 2, violin, viola,
cello, double bass, tremolo strings, pizzicato strings, harp, timpani, string ensemble, slow strings, synth strings,
synth strings 2, choir aahs, voice oohs, synth voice, orchestra hit, trumpet, trombone, tuba, muted trumpet, french
horn, brass section, synth brass, synth brass 2, soprano saxophone, alto saxophone, tenor saxophone, baritone
saxophone, oboe, english horn, bassoon, clarinet, piccolo, flute, recorder, pan flute, blown bottle, shakuhachi,
whistle, ocarina, square lead, sawtooth lead, calliope lead, chiff lead, charang lead, voice lead, fifths lead, bass
and lead, new age pad, warm pad, polysynth pad, choir pad, bowed pad, metallic pad, halo pad, sweep pad, rain,
soundtrack, crystal, atmosphere, brightness, goblins, echoes, sci-fi, sitar, banjo, shamisen, koto, kalimba,
bagpipe, fiddle, shanai, tinkle bell, agogo, steel drums, woodblock, taiko drum, melodic tom, synth drum, reverse
cymbal, guitar fret noise, breath noise, seashore, bird tweet, telephone ring, helicopter, applause, gunshot
"""
PROGRAMS = tuple(" ".join(_NAMES.split()).split(", "))  # programs 0 to 127
OTHER_NAMES = {
    "pianoforte": "piano",
    "keys": "piano",
    "keyboard": "piano",
    "percussion": "drums",
    "drum": "drums",
    "drum kit": "drums",
    "drumkit": "drums",
    "rhodes": "electric piano",
    "e-piano": "electric piano",
    "saxophone": "alto saxophone",
    "sax": "alto saxophone",
    "violoncello": "cello",
    "contrabass": "double bass",
    "upright bass": "acoustic bass",
    "horn": "french horn",
    "horns": "brass",
    "voice": "choir",
    "voices": "choir",
    "vocals": "choir",
    "synth": "synthesiser",
    "synthesizer": "synthesiser",
    "synths": "synthesiser",
    "pad": "warm pad",
    "acoustic guitar": "nylon guitar",
    "classical guitar": "nylon guitar",
    "electric guitar": "clean guitar",
    "string quartet": "strings",
    "orchestra": "strings",
    "bells": "tubular bells",
    "vibes": "vibraphone",
    "pipe organ": "church organ",
    "woodwinds": "winds",
    "woodwind": "winds",
    "wind": "winds",
    "reeds": "winds",
    "flutes": "flute",
    "panpipes": "pan flute",
    "steelpan": "steel drums",
}
MOST_INSTRUMENTS = 16


@dataclasses.dataclass(frozen=True)
class Instrument:
    """An instrument.

    Attributes:
        name: as it is printed and read.
        program: of General MIDI, 0 to 127.
        is_drum: whether it is the drum kit, whose keys are its drums.
    """

    name: str
    program: int
    is_drum: bool = False

    def __str__(self) -> str:
        return self.name


def find_instrument(name: str) -> Instrument | None:
    """The instrument of a name, in the singular or plural; None where there is none."""
    word = re.sub(r"\s+", " ", name.strip().lower())
    for form in (word, word.removesuffix("s"), word + "s"):
        form = OTHER_NAMES.get(form, form)
        if form == DRUMS:
            return Instrument(DRUMS, 0, is_drum=True)
        if form in FAMILIES:
            return Instrument(form, FAMILIES[form])
        if form in PROGRAMS:
            return Instrument(form, PROGRAMS.index(form))
    return None


def list_names() -> list[str]:
    """Every name that `find_instrument` knows."""
    return [*FAMILIES, DRUMS, *PROGRAMS, *OTHER_NAMES]


def parse_instruments(text: str) -> tuple[Instrument, ...]:
    """The instruments of a text: names with commas between them. Each counts once.

    Raises:
        ConfigError: a name that is none, none at all, or more than a MIDI file has channels.
    """
    names = [name.strip() for name in re.split(r"[,;+]|\band\b", text) if name.strip()]
    if not names:
        raise ConfigError(f"it names none: say some of {', '.join([*FAMILIES, DRUMS])}")
    found: dict[str, Instrument] = {}
    for name in names:
        instrument = find_instrument(name)
        if instrument is None:
            near = difflib.get_close_matches(name.lower(), list_names(), 1, 0.6)
            advice = f"did you mean {near[0]}?" if near else f"say some of {', '.join([*FAMILIES, DRUMS])}"
            raise ConfigError(f"{name!r} is no instrument: {advice}")
        found[instrument.name] = instrument
    if len(found) > MOST_INSTRUMENTS:
        raise ConfigError(f"{len(found)} instruments are too many: at most {MOST_INSTRUMENTS}")
    return tuple(found.values())
