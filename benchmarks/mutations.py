"""Feeds spoiled weight files to the reader of Musika's checkpoints: nothing may crash, hang, or reach another file.

    python -m benchmarks.mutations [--files 20000] [--seed 0] [--only NUMBER]

Good files in the shapes that Keras 2 gives them, and hostile ones whose links, external storage and virtual datasets
name a file of this machine, are mutated: bits flipped, words replaced, blocks moved, ends cut off. File number n of a
seed is always the same one; `--only n` reads it alone and says what comes of it.

Each is read as `--load_path` reads it, and must either come out whole or be refused in one line, by an error of ours.
Watched are the files that are opened meanwhile (by an audit hook of Python, in which all of the reader is written), the
memory and the time. Prints JSON; exits with 1 if anything was not as it must be.
"""

from __future__ import annotations

import argparse
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

CANARY = np.full(4096, 0.123456789, np.float32)  # what stands in the file that must not be read
PATIENCE = 20.0  # seconds after which a file counts as a hang
MAX_LINE = 1000  # characters of an error
MAX_MEMORY = 256 << 10  # KiB that reading may take beyond what the process has
WORDS = (0, 1, 2, 7, 2**15, 2**16 - 1, 2**31 - 1, 2**32 - 1, 2**40, 2**63 - 1, 2**64 - 1)


def good_files() -> list[bytes]:
    """The same weights in each way of storing them."""
    layers = keras2.generator()
    return [
        keras2.written(layers),
        keras2.written(layers, fixed=False),
        keras2.written(layers, compression="gzip"),
        keras2.written(layers, fixed=False, chunks=True),
    ]


def hostile_files(canary: Path) -> list[bytes]:
    """Files whose first kernel is to come from the canary: by external storage, links, a virtual dataset."""
    layers = keras2.generator()
    shape = layers["00d"]["kernel"].shape

    def spoil(file: h5py.File, kind: str) -> None:
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
        data = io.BytesIO(keras2.written(layers))
        with h5py.File(data, "r+") as file:
            spoil(file, kind)
        files.append(data.getvalue())
    return files


def mutated(data: bytes, random: np.random.Generator) -> bytes:
    """One to eight changes of a file."""
    result = bytearray(data)
    for _ in range(1 << int(random.integers(4))):
        if len(result) < 64:
            break
        _change(result, random)
    if random.random() < 0.7:  # otherwise its length gives it away before anything else is looked at
        result = result[: len(data)].ljust(len(data), b"\0")
    return bytes(result)


