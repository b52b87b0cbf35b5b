"""Give damaged weight files to the reader of Musika's checkpoints: it must not crash, hang, or open another file.

Good files as Keras 2 writes them, and hostile ones whose links, external storage and virtual datasets name another
file, are mutated: bits flipped, words replaced, blocks moved, ends cut off. File number n of a seed is always the same.

Each file is read as `--load_path` reads it. It must either be read whole or be refused by a MusikaError in one line.
The files that are opened meanwhile are recorded (by an audit hook, since the reader is written in Python), and memory
and time are measured. Prints JSON; the exit code is 1 if anything went wrong.
"""

from __future__ import annotations

import codecs
import collections
import io
import json
import re
import resource
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from musika.checkpoint.published import musika_folder
from musika.errors import CheckpointError
from tests.helpers import keras2
from tools.common import command

CANARY = np.full(4096, 0.123456789, np.float32)  # content of the file that must not be read
MAX_SECONDS = 20.0  # for a file; more is a hang
MAX_LINE = 1000  # characters of an error message
MAX_MEMORY = 256 << 10  # KiB that reading may use
WORDS = (0, 1, 2, 7, 2**15, 2**16 - 1, 2**31 - 1, 2**32 - 1, 2**40, 2**63 - 1, 2**64 - 1)


def make_good_files() -> list[bytes]:
    """The same weights in each way of storing them."""
    layers = keras2.make_generator()
    return [
        keras2.encode_h5(layers),
        keras2.encode_h5(layers, fixed=False),
        keras2.encode_h5(layers, compression="gzip"),
        keras2.encode_h5(layers, fixed=False, chunks=True),
    ]


def make_hostile_files(canary: Path) -> list[bytes]:
    """Files whose first kernel would be read from the canary: external storage, links, a virtual dataset."""
    layers = keras2.make_generator()
    shape = layers["00d"]["kernel"].shape

    def replace_kernel(file: h5py.File, kind: str) -> None:
        del file["00d/00d/kernel:0"]
        group = file["00d/00d"]
        if kind == "external":
            group.create_dataset("kernel:0", shape, "<f4", external=[(str(canary), 0, 4 * int(np.prod(shape)))])
        elif kind == "link":
            group["kernel:0"] = h5py.ExternalLink(str(canary), "/kernel")
        elif kind == "soft":
            group["kernel:0"] = h5py.SoftLink("/00d/00d/bias:0")
        else:
            layout = h5py.VirtualLayout(shape, "<f4")
            layout[:] = h5py.VirtualSource(str(canary), "/kernel", shape=shape)
            group.create_virtual_dataset("kernel:0", layout)

    files = []
    for kind in ("external", "link", "soft", "virtual"):
        data = io.BytesIO(keras2.encode_h5(layers))
        with h5py.File(data, "r+") as file:
            replace_kernel(file, kind)
        files.append(data.getvalue())
    return files


def mutate(data: bytes, rng: np.random.Generator) -> bytes:
    """A file with one to eight changes."""
    result = bytearray(data)
    for _ in range(1 << int(rng.integers(4))):
        if len(result) < 64:
            break
        _apply_change(result, rng)
    if rng.random() < 0.7:  # otherwise its length gives it away before anything else is looked at
        result = result[: len(data)].ljust(len(data), b"\0")
    return bytes(result)


