"""The tab Edit: a recording whose marked spans are filled, continued, varied or blended. static/editor.js draws it.

The browser holds an edit list: the name of the recording and the list of edits. The server renders what it is sent and
keeps no state but sounds, by names made from what they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gradio

from musika.config import EDITS, Blend, Continue, Edit, Vary
from musika.config.fields import get_fields
from musika.errors import UsageError
from musika.gan.editor_load import KIND as EDITOR
from musika.gan.load import KIND as GENERATOR
from musika.serve.page import edit_requests as requests
from musika.serve.page.checkpoints import COMPOSED
from musika.serve.page.context import PageContext, SharedComponents
from musika.serve.page.edited_sounds import EditedSounds, list_formats
from musika.serve.page.sound_store import SoundStore
from musika.serve.page.tabs.failures import tell_failures
from musika.serve.page.tabs.settings import add_setting
from musika.serve.page.uploads import find_upload
from musika.serve.page.work import Report, Work

SETTINGS: dict[str, type[Edit]] = {
    "seconds": Continue,
    "before": Continue,
    "at": Continue,
    "notes": Continue,
    "strength": Vary,
    "ratio": Blend,
    "over": Blend,
}
ABOUT = """Drop a recording, mark what you do not like, and have it made anew. What you do not mark stays as it is,
sample for sample. Edits make a list: add to it, and take any of them away."""
NO_EDITOR = """No editor is installed here, so gaps cannot be filled: put one at `checkpoints/edit`, or train one with
`--recipe edit`."""
ONLY_VARY = "Generators vary and blend."
ONLY_NOTES = "A performer with a composer continues piano recordings by their notes."

Update = tuple[Any, ...]


def add_tab(context: PageContext, shared: SharedComponents) -> None:
    """Adds the tab to the page that is being built."""
    del shared  # edits have a chooser of their own: other checkpoints make them
    with gradio.Tab("Edit", id="edit"):
        gradio.Markdown(ABOUT)
        _EditTab(context)


class _EditTab:
    """Components of the tab, and what happens when they are used."""

    def __init__(self, context: PageContext) -> None:
        self.context = context
        store = SoundStore(context.files.folder / "sounds")
        longest = context.limits.upload_seconds + context.limits.seconds
        self.sounds = EditedSounds(store, context.models.get_model, longest)
        limits = context.limits
        with gradio.Row():
            about = f"Recording (up to {limits.upload_seconds / 60:g} minutes and {limits.upload_bytes >> 20} MB)"
            self.file = gradio.File(label=about, height=150, elem_id="musika-edit-file")
        gradio.HTML("<musika-editor></musika-editor>", apply_default_css=False)
        self._add_controls()
        self._add_results()
        self._connect_recording()
        self._connect_edits()

    def _add_controls(self) -> None:
        kinds = (EDITOR, GENERATOR, COMPOSED)
        editors, generators, composed = (self.context.list_checkpoints(kind) for kind in kinds)
        if not editors:
            said = [NO_EDITOR, *([ONLY_VARY] if generators else []), *([ONLY_NOTES] if composed else [])]
            gradio.Markdown(" ".join(said), elem_id="musika-edit-missing")
        with gradio.Column(elem_id="musika-edit-controls"):
            first = "fill" if editors else "vary" if generators else "continue"
            self.task = gradio.Radio(list(EDITS), value=first, label="What to do", elem_id="musika-edit-task")
            info = get_fields(EDITS["fill"])["spans"].metadata["help"]
            self.spans = gradio.Textbox(
                label="Spans", info=f"Drag over the waveform, or write: {info}.", elem_id="musika-edit-spans"
            )
            with gradio.Row(elem_id="musika-edit-settings"):
                self.settings = {
                    name: add_setting(kind, name, elem_id=f"musika-edit-{name}") for name, kind in SETTINGS.items()
                }
            self.other = gradio.File(label="Second recording", height=150, elem_id="musika-edit-other")
            with gradio.Row():
                self.seed = add_setting(Edit, "seed", precision=0, elem_id="musika-edit-seed")
                most = self.context.limits.pieces
                self.count = gradio.Slider(1, most, value=2, step=1, label="Results", info="One for each seed.")
                choices = editors + generators + composed
                self.checkpoint = gradio.Dropdown(
                    choices, value=choices[0] if choices else None, label="Editor", elem_id="musika-edit-checkpoint"
                )
            with gradio.Row():
                self.make = gradio.Button("Make", variant="primary", elem_id="musika-edit-make")
                self.cancel = gradio.Button("Cancel", elem_id="musika-edit-cancel")
        self.status = gradio.Markdown(elem_id="musika-edit-status", min_height=28)

    def _add_results(self) -> None:
        """Download, and components that carry values between the server and the scripts."""
        with gradio.Row():
            self.format = gradio.Dropdown(list_formats(), value="wav", label="Format", elem_id="musika-edit-format")
            self.download = gradio.Button("Download", elem_id="musika-edit-download")
        hidden: dict[str, Any] = {"visible": "hidden"}
        self.edited, self.told, self.other_told = (gradio.JSON(**hidden) for _ in range(3))
        self.played = gradio.File(file_count="multiple", elem_id="musika-edit-played", **hidden)
        self.saved = gradio.File(**hidden)
        self.again = gradio.Button("Render the list", elem_id="musika-edit-again", **hidden)

    def _connect_recording(self) -> None:
        opened = self.file.upload(
            self._open, [self.file], [self.told, self.played], api_name="open_recording", preprocess=False
        )
        opened.success(
            None, [self.told, self.played], None, js="(told, files) => musika.editor.open(told, files)", **PRIVATE
        )
        self.file.clear(None, None, None, js="() => musika.editor.close()", **PRIVATE)
        self.other.upload(
            self._open_other, [self.other], [self.other_told], api_name="open_second_recording", preprocess=False
        )
        self.other.clear(lambda: None, None, [self.other_told], **PRIVATE)
        self.task.change(None, [self.task], None, js="task => musika.editor.setTask(task)", **PRIVATE)
        for event in (self.spans.submit, self.spans.blur):
            read = event(
                self._read_spans, [self.spans], [self.told], preprocess=False, show_progress="hidden", **PRIVATE
            )
            read.success(None, [self.told], None, js="spans => musika.editor.setSpans(spans)", **PRIVATE)

    def _connect_edits(self) -> None:
        values = [
            self.checkpoint,
            self.task,
            self.spans,
            *self.settings.values(),
            self.seed,
            self.count,
            self.other_told,
        ]
        send = "(edited, ...values) => [musika.editor.describe(), ...values]"
        results = [self.status, self.told, self.played]
        long: dict[str, Any] = {"concurrency_limit": 1, "concurrency_id": "edit", "preprocess": False}
        shown = {**long, "show_progress": "minimal", "show_progress_on": [self.status]}  # the place in the queue
        made = self.make.click(self._make, [self.edited, *values], results, js=send, api_name="make_edit", **shown)
        made.success(None, results[1:], None, js="(told, files) => musika.editor.showResults(told, files)", **PRIVATE)
        again = self.again.click(self._render, [self.edited], results, js=send, api_name="render_edits", **shown)
        again.success(None, results[1:], None, js="(told, files) => musika.editor.showEdited(told, files)", **PRIVATE)
        heard = "(edited, format) => [musika.editor.describeHeard(), format]"
        saved = self.download.click(
            self._save, [self.edited, self.format], [self.saved], js=heard, api_name="save_edits", **long
        )
        saved.success(None, [self.saved], None, js="file => musika.download(file)", **PRIVATE)
        told = "Cancelled: nothing was changed."
        running: list[Any] = [made, again, saved]
        self.cancel.click(lambda: told, None, [self.status], cancels=running, queue=False, **PRIVATE)

    def _open(self, file: Any) -> Update:
        """Stores a recording and says what it is: other endpoints take its `base` and `title` in an edit list."""
        with tell_failures():
            told = self._read_upload(file)
            preview = self._write_preview(requests.EditList(told["base"], told["title"], ()), told["base"])
            return told, [preview]

    def _open_other(self, file: Any) -> Any:
        """Stores the second recording of a blend, and says what it is."""
        with tell_failures():
            return self._read_upload(file)

    def _read_upload(self, file: Any) -> dict[str, Any]:
        path, title = get_upload(file)
        return requests.open_recording(self.sounds, path, title, self.context.limits.upload_seconds)

    def _read_spans(self, text: Any) -> Any:
        with tell_failures():
            return requests.read_spans(text)

    def _make(
        self,
        edited: Any,
        checkpoint: Any,
        task: Any,
        spans: Any,
        seconds: Any,
        before: Any,
        at: Any,
        notes: Any,
        strength: Any,
        ratio: Any,
        over: Any,
        seed: Any,
        count: Any,
        other: Any,
    ) -> Iterator[Update]:
        """Fills, continues, varies or blends a recording with edits `{base, title, steps}`, for each of `count` seeds.

        Results come with their own steps, which make the next list, and with a sound file each.
        """
        with tell_failures():
            values = (seconds, before, at, notes, strength, ratio, over)
            named = dict(zip(SETTINGS, values, strict=True))
            edits = requests.make_edits(task, named, spans, seed, count, self.context.limits.pieces)
            asked = requests.EditList.from_dict(edited)
            yield from self._run(
                asked, lambda report: requests.make_results(self.sounds, asked, edits, checkpoint, other, report)
            )

    def _render(self, edited: Any) -> Iterator[Update]:
        """Renders a recording with edits `{base, title, steps}`, such as after one of its steps was left out."""
        with tell_failures():
            asked = requests.EditList.from_dict(edited)
            yield from self._run(asked, lambda report: [requests.render_list(self.sounds, asked, report)])

    def _run(self, edited: requests.EditList, run: Callable[[Report], list[dict[str, Any]]]) -> Iterator[Update]:
        """Results of some work, and how far it is until then."""
        work = Work(run)
        for share in work.wait():
            yield f"Working: {100 * share:.0f} %", gradio.skip(), gradio.skip()
        files = [self._write_preview(edited, result["name"]) for result in work.result]
        yield "", work.result, files

    def _save(self, edited: Any, extension: Any) -> Iterator[Any]:
        """Writes a recording with edits `{base, title, steps}` into a file of a format, such as "flac"."""
        with tell_failures():
            files, asked = self.context.files, requests.EditList.from_dict(edited)
            work = Work(lambda report: requests.save_list(self.sounds, asked, extension, files.folder, report))
            for _ in work.wait():
                yield gradio.skip()
            files.remove_old(work.result)
            yield str(work.result)

    def _write_preview(self, edited: requests.EditList, name: str) -> str:
        path = requests.write_preview(self.sounds, edited, name, self.context.files.folder)
        self.context.files.remove_old(path)
        return str(path)


PRIVATE: dict[str, Any] = {"api_visibility": "private"}


def get_upload(file: Any) -> tuple[Path, str]:
    """Path and name of a file that was sent to this page.

    Raises:
        UsageError: there is none.
    """
    if not isinstance(file, dict) or not file.get("path"):
        raise UsageError("drop a recording first")
    path = find_upload(file)
    return path, str(file.get("orig_name") or path.name)
