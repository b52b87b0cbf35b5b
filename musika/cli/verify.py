"""`verify`: whether an audio file is what its recipe says: the piece is made again and compared."""

from __future__ import annotations

import dataclasses
import tempfile
from pathlib import Path

from musika import console, environment
from musika.audio import FORMATS, choose_encoding
from musika.cli.flags import VerifyOptions
from musika.edit import again
from musika.files import escape, format_path
from musika.render import Piece
from musika.render.again import describe_version
from musika.render.comparison import TOLERANCE, Comparison, compare_files, measure_length
from musika.render.recipe import PieceRecipe, Recipe, describe_edits, read_recipe

FAR = 0.1  # seconds by which a file may differ from the length in its recipe before it is made again and compared
PADDING = 2048  # samples of silence at most that the sound of a video has at its end, to fill its last frame


def run(options: VerifyOptions) -> int:
    """Prints one line and returns 0 where the file is what its recipe says, 1 where it is not.

    Raises:
        MusikaError: the file has no recipe, or the recipe cannot be followed here.
    """
    recipe = read_recipe(options.file)
    maker = again.Maker(options.file, options.load_path, options.dec_path, options.source)
    maker.find_checkpoints(recipe)
    seconds = measure_length(options.file, recipe.rate) / recipe.rate
    if abs(seconds - recipe.seconds) > FAR:  # whose making could take for ever, if the recipe says so
        reason = f"it lasts {seconds:.6g} s instead of {recipe.seconds:.6g} s"
        return _report(options.file, recipe, False, reason)
    environment.follow_machine(recipe.machine.backend, recipe.machine.threads)  # before a framework is imported
    sound = maker.make(recipe)
    with (
        tempfile.TemporaryDirectory(prefix="musika-verify-") as temporary,
        console.progress(recipe.seconds, "s", "verify") as bar,
    ):
        made = Path(temporary, f"again{choose_extension(options.file)}")
        again.save(sound, recipe, made, on_block=lambda block: bar.advance(len(block) / recipe.rate))
        found = compare_files(options.file, made, recipe.rate)
    is_lossless = made.suffix == options.file.suffix.lower() and choose_encoding(made).is_lossless
    if made.suffix != options.file.suffix.lower() and 0 <= found.lengths[0] - found.lengths[1] <= PADDING:
        found = dataclasses.replace(found, lengths=(found.lengths[1], found.lengths[1]))
    if isinstance(recipe, PieceRecipe) and isinstance(sound, Piece):  # a recipe may call its checkpoint anything
        recipe = dataclasses.replace(recipe, checkpoint=sound.model.name)
    return _report(options.file, recipe, *_judge(found, is_lossless, recipe))


def _report(file: Path, recipe: Recipe, is_true: bool, reason: str) -> int:
    """Prints the line about a file; returns the exit code."""
    verdict = "true" if is_true else "false"
    console.say(f"{format_path(file)}: {verdict}: {describe(recipe)}; {reason}{describe_version(recipe)}")
    return 0 if is_true else 1


def describe(recipe: Recipe) -> str:
    """What a file claims to be, in a few words."""
    if isinstance(recipe, PieceRecipe):
        parts = [f"{recipe.checkpoint}, seed {recipe.seed}"]
    else:
        parts = [recipe.source.name or "a recording"]
    if recipe.edits:
        parts.append(f"edited ({describe_edits(recipe.edits)})")
    parts.append(f"{recipe.seconds:.6g} s" + (f" from second {recipe.start:.6g} on" if recipe.first else ""))
    return escape(", ".join(parts))


def choose_extension(file: Path) -> str:
    """The format in which a piece is made again: that of the file, or FLAC for the sound of a video."""
    return file.suffix.lower() if file.suffix.lower() in FORMATS else ".flac"


def _judge(found: Comparison, is_lossless: bool, recipe: Recipe) -> tuple[bool, str]:
    """Whether a file counts as what it claims to be, and what to say about it."""
    if found.lengths[0] != found.lengths[1]:
        one, two = (length / recipe.rate for length in found.lengths)
        return False, f"it lasts {one:.6g} s instead of {two:.6g} s"
    if found.is_exact:
        return True, "every sample is the same"
    place = f"from {found.first:.2f} s on, {found.share:.2%} of its samples differ"
    if not is_lossless:
        worst = f"in its worst second the difference is {found.nearness:.0f} dB below the sound"
        return found.is_near, f"{worst}, and {TOLERANCE:.0f} dB are allowed"
    if found.is_near:
        return False, (
            f"{place}, by at most {found.largest:.2g}: it is the same music, but not bit for bit; another processor or "
            "other versions of libraries do that"
        )
    return False, f"{place}, by up to {found.largest:.2g}"
