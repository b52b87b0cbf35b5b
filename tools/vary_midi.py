#!/usr/bin/env python3
"""Play each MIDI file several times: in other keys, faster or slower, and with more life if it was made from a score.

    python -m tools.vary_midi MIDI_FOLDER TARGET_FOLDER [--semitones 4] [--takes 9] [--tempo 0.12] [--touch 0]

Writes TAKES versions of every .mid below MIDI_FOLDER as NAME_I+K.mid into the same sub-folders, each in another key
of those up to SEMITONES away, nearest first. The first of them is in its own key and tempo; the others are up to
TEMPO faster or slower (0.12: an eighth). With --touch T, loudness swells and fades over phrases by up to T steps of
MIDI's velocity, and single notes stray by a fifth of that and by up to 15 ms, as they do under a hand. What is not
played on a grand piano is put on one; percussion is left out. The same command writes the same bytes. Two hours of
music are few for a generator: its critic learns them by heart. Needs mido.
"""

from __future__ import annotations

import argparse
import sys
import zlib
from dataclasses import dataclass
from pathlib import Path

import mido
import numpy as np

TICKS, BEAT = 960, 500_000  # of a quarter note of half a second: half a millisecond each
PERCUSSION, LOWEST, HIGHEST = 9, 21, 108  # the channel of drums; a piano's keys
GRANDS = (0, 1)  # programs of General MIDI: acoustic grand, bright grand
PHRASE = 7.0  # seconds from one random loudness to the next
LATE = 0.015  # seconds that a note may come early or late


@dataclass(frozen=True)
class Take:
    """How one version differs: `key` semitones higher, `speed` times as fast, `touch` steps of velocity up and down."""

    key: int
    speed: float
    touch: float
    seed: int


def keys(count: int, semitones: int) -> list[int]:
    """0, 1, -1, 2, -2 …: `count` of them within `semitones`, and again from the start if these are too few."""
    near = sorted(range(-semitones, semitones + 1), key=lambda key: (abs(key), -key))
    return [near[i % len(near)] for i in range(count)]


def takes(name: str, count: int, semitones: int, tempo: float, touch: float) -> list[Take]:
    seed = zlib.crc32(name.encode())
    speeds = np.exp(np.random.default_rng(seed).uniform(-1, 1, count) * np.log1p(tempo))
    speeds[0] = 1.0
    return [Take(key, float(speeds[i]), touch, seed + i) for i, key in enumerate(keys(count, semitones))]


def swell(seconds: float, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Times and loudnesses in [-1, 1] between which a performance moves."""
    times = np.arange(0.0, seconds + 2 * PHRASE, PHRASE)
    return times, random.uniform(-1, 1, times.size)


def played(song: mido.MidiFile, take: Take) -> mido.MidiFile:
    """The file as that take plays it, as one track."""
    random = np.random.default_rng(take.seed)
    times, loudness = swell(song.length, random)
    events: list[tuple[float, mido.Message]] = []
    sounding: dict[tuple[int, int], float] = {}  # how late a note began: it ends as late
    now = 0.0
    for message in song:
        now += message.time
        if message.type not in ("note_on", "note_off", "control_change", "program_change"):
            continue
        if message.channel == PERCUSSION:
            continue
        late = 0.0
        if message.type == "program_change":
            message = message.copy(program=message.program if message.program in GRANDS else GRANDS[0])
        elif message.type != "control_change":
            note = message.note + take.key
            if not LOWEST <= note <= HIGHEST:
                continue
            place = (message.channel, note)
            if message.type == "note_on" and message.velocity:
                late = float(random.uniform(-LATE, LATE)) if take.touch else 0.0
                stray = np.interp(now, times, loudness) + 0.2 * random.uniform(-1, 1)
                sounding[place] = late
                velocity = int(np.clip(round(message.velocity + take.touch * stray), 1, 127))
                message = message.copy(note=note, velocity=velocity)
            else:
                late = sounding.pop(place, 0.0)
                message = message.copy(note=note)
        events.append((max(now + late, 0.0) / take.speed, message))
    return as_file(events)


def as_file(events: list[tuple[float, mido.Message]]) -> mido.MidiFile:
    """A MIDI file of one track from messages and the seconds at which they come."""
    track = mido.MidiTrack([mido.MetaMessage("set_tempo", tempo=BEAT, time=0)])
    before = 0
    for seconds, message in sorted(events, key=lambda event: event[0]):
        tick = round(seconds * 1e6 / BEAT * TICKS)
        track.append(message.copy(time=tick - before))
        before = tick
    return mido.MidiFile(type=0, ticks_per_beat=TICKS, tracks=[track])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("--semitones", type=int, default=4)
    parser.add_argument("--takes", type=int, default=9)
    parser.add_argument("--tempo", type=float, default=0.12)
    parser.add_argument("--touch", type=float, default=0.0)
    options = parser.parse_args()
    if options.target.resolve().is_relative_to(options.folder.resolve()):
        parser.error("TARGET_FOLDER lies in MIDI_FOLDER: what is written would be played again")
    if options.takes < 1 or options.semitones < 0 or options.tempo < 0 or options.touch < 0:
        parser.error("--takes is at least 1, the others at least 0")
    if not (sources := sorted(options.folder.rglob("*.mid"))):
        parser.error(f"there is no .mid in {options.folder}")
    failed = 0
    for source in sources:
        place = options.target / source.relative_to(options.folder).parent
        place.mkdir(parents=True, exist_ok=True)
        try:
            song = mido.MidiFile(source)
            for i, take in enumerate(
                takes(source.stem, options.takes, options.semitones, options.tempo, options.touch)
            ):
                played(song, take).save(place / f"{source.stem}_{i}{take.key:+d}.mid")
        except (OSError, EOFError, ValueError, KeyError, IndexError) as error:
            failed += 1
            print(f"{source}: {error or 'is no MIDI file'}", file=sys.stderr)
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
