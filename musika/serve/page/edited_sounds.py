"""Lists of edits of recordings that people have sent: rendered, kept, described and saved; without Gradio.

A list of edits is a value: the name of a recording and steps. Each step is an edit, the checkpoint that makes it and,
for a blend, the name of the second recording. Adding a step, and taking any step away, gives another list; the sound
follows from the list alone.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from musika import audio
from musika.config import Blend, Continue, Edit, Vary, describe_edit, format_span, parse_edit
from musika.edit import AppliedEdit, Recording
from musika.edit.convert import adapt
from musika.edit.recording import choose_bits
from musika.edit.untouched import find_untouched
from musika.edit.with_generator import find_searched
from musika.errors import ConfigError, UsageError
from musika.render import GeneratorModel, Model, Sound, read_in_blocks, save_blocks
from musika.serve.page.sound_store import SoundStore, make_name
from musika.serve.page.work import Report, ignore_report

MAX_STEPS = 40  # of one list
MAX_SEARCHED = 60.0  # seconds of a recording that a generator is searched for


@dataclasses.dataclass(frozen=True)
class Step:
    """One edit of a list.

    Attributes:
        edit: the value.
        checkpoint: name of the editor, or of a generator.
        other: name of the second recording of a blend.
    """

    edit: Edit
    checkpoint: str
    other: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {"edit": describe_edit(self.edit), "checkpoint": self.checkpoint, "other": self.other}

    @classmethod
    def from_dict(cls, values: Any) -> Step:
        """The step that `to_dict` gave. The values may come from anybody.

        Raises:
            UsageError: they are no step.
        """
        parts = (values.get("edit"), values.get("checkpoint"), values.get("other")) if type(values) is dict else ()
        if not parts or not isinstance(parts[0], Mapping) or not all(isinstance(part, str) for part in parts[1:]):
            raise UsageError("the list of edits is damaged")
        try:
            return cls(parse_edit(parts[0]), str(parts[1]), str(parts[2]))
        except ConfigError as error:
            raise UsageError(str(error)) from error


class EditedSounds:
    """Renders lists of edits and keeps what it rendered.

    Args:
        store: of recordings and results.
        get_model: the model of a checkpoint's name; raises MusikaError where there is none. It reports while it waits.
        longest: seconds of a result at most.
    """

    def __init__(self, store: SoundStore, get_model: Callable[[str, Report], Model], longest: float) -> None:
        self.store, self.longest = store, longest
        self._get_model = get_model

    def render(self, base: str, steps: Sequence[Step], report: Report) -> str:
        """Renders a recording with all steps; the name of the result. What was rendered before is taken from the store.

        Args:
            base: name of the recording.
            steps: in order.
            report: is called often; what it raises ends the work, and nothing is kept of the step that was at work.

        Raises:
            MusikaError: the recording is no longer here, a step does not fit, or its checkpoint cannot be used.
        """
        if len(steps) > MAX_STEPS:
            raise UsageError(f"{len(steps)} edits of one recording are too many: at most {MAX_STEPS}")
        name = base
        self.store.get(base)
        for number, step in enumerate(steps):
            report(number / len(steps))
            name = self._render_step(name, step, narrow_report(report, number, len(steps)))
        return name

    def describe(self, base: str, steps: Sequence[Step], name: str) -> dict[str, Any]:
        """What a page shows of a result: its length, and what of the recording is in it unchanged."""
        before, after = self.store.get(base), self.store.get(name)
        untouched = find_untouched(before.waveform, after.waveform, before.sample_rate)
        return {
            "name": name,
            "seconds": after.seconds,
            "untouched": describe_untouched(untouched, before.seconds),
            "steps": [{**step.to_dict(), "text": describe_step(step)} for step in steps],
        }

    def save(self, base: str, steps: Sequence[Step], name: str, path: Path, title: str = "") -> Path:
        """Writes a result, with as many bits as the recording needs, and what was done in its tags.

        Args:
            base: name of the recording.
            steps: that were made.
            name: of the result.
            path: of the file; its ending says the format.
            title: in the tags.

        Raises:
            MusikaError: the result is no longer here, or cannot be written.
        """
        recording = self.store.get(name)
        bits = choose_bits(self.store.get(base).waveform, path)
        tags = {"software": "musika", **({"title": title} if title else {})}
        if steps:
            tags["comment"] = "; ".join(f"{describe_step(step)} ({step.checkpoint})" for step in steps)
            tags |= self._make_recipe_tags(base, steps, len(recording.waveform), path, title)
        blocks = (block for block in read_in_blocks(recording.open(), 0, len(recording.waveform)))
        return save_blocks(path, blocks, recording.sample_rate, tags, bits=bits).path

    def _make_recipe_tags(
        self, base: str, steps: Sequence[Step], samples: int, path: Path, title: str
    ) -> dict[str, str]:
        """The tags from which a result can be made again; none where a network was not loaded from files."""
        recording = self.store.get(base)
        edits = []
        for step in steps:
            other = self.store.get(step.other) if isinstance(step.edit, Blend) else None
            edits.append(AppliedEdit(step.edit, self._get_model(step.checkpoint, ignore_report), other))
        edited = dataclasses.replace(recording, edits=tuple(edits), name=recording.name or title)
        recipe = edited.make_recipe(0, samples, choose_bits(recording.waveform, path) or "")
        return {} if recipe is None else recipe.to_tags()

    def _render_step(self, before: str, step: Step, report: Report) -> str:
        """Renders one step on a sound of the store; the name of the result."""
        model = self._get_model(step.checkpoint, report)
        version = model.origin.identity if model.origin is not None else model.name
        name = make_name("edit", before, version, json.dumps(step.to_dict(), sort_keys=True))
        if self.store.holds(name):
            return name
        recording = self.store.get(before)
        other = self.store.get(step.other) if isinstance(step.edit, Blend) else None
        self._check_length(recording, step, other)
        if isinstance(model, GeneratorModel):
            _check_search(model, recording, step.edit, other)
        report(None)
        sound = recording.add(AppliedEdit(step.edit, model, other, report)).open()
        assert sound.length is not None
        blocks = _report_blocks(sound, report)
        self.store.write(name, sound.sample_rate, (sound.length, sound.channels), blocks)
        return name

    def _check_length(self, recording: Recording, step: Step, other: Recording | None) -> None:
        """Raises UsageError where a result would be too long."""
        seconds = recording.seconds
        if isinstance(step.edit, Continue):
            if step.edit.seconds is None:
                raise UsageError("a continuation without end is no file: say how many seconds")
            seconds += step.edit.seconds
        if other is not None:
            seconds += other.seconds
        if seconds > self.longest:
            raise UsageError(f"the result would be longer than {self.longest:g} seconds")


def describe_step(step: Step) -> str:
    """An edit in a few words, such as `fill 3.5-7, seed 2`."""
    edit = step.edit
    values = {name: value for name, value in edit.to_dict().items() if name not in ("spans", "seed")}
    words = []
    spans = getattr(edit, "spans", ())
    if spans:
        words.append(",".join(format_span(start, end) for start, end in spans))
    if isinstance(edit, Blend):
        values.pop("ratio" if edit.over is not None else "over")
    if values.pop("notes", False):
        words.append("by notes")
    words += [f"{name} {value:g}" for name, value in values.items() if value is not None]
    return f"{edit.name} {', '.join([*words, f'seed {edit.seed}'])}"


def describe_untouched(stretches: Sequence[tuple[float, float]], seconds: float) -> str:
    """What of a recording is in a result unchanged, as a sentence."""
    share = sum(end - start for start, end in stretches) / seconds if seconds else 0.0
    if not stretches:
        return "Every part of the recording was made anew."
    if share >= 1.0:
        return "The whole recording is untouched, sample for sample."
    shown = ", ".join(f"{start:.2f}-{end:.2f} s" for start, end in stretches[:6])
    more = f" and {len(stretches) - 6} more stretches" if len(stretches) > 6 else ""
    return f"Untouched, sample for sample: {shown}{more} ({100 * share:.1f} % of the recording)."


def list_steps(values: Any) -> list[Step]:
    """The steps of plain JSON values, which may come from anybody.

    Raises:
        UsageError: they are no list of steps.
    """
    if type(values) is not list or len(values) > MAX_STEPS:
        raise UsageError("the list of edits is damaged")
    return [Step.from_dict(value) for value in values]


def narrow_report(report: Report, number: int, count: int) -> Report:
    """Takes reports of one of several parts of the work, and makes them reports of all of it."""
    return lambda share: report(None if share is None else (number + share) / count)


def _report_blocks(sound: Sound, report: Report) -> Iterator[np.ndarray]:
    """All blocks of a sound; `report` is called after each."""
    done = 0
    for block in read_in_blocks(sound, 0, sound.length):
        yield block
        done += len(block)
        report(done / max(1, sound.length or 0))


def _check_search(model: GeneratorModel, recording: Recording, edit: Edit, other: Recording | None) -> None:
    """Raises UsageError where the search for a place in a generator's space would take too long."""
    if not isinstance(edit, (Vary, Blend)):
        return
    sound = recording.open()
    second = None if other is None else adapt(other.open(), sound.sample_rate, sound.channels)
    seconds = max(stop - first for first, stop in find_searched(sound, edit, second)) / sound.sample_rate
    if seconds > MAX_SEARCHED:
        less = "choose a shorter time for it" if isinstance(edit, Blend) else "mark a shorter part of the recording"
        raise UsageError(
            f"{model.name} is a generator: here it changes at most {MAX_SEARCHED:g} s at once, and these are "
            f"{seconds:.0f} s: {less}"
        )


def list_formats() -> list[str]:
    """Formats that results are saved in, without a dot."""
    return [extension[1:] for extension in audio.FORMATS]
