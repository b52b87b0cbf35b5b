"""The moving part of a video: bars as high as the sound is loud, which pass a line in the middle as it is heard."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

BAR_SECONDS = 0.1  # of sound in one bar
PITCH, THICKNESS = 10, 6  # pixels from bar to bar, and of one bar
HEARD, TO_COME = 1.0, 0.45  # how opaque bars are
LOWEST = 0.02  # height of a bar of silence, as a share of the strip


def measure_levels(blocks: Iterable[np.ndarray], rate: int) -> np.ndarray:
    """How loud each bar is: the root mean square of `BAR_SECONDS` of both channels, float32 `[bars]`.

    Args:
        blocks: waveform `[n, 2]` in blocks of any length.
        rate: Hz.
    """
    size = round(BAR_SECONDS * rate)
    powers: list[np.ndarray] = []
    rest = np.empty(0, np.float32)
    for block in blocks:
        power = np.concatenate([rest, np.mean(np.square(block, dtype=np.float32), axis=1)])
        whole = len(power) // size * size
        powers.append(power[:whole].reshape(-1, size).mean(axis=1))
        rest = power[whole:]
    if len(rest):
        powers.append(np.array([rest.sum() / size], np.float32))
    return np.sqrt(np.concatenate(powers)) if powers else np.empty(0, np.float32)


def scale_heights(levels: np.ndarray) -> np.ndarray:
    """Heights of bars, 0 to 1: the loudest one is 1, and soft ones stay visible."""
    loudest = levels.max(initial=0.0)
    if not loudest:
        return np.full(len(levels), LOWEST, np.float32)
    return np.maximum((levels / loudest) ** 0.7, LOWEST).astype(np.float32)


def draw_frame(heights: np.ndarray, second: float, width: int, height: int) -> np.ndarray:
    """How opaque the waveform is at each pixel at some second of the sound.

    Args:
        heights: of all bars.
        second: what is heard: it stands in the middle.
        width: pixels.
        height: pixels.

    Returns:
        `[height, width]` uint8.
    """
    columns = np.arange(width) - width // 2 + second / BAR_SECONDS * PITCH
    bars = np.floor(columns / PITCH).astype(np.int64)
    within = columns - bars * PITCH
    exists = (bars >= 0) & (bars < len(heights)) & (within < THICKNESS)
    half = np.where(exists, heights[np.clip(bars, 0, len(heights) - 1)], 0.0) * (height / 2)
    opacity = np.where(np.arange(width) <= width // 2, HEARD, TO_COME)
    rows = np.abs(np.arange(height) + 0.5 - height / 2)
    covered = np.clip(half[None, :] - rows[:, None] + 0.5, 0.0, 1.0) * np.where(exists, opacity, 0.0)
    return (covered * 255).round().astype(np.uint8)


def draw_frames(levels: np.ndarray, seconds: float, rate: int, width: int, height: int) -> Iterator[np.ndarray]:
    """The frames of a sound, `rate` of them a second, each as `draw_frame` gives it."""
    heights = scale_heights(levels)
    for number in range(max(1, round(seconds * rate))):
        yield draw_frame(heights, number / rate, width, height)
