"""Pictures of sound: log-mel spectrograms of waveforms as RGB images."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np

RANGE_DB = 80.0  # between the darkest and the brightest colour
FRAME = 2048  # samples in one short-time spectrum
FLOOR = 1e-10  # power that counts as silence
QUIETEST_DB = -60.0  # loudest point of a piece that is shown as if it were silence
DIFFERENCE_DB = 20.0  # of a comparison, in full colour


def spectrogram(waveform: np.ndarray, sample_rate: int, height: int = 128, width: int = 1024) -> np.ndarray:
    """Log-mel picture of both channels, left above right: time to the right, pitch upwards.

    Args:
        waveform: `[N, 2]`, full scale ±1.
        sample_rate: Hz.
        height: pixels of one channel, one for each mel band.
        width: pixels at most; longer pieces are averaged, shorter ones have fewer.

    Returns:
        `[2 * height + 2, W, 3]` uint8. The brightest colour is its loudest point, the darkest 80 dB less.
    """
    decibels = _decibels(waveform, sample_rate, height, width)
    return _image(_level(decibels, decibels.max()), "magma")


def comparison(original: np.ndarray, decoded: np.ndarray, sample_rate: int, height: int = 96) -> np.ndarray:
    """Three log-mel pictures below each other: an original, what was decoded, and their difference.

    The two first share their colours, so what is too quiet is too dark. In the difference, red is too loud and blue too
    quiet, full colour at 20 dB; it is taken no further down than the darkest colour of the others.

    Args:
        original: `[N, 2]`, full scale ±1.
        decoded: `[N, 2]`.
        sample_rate: Hz.
        height: pixels of one channel.

    Returns:
        `[H, W, 3]` uint8.
    """
    pair = [_decibels(waveform, sample_rate, height, 1024) for waveform in (original, decoded)]
    loudest = pair[0].max()
    floor = max(loudest, QUIETEST_DB) - RANGE_DB
    difference = np.maximum(pair[1], floor) - np.maximum(pair[0], floor)
    images = [_image(_level(decibels, loudest), "magma") for decibels in pair]
    return stack_images([*images, _image(np.clip(0.5 + difference / (2 * DIFFERENCE_DB), 0, 1), "RdBu_r")])


def _decibels(waveform: np.ndarray, sample_rate: int, height: int, width: int) -> np.ndarray:
    """Log-mel power of both channels `[2, height, W]` in dB."""
    import librosa

    waveform = np.nan_to_num(np.asarray(waveform, np.float32), posinf=0.0, neginf=0.0)
    waveform = np.pad(waveform, ((0, max(0, FRAME - len(waveform))), (0, 0)))
    hop = max(256, len(waveform) // (4 * width))
    mels = [
        librosa.feature.melspectrogram(
            y=np.ascontiguousarray(waveform[:, channel]), sr=sample_rate, n_fft=FRAME, hop_length=hop, n_mels=height
        )
        for channel in range(2)
    ]
    return 10 * np.log10(np.maximum(_columns(np.stack(mels), width), FLOOR))


def _level(decibels: np.ndarray, loudest: float) -> np.ndarray:
    """dB to 0 (darkest) ... 1 (brightest)."""
    return np.clip(1 + (decibels - max(loudest, QUIETEST_DB)) / RANGE_DB, 0, 1)


def _image(level: np.ndarray, colours: str) -> np.ndarray:
    """`[2, height, W]` in [0, 1] to `[2 height + 2, W, 3]` uint8, the first channel above."""
    from matplotlib import colormaps

    rows = np.concatenate([level[0, ::-1], np.ones((2, level.shape[2])), level[1, ::-1]])
    return (colormaps[colours](rows)[..., :3] * 255).round().astype(np.uint8)


def _columns(power: np.ndarray, width: int) -> np.ndarray:
    """`[..., frames]` to at most `width` columns, each the mean of its frames."""
    frames = power.shape[-1]
    if frames <= width:
        return power
    edges = np.arange(width) * frames // width
    return np.add.reduceat(power, edges, axis=-1) / np.diff(edges, append=frames)


def stack_images(images: Sequence[np.ndarray], gap: int = 8) -> np.ndarray:
    """Pictures `[H, W, 3]` one below the other on white, `gap` pixels apart."""
    width = max(image.shape[1] for image in images)
    rows: list[np.ndarray] = []
    for image in images:
        wide = np.full((image.shape[0] + gap, width, 3), 255, np.uint8)
        wide[: image.shape[0], : image.shape[1]] = image
        rows.append(wide)
    return np.concatenate(rows)[:-gap]


def png(image: np.ndarray) -> bytes:
    """An image `[H, W, 3]` uint8 as a PNG file."""
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(image).save(file, format="PNG", optimize=False)
    return file.getvalue()
