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
from musika.render.recipe import EDIT, MELODY, SCORE, PieceRecipe, RecipeError
from musika.score import unpack_score

PLACE = Path("checkpoints")  # where checkpoints are looked for, here and beside the program


def find_checkpoint(recipe: PieceRecipe, file: Path, named: Path | None = None) -> Path:
    """The folder of the checkpoint that a recipe names.

    Args:
        recipe: of the file.
        file: for messages.
        named: the folder, where a person named it; None looks in `checkpoints/`, here and beside the program.

    Raises:
        RecipeError: it is not there, or the folder that was named holds another one (about "generator").
        CheckpointError: the folder that was named cannot be read.
    """
    if named is not None:
        folder = locate.resolve_checkpoint(named, "generator")
        if checkpoint.hash_files(folder) != recipe.identity:
            raise RecipeError(
                f"{format_path(file)} was made with another checkpoint than {format_path(named)}: "
                f"{recipe.checkpoint}, {recipe.identity}"
            )
        return folder
    for folder in _list_candidates(recipe.checkpoint):
        try:
            if checkpoint.hash_files(folder) == recipe.identity:
                return folder
        except CheckpointError:
            continue  # one that cannot be read is not the right one
    raise RecipeError(
        f"{format_path(file)} was made with checkpoint {recipe.checkpoint} ({recipe.identity}), which is not in "
        f"{PLACE}",
        about="generator",
    )


def load_recipe_model(recipe: PieceRecipe, file: Path, folder: Path, dec_path: Path | None = None) -> Model:
    """The model of a recipe, computing as the recipe says.

    Args:
        recipe: of the file.
        file: for messages.
        folder: of the checkpoint, as `find_checkpoint` gives it.
        dec_path: of the codec; None finds the one that fits.

    Raises:
        RecipeError: the codec is another one (about "codec").
        MusikaError: a checkpoint cannot be loaded.
    """
    model = load_model(folder, dec_path, None, recipe.machine.precision, recipe.machine.xla)
    if model.codec.files != recipe.codec:
        raise RecipeError(
            f"{format_path(file)} was made with another codec ({recipe.codec}) than the one that is here "
            f"({model.codec.files})",
            about="codec",
        )
    return model


def make_piece(recipe: PieceRecipe, file: Path, model: Model) -> Piece:
    """The piece of a recipe.

    Raises:
        RecipeError: it was made of something that the recipe does not hold, or with settings that are not known here.
    """
    edits = [str(entry.get("edit"))[:20] for entry in recipe.inputs if entry.get("kind") == EDIT]
    if edits:
        raise RecipeError(
            f"{format_path(file)} was edited ({', '.join(edits)}), and edits are not repeated from a file: "
            f"make seed {recipe.seed} of {recipe.checkpoint} again, and edit it as the file's comment says"
        )
    others = sorted({str(entry.get("kind"))[:20] for entry in recipe.inputs} - {SCORE, MELODY})
    if others or len(recipe.inputs) > 1:
        what = ", ".join(others) or "several scores"
        raise RecipeError(f"{format_path(file)} was made of more than its recipe holds: {what}")
    try:
        return build_piece(model, recipe.seed, recipe.settings, recipe.inputs, recipe.loop)
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


def describe_version(recipe: PieceRecipe) -> str:
    """What to add to a message about a file of another version; "" for one of this version."""
    if recipe.version == __version__:
        return ""
    return f" (it was made by Musika {recipe.version}, and this is {__version__})"


def _list_candidates(name: str) -> Iterator[Path]:
    """Checkpoint folders that a recipe may mean, those of its name first."""
    for place in (PLACE, locate.INSTALLED / PLACE):
        folders = [folder for folder in sorted(place.glob("*")) if folder.is_dir()]
        runs = [checkpoint for folder in folders for checkpoint in locate.list_checkpoints(folder)]
        yield from sorted([*folders, *runs], key=lambda folder: folder.name != name)
