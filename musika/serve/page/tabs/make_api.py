"""Endpoints for programs: what the tab Make does, with named values, for clients of Gradio and MCP.

docs/guide/api.md describes them. Their names, parameters and texts are what an assistant sees that uses the page as a
tool, so the docstrings of the functions say what a caller needs to know.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import gradio

from musika.config.fields import describe_field, get_fields, get_limits
from musika.errors import UsageError
from musika.serve.page import pieces, prompts, uploads, variants, videos
from musika.serve.page.checkpoints import COMPOSED, MAKES_PIECES
from musika.serve.page.context import PageContext
from musika.serve.page.pieces import PieceRequest
from musika.serve.page.settings_fields import MAX_WHOLE, SETTINGS
from musika.serve.page.tabs.failures import tell_failures
from musika.serve.page.tabs.make_video import read_look
from musika.serve.page.work import Work

DRAWN = -1  # as a seed: draw one


def add_api(context: PageContext) -> None:
    """Adds the endpoints to the page that is being built."""
    _add_facts(context)
    _add_make(context)
    _add_restore(context)
    _add_video(context)


def _add_facts(context: PageContext) -> None:
    def list_checkpoints() -> list[dict]:
        """Lists the checkpoints that make music, and the settings that pieces of each can have.

        Returns:
            For each checkpoint: its name, its kind, and its settings with help text, default value and range.
        """
        names = context.list_checkpoints(*MAKES_PIECES)
        return [
            {"name": name, "kind": (kind := context.checkpoints[name].kind), "settings": _describe(kind)}
            for name in names
        ]

    def read_words(words: str) -> dict:
        """Turns words about music, such as "slow sad piano in A minor", into settings of composed pieces.

        Args:
            words: what the music is like, in plain English and musical terms.

        Returns:
            The settings, and lines that say what was understood and what was not.
        """
        with tell_failures():
            settings, lines = prompts.understand_words(words)
            return {"settings": settings, "lines": lines}

    gradio.api(list_checkpoints, api_name="list_checkpoints", queue=False)
    gradio.api(read_words, api_name="read_words", concurrency_limit=1)


def _describe(kind: str) -> dict[str, dict[str, Any]]:
    """Help, default and range of each setting of a kind of checkpoints."""
    fields = get_fields(SETTINGS[kind])
    return {
        name: {"help": describe_field(field), "default": field.default, **get_limits(field)}
        for name, field in fields.items()
    }


def _add_make(context: PageContext) -> None:
    def make(
        checkpoint: str, seed: float, seconds: float, start: float, settings: Any, words: str, format: str
    ) -> Iterator[tuple[Any, Any]]:
        """Makes a piece of music and returns it as an audio file, with everything that it was made of in its tags.

        The same values make the same file again. A piece is endless: a greater length continues it.

        Args:
            checkpoint: name of the model, as list_checkpoints gives it; empty for the first one.
            seed: number of the piece, from 0 on; another number is another piece; -1 draws one.
            seconds: length.
            start: second of the endless piece to begin with.
            settings: values by name, as list_checkpoints describes them; those left out have their defaults.
            words: what the music is like, such as "slow sad piano"; only where the model composes; empty for none.
            format: wav, flac, mp3, ogg or opus; or mid for the notes, where the model composes.

        Returns:
            The file, and the piece as JSON, which other endpoints take.
        """
        with tell_failures():
            request = read_request(context, checkpoint, seed, seconds, start, settings, words)
            work = Work(lambda report: pieces.save_piece(context, request, format or "wav", report))
            for _ in work.wait():
                yield gradio.skip(), gradio.skip()
            yield str(work.result), dataclasses.asdict(request)

    with gradio.Group(visible=False):
        inputs = [
            gradio.Textbox("", label="checkpoint"),
            gradio.Number(DRAWN, label="seed"),
            gradio.Number(30, label="seconds"),
            gradio.Number(0, label="start"),
            _add_values("settings", "values by name"),
            gradio.Textbox("", label="words"),
            gradio.Textbox("wav", label="format"),
        ]
        outputs = [gradio.File(label="file"), gradio.JSON(label="piece")]
        _connect(make, inputs, outputs, "make", "render")


def _add_restore(context: PageContext) -> None:
    def read_recipe(file: Any) -> dict[str, Any]:
        """Reads what an audio or video file of Musika was made of: model, seed, length, settings.

        Args:
            file: wav, flac, mp3, ogg, opus or mp4 file that Musika made.

        Returns:
            The piece as JSON.
        """
        with tell_failures(), uploads.open_upload(file, context.limits.upload_bytes) as path:
            return dataclasses.asdict(pieces.find_request(context, path)[0])

    with gradio.Group(visible=False):
        _connect(read_recipe, [gradio.File(label="file")], [gradio.JSON(label="piece")], "read_recipe", "restore")


def _add_video(context: PageContext) -> None:
    def make_video(piece: Any, title: str, colour: str, shape: str) -> Iterator[Any]:
        """Makes an mp4 video of a piece for sharing: a title, a waveform that moves with the sound, a line of settings.

        Args:
            piece: as make or read_recipe returns it.
            title: that the video shows; empty for the name of the piece.
            colour: of the background, such as #334455.
            shape: wide, square or tall.

        Returns:
            The video file.
        """
        with tell_failures():
            request = read_piece(piece, context)
            settings = read_look(title, colour, shape)
            work = Work(lambda report: videos.make_video(context, request, settings, None, report))
            for _ in work.wait():
                yield gradio.skip()
            yield str(work.result[0])

    with gradio.Group(visible=False):
        inputs = [
            _add_values("piece", "a piece, as make returns it"),
            gradio.Textbox("", label="title"),
            gradio.Textbox("", label="colour"),
            gradio.Textbox("wide", label="shape"),
        ]
        _connect(make_video, inputs, [gradio.File(label="file")], "make_video", "video")


def _add_values(label: str, about: str) -> gradio.JSON:
    """A parameter of named values. Gradio says for JSON that its type is `{}`, which assistants refuse."""
    box = gradio.JSON({}, label=label)
    setattr(box, "api_info", lambda: {"type": "object", "description": about})  # noqa: B010, a method of this one alone
    return box


def _connect(function: Any, inputs: list[Any], outputs: list[Any], name: str, work: str) -> None:
    """Makes a function an endpoint; one call of each kind of work is served at a time."""
    gradio.Button(visible=False).click(
        function, inputs, outputs, api_name=name, preprocess=False, concurrency_limit=1, concurrency_id=work
    )


def read_request(
    context: PageContext, checkpoint: Any, seed: Any, seconds: Any, start: Any, settings: Any, words: Any
) -> PieceRequest:
    """What a call asks for.

    Raises:
        MusikaError: a value that cannot be used.
    """
    name = checkpoint or context.library.default
    if name not in context.list_checkpoints(*MAKES_PIECES):
        known = ", ".join(context.list_checkpoints(*MAKES_PIECES))
        raise UsageError(f"there is no checkpoint {str(name)[:40]!r} that makes music: choose one of {known}")
    if not isinstance(settings or {}, dict):
        raise UsageError('settings must be values by name, such as {"tempo": "90"}')
    chosen = dict(settings or {})
    if words:
        if context.checkpoints[name].kind != COMPOSED:
            raise UsageError(f"{name} writes no notes, so words mean nothing to it: leave them out")
        chosen = {**prompts.understand_words(words, context.checkpoints[name].path)[0], **chosen}
    number = variants.draw_seed() if seed in (None, DRAWN) else pieces.check_whole("the seed", seed, MAX_WHOLE)
    return pieces.check_request(PieceRequest(name, number, seconds, start or 0.0, chosen), context.limits)


def read_piece(value: Any, context: PageContext) -> PieceRequest:
    """The piece that a call names.

    Raises:
        UsageError: it is none.
    """
    return PieceRequest.from_json(pieces.to_text(value), context.limits)
