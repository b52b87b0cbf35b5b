"""Pieces that the page makes: what is asked for as a value, and the file, picture and notes that come of it."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from musika import checkpoint, pictures
from musika.checkpoint import locate
from musika.errors import MusikaError, UsageError
from musika.render import Finish, Model, Piece, again
from musika.render.recipe import MELODY, PieceRecipe, RecipeError, read_piece_recipe
from musika.serve.page.checkpoints import MAKES_PIECES
from musika.serve.page.context import PageContext, PageLimits
from musika.serve.page.settings_fields import MAX_WHOLE, SETTINGS, drop_defaults
from musika.serve.page.work import Report, ignore_report
from musika.serve.streams import query

FORMATS = ("wav", "flac", "mp3", "ogg", "opus")
NOTES = "mid"
SHORTEST = 0.1  # seconds
LATEST = 360_000.0  # second of a piece that can be begun with
MOST_FADE = 60.0  # seconds
LONGEST_LOOP = 1 << 20  # latents
LOUDNESS = (-40.0, -5.0)  # LUFS
LONGEST_TEXT = 1 << 21  # characters of a request that comes back from a browser
PICTURE_HEIGHT, PICTURE_WIDTH = 80, 720  # of the spectrogram of one channel


@dataclasses.dataclass(frozen=True)
class PieceRequest:
    """A part of a piece, as a person asks for it. It is JSON in and out, and browsers keep it.

    Attributes:
        checkpoint: name in the library.
        seed: of the piece.
        seconds: length.
        start: second to begin with.
        settings: those that differ from their defaults.
        loop: latents after which the piece begins again; 0 is never.
        loudness: of the file in LUFS; None leaves it.
        fade_in: seconds.
        fade_out: seconds.
        inputs: what is played or accompanied, as recipes describe it.
    """

    checkpoint: str
    seed: int
    seconds: float = 30.0
    start: float = 0.0
    settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    loop: int = 0
    loudness: float | None = None
    fade_in: float = 0.0
    fade_out: float = 0.0
    inputs: tuple[Mapping[str, Any], ...] = ()

    @property
    def finish(self) -> Finish:
        """What is done to the file after rendering."""
        return Finish(self.loudness, self.fade_in, self.fade_out)

    def to_json(self) -> str:
        """Text that `from_json` reads."""
        return json.dumps(dataclasses.asdict(self), sort_keys=True, allow_nan=False)

    @classmethod
    def from_json(cls, text: Any, limits: PageLimits) -> PieceRequest:
        """The request that `to_json` wrote. The text comes from a browser: everything is checked.

        Raises:
            UsageError: it is none, or it asks for more than is allowed.
        """
        try:
            if not isinstance(text, str) or len(text) > LONGEST_TEXT:
                raise ValueError
            values = json.loads(text)
            request = cls(**{**values, "inputs": tuple(map(dict, values.get("inputs", ())))})
            if not isinstance(request.checkpoint, str) or not isinstance(request.settings, dict):
                raise ValueError
        except (ValueError, TypeError, AttributeError, RecursionError):
            raise UsageError("there is no piece: make one first") from None
        return check_request(request, limits)


def check_request(request: PieceRequest, limits: PageLimits) -> PieceRequest:
    """The same request.

    Raises:
        UsageError: a number is none, or out of its range; the text says what is allowed.
    """
    check_number("the length in seconds", request.seconds, SHORTEST, limits.seconds)
    check_number("the start in seconds", request.start, 0, LATEST)
    check_whole("the seed", request.seed, MAX_WHOLE)
    check_whole("the loop", request.loop, LONGEST_LOOP)
    check_number("the fade-in in seconds", request.fade_in, 0, MOST_FADE)
    check_number("the fade-out in seconds", request.fade_out, 0, MOST_FADE)
    if request.loudness is not None:
        check_number("the loudness in LUFS", request.loudness, *LOUDNESS)
    return request


def check_number(what: str, value: Any, low: float, high: float) -> float:
    """The value as a number.

    Raises:
        UsageError: it is none, or out of its range.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
        raise UsageError(f"{what} must be a number from {low:g} to {high:,.10g}")
    return float(value)


def check_whole(what: str, value: Any, high: int) -> int:
    """The value as a whole number from 0 on; browsers send some of them with a point.

    Raises:
        UsageError: it is none, or out of its range.
    """
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= high:
        raise UsageError(f"{what} must be a whole number from 0 to {high}")
    return value


@dataclasses.dataclass(frozen=True, eq=False)
class MadePiece:
    """A piece that was rendered.

    Attributes:
        request: what it is.
        path: of its file.
        picture: log-mel spectrogram, `[H, W, 3]` uint8.
        has_notes: whether its notes can be had as a MIDI file.
    """

    request: PieceRequest
    path: Path
    picture: np.ndarray
    has_notes: bool