def _change(data: bytearray, random: np.random.Generator) -> None:
    kind = random.choice(7, p=[0.3, 0.15, 0.25, 0.1, 0.1, 0.05, 0.05])
    # half of all changes hit the first bytes, where superblock, root group and names are
    reach = len(data) if random.random() < 0.5 else min(len(data), 4096)
    at = int(random.integers(reach - 16))
    if kind == 0:  # bits
        for place in random.integers(reach, size=int(random.integers(1, 8))):
            data[place] ^= 1 << int(random.integers(8))
    elif kind == 1:  # bytes
        count = int(random.integers(1, 16))
        data[at : at + count] = random.bytes(count)
    elif kind == 2:  # a number, aligned as HDF5 aligns
        size = int(random.choice([1, 2, 4, 8]))
        near = int.from_bytes(data[at // size * size :][:size], "little") + int(random.integers(-2, 3))
        value = random.choice([int(random.integers(len(data))), near, int(random.choice(len(WORDS)))])
        value = WORDS[int(value)] if random.random() < 0.3 and 0 <= value < len(WORDS) else int(value)
        data[at // size * size : at // size * size + size] = (value % 256**size).to_bytes(size, "little")
    elif kind == 3:  # a block over another
        count, to = int(random.integers(1, 512)), int(random.integers(len(data)))
        block = data[at : at + count]
        data[to : to + len(block)] = block[: len(data) - to]
    elif kind == 4:  # a block put in or taken out
        count = int(random.integers(1, 64))
        if random.random() < 0.5:
            del data[at : at + count]
        else:
            data[at:at] = data[at : at + count]
    elif kind == 5:  # an end cut off
        del data[int(random.integers(8, len(data))) :]
    else:  # zeros
        count = int(random.integers(1, 256))
        data[at : at + count] = bytes(min(count, len(data) - at))


class Hang(Exception):
    """Reading a file has taken too long."""


def on_alarm(*_: object) -> None:
    """Ends what takes too long."""
    raise Hang


def outcome(folder: Path) -> str:
    """What comes of reading a file: "read", or the kind of refusal, or what is wrong."""
    signal.setitimer(signal.ITIMER_REAL, PATIENCE)
    try:
        _, arrays = musika_folder.read_generator(folder)
    except CheckpointError as error:
        text = str(error)
        if "\n" in text or not text.isprintable() or len(text) > MAX_LINE:
            return "WRONG: an error of more than one printable line"
        return _class(text.removeprefix(str(folder / "gen_ema.h5")))
    except Hang:
        return f"WRONG: took more than {PATIENCE:.0f} s"
    except Exception as error:
        return f"WRONG: {type(error).__name__}: {error}"
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    if any(np.isin(array, CANARY[:1]).any() for array in arrays.values()):
        return "WRONG: numbers of a file of this machine"
    return "read"


def _class(text: str) -> str:
    """A refusal without names and numbers."""
    text = re.sub(r"\(.*\)", "", text)
    return re.sub(r"'[^']*'|\"[^\"]*\"|\[[^]]*\]|[-\d.]+", "_", text).strip(" :")[:60]


def run(files: int, seed: int, only: int | None = None) -> dict[str, Any]:
    """The figures, with `wrong` for what must not be."""
    counts: collections.Counter[str] = collections.Counter()
    wrong: list[str] = []
    opened: set[str] = set()
    sys.addaudithook(lambda event, values: opened.add(str(values[0])) if event == "open" and watching else None)
    watching, slowest, begun = False, 0.0, time.monotonic()
    alarm = signal.signal(signal.SIGALRM, on_alarm)
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as folder:
        canary, path = Path(folder) / "canary", Path(folder) / "gen_ema.h5"
        canary.write_bytes(CANARY.tobytes())
        good = good_files()
        sources = [*good, *good, *hostile_files(canary)]  # good ones twice as often
        codecs.lookup("unicode_escape")  # what Python would import late
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for number in [only] if only is not None else range(files):
            random = np.random.default_rng([seed, number])
            path.write_bytes(mutated(sources[int(random.integers(len(sources)))], random))
            from_here, watching = time.monotonic(), True
            found = outcome(Path(folder))
            watching, slowest = False, max(slowest, time.monotonic() - from_here)
            counts["WRONG" if found.startswith("WRONG") else found] += 1
            if found.startswith("WRONG"):
                wrong.append(f"file {number} of seed {seed}: {found}")
            if only is not None:
                print(path.stat().st_size, found)
        more = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        wrong += [f"a file of this machine was opened: {name}" for name in opened - {str(path)}]
    signal.signal(signal.SIGALRM, alarm)
    if more > MAX_MEMORY:
        wrong.append(f"it took {more} KiB of memory")
    total = counts.total()
    return {
        "files": total,
        "seed": seed,
        "read": counts["read"],
        "refused": total - counts["read"] - counts["WRONG"],
        "seconds": round(time.monotonic() - begun, 1),
        "slowest_seconds": round(slowest, 2),
        "more_memory_kib": more,
        "wrong": wrong,
        "outcomes": dict(counts.most_common(40)),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description="Reads spoiled weight files.")
    parser.add_argument("--files", type=int, default=20_000, help="how many")
    parser.add_argument("--seed", type=int, default=0, help="of all of them")
    parser.add_argument("--only", type=int, help="the number of one file")
    options = parser.parse_args()
    figures = run(options.files, options.seed, options.only)
    print(json.dumps(figures, indent=2))
    return 1 if figures["wrong"] else 0


if __name__ == "__main__":
    sys.exit(main())
