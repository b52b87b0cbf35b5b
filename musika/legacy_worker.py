"""Reads Keras-2 HDF5 weight files with h5py, as a process that can open nothing: a hostile file harms it alone.

Run by its path, so it imports nothing of the house: the standard library, NumPy and h5py alone. Before the first byte
of a file arrives, the process gives up opening files, writing files, and memory beyond a limit; so no link, external
storage or virtual dataset leads anywhere, whatever libhdf5 does with a malformed one.

Standard input: one line of JSON with `memory` (bytes of address space), `seconds` (processor time for one file) and
`data` (bytes of arrays in one file), then any number of files, each eight bytes of length (little-endian) and that many
bytes. Standard output: messages, each a letter, eight bytes of length, and that many bytes. A file is answered by

    L  JSON: a list of [layer, weight, shape] in stored order, after everything but the numbers was checked
    E  JSON: what is wrong with the file, as the end of a sentence that begins with its name; the file is done

L waits for one byte: N leaves the numbers alone, R asks for them, and each array of the list is then sent, in order:

    A  float32 numbers, little-endian, C order; or E in the place of the first one that cannot be read

A process that ends before that has crashed. What it sends is data and to be checked again.
"""

from __future__ import annotations

import codecs
import contextlib
import json
import math
import struct
import sys
from typing import Any

import h5py
import numpy as np

MAX_MEMBERS = 4096  # groups and arrays in one file
MAX_DEPTH = 4  # groups within groups
MAX_NAMES = 65_536  # bytes of one attribute that lists names: HDF5 stores no longer ones
TOP = "top_level_model_weights"  # a group that Keras writes and leaves empty
NUMBER = {h5py.h5t.INTEGER: "whole numbers", h5py.h5t.FLOAT: "floating-point numbers of another size"}


class Refused(Exception):
    """What is wrong with the file, as the end of a sentence that begins with its name."""


def main() -> None:
    """Answers requests until standard input ends."""
    limits = json.loads(sys.stdin.buffer.readline())
    codecs.lookup("ascii")  # h5py asks for it, and nothing can be imported later
    lock(limits["memory"])
    while len(head := sys.stdin.buffer.read(8)) == 8:
        _limit_time(limits["seconds"])
        try:
            _answer(sys.stdin.buffer.read(struct.unpack("<Q", head)[0]), limits["data"])
        except Refused as reason:
            _send_json(b"E", str(reason))
        except MemoryError:
            _send_json(b"E", "needs more memory than its reader may take")
        except Exception as reason:  # whatever libhdf5 and h5py say, the file is to blame
            _send_json(b"E", f"is truncated or damaged ({str(reason) or type(reason).__name__})")


def lock(memory: int) -> None:
    """Gives up, for good and where the system can: opening files, writing them, core dumps, memory beyond a limit."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
        resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))  # of those that are open, only the three pipes are
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))


def _limit_time(seconds: int) -> None:
    """Ends this process when it computes for too long, also if nobody is left to end it."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        usage = resource.getrusage(resource.RUSAGE_SELF)
        soft = math.ceil(usage.ru_utime + usage.ru_stime) + seconds
        resource.setrlimit(resource.RLIMIT_CPU, (soft, resource.RLIM_INFINITY))


def _send(kind: bytes, payload: Any) -> None:
    out = sys.stdout.buffer
    out.write(kind + struct.pack("<Q", len(payload)))
    out.write(payload)
    out.flush()


def _send_json(kind: bytes, value: Any) -> None:
    _send(kind, json.dumps(value).encode())  # UTF-8, whose codec is loaded already


