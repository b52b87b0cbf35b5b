"""Where an edit takes place, and whether there is enough sound to go by."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from musika.config import Continue, Vary
from musika.edit.latents import Gap
from musika.edit.spans import locate_spans
from musika.errors import UsageError
from musika.render import Sound

LEAST_KNOWN = 1.0  # seconds of sound that filling and continuing must have to listen to
LEAST_VARIED = 0.02  # seconds of sound that can be varied or blended
CHECKED_SECONDS = 30.0  # of a sound without end that are checked
SILENCE = 1e-4  # root mean square of what is as good as silent
BLOCK = 1 << 16  # samples that are checked at once


def locate_varied(sound: Sound, edit: Vary) -> list[Gap]:
    """What is to be varied, in samples."""
    gaps = locate_spans(edit.spans, sound.sample_rate, sound.length) if edit.spans else [(0, sound.length)]
    for gap in gaps:
        check_heard(sound, [gap], LEAST_VARIED)
    return gaps


def locate_continuation(sound: Sound, edit: Continue) -> tuple[int, int | None]:
    """Where a continuation begins, and the length of the result, in samples; None is without end."""
    rate = sound.sample_rate
    end = sound.length if edit.at is None else round(edit.at * rate)
    if end is None:
        raise UsageError("a piece has no end: say from which second it is to go on", about="at")
    if sound.length is not None and end > sound.length:
        raise UsageError(f"the sound ends after {sound.length / rate:.3f} s, before second {edit.at:g}", about="at")
    if edit.before is not None and edit.before * rate > end:
        raise UsageError(
            f"there are {end / rate:.3f} s before the end, and {edit.before:g} s are to be listened to", about="before"
        )
    length = None if edit.seconds is None else end + round(edit.seconds * rate)
    if length == end:
        raise UsageError(f"{edit.seconds:g} seconds are less than a sample")
    return end, length


def locate_passage(sound: Sound, other: Sound, seconds: float) -> tuple[int, int]:
    """First sample and length of the passage from one sound to another."""
    over = round(seconds * sound.sample_rate)
    if sound.length is None:
        raise UsageError("the first sound has no end, so nothing can follow it")
    shortest = min(sound.length, sound.length if other.length is None else other.length)
    if over > shortest or over < 1:
        raise UsageError(
            f"a passage of {seconds:g} s does not fit: the shorter sound has {shortest / sound.sample_rate:.3f} s",
            about="over",
        )
    return sound.length - over, over


def make_ramp(start: int, over: int, unit: float) -> Callable[[np.ndarray], np.ndarray]:
    """Share of the second sound by numbers of latents: from 0 to 1 over a passage.

    Args:
        start: of the passage, in samples.
        over: its length, in samples.
        unit: samples in a latent.
    """
    return lambda places: np.clip(((places + 0.5) * unit - start) / over, 0.0, 1.0)


def require_end(sound: Sound) -> int:
    if sound.length is None:
        raise UsageError("a piece without end has no coordinates of its own: edit a recording of it")
    return sound.length


def list_heard(sound: Sound, gaps: list[Gap], reach: int) -> list[Gap]:
    """What an editor that reaches so far listens to on both sides of gaps, in samples."""
    heard: list[Gap] = []
    ends = [0, *(gap[1] for gap in gaps)]
    begins = [*(gap[0] for gap in gaps), sound.length]
    for number, (first, stop) in enumerate(zip(ends, begins, strict=True)):
        if first is None:
            continue
        near = stop is None or stop - first > 2 * reach
        if not near:
            heard.append((first, stop))
            continue
        if number:
            heard.append((first, first + reach))
        if number < len(gaps) and stop is not None:
            heard.append((stop - reach, stop))
    return heard


def check_heard(sound: Sound, stretches: list[Gap], reach: float) -> None:
    """Checks that there is enough sound to go by.

    Args:
        stretches: (first, last + 1) in samples; of one without end, the beginning is checked.
        reach: seconds that a network hears at once; where that is less than LEAST_KNOWN, it is enough.

    Raises:
        UsageError: there is too little of it, or only silence.
    """
    count, power = 0, 0.0
    for first, stop in stretches:
        if stop is None:
            stop = first + round(CHECKED_SECONDS * sound.sample_rate)
        for place in range(first, stop, BLOCK):
            block = sound.read(place, min(BLOCK, stop - place))
            count, power = count + len(block), power + float(np.mean(np.square(block, dtype=np.float64))) * len(block)
    least = min(LEAST_KNOWN, reach)
    if count < int(least * sound.sample_rate):
        heard = count / sound.sample_rate
        raise UsageError(f"there are {heard:.2f} s of sound to listen to: an edit needs {least:g} s or more")
    if power / count < SILENCE**2:
        raise UsageError("there is only silence to listen to: there is nothing to go by")