def _apply_change(data: bytearray, rng: np.random.Generator) -> None:
    kind = rng.choice(7, p=[0.3, 0.15, 0.25, 0.1, 0.1, 0.05, 0.05])
    # half of all changes hit the first bytes, where superblock, root group and names are
    reach = len(data) if rng.random() < 0.5 else min(len(data), 4096)
    at = int(rng.integers(reach - 16))
    if kind == 0:  # bits
        for place in rng.integers(reach, size=int(rng.integers(1, 8))):
            data[place] ^= 1 << int(rng.integers(8))
    elif kind == 1:  # bytes
        count = int(rng.integers(1, 16))
        data[at : at + count] = rng.bytes(count)
    elif kind == 2:  # a number, aligned as HDF5 aligns
        size = int(rng.choice([1, 2, 4, 8]))
        near = int.from_bytes(data[at // size * size :][:size], "little") + int(rng.integers(-2, 3))
        value = rng.choice([int(rng.integers(len(data))), near, int(rng.choice(len(WORDS)))])
        value = WORDS[int(value)] if rng.random() < 0.3 and 0 <= value < len(WORDS) else int(value)
        data[at // size * size : at // size * size + size] = (value % 256**size).to_bytes(size, "little")
    elif kind == 3:  # a block over another
        count, to = int(rng.integers(1, 512)), int(rng.integers(len(data)))
        block = data[at : at + count]
        data[to : to + len(block)] = block[: len(data) - to]
    elif kind == 4:  # a block put in or taken out
        count = int(rng.integers(1, 64))
        if rng.random() < 0.5:
            del data[at : at + count]
        else:
            data[at:at] = data[at : at + count]
    elif kind == 5:  # an end cut off
        del data[int(rng.integers(8, len(data))) :]
    else:  # zeros
        count = int(rng.integers(1, 256))
        data[at : at + count] = bytes(min(count, len(data) - at))


class Hang(Exception):
    """Reading a file took too long."""


def raise_hang(*_: object) -> None:
    """Handles the alarm."""
    raise Hang


def read_file(folder: Path) -> str:
    """The result of reading a file: "read", the kind of refusal, or "WRONG" and what went wrong."""
    signal.setitimer(signal.ITIMER_REAL, MAX_SECONDS)
    try:
        _, arrays = musika_folder.read_generator(folder)
    except CheckpointError as error:
        text = str(error)
        if "\n" in text or not text.isprintable() or len(text) > MAX_LINE:
            return "WRONG: an error of more than one printable line"
        return _classify(text.removeprefix(str(folder / "gen_ema.h5")))
    except Hang:
        return f"WRONG: took more than {MAX_SECONDS:.0f} s"
    except Exception as error:
        return f"WRONG: {type(error).__name__}: {error}"
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    if any(np.isin(array, CANARY[:1]).any() for array in arrays.values()):
        return "WRONG: numbers from the other file"
    return "read"


def _classify(text: str) -> str:
    """The text of a refusal without names and numbers."""
    text = re.sub(r"\(.*\)", "", text)
    return re.sub(r"'[^']*'|\"[^\"]*\"|\[[^]]*\]|[-\d.]+", "_", text).strip(" :")[:60]


def run(files: int, seed: int, only: int | None = None) -> dict[str, Any]:
    """Reads all files (or one); returns figures, with what went wrong as `wrong`."""
    counts: collections.Counter[str] = collections.Counter()
    wrong: list[str] = []
    opened: set[str] = set()
    sys.addaudithook(lambda event, values: opened.add(str(values[0])) if event == "open" and recording else None)
    recording, slowest, start = False, 0.0, time.monotonic()
    alarm = signal.signal(signal.SIGALRM, raise_hang)
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as folder:
        canary, path = Path(folder) / "canary", Path(folder) / "gen_ema.h5"
        canary.write_bytes(CANARY.tobytes())
        good = make_good_files()
        sources = [*good, *good, *make_hostile_files(canary)]  # good ones twice as often
        codecs.lookup("unicode_escape")  # so that Python does not open it later
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for number in [only] if only is not None else range(files):
            rng = np.random.default_rng([seed, number])
            path.write_bytes(mutate(sources[int(rng.integers(len(sources)))], rng))
            before_file, recording = time.monotonic(), True
            result = read_file(Path(folder))
            recording, slowest = False, max(slowest, time.monotonic() - before_file)
            counts["WRONG" if result.startswith("WRONG") else result] += 1
            if result.startswith("WRONG"):
                wrong.append(f"file {number} of seed {seed}: {result}")
            if only is not None:
                print(path.stat().st_size, result)
        more = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        wrong += [f"another file was opened: {name}" for name in opened - {str(path)}]
    signal.signal(signal.SIGALRM, alarm)
    if more > MAX_MEMORY:
        wrong.append(f"reading used {more} KiB of memory")
    total = counts.total()
    return {
        "files": total,
        "seed": seed,
        "read": counts["read"],
        "refused": total - counts["read"] - counts["WRONG"],
        "seconds": round(time.monotonic() - start, 1),
        "slowest_seconds": round(slowest, 2),
        "more_memory_kib": more,
        "wrong": wrong,
        "outcomes": dict(counts.most_common(40)),
    }


def main() -> int:
    parser = command.make_parser("benchmarks.mutations", __doc__)
    parser.add_argument("--files", type=command.parse_number(int, 1), metavar="N", default=20_000, help="how many")
    parser.add_argument("--seed", type=command.parse_number(int, 0), metavar="N", default=0, help="of all files")
    parser.add_argument(
        "--only", type=command.parse_number(int, 0), metavar="N", help="read only the file of this number, and report"
    )
    options = parser.parse_args()
    figures = run(options.files, options.seed, options.only)
    print(json.dumps(figures, indent=2))
    return 1 if figures["wrong"] else 0


if __name__ == "__main__":
    command.run(main)
