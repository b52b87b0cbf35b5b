"""`generate --like FILE`: a file that Musika made is made again from its recipe, or more of the same piece."""

from __future__ import annotations

import dataclasses
import math
import time
from pathlib import Path

from musika import console, environment
from musika.audio import FORMATS
from musika.cli import output
from musika.cli.flags import GenerateOptions
from musika.cli.pieces import format_speed
from musika.cli.targets import STDOUT, check_format, describe_kept, make_folder
from musika.edit import again
from musika.errors import UsageError
from musika.files import format_path
from musika.render.again import describe_version
from musika.render.recipe import PieceRecipe, Recipe, read_recipe

# flags that change where and how the new file is written, or how long it is
ALLOWED = frozenset(
    ["like", "source", "load_path", "dec_path", "start", "seconds", "format", "bits", "save_path", "cpu", "verbose"]
)


def run(options: GenerateOptions) -> int:
    """Makes the file again and returns 0.

    Raises:
        MusikaError: the file has no recipe, the recipe cannot be followed here, or a flag contradicts it.
    """
    assert options.like is not None
    if options.jobs > 1:
        raise UsageError("--like makes a file again in one process: leave out --jobs")
    for name in sorted(options.given - ALLOWED):
        raise UsageError(f"--{name} contradicts --like, which takes everything from the file: leave it out")
    recipe = read_recipe(options.like)
    named = options.load_path if "load_path" in options.given else None
    maker = again.Maker(options.like, named, options.dec_path, options.source)
    maker.find_checkpoints(recipe)
    kind = options.like.suffix[1:].lower()
    if "format" in options.given or f".{kind}" not in FORMATS:  # a video is made again as sound
        kind = options.format
    wanted = _change_recipe(recipe, options)
    check_format(kind, options.bits, options.save_path, wanted.seconds)
    if options.save_path != STDOUT:
        make_folder(options.save_path)
    environment.follow_machine(recipe.machine.backend, recipe.machine.threads)  # before a framework is imported
    if options.save_path == STDOUT:
        return output.send(lambda: (wanted.rate, again.stream(maker.make(wanted), wanted)), kind, wanted.bits or None)
    started = time.perf_counter()
    sound = maker.make(wanted)
    console.say(
        f"{name_sound(wanted).replace('-', ' ')}: loaded in {time.perf_counter() - started:.1f} s"
        f"{describe_version(recipe)}"
    )
    path = options.save_path / f"{name_sound(wanted)}.{kind}"
    started = time.perf_counter()
    with console.progress(wanted.seconds, "s", "generate") as bar:
        written = again.save(sound, wanted, path, True, lambda block: bar.advance(len(block) / wanted.rate))
        if written.path != path:
            bar.note(describe_kept(path, written.path))
        bar.note(f"{format_path(written.path)}: {format_speed(wanted.seconds, time.perf_counter() - started)}")
    return 0


def name_sound(recipe: Recipe) -> str:
    """The name of the file, without its ending: as `generate` and `edit` name theirs."""
    if isinstance(recipe, PieceRecipe):
        begin = f"{recipe.checkpoint}-seed-{recipe.seed}{'-loop' if recipe.loop else ''}"
    else:
        begin = Path(recipe.source.name).stem or "recording"
    return "-".join([begin, *(f"{entry.get('edit')}-seed-{entry.get('seed')}" for entry in recipe.edits)])


def _change_recipe(recipe: Recipe, options: GenerateOptions) -> Recipe:
    """The recipe with what the flags say."""
    if "seconds" in options.given and math.isinf(options.seconds):
        raise UsageError("--seconds inf: --like makes one file, so say how many seconds of it")
    first = round(options.start * recipe.rate) if "start" in options.given else recipe.first
    samples = round(options.seconds * recipe.rate) if "seconds" in options.given else recipe.samples
    bits = options.bits if options.bits is not None else recipe.bits
    if samples < 1:
        raise UsageError(f"--seconds {options.seconds:g} is less than one sample")
    return dataclasses.replace(recipe, first=first, samples=samples, bits=bits)
