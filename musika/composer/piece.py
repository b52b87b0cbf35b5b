"""A composed piece: its notes in any span of seconds, without what came before.

Themes and sections are written when they are needed, each a function of (composer, seed, settings, number). A section
needs its theme and nothing else; notes that ring at its end reach into the next. So hour seven costs what second zero
costs.

Sections that will be needed soon are written ahead in a thread, several at once, which takes half the time: one at
first, so that nobody waits, then four, then eight. Which ones are written together changes no note.
"""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import threading
from collections import OrderedDict
from typing import Any, TypeVar

import numpy as np

from musika import draws
from musika.composer import vocabulary as v
from musika.composer.arranging import assign_programs
from musika.composer.chord_fitting import list_chord_changes
from musika.composer.clock import SectionPlace
from musika.composer.fitting import find_given, fit_articulation, fit_notes, fit_velocities
from musika.composer.incremental import IncrementalComposer
from musika.composer.plan import Plan, SectionPlan
from musika.composer.sampling import GivenUpError, SectionTask, write_sections
from musika.composer.sections import SectionNotes, find_highest_notes, quantise_notes, transpose_conditions
from musika.composer.touch import PIANO, add_touch, make_pedals, press_pedals
from musika.composer.works import make_work
from musika.config.musical import Key, MusicalSettings
from musika.config.musical.keys import make_key
from musika.errors import ScoreError
from musika.score import (
    NO_NOTES,
    NO_PEDALS,
    Metres,
    Notes,
    Pedals,
    Score,
    TempoMap,
    join_notes,
    join_pedals,
)

LONGEST_RING = 4 * v.LONGEST_BAR  # units that a note may sound
RUBATO_SECONDS = 1.0  # by which rubato moves the end of a note, at most
NEAR_COPY = 4  # value of the condition `relation`
LEAST_PEDALLED = 0.9  # articulation below which the pedal stays up
MOST_MELODY_NOTES = 100_000
LATEST_UNIT = 1 << 30
KEPT = 48  # themes, and sections, that are remembered
MOST_AHEAD = 8  # sections that are written together

Value = TypeVar("Value")


@dataclasses.dataclass(frozen=True, eq=False)
class Melody:
    """A given highest voice of a piece, from its beginning on.

    Attributes:
        onsets: units of 1/12 quarter note from the beginning of the piece, ascending, int `[n]`.
        durations: units, int `[n]`.
        pitches: MIDI keys of a piano, int `[n]`.
        velocities: levels 0 to 7, int `[n]`.
    """

    onsets: np.ndarray
    durations: np.ndarray
    pitches: np.ndarray
    velocities: np.ndarray

    def to_rows(self) -> list[list[int]]:
        """Plain numbers: onset, duration, pitch and velocity of each note."""
        columns = (self.onsets, self.durations, self.pitches, self.velocities)
        return [[int(value) for value in row] for row in zip(*columns, strict=True)]

    @classmethod
    def from_rows(cls, rows: Any) -> Melody:
        """The melody that `to_rows` gave. The rows may come from anybody.

        Raises:
            ScoreError: they are no such numbers.
        """
        is_list = isinstance(rows, list) and 0 < len(rows) <= MOST_MELODY_NOTES
        if not is_list or not all(isinstance(row, list) and [*map(type, row)] == [int] * 4 for row in rows):
            raise ScoreError("the notes of the melody are damaged", about="melody")
        columns = [[row[n] for row in rows] for n in range(4)]
        limits = ((0, LATEST_UNIT), (1, LATEST_UNIT), (v.LOWEST, v.HIGHEST), (0, v.VELOCITIES - 1))
        within = all(low <= min(c) and max(c) <= high for c, (low, high) in zip(columns, limits, strict=True))
        if not within or any(after <= before for before, after in itertools.pairwise(columns[0])):
            raise ScoreError("the notes of the melody are damaged", about="melody")
        return cls(*(np.array(column) for column in columns))

    def cut(self, begin: int, length: int) -> SectionNotes | None:
        """The notes that begin within a section; None after the melody's end."""
        if not len(self.onsets) or begin >= self.onsets[-1] + self.durations[-1]:
            return None
        inside = (self.onsets >= begin) & (self.onsets < begin + length)
        columns = (self.onsets[inside] - begin, self.durations, self.pitches, self.velocities)
        return SectionNotes(columns[0], *(column[inside] for column in columns[1:]))


