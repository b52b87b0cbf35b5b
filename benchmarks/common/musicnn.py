"""An independent tagger of music: musicnn, trained on MagnaTagATune. It is not part of this program.

J. Pons and X. Serra, "musicnn: pre-trained convolutional neural networks for music audio tagging", late-breaking
session of ISMIR 2019. `pip install --no-deps musicnn==0.1.0` brings its weights (ISC licence); the package itself,
which needs an old TensorFlow, is not imported. Layers are as the paper and the shapes of the weights say. Of its 50
tags, those that name an instrument count.
"""

from __future__ import annotations

import importlib.util
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from musika.errors import UsageError
from musika.listening.recording import RATE, Recording

FOLDER, FILES = "MTT_musicnn", (".index", ".data-00000-of-00001")
INSTALL = "pip install --no-deps musicnn==0.1.0"
SAMPLE_RATE, FFT, HOP, BANDS = 16_000, 512, 256, 96
FRAMES = 187  # of a window: 3 s
EPSILON = 1e-3  # of normalisations
TAGS = 50
# number of the tag that names an instrument, in the order of the network's outputs
INSTRUMENTS = {
    "guitar": 0,
    "strings": 4,
    "drums": 5,
    "piano": 9,
    "violin": 12,
    "synth": 14,
    "harpsichord": 22,
    "flute": 25,
    "sitar": 31,
    "choir": 35,
    "harp": 42,
    "cello": 43,
}


def load_weights() -> dict[str, np.ndarray]:
    """The weights of the installed package by name.

    Raises:
        UsageError: it is not installed.
    """
    package = importlib.util.find_spec("musicnn")
    folders = [] if package is None else list(package.submodule_search_locations or [])
    found = next((Path(folder) / FOLDER for folder in folders if (Path(folder) / FOLDER).is_dir()), None)
    if found is None:
        raise UsageError(f"the tagger musicnn is not installed: {INSTALL}")
    import tensorflow as tf

    with tempfile.TemporaryDirectory() as folder:  # the files of the package have no stem
        for name in FILES:
            shutil.copy(found / name, Path(folder) / f"model{name}")
        reader = tf.train.load_checkpoint(str(Path(folder) / "model"))
        names = [name for name in reader.get_variable_to_shape_map() if "Adam" not in name and "power" not in name]
        return {name: reader.get_tensor(name) for name in names}


def measure_instruments(weights: Mapping[str, np.ndarray], recording: Recording) -> dict[str, float]:
    """How likely each instrument is, the mean over windows of 3 s."""
    import librosa

    samples = librosa.resample(recording.samples, orig_sr=RATE, target_sr=SAMPLE_RATE, res_type="soxr_hq")
    mel = librosa.feature.melspectrogram(y=samples, sr=SAMPLE_RATE, n_fft=FFT, hop_length=HOP, n_mels=BANDS).T
    levels = np.log10(10_000 * mel + 1).astype(np.float32)
    count = max(1, len(levels) // FRAMES)
    levels = np.pad(levels, ((0, max(0, FRAMES - len(levels))), (0, 0)))[: count * FRAMES]
    likelihoods = compute_tags(weights, levels.reshape(count, FRAMES, BANDS)).mean(axis=0)
    return {name: float(likelihoods[number]) for name, number in INSTRUMENTS.items()}


def compute_tags(weights: Mapping[str, np.ndarray], windows: np.ndarray) -> np.ndarray:
    """Likelihoods of the tags, `[B, 50]`, of log-mel `[B, 187, 96]`."""
    w = _Layers(weights)
    x = w.normalise(windows[..., None], "")  # [B, T, 96, 1]
    timbre = [w.convolve(_pad(x), n).max(axis=2) for n in (0, 1)]  # [B, T, 204]
    rhythm = [w.convolve(x, n, "same").max(axis=2) for n in (2, 3, 4)]  # [B, T, 51]
    front = np.concatenate([*timbre, *rhythm], axis=2)
    parts = [front]
    y = front
    for n in (5, 6, 7):
        made = w.convolve(_pad(y[..., None]), n)[:, :, 0]  # [B, T, 64]
        y = made if n == 5 else made + y
        parts.append(y)
    joined = np.concatenate(parts, axis=2)  # [B, T, 753]
    pooled = np.stack([joined.max(axis=1), joined.mean(axis=1)], axis=2).reshape(len(windows), -1)
    hidden = w.normalise(pooled, "_9") @ weights["dense/kernel"] + weights["dense/bias"]
    logits = w.normalise(np.maximum(hidden, 0.0), "_10") @ weights["dense_1/kernel"] + weights["dense_1/bias"]
    return 1.0 / (1.0 + np.exp(-logits))


class _Layers:
    """Convolutions and normalisations with the weights of the package."""

    def __init__(self, weights: Mapping[str, np.ndarray]) -> None:
        self.weights = weights

    def normalise(self, x: np.ndarray, suffix: str) -> np.ndarray:
        beta, gamma, mean, variance = (
            self.weights[f"batch_normalization{suffix}/{name}"]
            for name in ("beta", "gamma", "moving_mean", "moving_variance")
        )
        return (x - mean) / np.sqrt(variance + EPSILON) * gamma + beta

    def convolve(self, x: np.ndarray, number: int, padding: str = "valid") -> np.ndarray:
        """A convolution, a rectifier and a normalisation, `[B, T, F, C]`."""
        from keras import ops

        suffix = f"_{number}" if number else ""
        kernel, bias = (self.weights[f"conv2d{suffix}/{name}"] for name in ("kernel", "bias"))
        y: Any = ops.convert_to_numpy(ops.conv(x.astype(np.float32), kernel, padding=padding))
        return self.normalise(np.maximum(y + bias, 0.0), f"_{number + 1}")


def _pad(x: np.ndarray) -> np.ndarray:
    """Three empty frames before and after, so that kernels of seven frames keep the length."""
    return np.pad(x, ((0, 0), (3, 3), (0, 0), (0, 0)))