def _answer(data: bytes, limit: int) -> None:
    """Lists one file and, if asked, sends its numbers."""
    size = len(data)
    file = h5py.h5f.open_file_image(data)
    try:
        del data  # libhdf5 has a copy
        listed = _listed(file)
        _check_sizes([dataset for *_, dataset in listed], size, limit)
        _send_json(b"L", [[layer, weight, list(dataset.shape)] for layer, weight, dataset in listed])
        if sys.stdin.buffer.read(1) != b"R":
            return
        for *_, dataset in listed:
            array = np.empty(dataset.shape, "<f4")
            dataset.read(h5py.h5s.ALL, h5py.h5s.ALL, array)
            _send(b"A", memoryview(array.reshape(-1).view(np.uint8)))
    finally:
        file.close()


# ------------------------------------------------------------------------------------------------ what is there


def _listed(file: Any) -> list[tuple[str, str, Any]]:
    """(layer, weight, dataset) in stored order; the file holds these and nothing else."""
    root = h5py.h5g.open(file, b"/")
    groups: dict[str, Any] = {}
    datasets: dict[str, Any] = {}
    _walk(root, "", 1, {h5py.h5o.get_info(root).addr}, groups, datasets)
    layers = _strings(root, "layer_names", "its root")
    found: dict[str, tuple[str, str, Any]] = {}
    for layer in layers:
        if layer not in groups:
            raise Refused(f"has no group {layer[:80]!r}, though its layer_names list it")
        for weight in _strings(groups[layer], "weight_names", repr(layer[:80])):
            path = f"{layer}/{weight}"
            if path not in datasets:
                raise Refused(f"has no array {path[:80]!r}, though the weight_names of its layer list it")
            if path in found:
                raise Refused(f"lists the array {path[:80]!r} twice")
            found[path] = (layer, weight, datasets[path])
    for path in datasets:
        if path not in found:
            raise Refused(f"has an array {path[:80]!r} that no layer lists")
    for path in groups:
        if "/" not in path and path not in layers and path != TOP:
            raise Refused(f"has a group {path[:80]!r} that its layer_names do not list")
    for path, (*_, dataset) in found.items():
        _check_dataset(path, dataset)
    return list(found.values())


def _walk(
    group: Any, prefix: str, depth: int, seen: set[int], groups: dict[str, Any], datasets: dict[str, Any]
) -> None:
    """Collects everything below a group, which must be there by plain links and only once."""
    for name, kind in _links(group, MAX_MEMBERS - len(seen)):
        text = name.decode("utf-8", "backslashreplace")
        path = prefix + text
        if kind != h5py.h5l.TYPE_HARD:
            what = {h5py.h5l.TYPE_SOFT: "a soft", h5py.h5l.TYPE_EXTERNAL: "an external"}.get(kind, "an unknown kind of")
            raise Refused(f"has {what} link, {path[:80]!r}: links are not followed")
        member = h5py.h5o.open(group, name)
        address = h5py.h5o.get_info(member).addr
        if address in seen:
            raise Refused(f"has the same object under two names, one is {path[:80]!r}")
        seen.add(address)
        if isinstance(member, h5py.h5d.DatasetID):
            datasets[path] = member
        elif isinstance(member, h5py.h5g.GroupID):
            if depth == MAX_DEPTH:
                raise Refused(f"has groups within groups at {path[:80]!r}, more than {MAX_DEPTH} deep")
            groups[path] = member
            _walk(member, path + "/", depth + 1, seen, groups, datasets)
        else:
            raise Refused(f"has something that is neither a group nor an array, {path[:80]!r}")


def _links(group: Any, limit: int) -> list[tuple[bytes, int]]:
    """Names and kinds of a group's links."""
    found: list[tuple[bytes, int]] = []

    def add(name: bytes, info: Any) -> bool | None:
        found.append((name, info.type))
        return True if len(found) > limit else None  # True ends it

    group.links.iterate(add, info=True)
    if len(found) > limit:
        raise Refused(f"has more than {MAX_MEMBERS} groups and arrays")
    return found


