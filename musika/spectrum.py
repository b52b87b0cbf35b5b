"""Short-time spectra and back on `keras.ops`, as pairs (real, imaginary), and mel bands.

Frames are a whole number of hops long, so that framing and overlap-adding are reshapes. All of them use the periodic
Hann window. A frame of length `window` at step n covers samples [n hop, n hop + window); nothing is padded.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from keras import ops

Tensor = Any
Spectrum = tuple[Tensor, Tensor]  # (real, imaginary), each [..., frames, window / 2 + 1]


def make_hann_window(window: int) -> np.ndarray:
    """The periodic Hann window, float32 `[window]`."""
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(window) / window)).astype(np.float32)


def split_frames(signal: Tensor, window: int, hop: int) -> Tensor:
    """`[..., N]`, N a multiple of hop, to `[..., N / hop - window / hop + 1, window]`."""
    overlap = window // hop
    pieces = ops.reshape(signal, (*signal.shape[:-1], -1, hop))
    count = pieces.shape[-2] - overlap + 1
    return ops.concatenate([pieces[..., i : i + count, :] for i in range(overlap)], axis=-1)


def overlap_add(pieces: Tensor, hop: int, whole: bool = True) -> Tensor:
    """The transpose of `split_frames`: `[..., frames, window]` to `[..., (frames + window / hop - 1) hop]`.

    Args:
        whole: without it, only samples that `window / hop` frames add up to: `[..., (frames - window / hop + 1) hop]`.
    """
    *lead, count, window = pieces.shape
    overlap = window // hop
    pieces = ops.reshape(pieces, (*lead, count, overlap, hop))
    if not whole:
        inner = count - overlap + 1
        total = sum(pieces[..., overlap - 1 - i : overlap - 1 - i + inner, i, :] for i in range(overlap))
        return ops.reshape(total, (*lead, inner * hop))
    none = [(0, 0)] * len(lead)
    total = sum(
        ops.pad(pieces[..., i, :], [*none, (i, overlap - 1 - i), (0, 0)]) for i in range(overlap)
    )  # [..., count + overlap - 1, hop]
    return ops.reshape(total, (*lead, (count + overlap - 1) * hop))


def stft(signal: Tensor, window: int, hop: int) -> Spectrum:
    """`[..., N]` to (real, imaginary), each `[..., frames, window / 2 + 1]`, not scaled."""
    return ops.rfft(split_frames(signal, window, hop) * make_hann_window(window))


def inverse_stft(spectrum: Spectrum, hop: int, whole: bool = True) -> Tensor:
    """(real, imaginary) of `stft` back to `[..., (frames + window / hop - 1) hop]`; `whole` as `overlap_add` has it.

    Exact for samples under window / hop frames; the first and last window - hop samples fade. The analysis and the
    synthesis window are both Hann, whose squares at a quarter of the window add up to 3 / 2.
    """
    window = 2 * (spectrum[0].shape[-1] - 1)
    pieces = ops.irfft(spectrum, fft_length=window) * (make_hann_window(window) * np.float32(8 * hop / (3 * window)))
    return overlap_add(pieces, hop, whole)


def compute_power(spectrum: Spectrum) -> Tensor:
    """Squared magnitude of (real, imaginary)."""
    return ops.square(spectrum[0]) + ops.square(spectrum[1])


def normalise(real: Tensor, imaginary: Tensor) -> Spectrum:
    """Complex numbers as pairs, brought to length 1; those that are nearly 0 stay short."""
    scale = ops.rsqrt(ops.square(real) + ops.square(imaginary) + 1e-6)
    return real * scale, imaginary * scale


def multiply(one: Spectrum, other: Spectrum) -> Spectrum:
    """The product of two complex numbers given as pairs."""
    return one[0] * other[0] - one[1] * other[1], one[0] * other[1] + one[1] * other[0]


def compute_cosine_and_sine(angle: Tensor) -> Spectrum:
    """Of angles in radians, to 3e-7 for small ones and as exact as whole turns can be taken away from large ones.

    By series of half the angle (to the twelfth power): several times as fast as XLA's functions on a processor, which
    are called number by number.
    """
    half = angle * (0.5 / np.pi)
    half = (half - ops.round(half)) * np.pi  # -pi / 2 to pi / 2
    square = half * half
    sine, cosine = square * 0.0, square * 0.0
    for n in range(12, 0, -2):  # Horner's scheme: 1 / n! is a product of what each step divides by
        cosine = 1.0 - square * cosine / (n * (n - 1)) if n < 12 else 1.0 - square / (n * (n - 1))
        sine = 1.0 - square * sine / (n * (n + 1)) if n < 12 else 1.0 - square / (n * (n + 1))
    sine = half * sine
    return 1.0 - 2.0 * sine * sine, 2.0 * sine * cosine


def make_mel_filters(sample_rate: int, window: int, bands: int) -> np.ndarray:
    """Mel filters `[window / 2 + 1, bands]` on Slaney's scale, each of area one over Hz, from 0 to half the rate.

    As `librosa.filters.mel` with its defaults (a test compares), from Slaney, Auditory Toolbox, 1998. Computed here,
    because librosa's differ in the last bit: that turns signs of principal components, so that new codecs would begin
    with other weights.
    """
    edges = _mel_to_hz(np.linspace(0.0, _hz_to_mel(sample_rate / 2), bands + 2))
    bins = np.arange(window // 2 + 1) * sample_rate / window
    rising = (bins[:, None] - edges[None, :-2]) / np.diff(edges)[None, :-1]
    falling = (edges[None, 2:] - bins[:, None]) / np.diff(edges)[None, 1:]
    triangles = np.maximum(0.0, np.minimum(rising, falling))
    return (triangles * (2.0 / (edges[2:] - edges[:-2]))).astype(np.float32)


_LINEAR_HZ, _BREAK_HZ, _LOG_STEP = 200.0 / 3, 1000.0, np.log(6.4) / 27.0  # Slaney's scale: linear, then logarithmic


def _hz_to_mel(hz: float) -> float:
    if hz < _BREAK_HZ:
        return hz / _LINEAR_HZ
    return _BREAK_HZ / _LINEAR_HZ + np.log(hz / _BREAK_HZ) / _LOG_STEP


def _mel_to_hz(mel: np.ndarray) -> np.ndarray:
    first = _BREAK_HZ / _LINEAR_HZ
    return np.where(mel < first, mel * _LINEAR_HZ, _BREAK_HZ * np.exp(_LOG_STEP * (mel - first)))
