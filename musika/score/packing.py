"""A score as a short text, for the tags of a file: exactly the same numbers come out of it again."""

from __future__ import annotations

import base64
import binascii
import dataclasses
import zlib
from typing import Any

import numpy as np

from musika.errors import ScoreError
from musika.score.notes import Notes, Pedals
from musika.score.score import Score
from musika.score.timing import Metres, TempoMap

PARTS: tuple[tuple[str, type], ...] = (("notes", Notes), ("pedals", Pedals), ("tempo", TempoMap), ("metres", Metres))
LARGEST = 1 << 24  # bytes of numbers that are unpacked
FLOATS = ("onsets", "releases", "times", "values", "seconds", "beats", "seconds_per_beat")  # the others are whole


def pack_score(score: Score) -> str:
    """A text of letters, digits and `+/=` that `unpack_score` reads. Remarks are left out."""
    data = b""
    for name, kind in PARTS:
        columns = [getattr(getattr(score, name), field.name) for field in dataclasses.fields(kind)]
        data += len(columns[0]).to_bytes(4, "little")
        for field, column in zip(dataclasses.fields(kind), columns, strict=True):
            numbers = np.ascontiguousarray(column, _choose_type(field.name))
            # first bytes of all numbers, then their second bytes ...: this compresses better
            data += numbers.view(np.uint8).reshape(len(numbers), 8).T.tobytes()
    return base64.b64encode(zlib.compress(data, 9)).decode()


def unpack_score(text: str) -> Score:
    """The score of a text, which may come from anybody.

    Raises:
        ScoreError: it is damaged or too large.
    """
    try:
        inflate = zlib.decompressobj()
        data = inflate.decompress(base64.b64decode(text, validate=True), LARGEST)
    except (zlib.error, binascii.Error, ValueError):
        raise ScoreError("a packed score is damaged") from None
    if not inflate.eof:
        raise ScoreError("a packed score is damaged or too large")
    parts: dict[str, Any] = {}
    for name, kind in PARTS:
        count, data = int.from_bytes(data[:4], "little"), data[4:]
        fields = dataclasses.fields(kind)
        size = 8 * count
        if len(data) < size * len(fields):
            raise ScoreError("a packed score is damaged")
        columns = [data[k * size : (k + 1) * size] for k in range(len(fields))]
        parts[name] = kind(*(_unpack(column, field.name) for column, field in zip(columns, fields, strict=True)))
        data = data[size * len(fields) :]
    return Score(**parts)


def _choose_type(name: str) -> str:
    return "<f8" if name in FLOATS else "<i8"


def _unpack(data: bytes, name: str) -> np.ndarray:
    planes = np.frombuffer(data, np.uint8).reshape(8, -1)
    return np.ascontiguousarray(planes.T).view(_choose_type(name)).reshape(-1)
