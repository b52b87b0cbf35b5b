"""Pictures of sound: log-mel spectrograms of waveforms as RGB images."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np

RANGE_DB = 80.0  # from the darkest to the brightest colour
WINDOW = 2048  # samples
FLOOR = 1e-10  # power of silence
MIN_PEAK_DB = -60.0  # a piece whose loudest point is below looks quiet, not bright
DIFFERENCE_DB = 20.0  # that has the full colour


def draw_spectrogram(waveform: np.ndarray, sample_rate: int, height: int = 128, width: int = 1024) -> np.ndarray:
    """Log-mel spectrogram of both channels, left above right: time to the right, frequency upwards.

    Args:
        waveform: `[N, 2]`, full scale ±1.
        sample_rate: Hz.
        height: pixels of one channel, one for each mel band.
        width: pixels at most; columns of long pieces are averaged, short pieces have fewer.

    Returns:
        `[2 * height + 2, W, 3]` uint8. The brightest colour is the loudest point, the darkest is 80 dB below it.
    """
    decibels = _compute_decibels(waveform, sample_rate, height, width)
    return _colour(_normalize(decibels, decibels.max()), "magma")


def draw_comparison(original: np.ndarray, decoded: np.ndarray, sample_rate: int, height: int = 96) -> np.ndarray:
    """Three log-mel spectrograms below each other: the original, the decoded waveform, and their difference.

    The first two have the same colour scale. In the difference, red is too loud and blue too quiet, the full
    colour is 20 dB, and levels below the darkest colour of the first two count as that colour.

    Args:
        original: `[N, 2]`, full scale ±1.
        decoded: `[N, 2]`.
        sample_rate: Hz.
        height: pixels of one channel.

    Returns:
        `[H, W, 3]` uint8.
    """
    pair = [_compute_decibels(waveform, sample_rate, height, 1024) for waveform in (original, decoded)]
    loudest = pair[0].max()
    floor = max(loudest, MIN_PEAK_DB) - RANGE_DB
    difference = np.maximum(pair[1], floor) - np.maximum(pair[0], floor)
    images = [_colour(_normalize(decibels, loudest), "magma") for decibels in pair]
    return stack_images([*images, _colour(np.clip(0.5 + difference / (2 * DIFFERENCE_DB), 0, 1), "RdBu_r")])


def _compute_decibels(waveform: np.ndarray, sample_rate: int, height: int, width: int) -> np.ndarray:
    """Log-mel power of both channels `[2, height, W]` in dB."""
    import librosa

    waveform = np.nan_to_num(np.asarray(waveform, np.float32), posinf=0.0, neginf=0.0)
    waveform = np.pad(waveform, ((0, max(0, WINDOW - len(waveform))), (0, 0)))
    hop = max(256, len(waveform) // (4 * width))
    mels = [
        librosa.feature.melspectrogram(
            y=np.ascontiguousarray(waveform[:, channel]), sr=sample_rate, n_fft=WINDOW, hop_length=hop, n_mels=height
        )
        for channel in range(2)
    ]
    return 10 * np.log10(np.maximum(_average_columns(np.stack(mels), width), FLOOR))


def _normalize(decibels: np.ndarray, loudest: float) -> np.ndarray:
    """Decibels to 0 (darkest) ... 1 (brightest)."""
    return np.clip(1 + (decibels - max(loudest, MIN_PEAK_DB)) / RANGE_DB, 0, 1)


def _colour(levels: np.ndarray, colours: str) -> np.ndarray:
    """Levels `[2, height, W]` in [0, 1] to an image `[2 height + 2, W, 3]` uint8, the first channel above."""
    from matplotlib import colormaps

    rows = np.concatenate([levels[0, ::-1], np.ones((2, levels.shape[2])), levels[1, ::-1]])
    return (colormaps[colours](rows)[..., :3] * 255).round().astype(np.uint8)


def _average_columns(power: np.ndarray, width: int) -> np.ndarray:
    """`[..., frames]` to at most `width` columns, each the mean of its frames."""
    frames = power.shape[-1]
    if frames <= width:
        return power
    edges = np.arange(width) * frames // width
    return np.add.reduceat(power, edges, axis=-1) / np.diff(edges, append=frames)


def stack_images(images: Sequence[np.ndarray], gap: int = 8) -> np.ndarray:
    """Images `[H, W, 3]` one below the other on white, `gap` pixels apart."""
    width = max(image.shape[1] for image in images)
    rows: list[np.ndarray] = []
    for image in images:
        wide = np.full((image.shape[0] + gap, width, 3), 255, np.uint8)
        wide[: image.shape[0], : image.shape[1]] = image
        rows.append(wide)
    return np.concatenate(rows)[:-gap]


def encode_png(image: np.ndarray) -> bytes:
    """An image `[H, W, 3]` uint8 as a PNG file."""
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(image).save(file, format="PNG", optimize=False)
    return file.getvalue()
