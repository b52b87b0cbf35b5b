"""Writing sections: several at once, note by note, each number drawn by its place.

The random number of a field is a function of (seed, purpose, section, step, field), and the numbers of a section are
the same to the bit whatever is written beside it. So none depends on what else is asked for. Logits are rounded before
a value is drawn, so that other processors seldom write other notes.

A section may hold notes that are given (bars that are kept from a theme, a melody). They are written when their time
has come, and the network sees them as its own. What it writes in between lies where it is free to write, below the
ceiling that holds there.

With guidance, the network also sees each section without its soft conditions (density, dynamics, register), as it did
now and then in training. Logits move from these to the usual ones, and beyond (J. Ho and T. Salimans, "Classifier-free
diffusion guidance", 2022).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

from musika import draws
from musika.composer.incremental import IncrementalComposer
from musika.composer.sections import (
    NO_NOTES,
    SectionNotes,
    encode_notes,
    encode_steps,
    get_pitch_feature,
    tabulate_places,
)
from musika.composer.vocabulary import (
    CONDITIONS,
    DELTAS,
    DURATIONS,
    FIELDS,
    HIGHEST,
    LOWEST,
    START,
    find_nearest,
    join_pitch,
)

MOST_NOTES = 288  # of a section
ROUNDING = 64.0  # logits are rounded to multiples of 1 / ROUNDING
TEMPERATURES = (0.9, 0.85, 0.9, 0.95, 0.9)  # of each field
LEAST_FREEDOM = 0.02  # below it, all but the most probable value are out of reach anyway
TOP_SHARE = 0.95  # the most probable values that have this share together are drawn from
GUIDED = [list(CONDITIONS).index(name) for name in ("density", "dynamics", "register")]
MOST_AT_ONCE = 7  # notes that begin together
# attributes of a writer that have an entry for each section
ROWS_OF_ARRAYS = (
    "lengths",
    "bar_lengths",
    "tables",
    "free",
    "ceilings",
    "next_given",
    "chances",
    "conditions",
    "onsets",
    "last_pitch",
    "at_once",
    "is_done",
)
ROWS_OF_LISTS = ("given", "given_fields", "written")
_CLASSES, _OCTAVES = FIELDS["pitch_class"], FIELDS["octave"]
_PITCHES = join_pitch(np.arange(_CLASSES)[:, None], np.arange(_OCTAVES)[None, :])  # [12, 9]


class GivenUpError(Exception):
    """Nobody needs any more what was to be written."""


@dataclasses.dataclass(frozen=True, eq=False)
class SectionTask:
    """A section to write.

    Attributes:
        purpose: what its random numbers are for, such as "theme".
        index: which of that purpose.
        bars: its length.
        bar_length: units.
        conditions: int32 `[10]`, see `sections.encode_conditions`.
        chords: of each half bar and the one after, int `[2 bars + 1]`; None gives none.
        melody: a given highest voice; its notes are part of the section.
        theme: notes of its theme, which the network sees; None for none.
        theme_conditions: of the theme, in the key in which it is seen.
        kept: notes that are given.
        is_free: where the network may begin notes, bool `[bars * bar_length]`; None for everywhere.
    """

    purpose: str
    index: int
    bars: int
    bar_length: int
    conditions: np.ndarray
    chords: np.ndarray | None = None
    melody: SectionNotes | None = None
    theme: SectionNotes | None = None
    theme_conditions: np.ndarray | None = None
    kept: SectionNotes = NO_NOTES
    is_free: np.ndarray | None = None

    @property
    def length(self) -> int:
        """Units."""
        return self.bars * self.bar_length


def write_section(
    composer: IncrementalComposer, seed: int, task: SectionTask, freedom: float = 1.0, guidance: float = 1.0
) -> SectionNotes:
    """The notes of one section: a function of its arguments, as `write_sections` has them."""
    return write_sections(composer, seed, [task], freedom, guidance)[0]


def write_sections(
    composer: IncrementalComposer,
    seed: int,
    tasks: Sequence[SectionTask],
    freedom: float = 1.0,
    guidance: float = 1.0,
    is_given_up: Callable[[], bool] = lambda: False,
) -> list[SectionNotes]:
    """The notes of some sections.

    Args:
        seed: of the piece.
        tasks: with themes that the network sees, or all without. Each result is a function of its own task and of the
            other arguments.
        freedom: factor on the temperatures: smaller keeps to the most probable values.
        guidance: how strongly density, dynamics and register act; at 1 as learned, and nothing is computed for it.
        is_given_up: is asked before each note.

    Raises:
        GivenUpError: nobody needs the sections any more.
    """
    writer = _Writer(composer, seed, tasks, freedom, guidance)
    writer.read_themes()
    writer.write(is_given_up)
    return [writer.get_notes(task) for task in range(len(tasks))]


class _Writer:
    """The state of some sections while they are written."""

    def __init__(
        self, composer: IncrementalComposer, seed: int, tasks: Sequence[SectionTask], freedom: float, guidance: float
    ) -> None:
        self.composer, self.tasks, self.rows = composer, tasks, len(tasks)
        self.guidance, self.copies = guidance, 1 if guidance == 1.0 else 2  # the second copy lacks soft conditions
        self.temperatures = [temperature * max(freedom, LEAST_FREEDOM) for temperature in TEMPERATURES]
        self.theme_length = composer.config.theme_notes + 1
        self.memory = composer.start(self.copies * self.rows, self.theme_length + MOST_NOTES + 1)
        self.lengths = np.array([task.length for task in tasks])
        self.bar_lengths = np.array([task.bar_length for task in tasks])
        size = int(self.lengths.max()) + 1
        tables = [tabulate_places(task.bars, task.bar_length, task.chords, task.melody) for task in tasks]
        self.tables = np.stack([_extend(table, size) for table in tables])  # [rows, units, 8]
        self.free = np.stack([_extend(_get_free(task), size) for task in tasks])  # [rows, units]
        self.ceilings = np.stack([_extend(_make_ceiling(task), size) for task in tasks])
        self.given = [_join_given(task) for task in tasks]
        self.given_fields = [encode_notes(notes) for notes in self.given]
        self.next_given = np.zeros(self.rows, int)
        shape = (MOST_NOTES, len(FIELDS))
        self.chances = np.stack([draws.uniform(seed, f"composer/{t.purpose}", t.index, shape) for t in tasks])
        self.conditions = np.stack([task.conditions for task in tasks])
        self.onsets = np.zeros(self.rows, int)  # of the last note
        self.last_pitch = np.zeros(self.rows, int)  # 0 where nothing begins at the present onset yet
        self.at_once = np.zeros(self.rows, int)
        self.is_done = np.zeros(self.rows, bool)
        self.all_written: list[list[tuple[int, int, int, int]]] = [[] for _ in tasks]
        self.written = list(self.all_written)  # of the sections that are not done yet

    def read_themes(self) -> None:
        """Shows the network the themes; all end in the same step."""
        columns = np.zeros((self.rows, self.theme_length, self.memory_features), int)
        is_used = np.zeros((self.rows, self.theme_length), bool)
        for row, task in enumerate(self.tasks):
            if task.theme is None or task.theme_conditions is None:
                continue
            notes = task.theme.select(slice(0, self.composer.config.theme_notes))
            fields, _ = encode_steps(notes, task.length)
            table = tabulate_places(task.bars, task.bar_length)
            onsets = np.append(0, notes.onsets)
            parts = [fields, get_pitch_feature(fields)[:, None], table[onsets]]
            features = np.concatenate([*parts, np.tile(task.theme_conditions, (len(fields), 1))], axis=1)
            columns[row, -len(features) :] = features
            is_used[row, -len(features) :] = True
        if is_used.any():
            self.composer.read(self.memory, self._copy(columns), self._copy(is_used))

    @property
    def memory_features(self) -> int:
        """Features of a step."""
        return len(FIELDS) + 1 + self.tables.shape[2] + self.conditions.shape[1]

    def write(self, is_given_up: Callable[[], bool]) -> None:
        """Writes note after note until all sections are done."""
        fields = np.tile(START, (self.rows, 1))
        for step in range(MOST_NOTES):
            if is_given_up():
                raise GivenUpError
            features = self._make_features(fields)
            x = self.composer.step(self.memory, features, np.ones(self.copies * self.rows, bool))
            fields = self._write_note(x, step)
            if self.is_done.all():
                return
            if self.is_done.any():
                fields = fields[~self.is_done]
                self._leave_out_what_is_done()

    def _leave_out_what_is_done(self) -> None:
        """Goes on with the sections that are not done."""
        rows = np.flatnonzero(~self.is_done)
        self.memory.select(np.concatenate([rows + copy * self.rows for copy in range(self.copies)]))
        for name in ROWS_OF_ARRAYS:
            setattr(self, name, getattr(self, name)[rows])
        for name in ROWS_OF_LISTS:
            setattr(self, name, [getattr(self, name)[row] for row in rows])
        self.rows = len(rows)

    def get_notes(self, task: int) -> SectionNotes:
        """What was written for a task; a key is released before it is struck again."""
        if not self.all_written[task]:
            return NO_NOTES
        onsets, durations, pitches, velocities = np.array(self.all_written[task]).T
        notes = SectionNotes(onsets, durations, pitches, velocities)
        return _release_before_repeats(notes)

    def _make_features(self, fields: np.ndarray) -> np.ndarray:
        places = self.tables[np.arange(self.rows), self.onsets]
        features = np.concatenate([fields, get_pitch_feature(fields)[:, None], places, self.conditions], axis=1)
        if self.copies == 1:
            return features
        unguided = features.copy()
        unguided[:, [place - self.conditions.shape[1] for place in GUIDED]] = 0
        return np.concatenate([features, unguided])

    def _copy(self, array: np.ndarray) -> np.ndarray:
        """The same values for both copies of the sections, where there are two."""
        return array if self.copies == 1 else np.concatenate([array, array])

    def _compute_logits(self, x: np.ndarray, field: int) -> np.ndarray:
        """Logits of a field, guided, float32 `[rows, values]`."""
        logits = self.composer.compute_logits(x, field)
        if self.copies == 1:
            return logits
        usual, unguided = logits[: self.rows], logits[self.rows :]
        return unguided + np.float32(self.guidance) * (usual - unguided)

    def _write_note(self, x: np.ndarray, step: int) -> np.ndarray:
        """One note of each section; its fields, int `[rows, 5]`."""
        chances = self.chances[:, step]
        fields = np.zeros((self.rows, len(FIELDS)), int)
        fields[:, 0] = _draw(self._compute_logits(x, 0), self._allow_times(), chances[:, 0], self.temperatures[0])
        onsets = self._find_onsets(fields[:, 0])
        inside = np.minimum(onsets, self.lengths)
        fields[:, 0] = find_nearest(onsets - self.onsets, DELTAS)
        places = self.tables[np.arange(self.rows), inside]
        x = self.composer.add_time(x, self._copy(fields[:, 0]), self._copy(places))
        allowed = self._allow_pitches(inside)  # [rows, 12, 9]
        for n in range(1, len(FIELDS)):
            mask: np.ndarray | None = None
            if n == 1:
                mask = np.any(allowed, axis=2)
            elif n == 2:
                mask = allowed[np.arange(self.rows), fields[:, 1]]
            fields[:, n] = _draw(self._compute_logits(x, n), mask, chances[:, n], self.temperatures[n])
            if n < len(FIELDS) - 1:
                x = self.composer.add_field(x, n, self._copy(fields[:, n]))
        for row in range(self.rows):
            if not self.is_done[row]:
                fields[row] = self._place_note(row, int(onsets[row]), fields[row], bool(allowed[row].any()))
        return fields

    def _allow_times(self) -> np.ndarray:
        """Which times a note may follow in, bool `[rows, values]`.

        Not at once after too many notes, or above the ceiling; not so late that a bar stays empty; and the section
        ends in its last bar.
        """
        allowed = np.ones((self.rows, len(DELTAS)), bool)
        ceilings = self.ceilings[np.arange(self.rows), self.onsets]
        allowed[:, 0] = (self.at_once < MOST_AT_ONCE) & (self.last_pitch < ceilings)
        latest = np.maximum(self.lengths - 1 - self.onsets, 1)
        in_last_bar = self.onsets >= self.lengths - self.bar_lengths
        latest = np.where(in_last_bar, DELTAS[-1], np.minimum(latest, self.bar_lengths))
        return allowed & (DELTAS[None, :] <= latest[:, None])

    def _find_onsets(self, delta: np.ndarray) -> np.ndarray:
        """Where the next notes begin: the first unit from there on in which the network may write."""
        onsets = self.onsets + DELTAS[delta]
        for row in range(self.rows):
            free = self.free[row]
            if onsets[row] < self.lengths[row] and not free[onsets[row]]:
                later = np.nonzero(free[onsets[row] : self.lengths[row]])[0]
                onsets[row] = onsets[row] + later[0] if len(later) else self.lengths[row]
        return onsets

    def _allow_pitches(self, onsets: np.ndarray) -> np.ndarray:
        """Which pitch classes and octaves a note may have, bool `[rows, 12, 9]`."""
        lowest = np.where(onsets == self.onsets, self.last_pitch + 1, LOWEST)
        highest = self.ceilings[np.arange(self.rows), onsets]
        return (np.maximum(lowest, LOWEST)[:, None, None] <= _PITCHES) & (highest[:, None, None] >= _PITCHES)

    def _place_note(self, row: int, onset: int, fields: np.ndarray, is_possible: bool) -> np.ndarray:
        """Takes the note that was drawn, or one that is given and comes first; its fields."""
        given, number = self.given[row], self.next_given[row]
        pitch = int(join_pitch(fields[1], fields[2]))
        if number < len(given):
            due, given_pitch = int(given.onsets[number]), int(given.pitches[number])
            if not is_possible or onset > due or (onset == due and pitch >= given_pitch):
                self.next_given[row] += 1
                fields = self.given_fields[row][number].copy()
                fields[0] = find_nearest(np.array([due - self.onsets[row]]), DELTAS)[0]
                self._add(row, due, int(given.durations[number]), given_pitch, int(given.velocities[number]))
                return fields
        if onset >= self.lengths[row] or not is_possible:
            self.is_done[row] = True
            return fields
        self._add(row, onset, int(DURATIONS[fields[3]]), pitch, int(fields[4]))
        return fields

    def _add(self, row: int, onset: int, duration: int, pitch: int, velocity: int) -> None:
        self.at_once[row] = self.at_once[row] + 1 if onset == self.onsets[row] else 1
        self.onsets[row], self.last_pitch[row] = onset, pitch
        self.written[row].append((onset, duration, pitch, velocity))


def _draw(logits: np.ndarray, mask: np.ndarray | None, chances: np.ndarray, temperature: float) -> np.ndarray:
    """One value for each row, int `[rows]`, among the most probable ones that are allowed.

    Where a row allows none, the value means nothing.
    """
    rounded = np.rint(logits.astype(np.float64) * ROUNDING)
    rounded /= ROUNDING * temperature
    if mask is not None:
        rounded[~mask] = -1e9
    order = (-rounded).argsort(axis=1, kind="stable")
    rows = np.arange(len(order))
    ranked = rounded[rows[:, None], order]
    shares = np.exp(ranked - ranked[:, :1])
    shares /= np.add.reduce(shares, axis=1, keepdims=True)
    before = shares.cumsum(axis=1) - shares
    shares[before >= TOP_SHARE] = 0.0
    total = shares.cumsum(axis=1)
    rank = np.add.reduce(total <= chances[:, None] * total[:, -1:], axis=1)
    return order[rows, np.minimum(rank, logits.shape[1] - 1)]


def _extend(array: np.ndarray, size: int) -> np.ndarray:
    """Repeats the last entry until there are `size` of them."""
    return np.concatenate([array, np.repeat(array[-1:], size - len(array), axis=0)])


def _get_free(task: SectionTask) -> np.ndarray:
    return np.append(np.ones(task.length, bool) if task.is_free is None else task.is_free, True)


def _make_ceiling(task: SectionTask) -> np.ndarray:
    """The highest pitch that the network may write at each unit, int `[length + 1]`: below a melody."""
    ceiling = np.full(task.length + 1, HIGHEST)
    if task.melody is not None:
        for onset, duration, pitch in zip(task.melody.onsets, task.melody.durations, task.melody.pitches, strict=True):
            ceiling[onset : onset + duration] = max(pitch - 1, LOWEST)
    return ceiling


def _join_given(task: SectionTask) -> SectionNotes:
    """All given notes in the order in which they are written, each key once at a time."""
    parts = [task.kept] if task.melody is None else [task.kept, task.melody]
    columns = [np.concatenate([getattr(part, f.name) for part in parts]) for f in dataclasses.fields(SectionNotes)]
    order = np.lexsort((columns[2], columns[0]))
    joined = SectionNotes(*(column[order] for column in columns))
    new = np.append(True, (np.diff(joined.onsets) != 0) | (np.diff(joined.pitches) != 0))
    return joined.select(new) if len(joined) else joined


def _release_before_repeats(notes: SectionNotes) -> SectionNotes:
    durations = notes.durations.copy()
    for pitch in np.unique(notes.pitches):
        same = np.nonzero(notes.pitches == pitch)[0]
        gaps = np.diff(notes.onsets[same])
        durations[same[:-1]] = np.maximum(np.minimum(durations[same[:-1]], gaps), 1)
    return dataclasses.replace(notes, durations=durations)
