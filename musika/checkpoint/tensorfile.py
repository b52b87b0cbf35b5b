"""Safetensors files: named arrays after a header, which is checked before memory for the arrays is taken."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from musika.errors import CheckpointError

MAX_HEADER = 16 << 20  # bytes
_DTYPES = {
    **{"F16": "<f2", "BF16": "<u2", "F32": "<f4", "BOOL": "|b1", "I8": "|i1", "U8": "|u1", "I16": "<i2", "U16": "<u2"},
    **{"I32": "<i4", "U32": "<u4", "I64": "<i8", "U64": "<u8"},
}
_FLOATS = ("F16", "BF16", "F32")


@dataclasses.dataclass(frozen=True)
class Entry:
    """One array as the header describes it: `begin` and `end` count bytes after the header."""

    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


def serialise(owner: str, arrays: Mapping[str, np.ndarray], half: bool = False) -> bytes:
    """The bytes of a file of arrays, floating-point ones in float32 or in half precision.

    Raises:
        CheckpointError: a value is not finite, or too large for half precision. The text begins with `owner`.
    """
    from safetensors.numpy import save

    ready = {}
    for name, array in arrays.items():
        value = np.asarray(array, order="C")
        if np.issubdtype(value.dtype, np.floating):
            with np.errstate(over="ignore"):
                value = value.astype(np.float16 if half else np.float32, copy=False)
            if not np.isfinite(value).all():
                why = "not finite, or too large for half precision" if half else "not finite"
                raise CheckpointError(f"{owner} is not saved: {name!r} holds values that are {why}")
        ready[name] = value
    return save(ready)


def read_header(path: Path, file: BinaryIO) -> dict[str, Entry]:
    """The header of a file opened at its start, every entry checked against the file's size.

    Raises:
        CheckpointError: the file is truncated, too long or malformed.
    """
    size = os.fstat(file.fileno()).st_size
    length = int.from_bytes(file.read(8), "little") if size >= 8 else 0
    if not 2 <= length <= min(MAX_HEADER, size - 8):
        raise CheckpointError(f"{path} is truncated or no safetensors file: {size} bytes, header of {length}")
    fields = parse_json(path, file.read(length))
    fields.pop("__metadata__", None)
    entries = {name: _parse_entry(path, name, value) for name, value in fields.items()}
    at = 0
    for name, entry in sorted(entries.items(), key=lambda item: (item[1].begin, item[1].end)):
        if entry.begin != at:
            raise CheckpointError(f"{path}: array {name[:80]!r} does not begin where the one before it ends")
        at = entry.end
    if 8 + length + at != size:
        raise CheckpointError(
            f"{path} has {size} bytes, {8 + length + at} according to its header: it is truncated or damaged"
        )
    return entries


def read_data(path: Path, file: BinaryIO, entries: Mapping[str, Entry]) -> tuple[dict[str, np.ndarray], str]:
    """The arrays of a file whose header was read, and the SHA-256 of the whole file.

    Returns:
        Floating-point arrays as float32, others in their own type; and 64 hexadecimal digits.

    Raises:
        CheckpointError: a value is not finite, or the file has become shorter meanwhile.
    """
    start = file.tell()
    file.seek(0)
    total = hashlib.sha256(file.read(start))
    arrays = {}
    for name, entry in sorted(entries.items(), key=lambda item: (item[1].begin, item[1].end)):
        value = np.empty(entry.shape, _DTYPES[entry.dtype])
        raw = value.reshape(-1).view(np.uint8)
        if file.readinto(raw.data) != raw.size:  # type: ignore[attr-defined]
            raise CheckpointError(f"{path} became shorter while it was read")
        total.update(raw.data)
        arrays[name] = _to_float32(path, name, entry.dtype, value)
    return arrays, total.hexdigest()


def _to_float32(path: Path, name: str, dtype: str, value: np.ndarray) -> np.ndarray:
    if dtype not in _FLOATS:
        return value
    if dtype == "BF16":
        value = (value.astype(np.uint32) << np.uint32(16)).view(np.float32)
    value = value.astype(np.float32, copy=False)
    if not np.isfinite(value).all():
        raise CheckpointError(f"{path}: array {name!r} holds values that are not finite")
    return value


def _parse_entry(path: Path, name: str, fields: Any) -> Entry:
    try:
        dtype, shape, (begin, end) = fields["dtype"], tuple(fields["shape"]), fields["data_offsets"]
        sound = all(type(n) is int and 0 <= n < 2**40 for n in (*shape, begin, end)) and len(shape) <= 16
    except (TypeError, KeyError, ValueError):
        sound = False
    if not sound:
        raise CheckpointError(f"{path}: the header's entry {name[:80]!r} is malformed")
    if not isinstance(dtype, str) or dtype not in _DTYPES:
        raise CheckpointError(f"{path}: array {name[:80]!r} has type {str(dtype)[:20]!r}, which is not read")
    if end - begin != math.prod(shape) * np.dtype(_DTYPES[dtype]).itemsize:
        raise CheckpointError(f"{path}: array {name[:80]!r} of shape {list(shape)} does not have {end - begin} bytes")
    return Entry(dtype, shape, begin, end)


def parse_json(path: Path, text: bytes) -> dict[str, Any]:
    """JSON with an object at its top and no name twice.

    Raises:
        CheckpointError: it is something else.
    """

    def refuse_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        members = dict(pairs)
        if len(members) != len(pairs):
            raise ValueError("a name occurs twice")
        return members

    try:
        value = json.loads(text, object_pairs_hook=refuse_duplicates)
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{path} is not readable JSON: {str(error)[:200]}") from error
    if not isinstance(value, dict):
        raise CheckpointError(f"{path} is not a JSON object")
    return value
