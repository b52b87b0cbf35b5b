"""Log-mel distance at two resolutions: how far two spectrograms differ, roughly as one hears them. Smaller is better.

The mean of |log10 max(M_x, 1e-5) - log10 max(M_y, 1e-5)| over time, bands and channels, for windows of 2048 samples
with 128 bands and of 512 samples with 64 bands; `log_mel` is the mean of the two. M is librosa's mel power: Slaney's
scale and norm, periodic Hann window, hop a quarter of the window, frames centred and padded with zeros. 0.1 is 1 dB of
power. For comparison: MP3 at 32 kbit/s has about 0.64, Opus at 12 kbit/s 0.53, Opus at 24 kbit/s 0.32.
"""

from __future__ import annotations

import numpy as np

from musika.metrics.pair.inputs import check_pair, compute_mel_power

FLOOR = 1e-5
RESOLUTIONS = ((2048, 128), (512, 64))  # window in samples, bands


def evaluate(original: np.ndarray, decoded: np.ndarray, sample_rate: int) -> dict[str, float]:
    """`log_mel`, `log_mel_2048` and `log_mel_512` of a pair `[N, 2]`."""
    original, decoded = check_pair(original, decoded)
    return measure_distance(compute_log_mel(original, sample_rate), compute_log_mel(decoded, sample_rate))


def compute_log_mel(waveform: np.ndarray, sample_rate: int) -> list[np.ndarray]:
    """log10 of the mel power of a waveform `[N, 2]`, `[2, bands, frames]` for each resolution."""
    return [
        np.stack([_take_log(compute_mel_power(waveform[:, c], sample_rate, window, bands)) for c in range(2)])
        for window, bands in RESOLUTIONS
    ]


def measure_distance(original: list[np.ndarray], decoded: list[np.ndarray]) -> dict[str, float]:
    """The figures of `evaluate`, from two results of `compute_log_mel`."""
    pairs = zip(RESOLUTIONS, original, decoded, strict=True)
    distances = {f"log_mel_{window}": float(np.abs(x - y).mean(dtype=np.float64)) for (window, _), x, y in pairs}
    return {"log_mel": float(np.mean(list(distances.values()))), **distances}


def _take_log(power: np.ndarray) -> np.ndarray:
    return np.log10(np.maximum(power, FLOOR))
