"""Log-mel distance at two resolutions: how far the spectrogram that one hears is from what it was. Smaller is better.

Mean of |log10 max(M_x, 1e-5) - log10 max(M_y, 1e-5)| over time, bands and channels, for windows of 2048 samples with
128 bands and of 512 with 64; `log_mel` is the mean of both windows. M is the mel power of librosa: Slaney's scale and
norm, periodic Hann window, hop a quarter of it, frames centred and padded with zeros. 0.1 is 1 dB of power. For scale:
MP3 at 32 kbit/s has about 0.64, Opus at 12 kbit/s 0.53, at 24 kbit/s 0.32.
"""

from __future__ import annotations

import numpy as np

from musika.metrics.pair.arguments import checked, mel_power

FLOOR = 1e-5
RESOLUTIONS = ((2048, 128), (512, 64))  # window in samples, bands


def evaluate(original: np.ndarray, decoded: np.ndarray, sample_rate: int) -> dict[str, float]:
    """`log_mel`, `log_mel_2048` and `log_mel_512` of a pair `[N, 2]`."""
    original, decoded = checked(original, decoded)
    return distance(logarithms(original, sample_rate), logarithms(decoded, sample_rate))


def logarithms(waveform: np.ndarray, sample_rate: int) -> list[np.ndarray]:
    """log10 mel power of `[N, 2]` at each resolution, `[2, bands, frames]`: for one waveform that is compared often."""
    return [
        np.stack([_log(mel_power(waveform[:, channel], sample_rate, window, bands)) for channel in range(2)])
        for window, bands in RESOLUTIONS
    ]


def distance(original: list[np.ndarray], decoded: list[np.ndarray]) -> dict[str, float]:
    """`evaluate` of what `logarithms` gives."""
    pairs = zip(RESOLUTIONS, original, decoded, strict=True)
    found = {f"log_mel_{window}": float(np.abs(x - y).mean(dtype=np.float64)) for (window, _), x, y in pairs}
    return {"log_mel": float(np.mean(list(found.values()))), **found}


def _log(power: np.ndarray) -> np.ndarray:
    return np.log10(np.maximum(power, FLOOR))
