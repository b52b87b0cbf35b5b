"""What the encoder sees: scaled logarithms of the short-time powers of left, right, mid and side.

Absolute phase is left out, which keeps latents smooth. The four powers together still tell how left and right relate:
|mid|² - |side|² = 2 |left| |right| cos(phase between them), with mid and side = (left ± right) / √2.

Shapes: B crops, T latents, `frames` spectra in one latent, K bins in one spectrum, F numbers of features in one frame.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from keras import ops

from musika import spectrum
from musika.config import CodecConfig

Tensor = Any

POWER_FLOOR = 1e-4  # added to powers before the logarithm: -94 dB of a full-scale sine's bin
LOG_MEAN, LOG_DEVIATION = 1.6, 5.4  # roughly centre and scale logarithms of power for the networks


def compute_features(config: CodecConfig, waveform: Tensor) -> Tensor:
    """Waveform `[B, T hop_total + window - hop, 2]` to the encoder's input `[B, T frames, F]`."""
    return compute_features_of_powers(config, compute_mid_side_powers(compute_channel_spectra(config, waveform)))


def compute_channel_spectra(config: CodecConfig, waveform: Tensor) -> spectrum.Spectrum:
    """Waveform `[B, N, 2]` to spectra of left and right: real and imaginary part, each `[B, 2, frames, K]`."""
    return spectrum.stft(ops.transpose(waveform, (0, 2, 1)), config.window, config.hop)


def compute_mid_side_powers(spectra: spectrum.Spectrum) -> Tensor:
    """Spectra of left and right `[B, 2, frames, K]` to powers of left, right, mid and side `[B, 4, frames, K]`."""
    real, imaginary = spectra
    left_right = spectrum.compute_power(spectra)  # [B, 2, frames, K]
    half_sum = 0.5 * ops.sum(left_right, axis=1, keepdims=True)
    cross = real[:, :1] * real[:, 1:] + imaginary[:, :1] * imaginary[:, 1:]
    mid, side = ops.maximum(half_sum + cross, 0.0), ops.maximum(half_sum - cross, 0.0)  # rounding may pass 0
    return ops.concatenate([left_right, mid, side], axis=1)


def compute_features_of_powers(config: CodecConfig, powers: Tensor) -> Tensor:
    """Powers of left, right, mid and side `[B, 4, frames, K]` to the encoder's input `[B, frames, F]`.

    The lowest bins are taken one by one, the others as means of bands: F = 4 (fine_bins + bands).
    """
    fine, upper = powers[..., : config.fine_bins], powers[..., config.fine_bins :]
    bands = ops.matmul(upper, make_band_matrix(config))  # [B, 4, frames, bands]
    scaled = (ops.log(ops.concatenate([fine, bands], axis=-1) + POWER_FLOOR) - LOG_MEAN) / LOG_DEVIATION
    scaled = ops.transpose(scaled, (0, 2, 1, 3))  # [B, frames, 4, F / 4]
    return ops.reshape(scaled, (scaled.shape[0], scaled.shape[1], -1))


def make_band_matrix(config: CodecConfig) -> np.ndarray:
    """`[K - fine_bins, bands]`: means over bands whose widths grow in equal ratios."""
    first, last = config.fine_bins, config.bins
    edges = np.round(np.geomspace(first, last, config.bands + 1)).astype(int)
    for i in range(config.bands):  # every band holds at least one bin
        edges[i + 1] = max(edges[i + 1], edges[i] + 1)
    edges = np.minimum(edges, last - np.arange(config.bands, -1, -1))
    matrix = np.zeros((last - first, config.bands), np.float32)
    for band, (low, high) in enumerate(itertools.pairwise(edges)):
        matrix[low - first : high - first, band] = 1.0 / (high - low)
    return matrix
