"""A sound file to a video file."""

from __future__ import annotations

import dataclasses
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np

from musika import audio
from musika.config import GeneratorSettings, PerformerSettings
from musika.config.fields import get_fields
from musika.config.musical.curves import format_time
from musika.config.video import VideoSettings
from musika.errors import UsageError
from musika.files import describe_error, format_path, open_new_file
from musika.render.recipe import PieceRecipe, Recipe, RecipeError, describe_edits, read_recipe
from musika.video.background import choose_ink, draw_background, find_strip, read_picture
from musika.video.encoder import VideoError, encode_video, find_ffmpeg, write_tags
from musika.video.fonts import clean_text, find_missing
from musika.video.waveform import draw_frames, measure_levels

FRAMES = 25  # a second
LONGEST = 3600.0  # seconds of a video
RATE = 8000  # Hz, at which loudness is measured
NAMES_OF_DEFAULTS = (GeneratorSettings, PerformerSettings)

__all__ = ["VideoError", "WrittenVideo", "describe_recipe", "has_ffmpeg", "write_video"]


@dataclasses.dataclass(frozen=True)
class WrittenVideo:
    """A video that was made.

    Attributes:
        path: where it is.
        remarks: for a person: that the sound has no recipe, or that characters of the title cannot be drawn here.
    """

    path: Path
    remarks: tuple[str, ...]


def has_ffmpeg() -> bool:
    """Whether videos can be made here."""
    return shutil.which("ffmpeg") is not None


def write_video(
    sound: Path,
    target: Path,
    settings: VideoSettings | None = None,
    picture: Path | None = None,
    on_second: Callable[[float], object] | None = None,
    longest: float = LONGEST,
    keep_existing: bool = False,
) -> WrittenVideo:
    """Makes a video of an audio file, with the file's recipe and tags in it.

    Args:
        sound: wav, flac, ogg, opus, mp3 or another audio file.
        target: of the video, which ends in `.mp4`.
        settings: None has the defaults.
        picture: PNG, JPEG or WebP file that fills the video; None leaves it to the colour.
        on_second: is given the seconds that are done; what it raises ends the work, and nothing is left.
        longest: seconds that the sound may last.
        keep_existing: never replace a file that holds something else; the result says the name that was taken.

    Raises:
        VideoError: ffmpeg is not installed, or it fails.
        AudioError: the sound cannot be read.
        UsageError: the picture cannot be used, the sound is too long, or the target is no `.mp4` file.
    """
    if target.suffix.lower() != ".mp4":
        raise UsageError(f"{format_path(target)} cannot be written: the name of a video must end in .mp4")
    find_ffmpeg()
    settings = settings or VideoSettings()
    image = None if picture is None else read_picture(picture)
    tags, line, remarks = _read_about(sound)
    levels, seconds = _measure(sound, longest)
    title = settings.title or tags.get("title") or clean_text(sound.stem)
    if missing := find_missing(clean_text(title), bold=True):
        remarks.append(f"no font of this computer has {missing}: boxes stand in their place")
    with tempfile.TemporaryDirectory(prefix="musika-video-", ignore_cleanup_errors=True) as folder:
        still, told, made = Path(folder, "still.png"), Path(folder, "tags.txt"), Path(folder, "video.mp4")
        draw_background(settings, title, line, image).save(still)
        write_tags(told, {**tags, "title": title})
        strip = find_strip(settings)
        frames = _watch(draw_frames(levels, seconds, FRAMES, *strip[2:]), on_second)
        ink = choose_ink(settings, image is not None)
        encode_video(made, sound, still, told, frames, strip, ink, FRAMES, seconds)
        return WrittenVideo(_move(made, target, keep_existing), tuple(remarks))


def describe_recipe(recipe: Recipe) -> str:
    """What a piece is, in one line: checkpoint, seed, part, and the settings that differ from their defaults.

    Of an edited recording, its name and the edits.
    """
    if not isinstance(recipe, PieceRecipe):
        return " · ".join([Path(recipe.source.name).stem or "a recording", describe_edits(recipe.edits)])
    defaults = {name: field.default for kind in NAMES_OF_DEFAULTS for name, field in get_fields(kind).items()}
    parts = [recipe.checkpoint, f"seed {recipe.seed}"]
    if recipe.first:
        parts.append(f"from {format_time(recipe.start)}")
    for name, value in recipe.settings.items():
        if value not in ("", defaults.get(name, "")):
            shown = f"{value:g}" if isinstance(value, float) else str(value)
            parts.append(f"{name.replace('_', ' ')} {shown}")
    return " · ".join(parts)


def _read_about(sound: Path) -> tuple[dict[str, str], str, list[str]]:
    """Tags for the video, the line that it shows, and remarks where the sound has no recipe."""
    try:
        recipe = read_recipe(sound)
    except RecipeError as error:
        return {}, "", [str(error)]
    except audio.FileError:  # a format without tags; whether it can be heard is found out next
        return {}, "", [f"{format_path(sound)} has no recipe"]
    tags = {name: text for name, text in recipe.to_tags().items() if name != "software"}  # which mp4 files do not have
    return tags, describe_recipe(recipe), []


def _measure(sound: Path, longest: float) -> tuple[np.ndarray, float]:
    """How loud each bar is, and the seconds of the sound.

    Raises:
        UsageError: it is longer than it may be.
    """
    samples = 0

    def count(blocks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        nonlocal samples
        for block in blocks:
            samples += len(block)
            if samples > longest * RATE:
                raise UsageError(f"{format_path(sound)} is longer than {longest:g} s, and no longer video is made")
            yield block

    levels = measure_levels(count(audio.read_blocks(sound, sample_rate=RATE)), RATE)
    return levels, samples / RATE


def _watch(frames: Iterable[np.ndarray], on_second: Callable[[float], object] | None) -> Iterator[np.ndarray]:
    for number, frame in enumerate(frames):
        yield frame
        if on_second is not None:
            on_second((number + 1) / FRAMES)


def _move(made: Path, target: Path, keep_existing: bool) -> Path:
    """Copies a complete file to its name, or to the next free one, and returns that.

    Raises:
        UsageError: it cannot be written there (about "save").
    """
    try:
        with open(made, "rb") as source, open_new_file(target, keep_existing) as new:
            shutil.copyfileobj(source, new.file)
    except OSError as error:
        raise UsageError(f"{format_path(target)} cannot be written: {describe_error(error)}", about="save") from error
    return new.path
