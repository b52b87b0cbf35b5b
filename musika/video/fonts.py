"""Text on pictures, in any language, with the fonts of this computer.

The font that comes with matplotlib has Latin, Greek and Cyrillic letters and more. Where it lacks a character, a font
of the system that has it is looked for; where there is none, the character is drawn as a box. Nothing is downloaded.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

ELLIPSIS = "\N{HORIZONTAL ELLIPSIS}"


@functools.cache
def find_default_font(bold: bool = False) -> Path:
    """The font that comes with matplotlib."""
    import matplotlib

    return Path(matplotlib.get_data_path(), "fonts", "ttf", "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf")


@functools.lru_cache(maxsize=64)
def choose_font(text: str, bold: bool = False) -> Path:
    """The font that has most characters of a text; the default one where it has all of them."""
    wanted = {ord(character) for character in text if not character.isspace()}
    default = find_default_font(bold)
    missing = wanted - read_characters(default)
    if not missing:
        return default
    best, most = default, len(wanted) - len(missing)
    for path in _list_system_fonts():
        count = len(wanted & read_characters(path))
        if count > most:
            best, most = path, count
        if most == len(wanted):
            break
    return best


def find_missing(text: str, bold: bool = False) -> str:
    """The characters of a text that no font here has, each once."""
    known = read_characters(choose_font(text, bold))
    return "".join(dict.fromkeys(c for c in text if not c.isspace() and ord(c) not in known))


@functools.cache
def _list_system_fonts() -> tuple[Path, ...]:
    """The fonts of the system, those of plain style first."""
    from matplotlib import font_manager

    paths = [Path(path) for path in font_manager.findSystemFonts()]
    plain = ("regular", "sans", "book")
    return tuple(sorted(paths, key=lambda path: (not any(word in path.stem.lower() for word in plain), path.name)))


@functools.cache
def read_characters(path: Path) -> frozenset[int]:
    """The characters that a font has, as their numbers; none where it cannot be read."""
    from fontTools.ttLib import TTFont, TTLibError

    try:
        with TTFont(path, fontNumber=0, lazy=True) as font:
            return frozenset(font.getBestCmap() or ())
    except (OSError, TTLibError, KeyError, AssertionError, ValueError):
        return frozenset()


def clean_text(text: str) -> str:
    """The text as one line without characters that have no shape; what is no text becomes a replacement character."""
    text = text.encode("utf-8", "replace").decode("utf-8")
    return "".join(character if character.isprintable() else " " for character in text).strip()


def load_font(text: str, size: int, bold: bool = False) -> Any:
    """A Pillow font of some size in pixels for a text."""
    from PIL import ImageFont

    return ImageFont.truetype(str(choose_font(text, bold)), size)


def wrap_text(text: str, font: Any, width: int, lines: int) -> list[str]:
    """A text in lines of at most `width` pixels; what does not fit into so many lines is cut, with an ellipsis.

    A line breaks between words, or inside one that is too long, as languages without spaces need it.
    """
    wrapped: list[str] = []
    rest = text.strip()
    while rest and len(wrapped) < lines:
        length = _find_longest(rest, font, width)
        if length < len(rest):
            space = rest.rfind(" ", 1, length + 1)
            length = space if space > 0 else length
        wrapped.append(rest[:length].strip())
        rest = rest[length:].strip()
    if rest:
        last = wrapped[-1]
        while last and font.getlength(last + ELLIPSIS) > width:
            last = last[:-1]
        wrapped[-1] = last.rstrip() + ELLIPSIS
    return wrapped


def _find_longest(text: str, font: Any, width: int) -> int:
    """How many characters of a text fit into `width` pixels, at least 1."""
    low, high = 1, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        if font.getlength(text[:middle]) <= width:
            low = middle
        else:
            high = middle - 1
    return low
