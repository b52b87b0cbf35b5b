"""Pieces that follow from pieces: the same for longer, others like it, and the way from one to another."""

from __future__ import annotations

import dataclasses
import secrets
from typing import Any

from musika.composer.plan import PieceFrame
from musika.config import GeneratorSettings
from musika.config.musical.curves import format_number, format_timeline
from musika.config.musical.keys import make_key
from musika.errors import UsageError
from musika.render import ComposedModel, GeneratorModel, Piece
from musika.render.composed import get_style_seed, is_composed
from musika.serve.page.context import PageContext, PageLimits
from musika.serve.page.pieces import PieceRequest, build_piece
from musika.serve.page.work import Report, ignore_report

DRAWN_SEEDS = 2**32
MODES = ("major", "minor")


def draw_seed() -> int:
    """A seed that can be typed."""
    return secrets.randbelow(DRAWN_SEEDS)


def make_longer(request: PieceRequest, limits: PageLimits) -> tuple[PieceRequest, str]:
    """The same piece at twice the length, and a line about it. Its beginning stays, sample for sample.

    Raises:
        UsageError: it cannot be longer.
    """
    if request.loop:
        raise UsageError("a loop has no longer version: turn off Loop first")
    if request.seconds >= limits.seconds:
        raise UsageError(f"{limits.seconds:g} seconds are the most that one request makes here")
    seconds = min(2 * request.seconds, limits.seconds)
    cut = " (the most that one request makes here)" if seconds < 2 * request.seconds else ""
    return dataclasses.replace(request, seconds=seconds), f"the same piece, {seconds:g} s{cut}"


def make_similar(
    context: PageContext, request: PieceRequest, seed: int | None = None, report: Report = ignore_report
) -> tuple[PieceRequest, str]:
    """A piece of another seed that is near to a piece, and a line about it.

    With a generator both have the same style. With composed music both have the same sound, key, tempo and metre.

    Args:
        seed: of the new piece; None draws one.
        report: as of `build_piece`.

    Raises:
        UsageError: pieces of notes that are given have no others like them.
        MusikaError: the piece cannot be made.
    """
    piece = build_piece(context, request, report)
    number = draw_seed() if seed is None else seed
    return (
        dataclasses.replace(request, seed=number, settings={**request.settings, **_keep(piece)}),
        f"seed {number}, like seed {request.seed}: {_describe(_keep(piece))}",
    )


def _keep(piece: Piece) -> dict[str, Any]:
    """The settings with which other seeds make pieces that are near to a piece."""
    settings = piece.settings
    if isinstance(settings, GeneratorSettings):
        return {} if settings.styles else {"style_seed": find_styles(piece)[0]}
    if not is_composed(piece):
        return {"style": piece.model.choose_style(piece.seed, settings.style) + 1}  # type: ignore[attr-defined]
    frame = find_frame(piece)
    drawn = {"key": str(make_key(frame.tonic, MODES[frame.mode])), "tempo": format_number(round(frame.tempo))}
    drawn["metre"] = frame.metre
    given = settings.get_given()
    if given.keys() & {"key", "mode", "chords"} or piece.tracks:
        del drawn["key"]
    sound = {"style_seed": get_style_seed(piece)}  # room and touch
    return {**sound, **{name: text for name, text in drawn.items() if name not in given}}


def _describe(settings: dict[str, Any]) -> str:
    """Settings in a few words."""
    shown = [f"{name.replace('_', ' ')} {value}" for name, value in settings.items()]
    return ", ".join(shown) if shown else "the same settings"


def make_between(
    context: PageContext, first: PieceRequest, second: PieceRequest, report: Report = ignore_report
) -> tuple[PieceRequest, str]:
    """A piece that begins like one and ends like another, and a line that says what moves and what does not.

    Args:
        report: as of `build_piece`.

    Raises:
        UsageError: they are of different checkpoints, or nothing can move.
        MusikaError: one of them cannot be made.
    """
    if first.checkpoint != second.checkpoint:
        raise UsageError("both pieces must be of one checkpoint: there is nothing between two checkpoints")
    if first.loop or second.loop:
        raise UsageError("a loop leads back to its beginning: turn off Loop first")
    pieces = build_piece(context, first, report), build_piece(context, second, report)
    model, end = pieces[0].model, first.start + first.seconds
    if isinstance(model, GeneratorModel):
        settings, line = _move_style(pieces, end)
    elif isinstance(model, ComposedModel) and all(map(is_composed, pieces)):
        settings, line = _move_music(pieces, end)
    else:
        raise UsageError("notes that are given stay as they are: there is nothing between two of them")
    changed = {name: value for name, value in {**first.settings, **settings}.items() if value is not None}
    return dataclasses.replace(first, settings=changed), line


def _move_style(pieces: tuple[Piece, Piece], end: float) -> tuple[dict[str, Any], str]:
    """Settings of a piece that moves from the style of one piece to that of another."""
    begin, target = find_styles(pieces[0])[0], find_styles(pieces[1])[-1]
    if begin == target:
        raise UsageError("both pieces have the same style: there is nothing between them")
    styles = format_timeline(((0.0, begin), (end, target)), str)
    line = f"from style {begin} to style {target} over {end:g} s, on the way of seed {pieces[0].seed}"
    return {"styles": styles, "style_seed": None}, line


def find_styles(piece: Piece) -> tuple[int, ...]:
    """The numbers of the styles of a generator's piece, in the order in which they are heard."""
    settings = piece.settings
    if settings.style_points:
        return tuple(number for _, number in settings.style_points)
    return (piece.seed if settings.style_seed < 0 else settings.style_seed,)


def _move_music(pieces: tuple[Piece, Piece], end: float) -> tuple[dict[str, Any], str]:
    """Settings of a composed piece whose tempo and key move from those of one piece to those of another."""
    frames = [find_frame(piece) for piece in pieces]
    tempos = [_find_tempo(piece, frame) for piece, frame in zip(pieces, frames, strict=True)]
    keys = [make_key(frame.tonic, MODES[frame.mode]) for frame in frames]
    settings: dict[str, Any] = {"metre": frames[0].metre}
    moved, stays = [], ["metre", "notes"]
    if tempos[0] != tempos[1]:
        settings["tempo"] = format_timeline(((0.0, tempos[0]), (end, tempos[1])), format_number)
        moved.append(f"tempo {tempos[0]:g} to {tempos[1]:g}")
    has_own_key = pieces[0].settings.chords or pieces[0].settings.mode or pieces[0].tracks
    if keys[0] != keys[1] and not has_own_key:
        settings["key"] = format_timeline(((0.0, keys[0]), (end / 2, keys[1])), str)
        moved.append(f"key {keys[0]} to {keys[1]}")
    elif has_own_key:
        stays.insert(0, "key")
    if not moved:
        raise UsageError("both pieces have the same tempo and key: nothing else of composed music moves")
    return settings, f"{', '.join(moved)} over {end:g} s; {', '.join(stays)} and sound stay those of the first piece"


def find_frame(piece: Piece) -> PieceFrame:
    """What holds for a whole composed piece: its metre, tempo and key."""
    return piece.model.compose(piece).plan.frame  # type: ignore[attr-defined]


def _find_tempo(piece: Piece, frame: PieceFrame) -> float:
    """The tempo with which a composed piece begins."""
    asked = piece.settings.tempo_value
    return float(round(frame.tempo if asked is None else asked.get_value(0.0)))
