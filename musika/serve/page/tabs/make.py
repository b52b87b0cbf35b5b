"""The tab Make: pieces of a chosen length, side by side, to hear, to vary and to download.

The browser holds what each piece is (`PieceRequest` as JSON), so that the server keeps no state but files. Everything
musical is done by `musika/serve/page/pieces.py`, `variants.py` and `prompts.py`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import gradio

from musika.config import Config, MusicalSettings
from musika.config.fields import get_fields
from musika.errors import UsageError
from musika.serve.page import pieces, prompts, uploads, variants
from musika.serve.page.checkpoints import COMPOSED, MAKES_PIECES
from musika.serve.page.context import PageContext, SharedComponents
from musika.serve.page.pieces import PieceRequest
from musika.serve.page.settings_fields import (
    MAX_WHOLE,
    SETTINGS,
    has_setting,
    list_settings,
    read_box,
    read_settings,
    show_setting,
)
from musika.serve.page.tabs.failures import tell_failures
from musika.serve.page.tabs.make_api import add_api
from musika.serve.page.tabs.make_results import MOST, ResultColumn, escape, show_progress, show_waiting
from musika.serve.page.tabs.make_video import add_video
from musika.serve.page.tabs.settings import add_setting
from musika.serve.page.work import Report, Work

Update = dict[Any, Any]
Plan = tuple[Mapping[int, PieceRequest], str]  # which pieces, by columns, and a line about them
# of events that are the page's own: programs have those of make_api.py
OWN: dict[str, Any] = {"api_visibility": "undocumented"}
PRIVATE: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
LONG: dict[str, Any] = {"concurrency_limit": 1, "concurrency_id": "render", "preprocess": False, **OWN}
WORDS = "What the music is like, such as: slow sad piano in A minor. The fields below show what it was taken to mean."
MUSIC = "Music: tempo, key, instruments"
RESTORED = "Drop a file made by Musika to restore its settings."
REMEMBER = f"(...all) => musika.make.remember(all.slice(0, {MOST}), all.slice({MOST}))"
CANCELLED = "Cancelled: nothing was made."


def add_tab(context: PageContext, shared: SharedComponents) -> None:
    """Adds the tab to the page that is being built."""
    with gradio.Tab("Make", id="make", elem_id="musika-make"):
        tab = _MakeTab(context, shared)
        add_video(context, [column.piece for column in tab.columns])
        add_api(context)


class _MakeTab:
    """Components of the tab, and what happens when they are used."""

    def __init__(self, context: PageContext, shared: SharedComponents) -> None:
        self.context, self.checkpoint, self.link = context, shared.checkpoint, shared.link
        names = context.list_checkpoints(*MAKES_PIECES)
        self.kind = context.checkpoints[names[0]].kind if names else COMPOSED
        self._add_controls()
        self._add_settings()
        self._add_file_controls()
        self._add_buttons()
        self._add_results()
        self._connect_form()
        self._connect_making()

    def _add_controls(self) -> None:
        limits, defaults = self.context.limits, self.context.defaults
        composed = self.kind == COMPOSED
        with gradio.Row(visible=composed, elem_id="musika-make-words") as self.words_row:
            self.words = gradio.Textbox(label="Words", info=WORDS, max_length=5000, scale=4, min_width=280)
            self.understand = gradio.Button("Read the words", scale=1, min_width=120)
        self.understood = gradio.Textbox(visible="hidden")  # the words that the fields show already
        self.note = gradio.Markdown(elem_id="musika-make-note")
        with gradio.Row():
            info = f"Seconds, up to {limits.seconds:g}."
            self.seconds = gradio.Slider(1, limits.seconds, value=30, step=1, label="Length", info=info)
            most, info = min(MOST, limits.pieces), "Side by side, one for each seed."
            self.count = gradio.Slider(1, most, value=1, step=1, label="Pieces", info=info)
        with gradio.Row():
            info = "The same number makes the same piece."
            seed = defaults.seed or 0
            self.seed = gradio.Number(seed, label="Seed", info=info, precision=0, minimum=0, maximum=MAX_WHOLE)
            self.draw = gradio.Checkbox(defaults.seed is None, label="A new seed each time")
            self.draw_now = gradio.Button("Draw a seed", min_width=120)

    def _add_settings(self) -> None:
        """Controls of all settings, in two groups; those that the chosen checkpoint has are shown."""
        composed = self.kind == COMPOSED
        names = list_settings(*reversed(MAKES_PIECES))  # musical ones first
        musical = get_fields(MusicalSettings)
        self.settings: dict[str, Any] = {}
        self.music = gradio.Accordion(MUSIC, open=False, visible=composed, elem_id="musika-make-music")
        with self.music, gradio.Row():
            for name in (name for name in names if name in musical):
                self._add_setting(name, names[name])
        with gradio.Accordion("Sound", open=False, elem_id="musika-make-sound"), gradio.Row():
            for name in (name for name in names if name not in musical):
                self._add_setting(name, names[name])
        title = "Melody to accompany"
        with gradio.Accordion(title, open=False, visible=composed, elem_id="musika-make-follow") as self.follow:
            about = "A MIDI file, or a recording"
            self.melody = gradio.File(label=about, height=140, elem_id="musika-make-melody")
        self.inputs = gradio.Textbox(visible="hidden")  # a melody or a score, as recipes describe it
        self.inputs_note = gradio.Markdown(elem_id="musika-make-inputs-note")

    def _add_setting(self, name: str, kind: type[Config]) -> None:
        shown = has_setting(self.kind, name)
        self.settings[name] = add_setting(kind, name, visible=shown, elem_id=f"musika-make-{name}", min_width=220)
        if name == "truncation":
            self.settings[name].value = self.context.defaults.truncation

    def _add_file_controls(self) -> None:
        with gradio.Accordion("Start, loop, loudness and fades", open=False), gradio.Row():
            self.start = gradio.Number(0, label="Start", info="Second of the piece to begin with.", minimum=0)
            info = "Begins again without a seam; the length moves to the nearest that can loop."
            self.loop = gradio.Checkbox(False, label="Loop", info=info)
            low, high = pieces.LOUDNESS
            info = f"LUFS, {low:g} to {high:g}, such as -14."
            self.loudness = gradio.Textbox(label="Loudness", info=info, placeholder="as it is", max_length=20)
            self.fades = [gradio.Number(0, label=f"Fade {way}", info="Seconds.", minimum=0) for way in ("in", "out")]
        with gradio.Accordion("Set all controls from a file", open=False):
            self.dropped = gradio.File(label=RESTORED, height=140, elem_id="musika-make-file")

    def _add_buttons(self) -> None:
        with gradio.Row():
            self.make = gradio.Button("Make", variant="primary", min_width=120, elem_id="musika-make-make")
            self.cancel = gradio.Button("Cancel", min_width=120, elem_id="musika-make-cancel")
        self.status = gradio.HTML(elem_id="musika-make-status", min_height=28)

    def _add_results(self) -> None:
        with gradio.Row(elem_id="musika-make-results"):
            self.columns = [ResultColumn(number) for number in range(MOST)]
        self.saved = gradio.File(visible="hidden", elem_id="musika-make-saved")
        with gradio.Row(visible=False, elem_id="musika-make-between") as self.between_row:
            names = [str(number + 1) for number in range(MOST)]
            self.first = gradio.Dropdown(names, value="1", label="From piece", min_width=100)
            self.second = gradio.Dropdown(names, value="2", label="To piece", min_width=100)
            self.between = gradio.Button("Make a transition between these two", min_width=160)

    @property
    def form(self) -> list[Any]:
        """All controls that say what a piece is, in the order of `_read_form`."""
        values = [self.checkpoint, self.seconds, self.start, self.seed, self.draw, self.loop, self.loudness]
        return [*values, *self.fades, self.inputs, *self.settings.values()]

    def _connect_form(self) -> None:
        kinds = [*self.settings.values(), self.words_row, self.music, self.follow]
        self.checkpoint.change(self._show_kind, [self.checkpoint], kinds, preprocess=False, **PRIVATE)
        self.draw_now.click(lambda: (variants.draw_seed(), False), None, [self.seed, self.draw], **PRIVATE)
        outputs = [self.note, self.understood, self.music, *self.settings.values()]
        inputs = [self.checkpoint, self.words, *self.settings.values()]
        for event in (self.understand.click, self.words.submit):
            event(self._read_words, inputs, outputs, preprocess=False, **PRIVATE)
        outputs = [self.inputs, self.inputs_note, *self.settings.values()]
        inputs = [self.melody, *self.settings.values()]
        heard = self.melody.upload(self._read_melody, inputs, outputs, preprocess=False, api_name="read_melody", **OWN)
        outputs = [self.inputs, self.inputs_note]
        self.melody.clear(lambda: ("", ""), None, outputs, cancels=[heard], **PRIVATE)
        filled = [*self.form, self.inputs_note, self.status]
        self.dropped.upload(self._restore, [self.dropped], filled, preprocess=False, api_name="restore_controls", **OWN)
        self.link.change(self._open_link, [self.link], filled, preprocess=False, **PRIVATE)

    def _connect_making(self) -> None:
        tickets, sounds = [column.piece for column in self.columns], [column.sound for column in self.columns]
        parts = [part for column in self.columns for part in column.outputs]
        outputs = [
            self.status,
            self.seed,
            self.note,
            self.understood,
            *self.settings.values(),
            self.between_row,
            *parts,
        ]
        shown: dict[str, Any] = {**LONG, "show_progress": "minimal", "show_progress_on": [self.status]}
        inputs = [self.words, self.understood, self.count, *self.form]
        runs: list[Any] = [self.make.click(self._make, inputs, outputs, api_name="make_pieces", **shown)]
        for number, column in enumerate(self.columns):
            longer, similar = self._bind(self._make_longer, number), self._bind(self._make_similar, number)
            runs.append(column.longer.click(longer, tickets, outputs, api_name=f"make_longer_{number + 1}", **shown))
            runs.append(column.similar.click(similar, tickets, outputs, api_name=f"make_similar_{number + 1}", **shown))
            filled = [*self.form, self.inputs_note, self.status]
            column.reuse.click(self._reuse, [column.piece], filled, preprocess=False, **PRIVATE)
            saved = column.download.click(
                self._save, [column.piece, column.format], [self.saved], api_name=f"save_piece_{number + 1}", **LONG
            )
            saved.success(None, [self.saved], None, js="file => musika.download(file)", **PRIVATE)
            copy = "ticket => musika.make.copyLink(ticket)"
            column.link.click(None, [column.piece], [self.status], js=copy, **PRIVATE)
        inputs = [self.first, self.second, *tickets]
        runs.append(self.between.click(self._make_between, inputs, outputs, api_name="make_transition", **shown))
        for run in runs:
            run.success(None, [*tickets, *sounds], None, js=REMEMBER, **PRIVATE)
        self.cancel.click(lambda: CANCELLED, None, [self.status], cancels=runs, queue=False, **PRIVATE)

    @staticmethod
    def _bind(function: Callable[..., Iterator[Update]], number: int) -> Callable[..., Iterator[Update]]:
        """A function of a column as a generator function, which Gradio knows by its kind."""

        def run(*tickets: Any) -> Iterator[Update]:
            yield from function(number, tickets)

        return run

    def _show_kind(self, name: Any) -> list[Any]:
        entry = self.context.checkpoints.get(name)
        kind = COMPOSED if entry is None else entry.kind
        updates = [gradio.update(visible=has_setting(kind, setting)) for setting in self.settings]
        return [*updates, *[gradio.update(visible=kind == COMPOSED)] * 3]

    def _read_words(self, checkpoint: Any, words: Any, *settings: Any) -> list[Any]:
        with tell_failures():
            found, lines = prompts.understand_words(words, self._find_folder(checkpoint))
            # words replace what is there: a person presses the button to see what they mean
            shown = [found.get(name, value) for name, value in zip(self.settings, settings, strict=True)]
            return [join_lines(lines), words, gradio.update(open=True), *shown]

    def _read_melody(self, payload: Any, *settings: Any) -> Iterator[list[Any]]:
        with tell_failures(), uploads.open_upload(payload, self.context.limits.upload_bytes) as path:
            listening = Work(lambda report: prompts.understand_melody(path, self.context.limits.upload_seconds))
            for _ in listening.wait():
                yield ["", "The melody is being read.", *[gradio.skip() for _ in settings]]
            found, own, line = listening.result
            mine = dict(zip(self.settings, settings, strict=True))
            merged = prompts.merge_settings({name: mine[name] for name in mine if isinstance(mine[name], str)}, own)
            shown = [merged.get(name, value) for name, value in mine.items()]
            yield [pieces.pack_inputs((found,)), line, *shown]

    def _restore(self, payload: Any) -> list[Any]:
        with tell_failures(), uploads.open_upload(payload, self.context.limits.upload_bytes) as path:
            request, remark = pieces.find_request(self.context, path)
            return self._fill(request, remark or f"Set as in {uploads.format_name(path)}: press Make to hear it.")

    def _open_link(self, text: Any) -> list[Any]:
        with tell_failures():
            request = pieces.read_link(self.context, text) if text else None
            if request is None:
                return [gradio.skip()] * (len(self.form) + 2)
            return self._fill(request, "All controls are set as in the link: press Make to hear it.")

    def _reuse(self, ticket: Any) -> list[Any]:
        with tell_failures():
            request = PieceRequest.from_json(ticket, self.context.limits)
            return self._fill(request, "All controls are set as for this piece.")

    def _fill(self, request: PieceRequest, line: str) -> list[Any]:
        """Values of the form, in its order, and two lines."""
        fields = get_fields(SETTINGS[self.context.checkpoints[request.checkpoint].kind])
        defaults = {name: get_fields(kind)[name].default for name, kind in list_settings(*MAKES_PIECES).items()}
        settings = [
            show_setting(
                name,
                request.settings.get(name, fields[name].default if name in fields else defaults[name]),
                defaults[name],
            )
            for name in self.settings
        ]
        values = [request.checkpoint, request.seconds, request.start, request.seed, False, bool(request.loop)]
        loudness = "" if request.loudness is None else f"{request.loudness:g}"
        values += [loudness, request.fade_in, request.fade_out, pieces.pack_inputs(request.inputs)]
        return [*values, *settings, pieces.describe_inputs(request.inputs), format_line(line)]

    def _read_form(self, values: Mapping[str, Any], settings: Mapping[str, Any], seed: int) -> PieceRequest:
        """What the form asks for, of one seed; a loop is set later.

        Raises:
            UsageError: a value that cannot be used.
        """
        name = values["checkpoint"]
        if name not in self.context.checkpoints:
            raise UsageError("there is no checkpoint to make music with: choose one above")
        kind = SETTINGS[self.context.checkpoints[name].kind]
        inputs = pieces.unpack_inputs(values["inputs"])
        if inputs and not issubclass(kind, SETTINGS[COMPOSED]):
            raise UsageError(f"{name} does not follow notes: remove the melody, or choose another checkpoint")
        request = PieceRequest(
            name,
            seed,
            values["seconds"],
            values["start"] or 0.0,
            read_settings(settings, kind),
            0,
            read_box("the loudness in LUFS", values["loudness"]),
            values["fade_in"] or 0.0,
            values["fade_out"] or 0.0,
            inputs,
        )
        return pieces.check_request(request, self.context.limits)

    def _make(self, words: Any, understood: Any, count: Any, *form: Any) -> Iterator[Update]:
        with tell_failures():
            names = ["checkpoint", "seconds", "start", "seed", "draw", "loop", "loudness", "fade_in", "fade_out"]
            values = dict(zip([*names, "inputs"], form, strict=False))
            settings = dict(zip(self.settings, form[len(names) + 1 :], strict=True))
            told: Update = {}
            if isinstance(words, str) and words.strip() and words != understood and self._takes_words(values):
                found, lines = prompts.understand_words(words, self._find_folder(values["checkpoint"]))
                settings |= found
                told = {self.note: join_lines(lines), self.understood: words}
                told |= {self.settings[name]: text for name, text in found.items()}
            number = pieces.check_whole("the number of pieces", count, min(MOST, self.context.limits.pieces))
            seed = variants.draw_seed() if values["draw"] else pieces.check_whole("the seed", values["seed"], MAX_WHOLE)
            asked = [self._read_form(values, settings, seed + place) for place in range(max(number, 1))]
            yield {**told, self.seed: seed}
            if values["loop"]:
                yield from self._run(functools.partial(self._plan_loops, asked), hide=range(len(asked), MOST))
            else:
                yield from self._run(functools.partial(self._plan_pieces, asked), hide=range(len(asked), MOST))

    def _plan_pieces(self, asked: list[PieceRequest], report: Report) -> Plan:
        """The same pieces by columns, once their model is ready."""
        self.context.models.get_model(asked[0].checkpoint, report)
        return dict(enumerate(asked)), ""

    def _plan_loops(self, asked: list[PieceRequest], report: Report) -> Plan:
        """The same pieces as loops, by columns, and a line about their length."""
        limits = self.context.limits
        loops = [pieces.set_loop(each, pieces.build_piece(self.context, each, report), limits) for each in asked]
        return dict(enumerate(loops)), f"The nearest loop lasts {loops[0].seconds:.3f} s."

    def _find_folder(self, checkpoint: Any) -> Path | None:
        entry = self.context.checkpoints.get(checkpoint)
        return None if entry is None or entry.is_run else entry.path

    def _takes_words(self, values: Mapping[str, Any]) -> bool:
        entry = self.context.checkpoints.get(values["checkpoint"])
        return entry is not None and entry.kind == COMPOSED

    def _make_longer(self, number: int, tickets: tuple[Any, ...]) -> Iterator[Update]:
        with tell_failures():
            request = PieceRequest.from_json(tickets[number], self.context.limits)
            longer, line = variants.make_longer(request, self.context.limits)
            yield from self._run(lambda report: ({number: longer}, line))

    def _make_similar(self, number: int, tickets: tuple[Any, ...]) -> Iterator[Update]:
        with tell_failures():
            request = PieceRequest.from_json(tickets[number], self.context.limits)

            def plan(report: Report) -> Plan:
                similar, line = variants.make_similar(self.context, request, report=report)
                return {choose_place(tickets, number): similar}, line

            yield from self._run(plan)

    def _make_between(self, first: Any, second: Any, *tickets: Any) -> Iterator[Update]:
        with tell_failures():
            places = [pieces.check_whole("the number of a piece", _count(text), MOST) - 1 for text in (first, second)]
            asked = [PieceRequest.from_json(tickets[place], self.context.limits) for place in places]

            def plan(report: Report) -> Plan:
                between, line = variants.make_between(self.context, asked[0], asked[1], report)
                return {choose_place(tickets, *places): between}, line

            yield from self._run(plan)

    def _run(self, plan: Callable[[Report], Plan], hide: range = range(0)) -> Iterator[Update]:
        """Makes pieces one after another; each is shown as soon as it is there.

        Args:
            plan: says which; it may take long, and reports.
            hide: columns that are emptied.
        """
        hidden = {part: value for place in hide for part, value in self.columns[place].clear().items()}
        yield {self.status: "", **hidden}
        planning = Work(plan)
        for _ in planning.wait():
            yield {self.status: show_waiting("The checkpoint is being made ready")}
        asked, line = planning.result
        for done, (place, request) in enumerate(asked.items()):
            work = Work(functools.partial(pieces.make_piece, self.context, request))
            for share in work.wait():
                yield {self.status: show_progress((done + share) / len(asked), done + 1, len(asked))}
            yield self.columns[place].show(work.result)
        yield {self.status: format_line(line), self.between_row: gradio.update(visible=True)}

    def _save(self, ticket: Any, kind: Any) -> Iterator[Any]:
        """Writes a file in a format; when nobody waits any more, the writing ends."""
        with tell_failures():
            request = PieceRequest.from_json(ticket, self.context.limits)
            work = Work(lambda report: pieces.save_piece(self.context, request, kind, report))
            for _ in work.wait():
                yield gradio.skip()
            yield str(work.result)


def choose_place(tickets: tuple[Any, ...], *kept: int) -> int:
    """The column for a further piece: the first that is empty, else the last that is not one of those."""
    empty = [place for place, ticket in enumerate(tickets) if not ticket]
    return empty[0] if empty else max(set(range(len(tickets))) - set(kept))


def _count(text: Any) -> Any:
    return int(text) if isinstance(text, str) and text.isdigit() and len(text) < 3 else None


def join_lines(lines: list[str]) -> str:
    """Lines for a person as Markdown without any marks of its own."""
    return "\n\n".join(map(escape, lines))


def format_line(line: str) -> str:
    """A line for a person as HTML."""
    return f"<p>{line.replace('&', '&amp;').replace('<', '&lt;')}</p>" if line else ""
