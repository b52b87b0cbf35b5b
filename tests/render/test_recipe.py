"""Recipes in the tags of files: what is written is read again, and what is not a recipe is refused in one line."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from musika import audio, checkpoint
from musika.errors import MusikaError
from musika.render import again, comparison, load_model
from musika.render.recipe import LONGEST, Machine, PieceRecipe, RecipeError, read_recipe
from tests.helpers import tiny
from tests.helpers.audio_files import RATE, make_tones

RECIPE = PieceRecipe(
    checkpoint="open",
    identity="0123456789abcdef",
    codec="fedcba9876543210",
    seed=2**63 - 1,
    settings={"truncation": 1.5},
    first=158_760_000,
    samples=13_230,
    rate=RATE,
    machine=Machine("tensorflow", "float32", False, 2),
    bits="16",
)


def write(path: Path, comment: str) -> Path:
    return audio.write(path, make_tones(0.1), RATE, {"comment": comment}).path


def change(**fields: Any) -> str:
    """The comment of a recipe with other fields."""
    own = json.loads(RECIPE.to_tags()["comment"])["musika"]
    return json.dumps({"musika": {name: value for name, value in {**own, **fields}.items() if value is not None}})


@pytest.mark.parametrize("kind", ["wav", "flac", "ogg", "opus", "mp3"])
def test_a_recipe_is_read_again(kind: str, tmp_path: Path) -> None:
    recipe = RECIPE if kind in ("wav", "flac") else dataclasses.replace(RECIPE, bits="", finish={"loudness": -14.0})
    audio.write(tmp_path / f"a.{kind}", make_tones(0.3), RATE, recipe.to_tags())
    assert read_recipe(tmp_path / f"a.{kind}") == recipe


def test_start_and_seconds() -> None:
    assert (RECIPE.start, RECIPE.seconds) == (3600.0, 0.3)


@pytest.mark.parametrize("comment", ["", "made with love", "{", '{"musika": 1}', "[1]", "{" * 5000, '{"a": 1e999}'])
def test_other_comments_are_no_recipe(comment: str, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="has no recipe: Musika did not make it, or its tags"):
        read_recipe(write(tmp_path / "a.flac", comment))


def test_a_comment_that_is_too_long_is_not_read(tmp_path: Path) -> None:
    with pytest.raises(MusikaError, match=r"has no recipe|tags that cannot be read"):
        read_recipe(write(tmp_path / "a.flac", change(settings={"x": "y" * LONGEST})))


@pytest.mark.parametrize(
    "fields",
    [
        {"seed": -1},
        {"seed": 2**63},
        {"seed": 1.0},
        {"seed": True},
        {"seed": "7"},
        {"seed": None},
        {"samples": 0},
        {"rate": 10**9},
        {"checkpoint": "a\nb"},
        {"checkpoint": "a" * 201},
        {"checkpoint": "../../a"},
        {"checkpoint": "/a"},
        {"checkpoint": "a\\b"},
        {"checkpoint": ".."},
        {"checkpoint": ""},
        {"source": {"identity": "1", "name": "../a.wav"}},
        {"identity": None},
        {"settings": [1]},
        {"inputs": [1]},
        {"bits": "8"},
        {"machine": {"backend": "tensorflow"}},
        {"machine": {"backend": "rm -rf", "precision": "float32", "xla": False, "threads": 2}},
        {"machine": {"backend": "tensorflow", "precision": "float32", "xla": False, "threads": 10**6}},
    ],
)
def test_damaged_recipes_are_refused(fields: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"a\.flac has a damaged recipe in its tags"):
        read_recipe(write(tmp_path / "a.flac", change(**fields)))


def test_a_recipe_of_a_later_version(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"was made by a later version of Musika \(9\.9\): update this one"):
        read_recipe(write(tmp_path / "a.flac", change(format=3, version="9.9")))


def test_a_hash_of_files_follows_what_is_rendered(tmp_path: Path) -> None:
    folder = tiny.write_checkpoints(tmp_path)
    before = checkpoint.hash_files(folder)
    (folder / "README.md").write_text("a card")
    (folder / "critic.safetensors").write_bytes(b"x")
    assert checkpoint.hash_files(folder) == before
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "output_gain": 2}))
    assert checkpoint.hash_files(folder) != before


def test_a_model_without_files_has_no_recipe(tmp_path: Path) -> None:
    piece = dataclasses.replace(tiny.make_model(tiny.SMALL), name="made here").piece(7)
    assert piece.make_recipe(0.0, 1.0) is None
    assert piece.make_tags("a.flac", 0.0, 1.0)["title"] == "made here 7"


def test_a_saved_file_has_the_recipe_that_makes_it_again(tmp_path: Path) -> None:
    folder = tiny.write_checkpoints(tmp_path)
    model = load_model(folder)
    model.piece(7, truncation=1.5).save(tmp_path / "a.flac", 0.5, 12.25, bits="24")
    recipe = read_recipe(tmp_path / "a.flac")
    assert (recipe.checkpoint, recipe.seed, recipe.first, recipe.samples) == ("open", 7, 540_225, 22_050)
    assert recipe.identity == checkpoint.hash_files(folder) and recipe.codec == checkpoint.hash_files(tmp_path / "ae")
    piece = again.make_piece(recipe, tmp_path / "a.flac", model)
    again.save(piece, recipe, tmp_path / "b.flac")
    assert (tmp_path / "a.flac").read_bytes() == (tmp_path / "b.flac").read_bytes()


def test_what_a_recipe_does_not_hold_is_said(tmp_path: Path) -> None:
    recipe = dataclasses.replace(RECIPE, inputs=({"kind": "Fill"},))
    with pytest.raises(RecipeError, match=r"a\.wav was made of more than its recipe holds: Fill"):
        again.make_piece(recipe, Path("a.wav"), tiny.make_model(tiny.SMALL))
    recipe = dataclasses.replace(RECIPE, settings={"colour": 1}, version="0.0.1")
    with pytest.raises(RecipeError, match=r"cannot be made again: .*colour.*made by Musika 0\.0\.1"):
        again.make_piece(recipe, Path("a.wav"), tiny.make_model(tiny.SMALL))


def test_comparison_of_files(tmp_path: Path) -> None:
    sound = make_tones(3.0)
    first, other = tmp_path / "a.flac", tmp_path / "b.flac"
    audio.write(first, sound, RATE)
    audio.write(other, sound, RATE, {"title": "tags do not count"})
    assert comparison.compare_files(first, other, RATE).is_exact
    changed = sound.copy()
    changed[round(1.5 * RATE), 1] += 0.25
    audio.write(other, changed, RATE)
    found = comparison.compare_files(first, other, RATE)
    assert not found.is_exact and found.first == 1.5 and found.largest == pytest.approx(0.25, abs=1e-3)
    assert found.share == pytest.approx(1 / (6 * RATE)) and found.is_near
    audio.write(other, np.concatenate([sound[: 2 * RATE], sound[:RATE] * 0.5]), RATE)
    assert not comparison.compare_files(first, other, RATE).is_near
    audio.write(other, sound[:-1], RATE)
    found = comparison.compare_files(first, other, RATE)
    assert found.lengths == (3 * RATE, 3 * RATE - 1) and not found.is_exact and not found.is_near
