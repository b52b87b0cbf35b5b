"""Examples that a composer is trained on: a section of a work, with another section of that work as its theme.

Everything random about an example is a function of the seed and of its number: the work, the place, the theme, the
transposition, and which conditions are given.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from musika import draws
from musika.composer import harmony
from musika.composer import vocabulary as v
from musika.composer.sections import (
    SectionNotes,
    encode_chord,
    encode_conditions,
    encode_steps,
    find_melody,
    get_pitch_feature,
    quantise_notes,
    tabulate_places,
    transpose_chords,
    transpose_conditions,
)
from musika.composer.similarity import compare_sections
from musika.composer.works import Work, list_chords
from musika.config import ComposerConfig, ComposerTrainConfig

ALIGNED_BARS = 4  # phrases mostly begin at multiples of so many bars
ALIGNED_SHARE = 0.7
TRANSPOSITIONS = range(-6, 6)
THEME_SHARE, NEAREST_SHARE = 0.75, 0.6  # of examples with a theme; of those, whose theme is the most similar section
LEAST_NOTES = 4  # of a section
ALL_CHORDS, OUTER_CHORDS = 0.4, 0.65  # cumulative: all chords are given; only the first and the last; else none
RANDOM_NUMBERS = 64  # of an example


@dataclasses.dataclass(frozen=True, eq=False)
class Excerpt:
    """Some bars of a work.

    Attributes:
        notes: as many of its first notes as there is room for.
        bars: how many.
        bar_length: units.
        end: units from its beginning to the first note that is not among `notes`.
        chords: of each half bar and of the one after, 12 x kind + root or -1, int `[2 bars + 1]`.
        conditions: all that can be told from the notes; int32 `[10]`.
    """

    notes: SectionNotes
    bars: int
    bar_length: int
    end: int
    chords: np.ndarray
    conditions: np.ndarray


class TrainingWork:
    """A work with what examples need to know of it."""

    def __init__(self, work: Work) -> None:
        self.work, self.chords = work, list_chords(work)
        self.lengths = np.diff(work.bars)

    @functools.cache  # noqa: B019 (works are kept as long as the training lasts)
    def get_similarities(self, bars: int) -> np.ndarray:
        """Of all sections of that length, `[k, k]`."""
        return compare_sections(self.work, bars)

    @functools.cache  # noqa: B019
    def list_starts(self, bars: int) -> np.ndarray:
        """First bars of the sections of that length that keep one known metre and have some notes."""
        count = self.work.bar_count - bars + 1
        starts = [first for first in range(count) if self._is_usable(first, bars)]
        return np.array(starts, int)

    def _is_usable(self, first: int, bars: int) -> bool:
        metres, lengths = self.work.metres[first : first + bars], self.lengths[first : first + bars]
        same = (metres == metres[0]).all() and metres[0] >= 0 and (lengths == lengths[0]).all()
        found = self.work.find_notes(first, bars)
        return bool(same) and found.stop - found.start >= LEAST_NOTES

    def cut(self, first: int, bars: int, room: int) -> Excerpt:
        """An excerpt; see `Excerpt`."""
        work, begin = self.work, int(self.work.bars[first])
        found = work.find_notes(first, bars)
        kept = slice(found.start, min(found.stop, found.start + room))
        columns = (work.onsets[kept] - begin, work.durations[kept], work.pitches[kept], work.velocities[kept])
        length = int(work.bars[first + bars]) - begin
        end = int(work.onsets[kept.stop]) - begin if kept.stop < len(work) else length
        chords = np.append(self.chords, -1)[2 * first : 2 * (first + bars) + 1]
        conditions = self._describe(first, bars, found)
        return Excerpt(quantise_notes(*columns), bars, length // bars, end, chords, conditions)

    def _describe(self, first: int, bars: int, found: slice) -> np.ndarray:
        """All conditions but the relation to a theme."""
        work = self.work
        pitches, durations = work.pitches[found], work.durations[found]
        tonic, mode = harmony.estimate_key(harmony.weigh_pitch_classes(pitches, np.minimum(durations, 24)))
        beats = (work.bars[first + bars] - work.bars[first]) / v.UNITS_PER_BEAT
        last = first + bars == work.bar_count
        return encode_conditions(
            {
                "key": 1 + tonic,
                "mode": 1 + mode,
                "metre": 1 + int(work.metres[first]),
                "tempo": v.quantise_tempo(float(np.median(work.tempi[first : first + bars]))),
                "density": v.quantise_density(len(pitches) / beats),
                "dynamics": 1 + int(v.quantise_velocity(np.array([work.velocities[found].mean()]))[0]),
                "register": v.quantise_register(float(pitches.mean())),
                "place": v.OPENING if first == 0 else v.CLOSING if last else v.MIDDLE,
                "bars": 1 + v.SECTION_BARS.index(bars),
            }
        )


class ComposerBatches:
    """Batches as functions of the position, for works that are trained on or measured on.

    Args:
        config: sizes of the network.
        train: hyperparameters.
        works: at least one with a section to learn from.
    """

    def __init__(self, config: ComposerConfig, train: ComposerTrainConfig, works: Sequence[Work]) -> None:
        self.config, self.train = config, train
        self.works = [work for work in map(TrainingWork, works) if len(work.list_starts(v.SECTION_BARS[0]))]
        sizes = np.array([len(work.work) for work in self.works], float)
        self.shares = np.cumsum(sizes) / sizes.sum() if len(sizes) else sizes

    def make(self, position: int, drops: bool = True) -> dict[str, Any]:
        """The `bs` examples after `position`.

        Args:
            position: number of the first example.
            drops: whether conditions and channels are left out, as in training.
        """
        numbers = range(position, position + self.train.bs)
        examples = [self.make_example(number, drops) for number in numbers]
        batch = {name: np.stack([example[name] for example in examples]) for name in examples[0]}
        if drops:
            batch["dropout"] = self._draw_dropout(position)
        return batch

    def make_example(self, number: int, drops: bool = True) -> dict[str, np.ndarray]:
        """One example: inputs and targets of the network, padded to L steps, and a weight for each target."""
        chance = iter(draws.uniform(self.train.seed, "composer/example", number, (RANDOM_NUMBERS,)).tolist())
        work = self.works[int(np.searchsorted(self.shares, next(chance), side="right"))]
        first, bars = self._choose_section(work, next(chance), next(chance), next(chance))
        section = work.cut(first, bars, self.config.section_notes)
        theme, similarity = self._choose_theme(work, first, bars, next(chance), next(chance), next(chance))
        shift = _choose_transposition(section, theme, next(chance) if drops else None)
        parts = []
        if theme is not None:
            parts.append(self._encode(theme, shift, chance, drops))
            relation = v.quantise_relation(similarity)
            section.conditions[v.CONDITION_COLUMNS["relation"]] = relation
        parts.append(self._encode(section, shift, chance, drops))
        return self._join(parts)

    def _choose_section(self, work: TrainingWork, bars_chance: float, aligned: float, place: float) -> tuple[int, int]:
        """First bar and length of a section that mostly has as many notes as there is room for."""
        room = self.config.section_notes
        notes_per_bar = len(work.work) / work.work.bar_count
        fitting = [bars for bars in v.SECTION_BARS if bars * notes_per_bar <= 0.9 * room] or [v.SECTION_BARS[0]]
        fitting = [bars for bars in fitting if len(work.list_starts(bars))] or [v.SECTION_BARS[0]]
        bars = fitting[-1] if bars_chance < 0.7 else fitting[max(len(fitting) - 2, 0)]
        starts = work.list_starts(bars)
        if aligned < ALIGNED_SHARE:
            on_phrase = starts[starts % ALIGNED_BARS == 0]
            starts = on_phrase if len(on_phrase) else starts
        return int(starts[int(place * len(starts))]), bars

    def _choose_theme(
        self, work: TrainingWork, first: int, bars: int, given: float, nearest: float, place: float
    ) -> tuple[Excerpt | None, float]:
        """A section of the same length that does not overlap, and how similar it is."""
        starts = work.list_starts(bars)
        starts = starts[np.abs(starts - first) >= bars]
        if given >= THEME_SHARE or not len(starts):
            return None, 0.0
        similarities = work.get_similarities(bars)[first, starts]
        choice = int(np.argmax(similarities)) if nearest < NEAREST_SHARE else int(place * len(starts))
        return work.cut(int(starts[choice]), bars, self.config.theme_notes), float(similarities[choice])

    def _encode(self, excerpt: Excerpt, shift: int, chance: Any, drops: bool) -> dict[str, np.ndarray]:
        """The steps of an excerpt, transposed."""
        notes = excerpt.notes.transpose(shift)
        conditions = transpose_conditions(excerpt.conditions, shift)
        chords = np.array([encode_chord(int(chord)) for chord in transpose_chords(excerpt.chords, shift)])
        melody = None
        if drops:
            given = np.array([next(chance) for _ in conditions]) >= self.train.condition_dropout
            conditions = np.where(given, conditions, 0)
            chords = _drop_chords(chords, next(chance))
            melody = find_melody(notes) if next(chance) < self.train.melody_share else None
        table = tabulate_places(excerpt.bars, excerpt.bar_length, chords, melody)
        fields, next_fields = encode_steps(notes, excerpt.end)
        onsets = np.append(0, notes.onsets)
        features = [fields, get_pitch_feature(fields)[:, None], table[onsets], np.tile(conditions, (len(fields), 1))]
        following = np.minimum(np.append(notes.onsets, excerpt.end), len(table) - 1)
        weights = np.ones((len(fields), len(v.FIELDS)), np.float32)
        weights[-1, 1:] = 0
        return {
            "features": np.concatenate(features, 1),
            "next_fields": next_fields,
            "next_places": table[following],
            "weights": weights,
        }

    def _join(self, parts: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
        """The steps of theme and section, one after another, padded to the length of all examples."""
        joined = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        missing = self.config.length - len(joined["features"])
        return {name: np.pad(array, ((0, missing), (0, 0))) for name, array in joined.items()}

    def _draw_dropout(self, position: int) -> np.ndarray:
        """Masks of channels, the same for all steps of an example, `[bs, 2 layers + 1, width]` (Gal and Ghahramani,
        "A theoretically grounded application of dropout in recurrent neural networks", NeurIPS 2016)."""
        share = self.train.dropout
        shape = (self.train.bs, 2 * self.config.layers + 1, self.config.width)
        kept = draws.uniform(self.train.seed, "composer/dropout", position, shape) >= share
        return (kept / (1 - share)).astype(np.float32)


def _choose_transposition(section: Excerpt, theme: Excerpt | None, chance: float | None) -> int:
    """Semitones that keep all notes on the piano; 0 without a chance."""
    if chance is None:
        return 0
    pitches = np.concatenate([section.notes.pitches, section.notes.pitches if theme is None else theme.notes.pitches])
    lowest, highest = int(pitches.min(initial=60)), int(pitches.max(initial=60))
    allowed = [s for s in TRANSPOSITIONS if lowest + s >= v.LOWEST and highest + s <= v.HIGHEST]
    return allowed[int(chance * len(allowed))]


def _drop_chords(chords: np.ndarray, chance: float) -> np.ndarray:
    """All chords, those of the first and the last half bar and of the one after, or none."""
    if chance < ALL_CHORDS:
        return chords
    kept = np.zeros(len(chords), bool)
    if chance < OUTER_CHORDS:
        kept[[0, -2]] = True
    return np.where(kept, chords, 0)