def build_piece(context: PageContext, request: PieceRequest, report: Report = ignore_report) -> Piece:
    """The piece of a request; nothing is rendered.

    Args:
        report: is called while the model is not ready; what it raises ends the waiting.

    Raises:
        MusikaError: the checkpoint cannot be used, or the settings mean nothing to it.
    """
    model = context.models.get_model(request.checkpoint, report)
    piece = again.build_piece(model, request.seed, request.settings, request.inputs, request.loop)
    rest = piece.find_rest(request.start)
    if rest is not None and rest < SHORTEST:
        raise UsageError(f"the notes last {piece.duration:.1f} s: nothing is left from {request.start:g} s on")
    return piece


def set_loop(request: PieceRequest, piece: Piece, limits: PageLimits) -> PieceRequest:
    """The request with a loop of about its length.

    Raises:
        UsageError: the model cannot loop, or the nearest loop is too long.
    """
    looped = piece.make_loop(request.seconds)
    if looped.loop_seconds > limits.seconds:
        raise UsageError(f"the nearest loop lasts {looped.loop_seconds:.1f} s: at most {limits.seconds:g} s are made")
    return dataclasses.replace(request, loop=looped.loop, seconds=looped.loop_seconds, start=0.0)


def make_piece(context: PageContext, request: PieceRequest, report: Report) -> MadePiece:
    """Renders a piece into a wav file of the page.

    Raises:
        MusikaError: it cannot be rendered.
        work.Stopped: nobody waits any more.
    """
    piece = build_piece(context, request, report)
    blocks: list[np.ndarray] = []
    path = write_file(context, request, piece, "wav", report, blocks)
    rate = piece.model.sample_rate
    picture = pictures.draw_spectrogram(np.concatenate(blocks), rate, PICTURE_HEIGHT, PICTURE_WIDTH)
    return MadePiece(request, path, picture, has_notes(piece))


def write_file(
    context: PageContext,
    request: PieceRequest,
    piece: Piece,
    kind: str,
    report: Report,
    blocks: list[np.ndarray] | None = None,
) -> Path:
    """Writes a piece with its recipe into a file of the page, or its notes.

    Args:
        kind: one of `FORMATS`, or `NOTES`.
        blocks: gets what is written.

    Raises:
        MusikaError: it cannot be written.
        work.Stopped: nobody waits any more.
    """
    if kind not in (*FORMATS, NOTES):
        raise UsageError(f"there is no format {str(kind)[:20]!r}: choose {', '.join((*FORMATS, NOTES))}")
    path = context.files.folder / name_file(request, piece.model, kind)
    seconds = piece.find_rest(request.start)
    seconds = request.seconds if seconds is None else min(seconds, request.seconds)
    if kind == NOTES:
        piece.score(request.start, seconds).save(path)
    else:
        done = 0

        def watch(block: np.ndarray) -> None:
            nonlocal done
            done += len(block)
            if blocks is not None:
                blocks.append(block)
            report(done / piece.model.count_samples(seconds))

        report(0.0)
        finish: dict[str, Any] = dataclasses.asdict(request.finish)
        piece.save(path, seconds, request.start, on_block=watch, **finish)
    context.files.remove_old(path)
    return path


def name_file(request: PieceRequest, model: Model, kind: str) -> str:
    """A name that says what the file is. Equal requests have equal names, others have others."""
    name = "".join(c if c.isalnum() or c in "-_." else "_" for c in model.name)[:60]
    identity = "" if model.origin is None else model.origin.identity  # that of a run changes while it trains
    mark = hashlib.sha256(f"{identity}{request.to_json()}".encode()).hexdigest()[:6]
    return f"{name}-seed-{request.seed}-{request.seconds:g}s-{mark}.{kind}"


def has_notes(piece: Piece) -> bool:
    """Whether there is a score of a piece."""
    try:
        piece.score(0.0, 0.1)
    except UsageError:
        return False
    return True


def save_piece(context: PageContext, request: PieceRequest, kind: Any, report: Report) -> Path:
    """A file of the page with a piece in some format; one that is there already is not made again.

    Raises:
        MusikaError: it cannot be made.
        work.Stopped: nobody waits any more.
    """
    piece = build_piece(context, request, report)
    path = context.files.folder / name_file(request, piece.model, str(kind))
    if kind in (*FORMATS, NOTES) and path.is_file():
        os.utime(path)
        return path
    return write_file(context, request, piece, kind, report)


