"""What a prompt says in the terms of musicians: `124 bpm`, `in D minor`, `3/4`, `pp..ff`, `chords Am F C G`, `AABA`.

Each is taken out of the text; what remains is ordinary words.
"""

from __future__ import annotations

import re

from musika.config.musical.settings import PARSERS
from musika.errors import ConfigError

NAMES = {"meter": "metre", "time signature": "metre", "chord": "chords", "bpm": "tempo", "instrument": "instruments"}
NAMED = re.compile(
    rf"\b({'|'.join([*PARSERS, *NAMES])})\b\s*(?:progression\b\s*)?(?:[:=]|\b(?:is|are|of)\b)?\s*([^,\n!?]+)",
    re.IGNORECASE,
)
BEATS = re.compile(
    r"\b(?:(?:at|around|about)\s+)?(\d+(?:\.\d+)?)\s*(?:bpm\b|beats?\s+(?:per|a|in a)\s+minute)", re.IGNORECASE
)
AT = re.compile(r"\bat\s+(\d{2,3})\b(?!\s*(?:%|percent|[a-z]*\s*o'clock))", re.IGNORECASE)
FRACTION = re.compile(r"\b(\d{1,2})\s*/\s*(\d{1,2})\b")
NUMBERS = {"two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "nine": 9, "twelve": 12, "eight": 8}
SPOKEN = re.compile(
    rf"\b({'|'.join(NUMBERS)})[ -](two|four|eight)\b(?:\s+(?:time|metre|meter|measure|beat)\b)?", re.IGNORECASE
)
ACCIDENTAL = r"(?:[ -]?(?:sharp|flat)|#|b|♯|♭)"
KEY = re.compile(rf"\b([A-G]{ACCIDENTAL}?)[ -]?(major|minor|maj|min)\b", re.IGNORECASE)
# `a minor key` has an article, no note A
ARTICLE = re.compile(r"\ba (major|minor) (?:key|mode|chord|scale|mood|tonality|feel|piece|song|tune|melody|tone|sound)")
SHORT_KEY = re.compile(rf"\bin ([A-G]{ACCIDENTAL}?m?)(?![\w#])(?! (?:and|or|to) [a-z])")
MARK = r"(?:p{1,3}|f{1,3}|mp|mf)"
MARKS = re.compile(rf"(?<![\w.'/]){MARK}(?:\.\.{MARK})?(?![\w.'/])")
CHORD_NAME = r"[A-G](?:#|b)?(?:maj7|m7b5|dim7?|aug|sus[24]?|add9|mmaj7|m[679]?|[679])?(?:/[A-G][#b]?)?(?::\d+|\*\d+)?"
CHORDS = re.compile(rf"(?<!\w){CHORD_NAME}(?:[\s|,-]+{CHORD_NAME}){{2,}}(?!\w)")
FORM = re.compile(r"\b(?=[A-D]*([A-D])[A-D]*\1)[A-D]{3,16}\b")
STYLE = re.compile(r"\bstyle\s*[:=]?\s*(\d{1,18})\b", re.IGNORECASE)
BAND = re.compile(r"\b([\w.]+\.\.[\w.]+)\s+(dynamics|register)\b", re.IGNORECASE)  # the value before its name
LONGEST_VALUE = 64  # words


def take_settings(text: str) -> tuple[dict[str, str], str]:
    """The settings that a text names, and the text without them.

    Raises:
        ConfigError: a value that is out of range, or that has times and is wrong.
    """
    found: dict[str, str] = {}
    text = _take_named(BAND.sub(r"\2 \1", text), found)
    for name, pattern, make in (
        ("tempo", BEATS, lambda m: m[1]),
        ("metre", FRACTION, lambda m: f"{m[1]}/{m[2]}"),
        ("metre", SPOKEN, lambda m: f"{NUMBERS[m[1].lower()]}/{NUMBERS[m[2].lower()]}"),
        ("chords", CHORDS, lambda m: m[0]),
        ("form", FORM, lambda m: m[0]),
        ("key", KEY, _make_key),
        ("key", SHORT_KEY, lambda m: m[1]),
        ("tempo", AT, lambda m: m[1]),
        ("dynamics", MARKS, lambda m: m[0]),
    ):
        if name not in found:
            text = _take_pattern(text, found, name, pattern, make)
    return found, text


def take_style(text: str) -> tuple[int | None, str]:
    """The number of a style that a text names, or None, and the text without it."""
    match = STYLE.search(text)
    return (None, text) if match is None else (int(match[1]), f"{text[: match.start()]} , {text[match.end() :]}")


def _take_named(text: str, found: dict[str, str]) -> str:
    """Takes out settings that stand behind their names: `tempo 90`, `chords: Am F`."""
    position = 0
    while match := NAMED.search(text, position):
        name = match[1].lower()
        name = NAMES.get(name, name)
        value, length = _find_value(name, match[2])
        if value is None:
            position = match.end(1)
            continue
        found.setdefault(name, value)
        text = f"{text[: match.start()]} , {text[match.start(2) + length :]}"
        position = match.start()
    return text


def _find_value(name: str, text: str) -> tuple[str | None, int]:
    """The longest beginning of a text that is a value of a setting, and its length.

    Raises:
        ConfigError: it is none, though it is meant as one.
    """
    ends = [word.end() for word in re.finditer(r"\S+", text)][:LONGEST_VALUE]
    for end in reversed(ends):
        try:
            return PARSERS[name].format(PARSERS[name].parse(text[:end].rstrip(".;"))), end
        except ConfigError as error:
            if end == ends[0] and _is_meant(name, text):
                raise ConfigError(f"{name}: {error}", about=name) from None
    return None, 0


def _is_meant(name: str, text: str) -> bool:
    """Whether a text behind the name of a setting is meant as its value, and no ordinary words."""
    return bool("=" in text or re.match(r"\d", text) or (name == "key" and re.match(r"[A-Z]\b", text)))


def _take_pattern(text: str, found: dict[str, str], name: str, pattern: re.Pattern[str], make: object) -> str:
    """Takes out the first place that a pattern fits, unless the setting is there already."""
    match = pattern.search(text)
    while match and name == "key" and ARTICLE.match(text, match.start()):
        match = pattern.search(text, match.end())
    if not match:
        return text
    value = make(match)  # type: ignore[operator]
    found[name] = value
    return f"{text[: match.start()]} , {text[match.end() :]}"


def _make_key(match: re.Match[str]) -> str:
    return f"{match[1]} {match[2]}"
