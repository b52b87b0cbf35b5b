"""Versions of a score: other keys, other tempi, another touch, a pedal."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, replace

import numpy as np

from musika.score import NO_PEDALS, Notes, Pedals, Score
from musika.tracks import list_programs
from tools.common.instruments import HELD, RANGES

GRAND_PIANOS = (0, 1)  # programs of General MIDI: acoustic grand, bright grand
PHRASE = 7.0  # seconds from one random loudness to the next
MAX_DELAY = 0.015  # seconds that a note comes early or late
LIFT, PRESS = -0.02, 0.08  # seconds after a beat at which a pedal goes up and down again


@dataclass(frozen=True)
class Take:
    """How a version differs from its score.

    Attributes:
        key: semitones higher.
        speed: times as fast.
        touch: steps of velocity by which phrases become louder or softer.
        pedal: whether a pedal is added where there is none.
        seed: decides touch and pedal.
    """

    key: int
    speed: float
    touch: float
    pedal: bool
    seed: int


def choose_keys(count: int, semitones: int) -> list[int]:
    """0, 1, -1, 2, -2 ...: `count` keys at most `semitones` away, from the start again if there are too few."""
    nearest = sorted(range(-semitones, semitones + 1), key=lambda key: (abs(key), -key))
    return [nearest[i % len(nearest)] for i in range(count)]


def plan_takes(name: str, count: int, semitones: int, tempo: float, touch: float, pedal: float) -> list[Take]:
    """The versions of a piece, random by its name. The first keeps key and tempo.

    Args:
        tempo: largest change of tempo; 0.12 is 12 %.
        touch: as in `Take`.
        pedal: share of versions that get a pedal.
    """
    seed = zlib.crc32(name.encode())
    rng = np.random.default_rng(seed)
    speeds = np.exp(rng.uniform(-1, 1, count) * np.log1p(tempo))
    speeds[0] = 1.0
    pedals = rng.uniform(0, 1, count) < pedal
    keys = choose_keys(count, semitones)
    return [Take(keys[i], float(speeds[i]), touch, bool(pedals[i]), seed + i) for i in range(count)]


def make_piano(score: Score) -> Score:
    """The same notes on grand pianos, without drums."""
    notes = score.notes.select(~score.notes.is_drum)
    notes = notes.replace(programs=_choose_pianos(notes.programs))
    return replace(score, notes=notes, pedals=replace(score.pedals, programs=_choose_pianos(score.pedals.programs)))


def play_on_family(score: Score, family: str, seed: int) -> Score:
    """The same notes on one random instrument of a family, without drums.

    Notes beyond its range move by octaves. Only instruments whose notes fade keep the pedal.
    """
    low, high = RANGES[family]
    notes = score.notes.select(~score.notes.is_drum)
    program = np.random.default_rng(seed).choice(list_programs(family))
    pitches = notes.pitches + 12 * np.maximum(0, -((notes.pitches - low) // 12))
    pitches = pitches - 12 * np.maximum(0, -((high - pitches) // 12))
    notes = notes.replace(pitches=pitches, programs=np.full(len(notes), program))
    pedals = NO_PEDALS if family in HELD else replace(score.pedals, programs=np.full(len(score.pedals), program))
    return replace(score, notes=notes, pedals=pedals)


def vary_score(score: Score, take: Take, lowest: int = 0, highest: int = 127) -> Score:
    """A version of a score, over a constant tempo. Notes that leave the keys from `lowest` to `highest` are left out.

    Drums keep their keys, since a key says which drum it is.
    """
    rng = np.random.default_rng(take.seed)
    if take.pedal and not len(score.pedals):
        score = replace(score, pedals=_add_pedal(score, rng))
    notes = score.notes
    pitches = notes.pitches + np.where(notes.is_drum, 0, take.key)
    inside = notes.is_drum | ((pitches >= lowest) & (pitches <= highest))
    notes = notes.replace(pitches=np.clip(pitches, 0, 127)).select(inside)
    if take.touch and len(notes):
        notes = _touch_notes(notes, take.touch, rng)
    notes = notes.replace(onsets=notes.onsets / take.speed, releases=notes.releases / take.speed)
    pedals = replace(score.pedals, times=score.pedals.times / take.speed)
    return replace(score, notes=notes, pedals=pedals).with_constant_tempo()


def _choose_pianos(programs: np.ndarray) -> np.ndarray:
    return np.where(np.isin(programs, GRAND_PIANOS), programs, GRAND_PIANOS[0])


def _touch_notes(notes: Notes, touch: float, rng: np.random.Generator) -> Notes:
    """Loudness moves in straight lines between random levels; single notes differ by a fifth of that, and in time."""
    times = np.arange(0.0, notes.onsets[-1] + 2 * PHRASE, PHRASE)
    levels = rng.uniform(-1, 1, times.size)
    change = np.interp(notes.onsets, times, levels) + 0.2 * rng.uniform(-1, 1, len(notes))
    velocities = np.clip(np.rint(notes.velocities + touch * change), 1, 127)
    delays = np.maximum(rng.uniform(-MAX_DELAY, MAX_DELAY, len(notes)), -notes.onsets)
    onsets, releases = notes.onsets + delays, notes.releases + delays
    order = np.argsort(onsets, kind="stable")
    columns = [onsets, releases, notes.pitches, velocities, notes.programs, notes.is_drum]
    return Notes(*(column[order] for column in columns))


def _add_pedal(score: Score, rng: np.random.Generator) -> Pedals:
    """A pedal that is lifted and pressed again on every second, third or fourth beat, and now and then left up."""
    beats = np.arange(0, float(score.tempo.to_beats(score.duration)), float(rng.choice([2, 3, 4])))
    beats = beats[rng.uniform(0, 1, len(beats)) < 0.85]
    lifts = np.maximum(score.tempo.to_seconds(beats) + LIFT, 0.0)
    presses = score.tempo.to_seconds(beats) + PRESS
    if not len(beats):
        return NO_PEDALS
    times = np.stack([lifts, presses], axis=1).ravel()
    values = np.stack([np.zeros(len(beats)), np.round(rng.uniform(0.7, 1, len(beats)) * 127) / 127], axis=1).ravel()
    order = np.argsort(times, kind="stable")
    programs = np.full(len(times), score.notes.programs[~score.notes.is_drum].min(initial=127))
    return Pedals(times[order], values[order], programs)
