"""What a note is to the composer: five fields of a few values each, and the conditions beside them.

Time is counted in units of 1/12 of a quarter note. A note is one step with the fields

- `delta`: time since the last onset, or since the beginning of the section;
- `pitch_class` and `octave`;
- `duration`;
- `velocity`.

Where the note is in its bar follows from the deltas; it is an input, not a field. Notes are in the order of their
onsets, and those that begin together in the order of their pitches, from low to high.
"""

from __future__ import annotations

import numpy as np

UNITS_PER_BEAT = 12  # units of time in a quarter note
LOWEST, HIGHEST = 21, 108  # MIDI keys of a piano
PITCHES = HIGHEST - LOWEST + 1

DELTAS = np.array([*range(49), 54, 60, 66, 72, 84, 96])
DURATIONS = np.array(
    [1, 2, 3, 4, 5, 6, 8, 9, 10, 12, 15, 16, 18, 20, 21, 24, 27, 30, 33, 36, 42, 48, 54, 60, 66, 72, 84, 96]
)
VELOCITIES = 8
FIELDS = {
    "delta": len(DELTAS),
    "pitch_class": 12,
    "octave": HIGHEST // 12 - LOWEST // 12 + 1,
    "duration": len(DURATIONS),
    "velocity": VELOCITIES,
}
FIELD_COLUMNS = {name: column for column, name in enumerate(FIELDS)}  # in arrays [..., 5]
START = np.array(list(FIELDS.values()), np.int32)  # the fields of the step before the first note

# Metres by name: length of a bar in units. Others are read as one of these where their bars have the length of some.
METRES = {"2/4": 24, "3/4": 36, "4/4": 48, "3/8": 18, "6/8": 36, "9/8": 54, "12/8": 72}
METRE_NAMES = tuple(METRES)
LONGEST_BAR = max(METRES.values())
MODES = ("major", "minor")
SECTION_BARS = (4, 8, 16)  # lengths of sections

# Conditions of a whole section: number of values. Value 0 always says that the condition is not given.
CONDITIONS = {
    "key": 1 + 12,  # tonic
    "mode": 1 + len(MODES),
    "metre": 1 + len(METRES),
    "tempo": 1 + 8,
    "density": 1 + 8,
    "dynamics": 1 + VELOCITIES,
    "register": 1 + 8,
    "place": 1 + 3,  # in the work: its opening, within it, its end
    "relation": 1 + 4,  # to the theme, from unlike to nearly the same
    "bars": 1 + len(SECTION_BARS),
}
CONDITION_COLUMNS = {name: column for column, name in enumerate(CONDITIONS)}  # in arrays [..., 10]
OPENING, MIDDLE, CLOSING = 1, 2, 3  # values of `place`

# Edges between the levels of conditions.
_TEMPO_EDGES = np.array([50, 64, 80, 98, 120, 146, 178])  # quarter notes a minute
_DENSITY_EDGES = np.array([0.9, 1.4, 2.0, 2.7, 3.5, 4.6, 6.2])  # notes a quarter note
_REGISTER_EDGES = np.array([50, 54, 57, 60, 63, 66, 70])  # mean MIDI key
_RELATION_EDGES = np.array([0.15, 0.35, 0.65])  # similarity, see `similarity.py`

# Where a step is, and what is asked of it there: number of values of each feature.
MOST_BARS = max(SECTION_BARS)
CHORDS = 1 + 12 * 5 + 1  # not given; root and kind (see `harmony.py`); none
NO_CHORD = CHORDS - 1
NO_MELODY = PITCHES + 1
PLACES = {
    "position": LONGEST_BAR + 1,  # units since the beginning of the bar; the last value: after the section
    "bar": MOST_BARS + 1,  # bars since the beginning of the section
    "bars_left": MOST_BARS + 1,  # bars to its end, this one included
    "chord": CHORDS,  # of this half bar
    "next_chord": CHORDS,  # of the next
    "melody": NO_MELODY + 1,  # pitch of the melody's note that sounds; 0: no melody is given
    "melody_begins": 3,  # 0: no melody is given; 1: it began earlier; 2: it begins here
    "melody_ahead": 2 + len(DELTAS),  # time to the melody's next onset; 0: not given; the last value: there is none
}
PLACE_COLUMNS = {name: column for column, name in enumerate(PLACES)}  # in arrays [..., 8]


def quantise_level(value: float, edges: np.ndarray) -> int:
    """The level of a value, 1 for the lowest."""
    return 1 + int(np.searchsorted(edges, value, side="right"))


def quantise_tempo(tempo: float) -> int:
    """The level of a tempo in quarter notes a minute, 1 to 8."""
    return quantise_level(tempo, _TEMPO_EDGES)


def quantise_density(density: float) -> int:
    """The level of a number of notes in a quarter note, 1 to 8."""
    return quantise_level(density, _DENSITY_EDGES)


def quantise_register(pitch: float) -> int:
    """The level of a mean MIDI key, 1 to 8."""
    return quantise_level(pitch, _REGISTER_EDGES)


def quantise_relation(similarity: float) -> int:
    """The level of a similarity of two sections, 1 to 4."""
    return quantise_level(similarity, _RELATION_EDGES)


def find_nearest(values: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """Index of the level nearest to each value, of the smaller one where two are as near; int32."""
    return np.searchsorted((levels[1:] + levels[:-1]) / 2, values, side="left").astype(np.int32)


def quantise_velocity(velocities: np.ndarray) -> np.ndarray:
    """Levels 0 to 7 of MIDI velocities 0 to 127."""
    return np.clip(np.asarray(velocities) * VELOCITIES // 128, 0, VELOCITIES - 1).astype(np.int32)


def get_velocity(level: np.ndarray) -> np.ndarray:
    """The MIDI velocity in the middle of each level."""
    return np.asarray(level) * (128 // VELOCITIES) + 64 // VELOCITIES


def split_pitch(pitches: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pitch class and octave of MIDI keys 21 to 108."""
    pitches = np.asarray(pitches)
    return (pitches % 12).astype(np.int32), (pitches // 12 - LOWEST // 12).astype(np.int32)


def join_pitch(pitch_class: np.ndarray, octave: np.ndarray) -> np.ndarray:
    """MIDI keys of pitch classes and octaves."""
    return np.asarray(pitch_class) + 12 * (np.asarray(octave) + LOWEST // 12)


def move_into_range(pitches: np.ndarray) -> np.ndarray:
    """MIDI keys, int `[n]`; those beyond a piano's are moved by whole octaves."""
    below, above = np.maximum(LOWEST - pitches, 0), np.maximum(pitches - HIGHEST, 0)
    return pitches + 12 * -(-below // 12) - 12 * -(-above // 12)
