"""Pictures of sound: log-mel spectrograms of waveforms as RGB images."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np

RANGE_DB = 80.0  # between the darkest and the brightest colour
FRAME = 2048  # samples in one short-time spectrum
FLOOR = 1e-10  # power that counts as silence


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
    import librosa
    from matplotlib import colormaps

    waveform = np.nan_to_num(np.asarray(waveform, np.float32), posinf=0.0, neginf=0.0)
    waveform = np.pad(waveform, ((0, max(0, FRAME - len(waveform))), (0, 0)))
    hop = max(256, len(waveform) // (4 * width))
    mels = [
        librosa.feature.melspectrogram(
            y=np.ascontiguousarray(waveform[:, channel]), sr=sample_rate, n_fft=FRAME, hop_length=hop, n_mels=height
        )
        for channel in range(2)
    ]
    power = _columns(np.stack(mels), width)  # [2, height, W]
    decibels = 10 * np.log10(np.maximum(power, FLOOR))
    level = np.clip(1 + (decibels - max(decibels.max(), -60.0)) / RANGE_DB, 0, 1)
    rows = np.concatenate([level[0, ::-1], np.ones((2, level.shape[2])), level[1, ::-1]])
    return (colormaps["magma"](rows)[..., :3] * 255).round().astype(np.uint8)


def _columns(power: np.ndarray, width: int) -> np.ndarray:
    """`[..., frames]` to at most `width` columns, each the mean of its frames."""
    frames = power.shape[-1]
    if frames <= width:
        return power
    edges = np.arange(width) * frames // width
    return np.add.reduceat(power, edges, axis=-1) / np.diff(edges, append=frames)


def stacked(images: Sequence[np.ndarray], gap: int = 8) -> np.ndarray:
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