def _strings(owner: Any, name: str, where: str) -> list[str]:
    """An attribute that is a list of names."""
    if not h5py.h5a.exists(owner, name.encode()):
        raise Refused(f"has no attribute {name} at {where}: these are not weights as Keras 2 saves them")
    attribute = h5py.h5a.open(owner, name.encode())
    shape = attribute.get_space().shape
    if shape is None or len(shape) != 1 or shape[0] > MAX_MEMBERS:
        raise Refused(f"has an attribute {name} at {where} that is no list of at most {MAX_MEMBERS} names")
    if shape[0] == 0:
        return []
    if attribute.get_storage_size() > MAX_NAMES:
        raise Refused(f"has an attribute {name} at {where} with more than {MAX_NAMES} bytes")
    if attribute.get_type().get_class() != h5py.h5t.STRING:
        raise Refused(f"has an attribute {name} at {where} that does not hold names")
    values = np.empty(shape, attribute.dtype)
    attribute.read(values)
    names = [bytes(value).decode("utf-8") if isinstance(value, bytes) else str(value) for value in values]
    if len(set(names)) < len(names) or sum(map(len, names)) > MAX_NAMES:
        raise Refused(f"has an attribute {name} at {where} with names that are too long or stand there twice")
    return names


# ------------------------------------------------------------------------------------------------ arrays


def _check_dataset(path: str, dataset: Any) -> None:
    """Type, shape and storage of an array, none of whose numbers was read."""
    shown = repr(path[:80])
    plist = dataset.get_create_plist()
    layout = plist.get_layout()
    if layout == h5py.h5d.VIRTUAL:
        raise Refused(f"has a virtual array, {shown}, which takes its numbers from other files")
    if layout not in (h5py.h5d.CONTIGUOUS, h5py.h5d.COMPACT, h5py.h5d.CHUNKED):
        raise Refused(f"stores the array {shown} in an unknown way")
    if plist.get_external_count():
        raise Refused(f"keeps the numbers of array {shown} in another file (external storage)")
    kind = dataset.get_type()
    if not kind.equal(h5py.h5t.IEEE_F32LE):
        raise Refused(f"has an array {shown} of {NUMBER.get(kind.get_class(), 'no numbers')}; float32 is expected")
    filters = [plist.get_filter(n)[0] for n in range(min(plist.get_nfilters(), 2))]
    if filters not in ([], [h5py.h5z.FILTER_DEFLATE]):
        raise Refused(f"filters the array {shown} by something else than gzip")
    space = dataset.get_space()
    shape = space.shape
    if space.get_simple_extent_type() != h5py.h5s.SIMPLE or shape is None or not 1 <= len(shape) <= 4 or 0 in shape:
        raise Refused(f"has an array {shown} that is empty or has not one to four dimensions")
    if layout == h5py.h5d.CHUNKED:
        chunk = plist.get_chunk()
        if len(chunk) != len(shape) or any(not 1 <= part <= whole for part, whole in zip(chunk, shape, strict=True)):
            raise Refused(f"has an array {shown} of {list(shape)} in chunks of {list(chunk)}, which do not fit")


def _check_sizes(datasets: list[Any], file_size: int, limit: int) -> None:
    """Whether the file can hold what it declares, all arrays together."""
    declared = [4 * math.prod(dataset.shape) for dataset in datasets]
    if sum(declared) > limit:
        raise Refused(f"declares {sum(declared)} bytes of arrays: more than {limit} are not read")
    plain = 0
    for dataset, size in zip(datasets, declared, strict=True):
        try:
            stored = dataset.get_storage_size()
        except RuntimeError:  # h5py's way of saying that there is nothing
            stored = 0
        if dataset.get_create_plist().get_nfilters() == 0:
            plain += size
            if stored < size:
                raise Refused(f"declares {size} bytes for an array of {list(dataset.shape)} and holds {stored}")
        elif not 0 < stored <= file_size:
            raise Refused(f"declares {size} bytes for an array of {list(dataset.shape)} and holds {stored}")
    if plain > file_size:
        raise Refused(f"declares {plain} bytes of arrays and has {file_size} in all")


if __name__ == "__main__":
    main()
