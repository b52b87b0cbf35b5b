"""Integrated loudness of a waveform that comes in blocks, by ITU-R BS.1770-4, with the filters of pyloudnorm.

K-weighting, powers of 0.4 s every 0.1 s, gates at -70 LUFS and at 10 LU below the mean of what passes the first. Only
the powers are kept, 16 bytes for 0.1 s, so hours can be measured.
"""

from __future__ import annotations

from typing import Any

import numpy as np

OFFSET = -0.691  # LUFS of a power of 1
ABSOLUTE_GATE = -70.0  # LUFS
RELATIVE_GATE = -10.0  # LU
STEPS = 4  # of 0.1 s in the 0.4 s of one power


class LoudnessMeter:
    """Measures what it is given, block after block.

    Args:
        sample_rate: Hz.
        channels: 1 or 2; both count the same.
    """

    def __init__(self, sample_rate: int, channels: int = 2) -> None:
        import pyloudnorm

        self._step = round(0.1 * sample_rate)
        shelf = pyloudnorm.IIRfilter(4.0, 1 / np.sqrt(2), 1500.0, sample_rate, "high_shelf")
        high_pass = pyloudnorm.IIRfilter(0.0, 0.5, 38.0, sample_rate, "high_pass")
        self._filters: list[tuple[Any, Any]] = [(shelf.b, shelf.a), (high_pass.b, high_pass.a)]
        self._states = [np.zeros((2, channels)) for _ in self._filters]
        self._rest = np.zeros((0, channels))  # weighted samples of an unfinished step
        self._energies: list[float] = []  # of each step, all channels together

    def add(self, block: np.ndarray) -> None:
        """The next samples, `[n, channels]`."""
        from scipy.signal import lfilter

        weighted = block.astype(np.float64)
        for number, (b, a) in enumerate(self._filters):
            weighted, self._states[number] = lfilter(b, a, weighted, axis=0, zi=self._states[number])
        weighted = np.concatenate([self._rest, weighted])
        whole = len(weighted) // self._step * self._step
        self._energies += np.square(weighted[:whole]).reshape(-1, self._step * block.shape[1]).sum(axis=1).tolist()
        self._rest = weighted[whole:]

    def measure(self) -> float:
        """Loudness of everything so far in LUFS; NaN for less than 0.4 s, and where nothing can be heard."""
        energies = np.array(self._energies)
        if len(energies) < STEPS:
            return float("nan")
        powers = np.convolve(energies, np.ones(STEPS), mode="valid") / (STEPS * self._step)
        heard = powers[powers > _compute_power(ABSOLUTE_GATE)]
        if not len(heard):
            return float("nan")
        loud = heard[heard > heard.mean() * 10 ** (RELATIVE_GATE / 10)]
        return OFFSET + 10 * float(np.log10(loud.mean()))


def _compute_power(loudness: float) -> float:
    """The power of a loudness in LUFS."""
    return 10 ** ((loudness - OFFSET) / 10)
