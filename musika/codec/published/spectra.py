"""Waveforms to what the published networks see, and what they say back to waveforms.

Spectrum f is of samples f h to (f + 4) h, in encoding and in decoding; h is the hop.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from keras import ops

from musika import backend, spectrum
from musika.config import PublishedCodecConfig

Tensor = Any

POWER_FLOOR = 1e-10  # below which power is not told apart
ROOT_FLOOR = 1e-7  # added to power before its root is taken


def compute_spectrogram(config: PublishedCodecConfig, waveform: Tensor, window: np.ndarray | None = None) -> Tensor:
    """Waveforms of single channels `[..., N]`, N a multiple of the hop, to `[..., N / hop - 3, bins]`, float32.

    Power in dB, floored at -100, minus mu, over sigma.

    Args:
        window: `make_rounded_hann_window`, for a caller that compiles this; None makes it.
    """
    window = make_rounded_hann_window(4 * config.hop) if window is None else window
    frames = spectrum.split_frames(waveform, 4 * config.hop, config.hop) * window  # [..., N / hop - 3, 4 hop]
    power = spectrum.compute_power(ops.rfft(frames))
    decibels = ops.log(ops.maximum(power, POWER_FLOOR)) * (10.0 / math.log(10.0))
    return (decibels - config.mu_rescale) * (1.0 / config.sigma_rescale)


def make_rounded_hann_window(window: int) -> np.ndarray:
    """The periodic Hann window, each step of its computation rounded to float32, by the backend's own cosine.

    As the original has it: in bins far quieter than their neighbours the rounding of the window shows. With
    TensorFlow's cosine spectrograms agree with the original to 2e-7, with JAX's to 4e-5 of the largest magnitude where
    power exceeds 1e-5. Not to be called within a compiled function.
    """
    turns = np.float32(2 * np.pi) * np.arange(window, dtype=np.float32) / np.float32(window)
    cosine = backend.to_numpy(ops.cos(backend.to_device(turns)))
    return np.float32(0.5) - np.float32(0.5) * cosine


def synthesise(config: PublishedCodecConfig, magnitude: Tensor, phase: Tensor, present: Tensor | None = None) -> Tensor:
    """Magnitude and phase, each `[..., frames, bins]`, to waveforms `[..., (frames + 3) hop]`, float32.

    The first and last 3 h samples lack spectra that overlap, and fade.

    Args:
        present: `[..., frames, 1]`, 0 where there is no spectrum and 1 elsewhere; None is 1.
    """
    decibels = magnitude * config.sigma_rescale + config.mu_rescale
    size = ops.sqrt(ops.exp(decibels * (math.log(10.0) / 10.0)) + ROOT_FLOOR)
    size = size if present is None else size * present
    angle = phase * math.pi
    return spectrum.inverse_stft((size * ops.cos(angle), size * ops.sin(angle)), config.hop)
