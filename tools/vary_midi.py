"""Write several versions of each MIDI file: other keys, other tempi, and a livelier touch.

Each MIDI file below MIDI_FOLDER is written as NAME_I+K.mid into the same sub-folders of TARGET_FOLDER, --takes times,
each in another of the keys up to --semitones away, the nearest first. The first version keeps key and tempo; the others
are up to --tempo faster or slower (0.12 is 12 %). With --touch T, the loudness of phrases swells and fades by up to T
steps of MIDI's velocity, single notes differ by a fifth of that, and notes come up to 15 ms early or late, as if a
person played. Every instrument becomes a grand piano; percussion is left out. The same command writes the same files.
A generator that has only a few hours of music learns them by heart; versions make them more. Files that cannot be read
are listed, and the exit code is 1. Needs the package mido.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from musika.files import open_replacement
from tools.common import command, jobs, midi

TICKS, BEAT = 960, 500_000  # ticks in a beat, microseconds in a beat: half a millisecond for each tick
LOWEST, HIGHEST = 21, 108  # keys of a piano
GRAND_PIANOS = (0, 1)  # programs of General MIDI: acoustic grand, bright grand
PHRASE = 7.0  # seconds from one random loudness to the next
MAX_DELAY = 0.015  # seconds that a note comes early or late


@dataclass(frozen=True)
class Take:
    """How a version differs: `key` semitones higher, `speed` times as fast, `touch` steps of velocity up or down."""

    key: int
    speed: float
    touch: float
    seed: int


def choose_keys(count: int, semitones: int) -> list[int]:
    """0, 1, -1, 2, -2 ...: `count` keys at most `semitones` away, from the start again if there are too few."""
    nearest = sorted(range(-semitones, semitones + 1), key=lambda key: (abs(key), -key))
    return [nearest[i % len(nearest)] for i in range(count)]


def plan_takes(name: str, count: int, semitones: int, tempo: float, touch: float) -> list[Take]:
    """The versions of a piece, random by its name."""
    seed = zlib.crc32(name.encode())
    speeds = np.exp(np.random.default_rng(seed).uniform(-1, 1, count) * np.log1p(tempo))
    speeds[0] = 1.0
    return [Take(key, float(speeds[i]), touch, seed + i) for i, key in enumerate(choose_keys(count, semitones))]


def draw_loudness(seconds: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Times in seconds and loudnesses in [-1, 1], between which a performance moves in straight lines."""
    times = np.arange(0.0, seconds + 2 * PHRASE, PHRASE)
    return times, rng.uniform(-1, 1, times.size)


def play_take(messages: Sequence[tuple[float, Any]], take: Take) -> Any:
    """One version of a piece as a MIDI file of one track, from the messages of `midi.read_messages`."""
    rng = np.random.default_rng(take.seed)
    times, loudness = draw_loudness(messages[-1][0] if messages else 0.0, rng)
    events: list[tuple[float, Any]] = []
    delays: dict[tuple[int, int], float] = {}  # of notes that sound: they end as late as they began
    for now, message in messages:
        if message.type not in ("note_on", "note_off", "control_change", "program_change"):
            continue
        if message.channel == midi.PERCUSSION:
            continue
        delay = 0.0
        if message.type == "program_change":
            message = message.copy(program=message.program if message.program in GRAND_PIANOS else GRAND_PIANOS[0])
        elif message.type != "control_change":
            note = message.note + take.key
            if not LOWEST <= note <= HIGHEST:
                continue
            place = (message.channel, note)
            if message.type == "note_on" and message.velocity:
                delay = float(rng.uniform(-MAX_DELAY, MAX_DELAY)) if take.touch else 0.0
                change = np.interp(now, times, loudness) + 0.2 * rng.uniform(-1, 1)
                delays[place] = delay
                velocity = int(np.clip(round(message.velocity + take.touch * change), 1, 127))
                message = message.copy(note=note, velocity=velocity)
            else:
                delay = delays.pop(place, 0.0)
                message = message.copy(note=note)
        events.append((max(now + delay, 0.0) / take.speed, message))
    return build_file(events)


def build_file(events: list[tuple[float, Any]]) -> Any:
    """A MIDI file of one track, from messages and the seconds at which they come."""
    mido = midi.import_mido()
    track = mido.MidiTrack([mido.MetaMessage("set_tempo", tempo=BEAT, time=0)])
    before = 0
    for seconds, message in sorted(events, key=lambda event: event[0]):
        tick = round(seconds * 1e6 / BEAT * TICKS)
        track.append(message.copy(time=tick - before))
        before = tick
    return mido.MidiFile(type=0, ticks_per_beat=TICKS, tracks=[track])


def vary_all(files: Sequence[Path], options: Any) -> Iterator[tuple[Path, str, str]]:
    """Writes all versions; gives the file, what was done, and why not."""
    for source in files:
        place = options.target / source.relative_to(options.folder).parent
        try:
            messages = midi.read_messages(source)
        except midi.MidiError as error:
            yield source, "", str(error)
            continue
        takes = plan_takes(source.stem, options.takes, options.semitones, options.tempo, options.touch)
        for i, take in enumerate(takes):
            data = io.BytesIO()
            play_take(messages, take).save(file=data)
            with open_replacement(place / f"{source.stem}_{i}{take.key:+d}.mid") as file:
                file.write(data.getvalue())
        yield source, f"{source.name}: {len(takes)} versions", ""


def main() -> int:
    parser = command.make_parser("tools.vary_midi", __doc__)
    parser.add_argument("folder", type=Path, metavar="MIDI_FOLDER", help="folder of MIDI files")
    parser.add_argument("target", type=Path, metavar="TARGET_FOLDER", help="folder that the versions are written to")
    parser.add_argument(
        "--semitones", type=command.parse_number(int, 0, 60), metavar="N", default=4, help="keys to either side"
    )
    parser.add_argument(
        "--takes", type=command.parse_number(int, 1), metavar="N", default=9, help="versions of each file"
    )
    parser.add_argument(
        "--tempo", type=command.parse_number(float, 0, 3), metavar="X", default=0.12, help="largest change of tempo"
    )
    parser.add_argument(
        "--touch",
        type=command.parse_number(float, 0, 127),
        metavar="X",
        default=0.0,
        help="largest change of loudness, in velocity",
    )
    options = parser.parse_args()
    jobs.check_target(options.folder, options.target)
    return jobs.report_results(vary_all(midi.find_midi_files(options.folder), options))


if __name__ == "__main__":
    command.run(main)
