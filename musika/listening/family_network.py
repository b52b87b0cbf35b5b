"""A small network that hears which families of instruments play in three seconds of sound.

It sees the levels of 64 bands of the mel scale in 128 frames. Four blocks of a convolution, a normalisation, a
rectifier and a pooling make 8 x 4 places of them. The mean and the maximum over time go through two dense layers to one
logit for each family. `tools.train_families` trains it on rendered music.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from musika.errors import CheckpointError
from musika.listening.recording import RATE
from musika.tracks import FAMILIES

WEIGHTS = Path(__file__).parent / "families" / "weights.safetensors"
FFT, HOP = 2048, 512  # samples
BANDS, LOWEST, HIGHEST = 64, 40.0, 10_000.0  # Hz
FRAMES = 128  # of a window: 2.97 s
FLOOR = 80.0  # dB below the loudest band of a recording that count as silence
CHANNELS = (16, 32, 48, 64)  # of the convolutions
HIDDEN = 64  # numbers before the last layer


def compute_levels(samples: np.ndarray) -> np.ndarray:
    """Levels of the bands in dB, float32 `[frames, 64]`, of one channel at 22 050 Hz, `[N]`."""
    import librosa

    power = np.abs(librosa.stft(np.asarray(samples, np.float32), n_fft=FFT, hop_length=HOP)) ** 2
    bands = _make_bands() @ power  # [64, frames]
    return 10 * np.log10(np.maximum(bands, 1e-10)).T.astype(np.float32)


@functools.cache
def _make_bands() -> np.ndarray:
    import librosa

    return np.asarray(librosa.filters.mel(sr=RATE, n_fft=FFT, n_mels=BANDS, fmin=LOWEST, fmax=HIGHEST))


def scale_levels(levels: np.ndarray, loudest: float) -> np.ndarray:
    """What the network sees of levels in dB: 0 for silence, 1 for the loudest."""
    return np.clip(1.0 + (levels - loudest) / FLOOR, 0.0, 1.0).astype(np.float32)


@functools.lru_cache(maxsize=1)
def load_network(path: Path = WEIGHTS) -> Mapping[str, np.ndarray]:
    """The weights of the trained network, float32 by name.

    Raises:
        CheckpointError: its file is missing or damaged.
    """
    from safetensors.numpy import load_file

    try:
        stored = load_file(path)
    except Exception as error:
        raise CheckpointError(f"{path} does not hold the network that hears instruments: {error}") from None
    if {name: array.shape for name, array in stored.items()} != list_shapes():
        raise CheckpointError(f"{path} does not hold the network that hears instruments")
    return {name: array.astype(np.float32) for name, array in stored.items()}


def list_shapes() -> dict[str, tuple[int, ...]]:
    """The shapes of the weights. Normalisations are part of the convolutions before them."""
    shapes: dict[str, tuple[int, ...]] = {}
    inputs = 1
    for number, channels in enumerate(CHANNELS):
        shapes[f"conv_{number}/kernel"], shapes[f"conv_{number}/bias"] = (3, 3, inputs, channels), (channels,)
        inputs = channels
    pooled = 2 * inputs * (BANDS >> len(CHANNELS))
    shapes["hidden/kernel"], shapes["hidden/bias"] = (pooled, HIDDEN), (HIDDEN,)
    shapes["out/kernel"], shapes["out/bias"] = (HIDDEN, len(FAMILIES)), (len(FAMILIES),)
    return shapes


def compute_logits(weights: Mapping[str, np.ndarray], windows: np.ndarray) -> np.ndarray:
    """`[B, 128, 64]`, what the network sees, to logits `[B, 11]` in the order of `musika.tracks.FAMILIES`."""
    x = windows[..., None]
    for number in range(len(CHANNELS)):
        x = _convolve(x, weights[f"conv_{number}/kernel"], weights[f"conv_{number}/bias"])
        x = _pool(np.maximum(x, 0.0))
    x = x.reshape(len(x), x.shape[1], -1)  # [B, 8, 4 * 64]
    x = np.concatenate([x.mean(axis=1), x.max(axis=1)], axis=1)
    x = np.maximum(x @ weights["hidden/kernel"] + weights["hidden/bias"], 0.0)
    return x @ weights["out/kernel"] + weights["out/bias"]


def _convolve(x: np.ndarray, kernel: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """`[B, T, F, inputs]` to `[B, T, F, outputs]`; beyond the edges are zeros."""
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    patches = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(1, 2))  # [B, T, F, inputs, 3, 3]
    columns = patches.reshape(-1, kernel.shape[2] * 9)
    y = columns @ kernel.transpose(2, 0, 1, 3).reshape(-1, kernel.shape[3]) + bias
    return y.reshape(*x.shape[:3], -1)


def _pool(x: np.ndarray) -> np.ndarray:
    """The maximum of 2 x 2 neighbours, `[B, T, F, C]` to `[B, T / 2, F / 2, C]`."""
    return x.reshape(len(x), x.shape[1] // 2, 2, x.shape[2] // 2, 2, -1).max(axis=(2, 4))
