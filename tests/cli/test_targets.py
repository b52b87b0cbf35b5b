"""Kinds of files that are written, and what is said where a file is there already: the same for all verbs."""

from __future__ import annotations

import dataclasses
import typing
from pathlib import Path

import numpy as np
import pytest

from musika import audio
from musika.cli.flags import DecodeOptions, EditOptions, GenerateOptions
from musika.cli.targets import RAW, STDOUT, check_format, describe_kept
from musika.config.formats import AudioFormat
from musika.errors import MusikaError
from musika.render.recipe import Machine, PieceRecipe, RecordingRecipe, Source

RATE = 44_100
MACHINE = Machine("tensorflow", "float32", False, 2)
PIECE = PieceRecipe("open", "01", "02", 7, {}, 0, 2 * RATE, RATE, MACHINE, "16")
RECORDING = RecordingRecipe(Source("03", "song.wav"), ({"kind": "edit", "edit": "vary"},), 0, RATE, RATE, MACHINE)


def write(path: Path, recipe: PieceRecipe | RecordingRecipe | None) -> Path:
    tags = {} if recipe is None else recipe.to_tags()
    return audio.write(path, np.zeros((100, 2), np.float32), RATE, tags).path


@pytest.mark.parametrize(
    ("before", "after", "text"),
    [
        (PIECE, dataclasses.replace(PIECE, samples=RATE), "a longer version of this piece (2 s, this one has 1 s)"),
        (
            PIECE,
            dataclasses.replace(PIECE, samples=3 * RATE),
            "a shorter version of this piece (2 s, this one has 3 s)",
        ),
        (dataclasses.replace(PIECE, first=RATE), PIECE, "another part of this piece, from second 1 on"),
        (PIECE, dataclasses.replace(PIECE, finish={"fade_in": 1}), "the same part of this piece, finished in another"),
        (PIECE, dataclasses.replace(PIECE, settings={"x": 1}), "a piece of the same seed with other settings"),
        (PIECE, dataclasses.replace(PIECE, identity="9"), "a piece of the same seed with other weights of the"),
        (PIECE, dataclasses.replace(PIECE, checkpoint="techno"), "another piece"),
        (PIECE, RECORDING, "another sound"),
        (RECORDING, dataclasses.replace(RECORDING, edits=()), "the same recording, edited in another way"),
        (None, PIECE, "something else"),
    ],
)
def test_what_the_file_of_that_name_holds_is_said(before, after, text, tmp_path: Path) -> None:
    old, new = write(tmp_path / "a.flac", before), write(tmp_path / "a-2.flac", after)
    line = describe_kept(old, new)
    assert line.startswith(f"{old} holds {text}")
    assert line.endswith("it stays, and the new file is a-2.flac; remove the old one if it is no longer needed")


def test_a_file_of_another_kind_holds_something_else(tmp_path: Path) -> None:
    (tmp_path / "a.mid").write_bytes(b"MThd")
    assert "a.mid holds something else" in describe_kept(tmp_path / "a.mid", tmp_path / "b.mid")


def test_all_verbs_offer_the_same_formats() -> None:
    names = typing.get_args(AudioFormat)
    assert [f".{name}" for name in names] == list(audio.FORMATS)
    offered = {kind: typing.get_type_hints(kind)["format"] for kind in (DecodeOptions, GenerateOptions, EditOptions)}
    assert typing.get_args(offered[DecodeOptions]) == names
    assert typing.get_args(offered[GenerateOptions]) == (*names, RAW)
    assert typing.get_args(typing.get_args(offered[EditOptions])[0]) == (*names, RAW)


@pytest.mark.parametrize(
    ("values", "text"),
    [
        (("raw", None, Path("out")), "add --save_path -"),
        (("raw", "24", STDOUT), "raw samples have 16 bits"),
        (("mp3", "24", Path("out")), "mp3 has no bits to choose"),
        (("aiff", None, Path("out"), 30_000.0), "more than a file of this kind .aiff. holds: choose --format flac"),
        (("wav", "32f", Path("out"), 13_000.0), "--seconds 13000 is more than"),
    ],
)
def test_what_cannot_be_written_is_one_line(values, text: str) -> None:
    with pytest.raises(MusikaError, match=text):
        check_format(*values)


def test_what_can_be_written() -> None:
    for values in (("raw", "16", STDOUT), ("wav", "24", STDOUT, 1e9), ("wav", None, Path("out"), 24_000.0)):
        check_format(*values)  # type: ignore[arg-type]
