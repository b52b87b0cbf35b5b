"""Following a recipe: the checkpoint that it names is found, and the piece is made again."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from musika import __version__, checkpoint
from musika.audio import WrittenFile, choose_encoding
from musika.checkpoint import locate
from musika.composer.piece import Melody
from musika.errors import CheckpointError, MusikaError, UsageError
from musika.files import format_path
from musika.render.load import load_model
from musika.render.piece import Model, Piece
from musika.render.recipe import EDIT, MELODY, SCORE, Origin, PieceRecipe, Recipe, RecipeError
from musika.render.sound import SoundEdit
from musika.score import unpack_score


def find_checkpoint(name: str, identity: str, file: Path) -> Path:
    """The folder of a checkpoint, in `checkpoints/` here or beside the program.

    Args:
        name: that it had.
        identity: hash of its files.
        file: that was made with it, for messages.

    Raises:
        RecipeError: it is not there (about "generator").
    """
    for folder in _list_candidates(name):
        try:
            if checkpoint.hash_files(folder) == identity:
                return folder
        except CheckpointError:
            continue  # one that cannot be read is not the right one
    raise RecipeError(
        f"{format_path(file)} was made with checkpoint {name} ({identity}), which is not in {locate.HOME}",
        about="generator",
    )


def load_recipe_model(origin: Origin, file: Path, folder: Path, dec_path: Path | None = None) -> Model:
    """The model that a file was made with, computing as it did then.

    Args:
        origin: of the model, as the recipe says.
        file: for messages.
        folder: of the checkpoint, as `find_checkpoint` gives it.
        dec_path: of the codec; None finds the one that fits.

    Raises:
        RecipeError: the codec is another one (about "codec").
        MusikaError: a checkpoint cannot be loaded.
    """
    model = load_model(folder, dec_path, None, origin.precision, origin.xla, origin.decoder)
    if model.codec.files_hash != origin.codec:
        raise RecipeError(
            f"{format_path(file)} was made with another codec ({origin.codec}) than the one that is here "
            f"({model.codec.files_hash})",
            about="codec",
        )
    return model


def make_piece(recipe: PieceRecipe, file: Path, model: Model, edits: Sequence[SoundEdit] = ()) -> Piece:
    """The piece of a recipe.

    Args:
        edits: those that the recipe describes (`musika.edit.again` makes them).

    Raises:
        RecipeError: it was made of something that the recipe does not hold, or with settings that are not known here.
    """
    inputs = [entry for entry in recipe.inputs if entry.get("kind") != EDIT]
    others = sorted({str(entry.get("kind"))[:20] for entry in inputs} - {SCORE, MELODY})
    if others or len(inputs) > 1 or len(edits) != len(recipe.edits):
        what = ", ".join(others) or ("several scores" if len(inputs) > 1 else "edits")
        raise RecipeError(f"{format_path(file)} was made of more than its recipe holds: {what}")
    try:
        piece = build_piece(model, recipe.seed, recipe.settings, inputs, recipe.loop)
        return dataclasses.replace(piece, edits=tuple(edits))
    except MusikaError as error:
        raise RecipeError(f"{format_path(file)} cannot be made again: {error}{describe_version(recipe)}") from error


def build_piece(
    model: Model, seed: int, settings: Mapping[str, Any], inputs: Sequence[Mapping[str, Any]] = (), loop: int = 0
) -> Piece:
    """A piece of a seed, or of the score or the melody that a recipe describes.

    Args:
        inputs: as `describe_input` gives them; at most one.
        loop: latents after which it begins again; 0 is never.

    Raises:
        UsageError: settings that mean nothing to the model, more inputs than one, or a loop that cannot be.
        ScoreError: the input is damaged.
    """
    if len(inputs) > 1:
        raise UsageError("a piece is made of one score or one melody")
    kind = inputs[0].get("kind") if inputs else None
    if kind not in (None, MELODY, SCORE):
        raise UsageError(f"a piece cannot be made of {str(kind)[:20]!r}")
    if kind == SCORE:
        piece = model.play(unpack_score(str(inputs[0].get("packed"))), seed, **settings)
    else:
        melody = {"melody": Melody.from_rows(inputs[0].get("notes"))} if inputs else {}
        piece = model.piece(seed, **melody, **settings)
    looped = dataclasses.replace(piece, loop=loop)
    if loop and model.choose_loop(piece, looped.loop_seconds) != loop:
        raise UsageError(f"{model.name} cannot loop after {loop} latents")
    return looped


def save(
    piece: Piece,
    recipe: PieceRecipe,
    path: Path,
    keep_existing: bool = False,
    on_block: Callable[[np.ndarray], None] | None = None,
) -> WrittenFile:
    """Writes what a recipe says. In the format of the first file, this is the same file again.

    Args:
        path: of the new file; its ending names the format.
        keep_existing: as `Piece.save` has it.
        on_block: as `Piece.save` has it.

    Raises:
        MusikaError: it cannot be rendered or written.
    """
    depths = choose_encoding(path).depths
    bits = recipe.bits if recipe.bits in depths else None
    return piece.save(path, recipe.seconds, recipe.start, None, keep_existing, bits, on_block=on_block, **recipe.finish)


def describe_version(recipe: Recipe) -> str:
    """What to add to a message about a file of another version; "" for one of this version."""
    if recipe.version == __version__:
        return ""
    return f" (it was made by Musika {recipe.version}, and this is {__version__})"


def _list_candidates(name: str) -> Iterator[Path]:
    """Checkpoint folders that a recipe may mean, those of its name first."""
    for place in (locate.HOME, locate.INSTALLED / locate.HOME):
        folders = [folder for folder in sorted(place.glob("*")) if folder.is_dir()]
        runs = [checkpoint for folder in folders for checkpoint in locate.list_checkpoints(folder)]
        yield from sorted([*folders, *runs], key=lambda folder: folder.name != name)
