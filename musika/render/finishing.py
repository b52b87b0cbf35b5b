"""What happens to a file of finite length after rendering: a wanted loudness, and fades.

This is outside the rule of rendering: a fade knows where the file ends, and loudness is measured over the whole file.
So music is rendered twice where a loudness is wanted, once to measure and once to write; memory does not grow.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterable, Iterator

import numpy as np

from musika.audio.loudness import LoudnessMeter
from musika.codec.base import AUDIO_CHANNELS
from musika.config.fields import is_finite_number
from musika.errors import UsageError
from musika.render import limiter


@dataclasses.dataclass(frozen=True)
class Finish:
    """What is done to a file.

    Attributes:
        loudness: integrated, in LUFS; None leaves it as it is.
        fade_in: seconds.
        fade_out: seconds.
    """

    loudness: float | None = None
    fade_in: float = 0.0
    fade_out: float = 0.0

    def __post_init__(self) -> None:
        for name, value in (("loudness", self.loudness), ("fade_in", self.fade_in), ("fade_out", self.fade_out)):
            if value is not None and not is_finite_number(value):
                raise UsageError(f"{name} {value!r}: must be a finite number")

    def to_dict(self) -> dict[str, float]:
        """What is done, by the names that `Piece.save` has for it."""
        chosen = {"loudness": self.loudness, "fade_in": self.fade_in or None, "fade_out": self.fade_out or None}
        return {name: value for name, value in chosen.items() if value is not None}


def finish_blocks(
    render: Callable[[], Iterable[np.ndarray]], finish: Finish, sample_rate: int, count: int
) -> Iterator[np.ndarray]:
    """Finishes a waveform that comes in blocks `[n, 2]`.

    Args:
        render: gives the blocks; it is called twice where a loudness is wanted.
        count: samples of all blocks.

    Raises:
        UsageError: fades longer than the file, or a loudness of what cannot be heard.
    """
    fade_in, fade_out = round(finish.fade_in * sample_rate), round(finish.fade_out * sample_rate)
    if min(fade_in, fade_out) < 0 or fade_in + fade_out > count:
        raise UsageError(f"fades of {finish.fade_in:g} and {finish.fade_out:g} s do not fit {count / sample_rate:g} s")
    gain = None if finish.loudness is None else measure_gain(render(), finish.loudness, sample_rate)
    blocks = render() if gain is None else change_level(render(), gain)
    return fade_blocks(blocks, count, fade_in, fade_out) if fade_in or fade_out else iter(blocks)


def measure_gain(blocks: Iterable[np.ndarray], loudness: float, sample_rate: int) -> float:
    """The factor that brings a waveform to a loudness in LUFS, before its peaks are limited.

    Raises:
        UsageError: it is too short or too quiet to be measured.
    """
    meter = LoudnessMeter(sample_rate, AUDIO_CHANNELS)
    for block in blocks:
        meter.add(block)
    measured = meter.measure()
    if not math.isfinite(measured):
        raise UsageError("the loudness cannot be measured: less than 0.4 s can be heard", about="loudness")
    return 10 ** ((loudness - measured) / 20)


def change_level(blocks: Iterable[np.ndarray], gain: float) -> Iterator[np.ndarray]:
    """A waveform times a factor, with true peaks of -1 dBTP at most."""

    def pad() -> Iterator[np.ndarray]:
        yield np.zeros((limiter.BEHIND, AUDIO_CHANNELS), np.float32)
        for block in blocks:
            yield block * np.float32(gain)
        yield np.zeros((limiter.AHEAD + limiter.CELL, AUDIO_CHANNELS), np.float32)

    count = 0

    def watch() -> Iterator[np.ndarray]:
        nonlocal count
        for block in pad():
            count += len(block)
            yield block

    written = 0
    held: np.ndarray | None = None  # the last block, of which what lies behind the end is left out
    for block in limiter.limit_blocks(watch()):
        if held is not None:
            written += len(held)
            yield held
        held = block
    if held is not None:
        yield held[: count - limiter.BEHIND - limiter.AHEAD - limiter.CELL - written]


def fade_blocks(blocks: Iterable[np.ndarray], count: int, fade_in: int, fade_out: int) -> Iterator[np.ndarray]:
    """A waveform of `count` samples with fades of so many samples at its ends, along a raised cosine."""
    position = 0
    for block in blocks:
        places = position + np.arange(len(block)) + 0.5
        share = np.ones(len(block))
        if fade_in:
            share = np.minimum(share, places / fade_in)
        if fade_out:
            share = np.minimum(share, (count - places) / fade_out)
        gain = 0.5 - 0.5 * np.cos(np.pi * np.clip(share, 0.0, 1.0))
        yield block * gain.astype(np.float32)[:, None]
        position += len(block)
