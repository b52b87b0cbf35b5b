"""The still part of a video: the picture or the colour, the title, and the line about the piece."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

from musika.config.video import VideoSettings
from musika.errors import UsageError
from musika.files import describe_error, format_path
from musika.video.fonts import clean_text, load_font, wrap_text

KINDS = ("PNG", "JPEG", "WEBP")
LARGEST_FILE = 20 << 20  # bytes of a picture
MOST_PIXELS = 50_000_000
DARKER = 0.55  # of a picture's light stays, so that the text on it can be read
MOST_TITLE_LINES, MOST_CAPTION_LINES = 3, 3
LIGHT, DARK = (255, 255, 255), (20, 22, 26)


def read_picture(path: Path) -> Any:
    """A picture of a person as a Pillow image, RGB, upright.

    Raises:
        UsageError: it cannot be read, is too large, or is no picture of a kind that is known (about "picture").
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    name = format_path(path.name)
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise UsageError(f"{name} is larger than {LARGEST_FILE >> 20} MiB: choose a smaller picture", "picture")
        with warnings.catch_warnings(), Image.open(path, formats=KINDS) as picture:
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            if picture.width * picture.height > MOST_PIXELS:
                raise UsageError(f"{name} has more than {MOST_PIXELS // 10**6} million pixels", "picture")
            return ImageOps.exif_transpose(picture).convert("RGB")
    except (UnidentifiedImageError, Image.DecompressionBombError):
        raise UsageError(f"{name} is no picture: choose a PNG, JPEG or WebP file", "picture") from None
    except (OSError, SyntaxError, ValueError, EOFError) as error:  # Pillow raises all of them for damaged files
        reason = describe_error(error) if isinstance(error, OSError) and error.errno else "it is damaged"
        raise UsageError(f"{name} cannot be read: {reason}", "picture") from None


def draw_background(settings: VideoSettings, title: str, line: str, picture: Any = None) -> Any:
    """The still picture of a video, a Pillow image.

    Args:
        title: the large text.
        line: the small text at the bottom.
        picture: fills the video, darkened; None leaves it to the colour.
    """
    from PIL import Image, ImageDraw, ImageOps

    width, height = settings.size
    if picture is None:
        image = Image.new("RGB", (width, height), settings.rgb)
    else:
        image = ImageOps.fit(picture, (width, height)).point(lambda value: round(value * DARKER))
    drawing = ImageDraw.Draw(image)
    margin = width // 16
    colour = choose_ink(settings, picture is not None)
    title, line = clean_text(title), clean_text(line)
    top = height // 9
    _draw_lines(drawing, title, (margin, top), width - 2 * margin, height // 14, MOST_TITLE_LINES, colour, True)
    size = max(20, height // 34)
    below = find_strip(settings)[1] + find_strip(settings)[3] + size
    _draw_lines(drawing, line, (margin, below), width - 2 * margin, size, MOST_CAPTION_LINES, colour, False)
    return image


def choose_ink(settings: VideoSettings, has_picture: bool) -> tuple[int, int, int]:
    """The colour of text and waveform: white, or nearly black on a light colour."""
    red, green, blue = settings.rgb
    is_light = 0.299 * red + 0.587 * green + 0.114 * blue > 150
    return DARK if is_light and not has_picture else LIGHT


def find_strip(settings: VideoSettings) -> tuple[int, int, int, int]:
    """Where the waveform is: left, top, width and height in pixels, all even."""
    width, height = settings.size
    tall = height // 4 // 2 * 2
    return 0, height * 5 // 9 // 2 * 2, width, tall


def _draw_lines(
    drawing: Any,
    text: str,
    place: tuple[int, int],
    width: int,
    size: int,
    lines: int,
    colour: tuple[int, int, int],
    bold: bool,
) -> None:
    """Draws a text in at most `lines` lines of `size` pixels, from a place (left, top) on."""
    if not text:
        return
    font = load_font(text, size, bold)
    for number, part in enumerate(wrap_text(text, font, width, lines)):
        drawing.text((place[0], place[1] + number * size * 5 // 4), part, font=font, fill=colour)