def read_link(context: PageContext, text: Any) -> PieceRequest | None:
    """The piece of a link to the tab Make; None where it names none.

    Args:
        text: values of the link by name, as JSON; they may come from anybody. Names that mean nothing are passed over.

    Raises:
        UsageError: a value cannot be used; the text names it.
    """
    try:
        values = json.loads(text) if isinstance(text, str) and len(text) <= LONGEST_TEXT else None
    except (ValueError, RecursionError):
        values = None
    if not isinstance(values, dict) or not all(isinstance(value, str) for value in values.values()):
        raise UsageError("the link is damaged")
    name = values.get("checkpoint")
    if "seed" not in values or name not in context.list_checkpoints(*MAKES_PIECES):
        return None
    loudness = query.read_number(values, "loudness", math.nan, *LOUDNESS)
    return check_request(
        PieceRequest(
            name,
            query.read_whole_number(values, "seed", 0, MAX_WHOLE),
            query.read_number(values, "seconds", PieceRequest.seconds, SHORTEST, context.limits.seconds),
            query.read_number(values, "start", 0.0, 0.0, LATEST),
            query.read_settings(values, SETTINGS[context.checkpoints[name].kind]),
            query.read_whole_number(values, "loop", 0, LONGEST_LOOP),
            None if math.isnan(loudness) else loudness,
            query.read_number(values, "fade_in", 0.0, 0.0, MOST_FADE),
            query.read_number(values, "fade_out", 0.0, 0.0, MOST_FADE),
        ),
        context.limits,
    )


def find_request(context: PageContext, path: Path) -> tuple[PieceRequest, str]:
    """What a file is made of, by its recipe, and a remark where the page cannot make all of it; "" else.

    Args:
        path: of an audio or video file; only its tags are read.

    Raises:
        AudioError, RecipeError: it has no recipe, or was made with a checkpoint that is not here.
    """
    recipe = read_piece_recipe(path)
    name = find_name(context, recipe)
    seconds = min(recipe.seconds, context.limits.seconds)
    finish = recipe.finish
    request = PieceRequest(
        name,
        recipe.seed,
        seconds,
        recipe.start,
        drop_defaults(recipe.settings, SETTINGS[context.checkpoints[name].kind]),
        recipe.loop,
        finish.get("loudness"),
        finish.get("fade_in", 0.0),
        finish.get("fade_out", 0.0),
        recipe.inputs,
    )
    remark = ""
    if recipe.seconds > seconds:
        remark = f"the file lasts {recipe.seconds:g} s: at most {seconds:g} s are made here, so the length was changed"
    return check_request(request, context.limits), remark


def find_name(context: PageContext, recipe: PieceRecipe) -> str:
    """The name of the checkpoint that a recipe means.

    Raises:
        RecipeError: it is not here.
    """
    for name in sorted(context.checkpoints, key=lambda name: name != recipe.checkpoint):
        try:
            folder = locate.resolve_checkpoint(context.checkpoints[name].path, "generator")
            if checkpoint.hash_files(folder) == recipe.identity:
                return name
        except MusikaError:
            continue  # one that cannot be read is not the right one
    raise RecipeError(f"it was made with the checkpoint {recipe.checkpoint} ({recipe.identity}), which is not here")


def describe_piece(request: PieceRequest) -> str:
    """A piece in one line: checkpoint, seed, length and settings."""
    parts = [request.checkpoint, f"seed {request.seed}", f"{request.seconds:.4g} s"]
    if request.start:
        parts.append(f"from {request.start:.6g} s")
    for name, value in request.settings.items():
        parts.append(f"{name.replace('_', ' ')} {f'{value:g}' if isinstance(value, float) else value}")
    return " · ".join(parts)


def to_text(value: Any) -> str:
    """A value that came as JSON as text of JSON again; "" for what is none."""
    try:
        return json.dumps(value, allow_nan=False)
    except (ValueError, TypeError, RecursionError):
        return ""


def pack_inputs(inputs: tuple[Mapping[str, Any], ...]) -> str:
    """Inputs as a text that browsers keep; "" for none."""
    return json.dumps([dict(entry) for entry in inputs]) if inputs else ""


def unpack_inputs(text: Any) -> tuple[Mapping[str, Any], ...]:
    """The inputs that `pack_inputs` packed.

    Raises:
        UsageError: the text, which comes from a browser, is none of it.
    """
    if not text:
        return ()
    try:
        if not isinstance(text, str) or len(text) > LONGEST_TEXT:
            raise ValueError
        return tuple(map(dict, json.loads(text)))
    except (ValueError, TypeError, RecursionError):
        raise UsageError("the notes that are to be followed are damaged: choose the file again") from None


def describe_inputs(inputs: tuple[Mapping[str, Any], ...]) -> str:
    """What a piece is made of beside its seed, in a line; "" for nothing."""
    if not inputs:
        return ""
    if inputs[0].get("kind") == MELODY:
        return f"with the melody of that file, {len(inputs[0].get('notes', ()))} notes"
    return "with the notes of that file"