@dataclasses.dataclass(frozen=True)
class Manner:
    """How freely a piece is composed and touched, beside what is asked of its music.

    Attributes:
        touch: how much strength and time of notes vary by themselves; 0 for not at all.
        touch_seed: of these changes; None takes the seed of the piece.
        variation: how far the piece goes from its first themes, 0 to 1.
        freedom: how far notes may be from the most probable ones; 1 is usual.
        guidance: how strongly density, dynamics and register act on the network; 1 is as learned.
    """

    touch: float = 1.0
    touch_seed: int | None = None
    variation: float = 1.0
    freedom: float = 1.0
    guidance: float = 1.0


class ComposedScore:
    """The score of a composed piece, for one reader.

    Args:
        composer: the network.
        seed: of the piece.
        settings: what is asked for; the rest follows from the seed.
        seconds_per_latent: of the codec that it is played through; a section lasts a whole number of latents.
        melody: a given highest voice; None for none.
        manner: how freely it is composed.
        turn: seconds after which it begins again, for `LoopedScore`; 0 is never.

    Raises:
        UsageError: settings that the composer cannot meet.
    """

    def __init__(
        self,
        composer: IncrementalComposer,
        seed: int,
        settings: MusicalSettings,
        seconds_per_latent: float,
        melody: Melody | None = None,
        manner: Manner | None = None,
        turn: float = 0.0,
    ) -> None:
        self.composer, self.seed, self.melody, self.manner = composer, seed, melody, manner or Manner()
        self.plan = Plan(seed, settings, seconds_per_latent, self.manner.variation, turn)
        self._themes: OrderedDict[int, SectionNotes] = OrderedDict()
        self._sections: OrderedDict[int, SectionNotes] = OrderedDict()
        self._scores: OrderedDict[int, tuple[Notes, Pedals]] = OrderedDict()
        self._lock = threading.RLock()  # of themes and sections
        self._ahead: threading.Thread | None = None
        self._ahead_count = 1  # sections that are written ahead next
        self._is_closed = threading.Event()
        self._end: int | None = None  # section from which on nothing is needed; None where that is not known

    def get_score(self, start: float, stop: float) -> Score:
        """All notes that sound within a span of seconds, whole; their times count from the beginning of the piece.

        Args:
            start: seconds, at least 0.
            stop: seconds.
        """
        frame, ring = self.plan.frame, self.longest_ring
        first = max(self.find_section(start - ring), 0)
        last = self.find_section(max(stop, start))
        parts = [self.get_section(number) for number in range(first, last + 1)]
        notes = join_notes([part[0] for part in parts]) if parts else NO_NOTES
        notes = notes.select((notes.releases > start) & (notes.onsets < stop))
        pedals = join_pedals([part[1] for part in parts]) if parts else NO_PEDALS
        pedals = pedals.select((pedals.times >= start - ring) & (pedals.times < stop))
        name = frame.metre.split("/")
        metres = Metres(np.zeros(1), np.array([int(name[0])]), np.array([int(name[1])]))
        return Score(notes, pedals, self.make_tempo_map(start, stop), metres)

    def announce_end(self, seconds: float) -> None:
        """Says that nothing will be asked for from some second on, so that it is not written ahead."""
        self._end = self.find_section(seconds) + 1

    def close(self) -> None:
        """Says that nothing will be asked for any more: what is being written is given up."""
        self._is_closed.set()

    @property
    def longest_ring(self) -> float:
        """Seconds that a note may sound."""
        return self.longest_note / v.UNITS_PER_BEAT * 60.0 / self.plan.clock.slowest + RUBATO_SECONDS

    @property
    def longest_note(self) -> float:
        """Units that a note may last, at least a bar. Given notes may be longer than those that are written."""
        if self.melody is not None:
            return LONGEST_RING
        articulation = self.plan.settings.articulation_value
        return float(v.DURATIONS[-1]) * max(1.0, 1.0 if articulation is None else max(articulation.values))

    def find_section(self, seconds: float) -> int:
        """The number of the section at a second; negative before the piece."""
        return self.plan.find_section(seconds)

    def make_tempo_map(self, start: float, stop: float) -> TempoMap:
        """Which beat is at which second, exact from `start` to `stop`."""
        return self.plan.clock.make_tempo_map(start, stop)

    def get_notes(self, section: int) -> SectionNotes:
        """The notes of a section on the grid of beats."""
        plan = self.plan.plan_section(section)
        if plan.is_theme and self.melody is None:
            return self._vary_theme(plan)  # whoever asks for the opening does not wait for what follows
        notes = self._sections.get(section)
        if notes is None:
            notes = self._write_sections([section])[0]
        self._write_ahead(section + 1)
        return notes

    def get_theme(self, number: int) -> SectionNotes:
        """The notes of a theme in its own key."""
        with self._lock:
            self._write_themes([number])
            return self._themes[number]

    def _write_themes(self, numbers: list[int]) -> None:
        missing = sorted(set(numbers) - set(self._themes))
        tasks = [self.make_theme_task(number) for number in missing]
        for number, notes in zip(missing, self._write(tasks), strict=True):
            _keep(self._themes, number, notes)

    def _write_sections(self, numbers: list[int]) -> list[SectionNotes]:
        """The notes of some sections; those that are not known yet are written together."""
        with self._lock:
            known = {number: self._sections[number] for number in numbers if number in self._sections}
            plans = [self.plan.plan_section(number) for number in numbers if number not in known]
            self._write_themes([plan.theme.number for plan in plans])
            written = self._write([self._make_task(plan) for plan in plans])
            for plan, notes in zip(plans, written, strict=True):
                known[plan.number] = notes
                _keep(self._sections, plan.number, notes)
            return [known[number] for number in numbers]

    def _write(self, tasks: list[SectionTask]) -> list[SectionNotes]:
        """The notes of some tasks; those with a theme to see and those without are written apart."""
        written: dict[int, SectionNotes] = {}
        for sees_theme in (False, True):
            chosen = [n for n, task in enumerate(tasks) if (task.theme is not None) == sees_theme]
            if chosen:
                manner = self.manner.freedom, self.manner.guidance
                notes = write_sections(
                    self.composer, self.seed, [tasks[n] for n in chosen], *manner, self._is_closed.is_set
                )
                written |= dict(zip(chosen, notes, strict=True))
        return [written[n] for n in range(len(tasks))]

    def _write_ahead(self, section: int) -> None:
        """Writes sections that will be needed soon in a thread, while what comes before them is played."""
        if self._ahead is not None and self._ahead.is_alive():
            return
        stop = section + self._ahead_count if self._end is None else min(section + self._ahead_count, self._end)
        turn = self.plan.sections
        numbers = dict.fromkeys(number % turn if turn else number for number in range(section, stop))
        missing = [number for number in numbers if number not in self._sections and self._must_be_written(number)]
        if not missing or 2 * len(missing) < len(numbers):  # most of them are there
            return
        self._ahead_count = min(4 * self._ahead_count, MOST_AHEAD)
        self._ahead = threading.Thread(target=self._write_unasked, args=(missing,), name="compose", daemon=True)
        self._ahead.start()

    def _write_unasked(self, numbers: list[int]) -> None:
        """Writes sections that nobody has asked for yet, unless the score is closed."""
        with contextlib.suppress(GivenUpError):
            self._write_sections(numbers)

    def _must_be_written(self, section: int) -> bool:
        """Whether a section is not just a theme."""
        return self.melody is not None or not self.plan.plan_section(section).is_theme

    def make_theme_task(self, number: int) -> SectionTask:
        """What is to be written as a theme."""
        frame, theme = self.plan.frame, self.plan.plan_theme(number)
        chords = self.plan.list_chords(theme, 0, closes=False)
        return SectionTask("theme", number, frame.bars, frame.bar_length, self.plan.describe_theme(theme), chords)

    def _vary_theme(self, plan: SectionPlan) -> SectionNotes:
        theme = self.get_theme(plan.theme.number)
        velocities = np.clip(np.rint(theme.velocities + plan.dynamics), 0, v.VELOCITIES - 1).astype(int)
        return _transpose_within(dataclasses.replace(theme, velocities=velocities), plan.shift)

    def _make_task(self, plan: SectionPlan) -> SectionTask:
        frame = self.plan.frame
        length = frame.bars * frame.bar_length
        theme = self._vary_theme(plan)
        chords = self.plan.list_chords(plan.theme, plan.shift, plan.closes, plan.number)
        melody = None if self.melody is None else self.melody.cut(plan.number * length, length)
        kept = np.array(plan.kept)
        own_chords = self.plan.list_chords(plan.theme, plan.shift, closes=False)
        if melody is not None or (self.plan.settings.chords and not np.array_equal(chords, own_chords)):
            kept = np.zeros(frame.bars, bool)
        if melody is not None and not self.plan.settings.chords:
            chords = np.zeros_like(chords)  # the harmony follows the melody
        is_free = np.repeat(~kept, frame.bar_length)
        chosen = kept[np.minimum(theme.onsets // frame.bar_length, frame.bars - 1)] if len(theme) else np.zeros(0, bool)
        return SectionTask(
            "section",
            plan.number,
            frame.bars,
            frame.bar_length,
            self.plan.describe_section(plan, 0 if melody is not None else NEAR_COPY),
            chords,
            melody,
            theme if melody is None else None,
            transpose_conditions(self.plan.describe_theme(plan.theme), plan.shift),
            theme.select(chosen),
            is_free,
        )

    def get_section(self, number: int) -> tuple[Notes, Pedals]:
        """Notes and pedals of a section, from 0 on, in seconds from the beginning of the piece."""
        if number not in self._scores:
            notes = self.get_fitted_notes(number)
            seed = self.seed if self.manner.touch_seed is None else self.manner.touch_seed
            chances = draws.uniform(seed, "composer/touch", number, (len(notes) + 1, 4))
            is_given = find_given(notes, self._cut_melody(self._get_place(number)))
            touched = add_touch(
                notes,
                self.plan.clock,
                number,
                self.manner.touch * (chances - 0.5),
                self.plan.get_velocity(number),
                is_given,
            )
            settings = self.plan.settings
            if settings.dynamics_value is not None:
                velocities = fit_velocities(touched.velocities, touched.onsets, settings.dynamics_value)
                touched = touched.replace(velocities=velocities)
            if settings.instruments_value:
                touched = touched.replace(programs=assign_programs(touched, settings.instruments_value))
            _keep(self._scores, number, (touched, self._make_pedals(number, notes)))
        return self._scores[number]

    def get_fitted_notes(self, number: int) -> SectionNotes:
        """The notes of a section as the settings ask for them."""
        notes, settings = self.get_notes(number), self.plan.settings
        place = self._get_place(number)
        melody = self._cut_melody(place)
        if settings.articulation_value is not None:
            notes = fit_articulation(notes, self.plan.clock.to_seconds(number, notes.onsets), settings, melody)
        return fit_notes(notes, settings, place, melody, self._get_asked_key(place.seconds))

    def _cut_melody(self, place: SectionPlace) -> SectionNotes | None:
        """The given melody within a section; None where there is none."""
        return None if self.melody is None else self.melody.cut(place.first_unit, place.length)

    def _get_asked_key(self, seconds: float) -> Key | None:
        """The key that the settings ask for at a second; a mode asks for the key of the piece."""
        settings, frame = self.plan.settings, self.plan.frame
        if settings.key_value is not None:
            return settings.key_value.get_value(seconds)
        return make_key(frame.tonic, settings.mode) if settings.mode else None

    def _get_place(self, number: int) -> SectionPlace:
        frame = self.plan.frame
        length = frame.bars * frame.bar_length
        return SectionPlace(number * length, self.plan.get_start(number), frame.bar_length, length)

    def _make_pedals(self, number: int, notes: SectionNotes) -> Pedals:
        """The pedal of a section: by its harmony, or by the chords that are asked for; none where notes are short."""
        plan, settings = self.plan, self.plan.settings
        articulation = settings.articulation_value
        is_short = articulation is not None and articulation.get_value(plan.get_start(number)) < LEAST_PEDALLED
        has_piano = not settings.instruments_value or any(i.program == PIANO for i in settings.instruments_value)
        if not plan.frame.pedal or is_short or not has_piano:
            return NO_PEDALS
        if settings.chords_value is None:
            return make_pedals(notes, plan.frame, plan.clock, number)
        edges, is_chord = list_chord_changes(settings.chords_value, self._get_place(number))
        return press_pedals(edges, is_chord, plan.clock, number)


def _keep(cache: OrderedDict[int, Value], number: int, value: Value) -> None:
    """Adds to a cache, which forgets what is oldest."""
    cache[number] = value
    if len(cache) > KEPT:
        cache.popitem(last=False)


def make_melody(score: Score) -> Melody:
    """The highest voice of a score, on the grid of its beats.

    Raises:
        ScoreError: it has no notes but drums.
    """
    work = make_work("the melody", score)
    begin = int(work.bars[work.bars <= work.onsets[0]][-1]) if (work.bars <= work.onsets[0]).any() else 0
    notes = quantise_notes(work.onsets - min(begin, 0), work.durations, work.pitches, work.velocities)
    top = find_highest_notes(notes)
    # one note at a time: each ends where the next begins
    durations = np.minimum(top.durations, np.diff(top.onsets, append=top.onsets[-1] + LONGEST_RING))
    return Melody(top.onsets, durations, top.pitches, top.velocities)


def _transpose_within(notes: SectionNotes, semitones: int) -> SectionNotes:
    """Notes some semitones higher, by an octave less or more where they would leave the piano."""
    pitches = notes.pitches + semitones
    if len(pitches):
        pitches = pitches - 12 * (pitches > v.HIGHEST) + 12 * (pitches < v.LOWEST)
    order = np.lexsort((pitches, notes.onsets))
    return dataclasses.replace(notes, pitches=pitches).select(order)
