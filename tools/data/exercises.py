"""Exercises: short passages of notes that music has too few of, random by seed and number."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from musika import draws
from musika.score import NO_PEDALS, Notes, Pedals, Score, join_notes, join_pedals
from musika.tracks import DRUMS, list_programs
from tools.common.instruments import HELD, RANGES

PAUSE = 1.5  # seconds between two exercises
SCALES = ((0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 11), tuple(range(12)), (0, 2, 4, 6, 8, 10), (0, 2, 4, 7, 9))
CHORDS = ((0, 4, 7), (0, 3, 7), (0, 4, 7, 10), (0, 3, 6, 9), (0, 4, 7, 11), (0, 5, 7), (0, 4, 8), (0, 1, 2, 3))

KICKS, SNARES, CYMBALS = (35, 36), (37, 38, 39, 40), (42, 44, 46, 49, 51, 53, 54, 70)  # keys of drums


class Dice:
    """Random numbers, one after another, of one exercise."""

    def __init__(self, seed: int, purpose: str, index: int) -> None:
        self._seed, self._purpose, self._index = seed, purpose, index
        self._calls = 0

    def draw(self, low: float, high: float, count: int) -> np.ndarray:
        """Uniform numbers in [low, high), float64 `[count]`."""
        self._calls += 1
        numbers = draws.uniform(self._seed, f"{self._purpose}/{self._calls}", self._index, (count,))
        return low + (high - low) * numbers.astype(float)

    def draw_one(self, low: float, high: float) -> float:
        """A uniform number in [low, high)."""
        return float(self.draw(low, high, 1)[0])

    def draw_rate(self, low: float, high: float) -> float:
        """A number in [low, high) whose logarithm is uniform."""
        return float(np.exp(self.draw_one(np.log(low), np.log(high))))

    def choose(self, count: int) -> int:
        """A whole number from 0 up to below `count`."""
        return int(self.draw_one(0, count))


class Passage(NamedTuple):
    """Notes of an exercise: seconds, seconds of length, keys; each `[n]`."""

    onsets: np.ndarray
    lengths: np.ndarray
    pitches: np.ndarray


def play_scale(dice: Dice, seconds: float, low: int, high: int) -> Passage:
    """Up and down a scale, with one hand or two that are an octave, a third or a tenth apart."""
    steps = SCALES[dice.choose(len(SCALES))]
    root, apart = dice.choose(12), (0, 12, 4, 16, -1)[dice.choose(5)]
    keys = np.array([key for key in range(low, high + 1) if (key - root) % 12 in steps])
    span = min(len(keys), int(dice.draw_rate(5, 40)))
    first = dice.choose(len(keys) - span + 1)
    keys = keys[first : first + span]
    onsets = np.arange(0, seconds, 1 / dice.draw_rate(1.5, 16))
    turn = np.abs((np.arange(len(onsets)) + span - 1) % max(2 * span - 2, 1) - (span - 1))
    pitches = keys[turn]
    lengths = np.full(len(onsets), (onsets[1] - onsets[0]) * dice.draw_rate(0.3, 1.3))
    if apart > 0:
        return Passage(np.tile(onsets, 2), np.tile(lengths, 2), np.concatenate([pitches, pitches + apart]))
    return Passage(onsets, lengths, pitches)


def play_arpeggio(dice: Dice, seconds: float, low: int, high: int) -> Passage:
    """Chords broken over several octaves, another chord every second or two."""
    onsets = np.arange(0, seconds, 1 / dice.draw_rate(2, 14))
    change = max(2, int(dice.draw_rate(4, 24)))
    pitches = np.empty(len(onsets))
    for start in range(0, len(onsets), change):
        chord = CHORDS[dice.choose(len(CHORDS))]
        root = low + dice.choose(max(1, (high - low) // 2))
        order = np.arange(change) if dice.choose(2) else np.arange(change)[::-1]
        notes = [root + chord[i % len(chord)] + 12 * (i // len(chord)) for i in order]
        pitches[start : start + change] = notes[: len(onsets) - start]
    return Passage(onsets, np.full(len(onsets), dice.draw_rate(0.05, 2.0)), pitches)


def play_chords(dice: Dice, seconds: float, low: int, high: int) -> Passage:
    """Chords of up to eight notes, struck together, repeated or new."""
    times = np.arange(0, seconds, 1 / dice.draw_rate(0.4, 6))
    length = dice.draw_rate(0.1, 1.2) * (times[1] - times[0] if len(times) > 1 else 1.0)
    parts: list[tuple[float, np.ndarray]] = []
    keys = np.zeros(0)
    for time in times:
        if not len(keys) or dice.draw_one(0, 1) < 0.6:
            chord = CHORDS[dice.choose(len(CHORDS))]
            root = low + dice.choose(max(1, high - low - 12))
            octaves = 12 * np.floor(dice.draw(-2, 3, 1 + dice.choose(8)))
            keys = np.unique([root + chord[i % len(chord)] + octave for i, octave in enumerate(octaves)])
        parts.append((float(time), keys))
    onsets = np.concatenate([np.full(len(keys), time) for time, keys in parts])
    return Passage(onsets, np.full(len(onsets), length), np.concatenate([keys for _, keys in parts]))


def play_repeated(dice: Dice, seconds: float, low: int, high: int) -> Passage:
    """One key, two in alternation, or a trill, from slow to as fast as possible."""
    onsets = np.arange(0, seconds, 1 / dice.draw_rate(1, 15))
    first = low + dice.choose(high - low + 1)
    other = first + (0, 1, 2, 12)[dice.choose(4)]
    move = np.floor(np.arange(len(onsets)) / max(1, int(dice.draw_rate(4, 40)))) * dice.choose(4)
    pitches = np.where(np.arange(len(onsets)) % 2, other, first) + move
    length = (onsets[1] - onsets[0]) * dice.draw_one(0.2, 0.95)
    return Passage(onsets, np.full(len(onsets), length), low + (pitches - low) % (high - low + 1))


def play_long(dice: Dice, seconds: float, low: int, high: int) -> Passage:
    """Single notes, one after another, that are held until they fade, over the whole range."""
    onsets = np.arange(0, seconds, dice.draw_rate(0.7, 4))
    return Passage(onsets, np.full(len(onsets), dice.draw_rate(0.3, 4)), dice.draw(low, high + 1, len(onsets)))


def play_random(dice: Dice, seconds: float, low: int, high: int) -> Passage:
    """Notes that begin independently of each other, up to 30 in a second."""
    count = max(1, int(seconds * dice.draw_rate(0.5, 30)))
    centre, spread = dice.draw_one(low, high), dice.draw_rate(4, 60)
    pitches = centre + dice.draw(-spread, spread, count)
    lengths = np.exp(dice.draw(np.log(0.04), np.log(dice.draw_rate(0.2, 4)), count))
    return Passage(np.sort(dice.draw(0, seconds, count)), lengths, pitches)


def play_groove(dice: Dice, seconds: float, low: int, high: int) -> Passage:
    """Drums in a pattern of 16 steps: a bass drum, a snare, a cymbal, and one or two others."""
    step = 60 / dice.draw_one(70, 180) / 4
    lines = [KICKS[dice.choose(2)], SNARES[dice.choose(4)], CYMBALS[dice.choose(len(CYMBALS))]]
    lines += [low + dice.choose(high - low + 1) for _ in range(1 + dice.choose(2))]
    rates = [0.25, 0.2, dice.draw_one(0.3, 1.0), 0.15, 0.1]
    parts = []
    for key, rate in zip(lines, rates, strict=False):
        hits = np.flatnonzero(dice.draw(0, 1, 16) < rate)
        bars = np.arange(0, seconds, 16 * step)
        parts.append((np.add.outer(bars, hits * step).ravel(), key))
    onsets = np.concatenate([times for times, _ in parts])
    pitches = np.concatenate([np.full(len(times), key) for times, key in parts])
    return Passage(onsets, np.full(len(onsets), step), pitches)


Exercise = Callable[[Dice, float, int, int], Passage]
EXERCISES: tuple[Exercise, ...] = (
    play_scale,
    play_arpeggio,
    play_chords,
    play_repeated,
    play_long,
    play_random,
    play_random,
)
DRUM_EXERCISES: tuple[Exercise, ...] = (play_groove, play_groove, play_groove, play_repeated, play_long, play_random)


def draw_velocities(dice: Dice, onsets: np.ndarray) -> np.ndarray:
    """Velocities of the notes of an exercise: a level, a swell, accents, and differences from note to note."""
    level, swell = dice.draw_one(12, 120), dice.draw_one(-50, 50)
    spread = (3.0, 10.0, 40.0)[dice.choose(3)]
    line = level + swell * (onsets / max(onsets[-1], 1.0) - 0.5)
    accents = np.where(dice.draw(0, 1, len(onsets)) < 0.1, dice.draw_one(0, 30), 0.0)
    return np.clip(np.rint(line + accents + dice.draw(-spread, spread, len(onsets))), 1, 127)


def draw_pedal(dice: Dice, seconds: float, program: int) -> Pedals:
    """No pedal, one that changes regularly, or one that moves at random."""
    kind = dice.choose(3)
    if kind == 0:
        return NO_PEDALS
    times = np.arange(0.0, seconds, dice.draw_rate(0.3, 4))
    if kind == 2:
        times = times + dice.draw(0, times[1] if len(times) > 1 else 1.0, len(times))
    downs = np.minimum(times + dice.draw_rate(0.03, 0.5), seconds)
    values = np.round(dice.draw(0.55, 1.0, len(times)) * 127) / 127
    both = np.concatenate([np.minimum(times, seconds), downs, [seconds]])
    levels = np.concatenate([np.zeros(len(times)), values, [0.0]])
    order = np.argsort(both, kind="stable")
    return Pedals(both[order], levels[order], np.full(len(both), program))


def make_exercise(family: str, seed: int, index: int) -> tuple[Score, float]:
    """An exercise and its length in seconds: a function of family, seed and index."""
    dice = Dice(seed, f"practice/{family}", index)
    low, high = RANGES[family]
    seconds = dice.draw_one(10, 30)
    is_drum = family == DRUMS
    programs = [0] if is_drum else list_programs(family)
    program = programs[dice.choose(len(programs))] if family != "piano" else (0, 0, 0, 1)[dice.choose(4)]
    exercises = DRUM_EXERCISES if is_drum else EXERCISES
    passage = exercises[dice.choose(len(exercises))](dice, seconds, low, high)
    pitches = np.floor(passage.pitches)
    inside = (pitches >= low) & (pitches <= high) & (passage.onsets < seconds)
    onsets, pitches = passage.onsets[inside], pitches[inside]
    order = np.lexsort((pitches, onsets))
    onsets, pitches = onsets[order], pitches[order]
    lengths = np.clip(passage.lengths[inside][order], 0.02, seconds)
    if not len(onsets):
        onsets, pitches, lengths = np.zeros(1), np.full(1, float((low + high) // 2)), np.ones(1)
    releases = np.minimum(onsets + lengths, seconds)
    count = len(onsets)
    velocities = draw_velocities(dice, onsets)
    notes = Notes(onsets, releases, pitches, velocities, np.full(count, program), np.full(count, is_drum))
    pedals = NO_PEDALS if is_drum or family in HELD else draw_pedal(dice, seconds, program)
    return Score(notes, pedals), seconds


def write_file(path: Path, family: str, seed: int, number: int, seconds: float) -> Score:
    """Writes file `number` of a family, of about that many seconds, and gives its score.

    Raises:
        OSError: it cannot be written.
    """
    start, parts, index = 0.0, [], number * 1000
    while start < seconds:
        exercise, length = make_exercise(family, seed, index)
        parts.append(exercise.shift(start))
        start += length + PAUSE
        index += 1
    notes, pedals = join_notes([part.notes for part in parts]), join_pedals([part.pedals for part in parts])
    score = Score(notes, pedals)
    score.save(path)
    return score
