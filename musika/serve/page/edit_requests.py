"""What the tab Edit asks for, checked: recordings that are sent, edits from the values of controls, and results."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from musika.config import EDITS, Blend, Edit, Fill, Vary, parse_edit
from musika.config.fields import get_fields
from musika.edit import parse_spans
from musika.edit.spans import locate_spans
from musika.errors import ConfigError, UsageError
from musika.serve.page.edited_sounds import (
    EditedSounds,
    Step,
    describe_step,
    list_formats,
    list_steps,
    narrow_report,
)
from musika.serve.page.settings_fields import read_box
from musika.serve.page.sound_store import read_upload
from musika.serve.page.work import Report

MAX_SEED = 2**53 - 1  # what a browser can count to
PREVIEW = "flac"  # what browsers are given to play: all samples, in half the bytes


@dataclasses.dataclass(frozen=True)
class EditList:
    """What the page shows and sends back: a recording and the list of its edits.

    Attributes:
        base: name of the recording.
        title: what the person calls it.
        steps: its edits, in order.
    """

    base: str
    title: str
    steps: tuple[Step, ...]

    @classmethod
    def from_dict(cls, values: Any) -> EditList:
        """The list in plain JSON values, which may come from anybody.

        Raises:
            UsageError: there is none, or it is damaged.
        """
        if type(values) is not dict or not values.get("base"):
            raise UsageError("drop a recording first")
        base, title = values["base"], values.get("title", "")
        if not isinstance(base, str) or not isinstance(title, str):
            raise UsageError("the list of edits is damaged")
        return cls(base, clean_title(title), tuple(list_steps(values.get("steps", []))))


def open_recording(sounds: EditedSounds, path: Path, title: str, limit_seconds: float) -> dict[str, Any]:
    """Stores a recording that was sent, and says what a page shows of it.

    Args:
        path: of the file.
        title: its name on the person's computer.
        limit_seconds: its greatest length.

    Raises:
        MusikaError: the file cannot be read, or is longer.
    """
    remarks: list[str] = []
    recording = read_upload(path, title, limit_seconds, remarks.append)
    channels = "mono" if recording.waveform.shape[1] == 1 else "stereo"
    return {
        "base": sounds.store.add(recording),
        "title": clean_title(Path(title).stem),
        "seconds": recording.seconds,
        "text": f"{recording.seconds:.2f} s, {recording.sample_rate} Hz, {channels}",
        "remarks": "; ".join(f"the file {remark}" for remark in remarks),
    }


def make_edits(task: Any, values: Mapping[str, Any], spans: Any, seed: Any, count: Any, most: int) -> list[Edit]:
    """The edits that the controls ask for, one for each seed.

    Args:
        task: name of the edit.
        values: of its other fields; those of other edits are passed over.
        spans: as a person writes them.
        seed: of the first one.
        count: how many.
        most: how many there may be.

    Raises:
        UsageError: a value that cannot be used.
    """
    if task not in EDITS:
        raise UsageError(f"choose what to do: one of {', '.join(EDITS)}")
    fields = get_fields(EDITS[task])
    own = {
        name: value if fields[name].default is not None else read_box(name, value)
        for name, value in values.items()
        if name in fields
    }
    if "spans" in fields:
        own["spans"] = read_spans(spans)
    number = check_whole_number("the seed", seed, 0, MAX_SEED)
    wanted = check_whole_number("the number of results", count, 1, most)
    try:
        return [parse_edit({"edit": task, **own, "seed": min(number + n, MAX_SEED)}) for n in range(wanted)]
    except ConfigError as error:
        raise UsageError(str(error)) from error


def read_spans(text: Any) -> list[list[float | None]]:
    """Spans that a person wrote, as pairs of seconds; none for an empty text.

    Raises:
        UsageError: they are none.
    """
    if not isinstance(text, str) or len(text) > 10_000:
        raise UsageError("spans are written as start-end in seconds, such as 3.5-7")
    return [[start, end] for start, end in parse_spans(text)] if text.strip() else []


def make_results(
    sounds: EditedSounds, edited: EditList, edits: Sequence[Edit], checkpoint: Any, other: Any, report: Report
) -> list[dict[str, Any]]:
    """Renders a recording with one more edit, once for each of several; what a page shows of each result.

    Args:
        checkpoint: name of the editor or generator.
        other: what `open_recording` said of the second recording of a blend.
        report: is called often, and ends the work by what it raises.

    Raises:
        MusikaError: an edit does not fit, or cannot be made.
    """
    if not isinstance(checkpoint, str) or not checkpoint:
        raise UsageError("no checkpoint that edits is installed")
    second: Any = ""
    if isinstance(edits[0], Blend):
        second = other.get("base") if isinstance(other, dict) else ""
        if not isinstance(second, str) or not second:
            raise UsageError("a blend needs a second recording: drop one beside it")
    recording = sounds.store.get(edited.base)
    first = edits[0]
    if not edited.steps and isinstance(first, (Fill, Vary)) and first.spans:
        locate_spans(first.spans, recording.sample_rate, len(recording.waveform))
    results = []
    for number, edit in enumerate(edits):
        steps = [*edited.steps, Step(edit, checkpoint, second)]
        results.append(_render(sounds, edited.base, steps, narrow_report(report, number, len(edits))))
    return results


def render_list(sounds: EditedSounds, edited: EditList, report: Report) -> dict[str, Any]:
    """Renders a recording with its edits as they are, such as after one of its edits was taken away; as `make_results`.

    Raises:
        MusikaError: an edit does not fit any more, or cannot be made.
    """
    return _render(sounds, edited.base, edited.steps, report)


def save_list(sounds: EditedSounds, edited: EditList, extension: Any, folder: Path, report: Report) -> Path:
    """Writes an edited recording into a file of a folder.

    Args:
        extension: names the format, without a dot.

    Raises:
        MusikaError: there is no such format, or the recording cannot be rendered.
    """
    if extension not in list_formats():
        raise UsageError(f"choose a format: one of {', '.join(list_formats())}")
    name = sounds.render(edited.base, edited.steps, report)
    tasks = "-".join(dict.fromkeys(step.edit.name for step in edited.steps)) or "recording"
    path = folder / f"{edited.title or 'recording'}-{tasks}-{name[:8]}.{extension}"
    return sounds.save(edited.base, edited.steps, name, path, edited.title)


def write_preview(sounds: EditedSounds, edited: EditList, name: str, folder: Path) -> Path:
    """Writes a sound for the browser to play, unless it is there already.

    Raises:
        MusikaError: it cannot be written.
    """
    path = folder / f"{name}.{PREVIEW}"
    return path if path.exists() else sounds.save(edited.base, (), name, path)


def check_whole_number(what: str, value: Any, low: int, high: int) -> int:
    """A value as a whole number.

    Raises:
        UsageError: it is none, or out of range.
    """
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    if not is_number or value != int(value) or not low <= value <= high:
        raise UsageError(f"{what} must be a whole number from {low} to {high}")
    return int(value)


def clean_title(title: str) -> str:
    """A title as a part of a file's name."""
    return "".join(c if c.isalnum() or c in " -_." else "_" for c in title)[:60].strip(" .")


def _render(sounds: EditedSounds, base: str, steps: Sequence[Step], report: Report) -> dict[str, Any]:
    name = sounds.render(base, steps, report)
    shown = sounds.describe(base, steps, name)
    return {**shown, "text": describe_step(steps[-1]) if steps else "the recording"}
