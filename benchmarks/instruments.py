"""Which instruments are heard in recordings, in what a codec makes of them, and in composed pieces.

Two listeners are asked: the network of `musika.listening.instruments`, which `--like_audio` uses, and, where it is
installed, the independent tagger musicnn (see `benchmarks/common/musicnn.py`).

    pairs       --pairs: rendered music with its scores (.flac and .mid). How often each family that plays is heard, how
                often it is heard where it does not play, and how often the likeliest family is one that plays
    files       --files: recordings. What is heard in each
    round trip  with --codec: the same, after the codec has encoded and decoded the sound
    pieces      --load_path: pieces of some checkpoints. In how many the piano is the likeliest instrument
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

import musika
from benchmarks.common import musicnn
from benchmarks.heard import listen
from musika import audio, console
from musika.errors import MusikaError, UsageError
from musika.listening.instruments import SURE, measure_families
from musika.score import read_score
from musika.tracks import FAMILIES, find_families
from tools.common import command

RATE = 44_100
ENDINGS = {".flac", ".wav", ".ogg", ".mp3"}
PIANO = "piano"

# a waveform `[N, 2]` -> how likely each instrument is
Listener = Callable[[np.ndarray], dict[str, float]]


@dataclasses.dataclass
class Counts:
    """How often a family was heard where it plays, and where it does not."""

    plays: int = 0
    heard: int = 0
    absent: int = 0
    wrong: int = 0


def make_listeners() -> dict[str, Listener]:
    """Those that there are, by name."""
    listeners: dict[str, Listener] = {"families": lambda x: measure_families(listen(x, RATE))}
    try:
        weights = musicnn.load_weights()
    except UsageError as error:
        console.warn(str(error))
        return listeners
    return listeners | {"musicnn": lambda x: musicnn.measure_instruments(weights, listen(x, RATE))}


def read_middle(path: Path, seconds: float) -> np.ndarray:
    """Seconds from the middle of a file, float32 `[N, 2]` at 44.1 kHz."""
    waveform = audio.read(path)
    count = round(seconds * RATE)
    begin = max(0, (len(waveform) - count) // 2)
    return waveform[begin : begin + count]


def find_sounds(folder: Path) -> list[Path]:
    """The audio files of a folder; it may be one file itself."""
    if folder.is_file():
        return [folder]
    return sorted(path for path in folder.rglob("*") if path.suffix in ENDINGS)


def measure_pairs(folder: Path, change: Callable[[np.ndarray], np.ndarray], seconds: float) -> Iterator[str]:
    """A line for each family, and one for all."""
    counts = {name: Counts() for name in FAMILIES}
    first = total = 0
    for path in find_sounds(folder):
        score = read_score(path.with_suffix(".mid"))
        middle = max(0.0, (score.duration + 3.0 - seconds) / 2)
        notes = score.slice(middle, middle + seconds).notes
        if not len(notes):
            continue
        playing = find_families(dataclasses.replace(score, notes=notes))
        likely = measure_families(listen(change(read_middle(path, seconds)), RATE))
        total, first = total + 1, first + (max(likely, key=likely.__getitem__) in playing)
        for name, count in counts.items():
            is_heard = likely[name] >= SURE
            if name in playing:
                count.plays, count.heard = count.plays + 1, count.heard + is_heard
            else:
                count.absent, count.wrong = count.absent + 1, count.wrong + is_heard
    for name, count in counts.items():
        yield f"{name}: heard in {count.heard} of {count.plays} with it, in {count.wrong} of {count.absent} without it"
    yield f"the likeliest family plays in {first} of {total}"


def describe(likelihoods: Mapping[str, float]) -> str:
    """The three likeliest instruments."""
    ranked = sorted(likelihoods.items(), key=lambda item: -item[1])[:3]
    return ", ".join(f"{name} {value:.2f}" for name, value in ranked)


def measure_files(folder: Path, change: Callable[[np.ndarray], np.ndarray], options: Any) -> Iterator[str]:
    """A line for each file."""
    listeners = make_listeners()
    for path in find_sounds(folder):
        try:
            waveform = change(read_middle(path, options.seconds))
        except MusikaError as error:
            yield f"{path.name}: {error}"
            continue
        yield f"{path.name}: " + " | ".join(f"{name}: {describe(ear(waveform))}" for name, ear in listeners.items())


def measure_pieces(folder: Path, options: Any) -> Iterator[str]:
    """A line for each listener."""
    model, listeners = musika.load(folder), make_listeners()
    first = dict.fromkeys(listeners, 0)
    sums: dict[str, dict[str, float]] = {name: {} for name in listeners}
    for seed in range(options.count):
        waveform = model.piece(seed).render(0.0, options.seconds)
        for name, ear in listeners.items():
            likely = ear(waveform)
            first[name] += max(likely, key=likely.__getitem__) == PIANO
            for instrument, value in likely.items():
                sums[name][instrument] = sums[name].get(instrument, 0.0) + value / options.count
    for name in listeners:
        share = f"{PIANO} first in {first[name]} of {options.count}"
        yield f"{model.name}, {name}: {share}; on average {describe(sums[name])}"


def main() -> int:
    parser = command.make_parser("benchmarks.instruments", __doc__)
    parser.add_argument("--pairs", type=Path, nargs="+", default=[], metavar="FOLDER", help="pairs of sound and score")
    parser.add_argument("--files", type=Path, nargs="+", default=[], metavar="FOLDER", help="recordings")
    parser.add_argument("--load_path", type=Path, nargs="+", default=[], metavar="FOLDER", help="checkpoints")
    parser.add_argument("--codec", type=Path, metavar="FOLDER", help="codec of the round trips")
    parser.add_argument("--count", type=command.parse_number(int, 1), default=20, metavar="N", help="pieces of each")
    parser.add_argument("--seconds", type=command.parse_number(float, 3), default=30.0, metavar="X", help="of each")
    options = parser.parse_args()
    changes: dict[str, Callable[[np.ndarray], np.ndarray]] = {"": lambda x: x}
    if options.codec is not None:
        changes[" through the codec"] = musika.load_codec(options.codec).reconstruct
    for name, change in changes.items():
        for folder in options.pairs:
            for line in measure_pairs(folder, change, options.seconds):
                console.say(f"{folder.name}{name}: {line}")
        for folder in options.files:
            for line in measure_files(folder, change, options):
                console.say(f"{folder.name}{name}: {line}")
    for folder in options.load_path:
        for line in measure_pieces(folder, options):
            console.say(line)
    return 0


if __name__ == "__main__":
    command.run(main)
