"""What all metrics of a pair of waveforms share: the check of their shapes, silence, and the mel power spectrogram."""

from __future__ import annotations

import numpy as np

SILENCE = 5e-5  # RMS, full scale ±1: -86 dB, above the dither of 16-bit files


def check_pair(original: np.ndarray, decoded: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both waveforms as float32 `[N, 2]`.

    Raises:
        ValueError: another shape, different lengths, or no samples.
    """
    original, decoded = np.asarray(original, np.float32), np.asarray(decoded, np.float32)
    if original.ndim != 2 or original.shape[1] != 2 or original.shape != decoded.shape or not len(original):
        raise ValueError(f"a pair of waveforms [N, 2] is needed, not {list(original.shape)} and {list(decoded.shape)}")
    return original, decoded


def is_silent(waveform: np.ndarray) -> bool:
    """Whether the RMS of a waveform `[N, 2]` is below -86 dB of full scale."""
    return bool(np.sqrt(np.mean(np.square(waveform, dtype=np.float64))) < SILENCE)


def compute_mel_power(channel: np.ndarray, sample_rate: int, window: int, bands: int) -> np.ndarray:
    """Mel power `[bands, frames]` of one channel `[N]`, by librosa: Slaney's scale and norm, hop a quarter window."""
    import librosa

    return librosa.feature.melspectrogram(
        y=np.ascontiguousarray(channel), sr=sample_rate, n_fft=window, hop_length=window // 4, n_mels=bands
    )
