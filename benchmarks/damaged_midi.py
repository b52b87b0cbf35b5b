"""Damaged and hostile MIDI files: what each library reads of them, and whether one crashes or does not end.

Copies of the MIDI files in FOLDER are cut off, get flipped bits, or get stretches of random bytes; hostile files come
on top. Each is read in a process of its own, with 4 GiB of memory and 15 seconds of processor time. `musika` is
`musika.score.read_score`; other libraries are skipped where they are not installed.
"""

from __future__ import annotations

import importlib
import os
import random
import resource
import signal
import struct
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from musika import console
from musika.score import find_midi
from tools.common import command

MEMORY, SECONDS = 4 << 30, 15
LARGEST = 40_000  # bytes of the files that are damaged
NOTE = b"\x00\x90\x40\x40"


def read_with_musika(path: str) -> None:
    from musika.score import read_score

    read_score(path)


def read_with_mido(path: str) -> None:
    import mido

    for _ in mido.MidiFile(path, clip=True):
        pass


def read_with_symusic(path: str) -> None:
    symusic: Any = importlib.import_module("symusic")  # optional; its types lack methods of the compiled part
    symusic.Score(path).to("second")


def read_with_pretty_midi(path: str) -> None:
    import pretty_midi

    pretty_midi.PrettyMIDI(path)


READERS: dict[str, Callable[[str], None]] = {
    "musika": read_with_musika,
    "mido": read_with_mido,
    "symusic": read_with_symusic,
    "pretty_midi": read_with_pretty_midi,
}


def damage(content: bytes, kind: str, rng: random.Random) -> bytes:
    """The content of a file, cut off, with flipped bits, or with random bytes in it."""
    data = bytearray(content)
    place = rng.randrange(len(data))
    if kind == "cut off":
        return bytes(data[:place])
    if kind == "bits flipped":
        for _ in range(rng.choice([1, 3, 20])):
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    else:
        data[place : place + rng.randrange(1, 200)] = rng.randbytes(rng.randrange(200))
    return bytes(data)


def build_file(track: bytes, count: int = 1, ticks: int = 480, size: int | None = None) -> bytes:
    """A file of type 0 or 1 whose track has these bytes, and whose header may say otherwise."""
    head = b"MThd" + struct.pack(">IHHh", 6, int(count > 1), count, ticks)
    return head + b"MTrk" + struct.pack(">I", len(track) if size is None else size) + track


HOSTILE = {
    "a time of 2 million bytes": build_file(b"\xff" * 2_000_000 + b"\x00"),
    "7 million notes": build_file(NOTE + b"\x00\x40\x40" * 7_000_000),
    "2 million program changes": build_file(b"\x00\xc0\x01" + b"\x00\x01" * 2_090_000 + NOTE),
    "32,767 empty tracks": b"MThd"
    + struct.pack(">IHHh", 6, 1, 32_767, 480)
    + (b"MTrk" + struct.pack(">I", 4) + b"\x00\xff\x2f\x00") * 32_767,
    "a track of 4 GiB": build_file(NOTE, size=0xFFFFFFFF),
    "no ticks in a beat": build_file(NOTE, ticks=0),
    "a tempo of 0": build_file(b"\x00\xff\x51\x03\x00\x00\x00" + NOTE + b"\x60\x80\x40\x00\x00\xff\x2f\x00"),
    "a key that is never released": build_file(NOTE + b"\x83\x60\xff\x2f\x00"),
    "no end of track": build_file(NOTE + b"\x60\x80\x40\x00"),
}


def try_to_read(read: Callable[[str], None], path: Path) -> str:
    """What a process that reads a file comes to: read, refused, does not end, or crashes."""
    child = os.fork()
    if child == 0:
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS + 1))
        code = 1
        try:
            read(str(path))
            code = 0
        except Exception:
            code = 1
        finally:
            os._exit(code)
    status = os.waitpid(child, 0)[1]
    if os.WIFEXITED(status):
        return "refused" if os.WEXITSTATUS(status) else "read"
    return "does not end" if os.WTERMSIG(status) == signal.SIGXCPU else f"crashes ({os.WTERMSIG(status)})"


def list_damaged(folder: Path, count: int) -> Iterator[tuple[str, bytes]]:
    """`count` damaged files: what was done, and the content."""
    rng = random.Random(1)
    sources = [path.read_bytes() for path in find_midi(folder) if 0 < path.stat().st_size <= LARGEST]
    for number in range(count if sources else 0):
        kind = ("cut off", "bits flipped", "bytes replaced")[number % 3]
        yield kind, damage(rng.choice(sources), kind, rng)


def measure(read: Callable[[str], None], options: Any) -> Iterator[str]:
    """A line for each kind of damage and each hostile file."""
    outcomes: dict[str, Counter[str]] = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file.mid"
        for kind, content in list_damaged(options.folder, options.files):
            path.write_bytes(content)
            outcomes.setdefault(kind, Counter())[try_to_read(read, path)] += 1
        for kind, counts in outcomes.items():
            yield f"{kind}: " + ", ".join(f"{outcome} {count}" for outcome, count in sorted(counts.items()))
        for kind, content in HOSTILE.items():
            path.write_bytes(content)
            yield f"{kind}: {try_to_read(read, path)}"


def main() -> int:
    parser = command.make_parser("benchmarks.damaged_midi", __doc__)
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="folder of MIDI files")
    parser.add_argument(
        "--files", type=command.parse_number(int, 1), metavar="N", default=399, help="damaged files to read"
    )
    options = parser.parse_args()
    for name, read in READERS.items():
        if find_spec(name) is None:
            console.say(f"{name}: not installed")
            continue
        for line in measure(read, options):
            console.say(f"{name}: {line}")
    return 0


if __name__ == "__main__":
    command.run(main)
