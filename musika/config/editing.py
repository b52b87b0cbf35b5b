# ruff: noqa: RUF009 (setting() makes dataclass fields)
"""Edits of sound as values: fill, continue, vary, blend. They are frozen, and JSON in and out.

An edit says what is to be done, not to which sound and not with which network. What it means is in `musika/edit/`.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any, ClassVar, Self

from musika.config.fields import MAX_SEED, Config, get_fields, require, setting

# stretches of a sound: (start, end) in seconds; an end of None is the end of the sound
Spans = tuple[tuple[float, float | None], ...]
MAX_SPANS = 1000
LONGEST_EDIT = 360_000.0  # seconds


@dataclasses.dataclass(frozen=True)
class Edit(Config):
    """What all edits have in common."""

    seed: int = setting(
        0, "number that fixes every random choice; the same one gives the same sound", "", 0, MAX_SEED, common=True
    )

    name: ClassVar[str]

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """The edit that `to_dict` wrote."""
        fields = get_fields(cls)
        unknown = sorted(set(values) - set(fields))
        require(not unknown, f"{cls.name} has no field {', '.join(map(repr, unknown))}")
        return cls(**{name: _convert(name, value) for name, value in values.items()})


@dataclasses.dataclass(frozen=True)
class Fill(Edit):
    """Other sound in gaps. Nothing outside of them changes, sample for sample."""

    spans: Spans = setting((), "gaps to fill, in seconds, such as 3.5-7,20-24; 20- reaches to the end")

    name: ClassVar[str] = "fill"

    def check(self) -> None:
        require(bool(self.spans), "fill needs a gap to fill, such as 3.5-7")
        check_spans(self.spans)


@dataclasses.dataclass(frozen=True)
class Continue(Edit):
    """More sound behind the end. What was there does not change, sample for sample."""

    seconds: float | None = setting(
        60.0, "length of what is added, in seconds; inf: without end", "seconds", above=0, common=True
    )
    before: float | None = setting(
        None, "seconds of sound before the continuation that the network hears", "seconds", above=0, common=True
    )
    at: float | None = setting(
        None, "second from which the music goes on; what comes after it is dropped", "second", above=0, common=True
    )
    notes: bool = setting(
        False,
        "for piano recordings: transcribe the last notes, compose what follows, and play it",
        common=True,
    )

    name: ClassVar[str] = "continue"

    def check(self) -> None:
        require(self.seconds is None or self.seconds <= LONGEST_EDIT, f"seconds {self.seconds}: too long")


@dataclasses.dataclass(frozen=True)
class Vary(Edit):
    """The same sound in another way: its course stays, and its detail is replaced."""

    strength: float = setting(0.5, "how much detail is replaced: 0 none, 1 all", "", 0, 1, common=True)
    spans: Spans = setting((), "stretches to vary, in seconds, such as 3.5-7,20-24; none: the whole sound")

    name: ClassVar[str] = "vary"

    def check(self) -> None:
        check_spans(self.spans)


@dataclasses.dataclass(frozen=True)
class Blend(Edit):
    """Two sounds in one: at a fixed ratio, or from the first to the second one over a time."""

    ratio: float = setting(0.5, "share of the second sound", "", 0, 1, common=True)
    over: float | None = setting(
        None,
        "length of the passage in which the first sound becomes the second",
        "seconds",
        above=0,
        common=True,
    )

    name: ClassVar[str] = "blend"


EDITS: dict[str, type[Edit]] = {kind.name: kind for kind in (Fill, Continue, Vary, Blend)}


def describe_edit(edit: Edit) -> dict[str, Any]:
    """An edit as plain JSON values, with its name under `edit`."""
    return {"edit": edit.name, **edit.to_dict()}


def parse_edit(values: Mapping[str, Any]) -> Edit:
    """The edit that `describe_edit` wrote.

    Raises:
        ConfigError: it is none.
    """
    name = values.get("edit")
    require(name in EDITS, f"there is no edit {name!r}: it is one of {', '.join(EDITS)}")
    return EDITS[str(name)].from_dict({key: value for key, value in values.items() if key != "edit"})


def check_spans(spans: Spans) -> None:
    """Raises ConfigError unless spans are in order, apart, and none is empty."""
    require(len(spans) <= MAX_SPANS, f"{len(spans)} spans are too many: at most {MAX_SPANS}")
    before: float | None = 0.0
    previous = ""
    for start, end in spans:
        name = format_span(start, end)
        require(math.isfinite(start) and start >= 0, f"span {name} begins before the sound does")
        require(end is None or math.isfinite(end), f"span {name} has no end")
        require(end is None or end > start, f"span {name} is empty: its end must be after its beginning")
        if before is None or start < before:
            inside = before is None or end is None or end > before
            word = "overlap" if inside else "are out of order"
            require(False, f"spans {previous} and {name} {word}: give them in order, each behind the one before")
        before, previous = end, name


def format_span(start: float, end: float | None) -> str:
    """A span as a person writes it."""
    return f"{start:g}-" if end is None else f"{start:g}-{end:g}"


def _convert(name: str, value: Any) -> Any:
    """A plain JSON value as the type that a field of an edit has.

    Raises:
        ConfigError: it is of another type.
    """
    if name == "spans":
        right = isinstance(value, (list, tuple)) and all(isinstance(s, (list, tuple)) and len(s) == 2 for s in value)
        require(right, f"spans: {value!r} is not a list of pairs (start, end)")
        return tuple((_convert("start", start), _convert("end", end)) for start, end in value)
    if name == "seed":
        require(type(value) is int, f"seed: {value!r} is not a whole number")
        return value
    if name == "notes":
        require(type(value) is bool, f"notes: {value!r} is not true or false")
        return value
    if value is None and name not in ("start", "strength", "ratio"):
        return None
    require(isinstance(value, (int, float)) and not isinstance(value, bool), f"{name}: {value!r} is not a number")
    require(math.isfinite(value), f"{name}: {value!r} is not a finite number")
    return float(value)
