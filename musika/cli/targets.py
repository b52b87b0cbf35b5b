"""Where results go: kinds of files, standard output, and files that are there already. All verbs share these rules.

A file that is there already is never replaced by something else: the new one gets the next free name, and a line says
what stays. Only a file of the same bytes keeps its name.
"""

from __future__ import annotations

import dataclasses
import tempfile
from pathlib import Path

from musika.audio import FORMATS, choose_encoding
from musika.config import SAMPLE_RATE
from musika.errors import MusikaError, UsageError
from musika.files import describe_error, format_path
from musika.render.recipe import Machine, PieceRecipe, Recipe, read_recipe

STDOUT = Path("-")  # as a folder
RAW = "raw"  # a format of standard output: 16-bit little-endian samples without a header
CHANNELS = 2
ANY_MACHINE = Machine("", "", False, 0)


def check_format(form: str, bits: str | None, folder: Path, seconds: float = 0.0) -> None:
    """Checks what is to be written before anything slow begins.

    Args:
        form: an extension without its dot, or RAW.
        bits: as `audio.choose_encoding` takes them.
        folder: that the file goes to, or STDOUT.
        seconds: length of the longest file; 0 where that is not known yet.

    Raises:
        UsageError: raw samples for a file, or more than a file of this kind holds.
        AudioError: there is no such format, or it does not hold such samples.
    """
    if form == RAW:
        if folder != STDOUT:
            raise UsageError("--format raw is for standard output: add --save_path -")
        if bits not in (None, "16"):
            raise UsageError(f"--bits {bits}: raw samples have 16 bits; choose --format wav")
        return
    encoding = choose_encoding(Path(f"sound.{form}"), bits)
    size = seconds * SAMPLE_RATE * CHANNELS * encoding.sample_bytes
    if folder != STDOUT and encoding.most_bytes is not None and size > encoding.most_bytes:
        raise UsageError(f"--seconds {seconds:g} is more than a file of this kind ({form}) holds: choose --format flac")


def make_folder(folder: Path) -> None:
    """Makes a folder, and checks that files can be written to it, before anything slow begins.

    Raises:
        UsageError: they cannot.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        reason = f"{format_path(folder)} cannot be written to: {describe_error(error)}"
        raise UsageError(reason, about="save") from error


def describe_kept(wanted: Path, written: Path) -> str:
    """The line about a file that got another name, because the one of its name holds something else."""
    return (
        f"{format_path(wanted)} {_describe_difference(wanted, written)}: it stays, and the new file is "
        f"{written.name}; remove the old one if it is no longer needed"
    )


def _describe_difference(old: Path, new: Path) -> str:
    """What the file that is there holds, seen from the new one: the end of a sentence that begins with its name."""
    before, after = _find_recipe(old), _find_recipe(new)
    if before is None or after is None:
        return "holds something else"
    if not isinstance(before, PieceRecipe) or not isinstance(after, PieceRecipe):
        same = getattr(before, "source", None) == getattr(after, "source", None)
        return f"holds {'the same recording, edited in another way' if same else 'another sound'}"
    if _drop_part(before) == _drop_part(after):
        if before.first == after.first and before.samples != after.samples:
            word = "shorter" if before.samples < after.samples else "longer"
            return f"holds a {word} version of this piece ({before.seconds:.6g} s, this one has {after.seconds:.6g} s)"
        if before.first != after.first:
            return f"holds another part of this piece, from second {before.start:.6g} on"
        return "holds the same part of this piece, finished in another way (loudness, fades, bits or machine)"
    if (before.checkpoint, before.seed) == (after.checkpoint, after.seed):
        same = before.identity == after.identity
        return f"holds a piece of the same seed with other {'settings' if same else 'weights of the checkpoint'}"
    return "holds another piece"


def _find_recipe(path: Path) -> Recipe | None:
    if path.suffix.lower() not in FORMATS and path.suffix.lower() != ".mp4":
        return None
    try:
        return read_recipe(path)
    except MusikaError:
        return None


def _drop_part(recipe: Recipe) -> Recipe:
    """What a recipe says about the whole piece."""
    whole = dataclasses.replace(recipe, first=0, samples=1, bits="", version="", machine=ANY_MACHINE)
    return dataclasses.replace(whole, finish={}) if isinstance(whole, PieceRecipe) else whole
