"""`generate --like FILE`: a file that Musika made is made again from its recipe, or more of the same piece."""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path

from musika import console, environment
from musika.audio import FORMATS, choose_encoding
from musika.cli.flags import GenerateOptions
from musika.cli.pieces import format_speed, make_folder
from musika.errors import UsageError
from musika.files import format_path
from musika.render import again
from musika.render.recipe import PieceRecipe, read_recipe

# flags that change where and how the new file is written, or how long it is
ALLOWED = frozenset(
    ["like", "load_path", "dec_path", "start", "seconds", "format", "bits", "save_path", "cpu", "verbose"]
)


def run(options: GenerateOptions) -> int:
    """Makes the file again and returns 0.

    Raises:
        MusikaError: the file has no recipe, the recipe cannot be followed here, or a flag contradicts it.
    """
    assert options.like is not None
    for name in sorted(options.given - ALLOWED):
        raise UsageError(f"--{name} contradicts --like, which takes everything from the file: leave it out")
    recipe = read_recipe(options.like)
    named = options.load_path if "load_path" in options.given else None
    folder = again.find_checkpoint(recipe, options.like, named)
    kind = options.like.suffix[1:].lower()
    if "format" in options.given or f".{kind}" not in FORMATS:  # a video is made again as sound
        kind = options.format
    choose_encoding(Path(f"a.{kind}"), options.bits)  # before anything slow begins
    make_folder(options.save_path)
    environment.follow_machine(recipe.machine.backend, recipe.machine.threads)  # before a framework is imported
    wanted = _change_recipe(recipe, options)
    started = time.perf_counter()
    model = again.load_recipe_model(wanted, options.like, folder, options.dec_path)
    piece = again.make_piece(wanted, options.like, model)
    console.say(
        f"{model.name} loaded in {time.perf_counter() - started:.1f} s, seed {piece.seed}"
        f"{again.describe_version(recipe)}"
    )
    path = options.save_path / f"{model.name}-seed-{piece.seed}.{kind}"
    started = time.perf_counter()
    with console.progress(wanted.seconds, "s", "generate") as bar:
        written = again.save(piece, wanted, path, True, lambda block: bar.advance(len(block) / wanted.rate))
        if written.path != path:
            bar.note(f"{format_path(path)} holds another piece, which is kept; this one is {written.path.name}")
        bar.note(f"{format_path(written.path)}: {format_speed(wanted.seconds, time.perf_counter() - started)}")
    return 0


def _change_recipe(recipe: PieceRecipe, options: GenerateOptions) -> PieceRecipe:
    """The recipe with what the flags say."""
    first = round(options.start * recipe.rate) if "start" in options.given else recipe.first
    samples = round(options.seconds * recipe.rate) if "seconds" in options.given else recipe.samples
    bits = options.bits if options.bits is not None else recipe.bits
    if samples < 1:
        raise UsageError(f"--seconds {options.seconds:g} is less than one sample")
    return dataclasses.replace(recipe, first=first, samples=samples, bits=bits)
