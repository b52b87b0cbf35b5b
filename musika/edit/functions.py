"""The four edits as functions, for people who use Musika from Python."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np

from musika.config import SAMPLE_RATE, Blend, Continue, Edit, Fill, Vary
from musika.edit.apply import AppliedEdit
from musika.edit.editor import Editor
from musika.edit.recording import Recording
from musika.edit.spans import parse_spans
from musika.errors import ConfigError, UsageError
from musika.render import Model, Piece

SoundLike = TypeVar("SoundLike", np.ndarray, Recording, Piece)
SpansLike = str | Sequence[tuple[float, float | None]]


def fill(
    editor: Editor | Model, sound: SoundLike, spans: SpansLike, seed: int = 0, sample_rate: int = SAMPLE_RATE
) -> SoundLike:
    """Other sound in gaps. Nothing outside of them changes, sample for sample.

    Args:
        editor: `musika.load` of an editor's checkpoint.
        sound: a waveform `[N, 1 or 2]`, a recording or a piece.
        spans: gaps (start, end) in seconds, or a text such as `3.5-7,20-24`; an end of None is the end of the sound.
        seed: number that fixes every random choice.
        sample_rate: of a waveform, Hz.

    Raises:
        UsageError: gaps that are empty, overlap, are out of order or outside the sound; nothing to listen to.
    """
    return _add(sound, AppliedEdit(_make(Fill, spans=_read_spans(spans), seed=seed), editor), sample_rate)


def continue_(
    editor: Editor | Model,
    sound: SoundLike,
    seconds: float | None = 60.0,
    before: float | None = None,
    at: float | None = None,
    seed: int = 0,
    notes: bool = False,
    sample_rate: int = SAMPLE_RATE,
) -> SoundLike:
    """More sound behind the end. What was there does not change, sample for sample.

    Args:
        editor: as `fill` has it, and so `sound`, `seed` and `sample_rate`.
        seconds: length of what is added; None is without end, for a recording or a piece.
        before: seconds before the end that are listened to; None is all that the network sees.
        at: second to go on from instead of the end; what is behind it is dropped. A piece needs it.
        notes: hear the notes of a piano recording and go on from them; `editor` is then a performer with a composer.

    Raises:
        UsageError: as `fill` says; a sound that is shorter than `before`.
    """
    edit = _make(Continue, seconds=seconds, before=before, at=at, seed=seed, notes=notes)
    return _add(sound, AppliedEdit(edit, editor), sample_rate)


def vary(
    editor: Editor | Model,
    sound: SoundLike,
    strength: float = 0.5,
    spans: SpansLike = (),
    seed: int = 0,
    sample_rate: int = SAMPLE_RATE,
) -> SoundLike:
    """The same sound in another way: its coarse part stays, its detail is made anew.

    Args:
        editor: as `fill` has it, and so `sound`, `seed` and `sample_rate`.
        strength: how much detail is made anew, 0 to 1.
        spans: what to vary, as `fill` takes it; the rest is copied. None at all is the whole sound.

    Raises:
        UsageError: as `fill` says.
    """
    edit = _make(Vary, strength=strength, spans=_read_spans(spans) if spans else (), seed=seed)
    return _add(sound, AppliedEdit(edit, editor), sample_rate)


def blend(
    editor: Editor | Model,
    sound: SoundLike,
    other: np.ndarray | Recording | Piece,
    ratio: float = 0.5,
    over: float | None = None,
    seed: int = 0,
    sample_rate: int = SAMPLE_RATE,
) -> SoundLike:
    """Two sounds in one, as long as the shorter one; or with `over` the first, a passage, and then the second.

    Args:
        editor: as `fill` has it, and so `sound`, `seed` and `sample_rate`.
        other: the second sound; a waveform has the same rate.
        ratio: share of the second sound, 0 to 1.
        over: seconds of the passage; what is before and after it is copied.

    Raises:
        UsageError: as `fill` says; a passage that is longer than one of the sounds.
    """
    second = Recording(other, sample_rate) if isinstance(other, np.ndarray) else other
    edit = _make(Blend, ratio=ratio, over=over, seed=seed)
    return _add(sound, AppliedEdit(edit, editor, second), sample_rate)


def _add(sound: SoundLike, applied: AppliedEdit, sample_rate: int) -> SoundLike:
    """The sound with one more edit."""
    edited: Any
    if isinstance(sound, np.ndarray):
        edited = Recording(sound, sample_rate, (applied,)).render()
    else:
        edited = dataclasses.replace(sound, edits=(*sound.edits, applied))
    return typing.cast(SoundLike, edited)


def _make(kind: type[Edit], **values: object) -> Edit:
    try:
        return kind.from_dict(values)
    except ConfigError as error:
        raise UsageError(str(error)) from error


def _read_spans(spans: SpansLike) -> list[list[float | None]]:
    pairs = parse_spans(spans) if isinstance(spans, str) else spans
    return [[float(start), None if end is None else float(end)] for start, end in pairs]
