"""Works to learn from: the notes of a score on a grid of beats and bars."""

from __future__ import annotations

import dataclasses

import numpy as np

from musika.composer import harmony
from musika.composer.vocabulary import METRE_NAMES, METRES, UNITS_PER_BEAT, move_into_range
from musika.errors import ScoreError
from musika.score import Score

# bars of other lengths are read as bars of a known metre: length in units to length of the bars that they are cut into
CUT_BARS = {12: 24, 72: 36, 96: 48, 144: 48}
# metres whose denominator is 8 and whose beat is a dotted quarter, by length of a bar
COMPOUND = {36: "6/8", 54: "9/8", 72: "12/8", 18: "3/8"}
SIMPLE = {24: "2/4", 36: "3/4", 48: "4/4", 18: "3/8"}
UPBEAT_RATIO = 1.15  # weight of notes on the heaviest beat over those on the first, above which bar lines are moved


@dataclasses.dataclass(frozen=True, eq=False)
class Work:
    """A piece of music on a grid. Notes ascend by onset, then by pitch.

    Attributes:
        name: of the file, without its ending.
        onsets: units of 1/12 quarter note, int `[n]`.
        durations: units, at least 1, int `[n]`.
        pitches: MIDI keys of a piano, 21 to 108, int `[n]`.
        velocities: 1 to 127, int `[n]`.
        bars: unit at which each bar begins, ascending, and the end of the last, int `[b + 1]`.
        metres: index in METRE_NAMES of each bar, -1 for another metre, int `[b]`.
        tempi: quarter notes a minute, of each bar, float `[b]`.
    """

    name: str
    onsets: np.ndarray
    durations: np.ndarray
    pitches: np.ndarray
    velocities: np.ndarray
    bars: np.ndarray
    metres: np.ndarray
    tempi: np.ndarray

    def __len__(self) -> int:
        return len(self.onsets)

    @property
    def bar_count(self) -> int:
        """b, number of bars."""
        return len(self.metres)

    def find_notes(self, first_bar: int, bars: int) -> slice:
        """The notes that begin within some bars."""
        begin, end = np.searchsorted(self.onsets, self.bars[[first_bar, first_bar + bars]])
        return slice(int(begin), int(end))


def make_work(name: str, score: Score) -> Work:
    """The notes of a score on the grid of its beats; drums are left out, keys beyond a piano's moved by octaves.

    Bars come from the time signatures. Where a piece begins with an upbeat that the file does not state, they are
    moved to the beats with the longest and lowest notes.

    Raises:
        ScoreError: there are no notes but drums.
    """
    notes = score.notes.select(~score.notes.is_drum)
    if not len(notes):
        raise ScoreError(f"{name} has no notes but drums", about="midi")
    begins = np.rint(score.tempo.to_beats(notes.onsets) * UNITS_PER_BEAT).astype(int)
    ends = np.rint(score.tempo.to_beats(notes.releases) * UNITS_PER_BEAT).astype(int)
    pitches = move_into_range(notes.pitches)
    order = np.lexsort((-(ends - begins), pitches, begins))
    begins, ends, pitches = begins[order], ends[order], pitches[order]
    velocities = notes.velocities[order]
    # the same key struck twice at once is one note
    new = np.append(True, (np.diff(begins) != 0) | (np.diff(pitches) != 0))
    begins, ends, pitches, velocities = begins[new], ends[new], pitches[new], velocities[new]
    durations = np.maximum(ends - begins, 1)
    bars, metres = _make_bars(score, begins, durations, pitches)
    seconds = score.tempo.to_seconds(bars / UNITS_PER_BEAT)
    tempi = 60.0 / UNITS_PER_BEAT * np.diff(bars) / np.maximum(np.diff(seconds), 1e-3)
    return Work(name, begins, durations, pitches, velocities, bars, metres, tempi)


def _make_bars(
    score: Score, onsets: np.ndarray, durations: np.ndarray, pitches: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Bars up to the end of the last note: where they begin, and their metres."""
    end = int((onsets + durations).max())
    begins = np.rint(score.metres.beats * UNITS_PER_BEAT).astype(int).tolist() or [0]
    signatures = list(zip(score.metres.numerators.tolist(), score.metres.denominators.tolist(), strict=True)) or [
        (4, 4)
    ]
    parts = list(zip(begins, [*begins[1:], max(end, begins[-1] + 1)], signatures, strict=True))
    bars: list[int] = []
    metres: list[int] = []
    for begin, stop, (numerator, denominator) in parts:
        length = max(1, round(4 * UNITS_PER_BEAT * numerator / denominator))
        length = CUT_BARS.get(length, length) if (numerator, denominator) != (12, 8) else length
        names = COMPOUND if denominator == 8 and numerator % 3 == 0 else SIMPLE
        metre = METRE_NAMES.index(names[length]) if length in names else -1
        if len(parts) == 1:
            upbeat = _find_upbeat(length, names is COMPOUND, onsets, durations, pitches)
            if upbeat:
                bars.append(begin + upbeat - length)
                metres.append(metre)
                begin += upbeat
        count = -(-max(stop - begin, 0) // length)
        bars.extend(begin + length * np.arange(count))
        metres.extend([metre] * count)
    last = bars[-1] + (METRES[METRE_NAMES[metres[-1]]] if metres[-1] >= 0 else max(end - bars[-1], 1))
    return np.array([*bars, max(last, bars[-1] + 1)]), np.array(metres)


def _find_upbeat(length: int, compound: bool, onsets: np.ndarray, durations: np.ndarray, pitches: np.ndarray) -> int:
    """Length of the upbeat, units: where the bar lines are if not at unit 0, since longer and lower notes are there."""
    beat = 18 if compound and length > 18 else 6 if length == 18 else UNITS_PER_BEAT
    weights = np.minimum(durations, length) * np.where(pitches < 55, 2.0, 1.0)
    within = np.bincount(onsets % length, weights, length)
    heavy = within[::beat]
    best = int(np.argmax(heavy))
    return best * beat if heavy[best] > UPBEAT_RATIO * heavy[0] else 0


def list_chords(work: Work) -> np.ndarray:
    """The chord of each half bar, int `[2 b]`: 12 x kind + root, or -1 where none is heard."""
    lengths = np.diff(work.bars)
    edges = np.append(np.stack([work.bars[:-1], work.bars[:-1] + lengths // 2], 1).ravel(), work.bars[-1])
    ends = work.onsets + work.durations
    chords = np.full(2 * work.bar_count, -1)
    longest = int(work.durations.max(initial=1))
    for number in range(len(chords)):
        begin, end = edges[number], edges[number + 1]
        near = slice(*np.searchsorted(work.onsets, [begin - longest, end]))
        sounding = harmony.weigh_sounding_notes(work.onsets[near], ends[near], work.pitches[near], begin, end)
        chord = None if sounding is None else harmony.estimate_chord(*sounding)
        chords[number] = -1 if chord is None else chord
    return chords
