"""Stretches of a sound as a person writes them, and as samples.

The syntax is that of Msanii's masks, `3-5,6-7,20-100`, with fractions of seconds, minutes (`1:20-1:35`), and an open
end or beginning: `20-` reaches to the end of the sound, `-3` from its beginning.
"""

from __future__ import annotations

import re

from musika.config import Spans, check_spans, format_span
from musika.errors import ConfigError, UsageError

TIME = re.compile(r"(?:(\d+):)?(\d+(?:\.\d*)?|\.\d+)$")  # seconds, or minutes:seconds
SHORTEST = 0.02  # seconds: a gap must have room for its fades


def parse_spans(text: str) -> Spans:
    """Spans in seconds from a text such as `3.5-7,20-24`.

    Raises:
        UsageError: it is none; spans that are empty, overlap or are out of order.
    """
    spans = []
    for part in text.replace(" ", "").replace("\u2013", "-").split(","):
        start, dash, end = part.partition("-")
        times = [_parse_time(start) if start else 0.0, _parse_time(end) if end else None]
        if not dash or (not start and not end) or (start and times[0] is None) or (end and times[1] is None):
            raise UsageError(f"{part!r} is no span: write start-end in seconds, such as 3.5-7", about="spans")
        spans.append((times[0] or 0.0, times[1]))
    try:
        check_spans(tuple(spans))
    except ConfigError as error:
        raise UsageError(str(error), about="spans") from error
    return tuple(spans)


def locate_spans(spans: Spans, sample_rate: int, length: int | None) -> list[tuple[int, int | None]]:
    """Spans in samples: (first, last + 1), in order.

    Args:
        length: samples of the sound; None where it has no end. Spans then end at None, too, where they are open.

    Raises:
        UsageError: a span that lies outside the sound, or is too short.
    """
    located: list[tuple[int, int | None]] = []
    for start, end in spans:
        name = format_span(start, end)
        first, stop = round(start * sample_rate), length if end is None else round(end * sample_rate)
        if length is not None and (first >= length or (stop is not None and stop > length)):
            raise UsageError(
                f"span {name} lies outside the sound, which is {length / sample_rate:.3f} s long", about="spans"
            )
        if stop is not None and stop - first < SHORTEST * sample_rate:
            raise UsageError(f"span {name} is too short: at least {SHORTEST:g} s can be made", about="spans")
        located.append((first, stop))
    return located


def _parse_time(text: str) -> float | None:
    match = TIME.match(text)
    if match is None:
        return None
    return 60.0 * int(match[1] or 0) + float(match[2])
