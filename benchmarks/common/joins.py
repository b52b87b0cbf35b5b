"""How much changes at a place of a recording, and how that compares with its other places."""

from __future__ import annotations

import numpy as np

from benchmarks.loops import BLOCK, measure_flux, measure_loudness_change

PLACES = 200  # of a recording that a join is compared with
CORRELATED = 4410  # samples on either side that stereo correlation is measured on
USUAL = 0.95  # share of the places of a recording at which no more changes than at a join that is like them


def describe_recording(waveform: np.ndarray) -> dict[str, np.ndarray]:
    """`describe_places` of places all over a recording `[N, 2]`."""
    return describe_places(waveform, np.linspace(BLOCK, len(waveform) - BLOCK - 1, PLACES).astype(int))


def describe_places(waveform: np.ndarray, places: np.ndarray) -> dict[str, np.ndarray]:
    """Four figures of each place `[places]` in a recording `[N, 2]`: how much changes there."""
    mono = waveform.mean(axis=1)
    correlations = np.array(
        [_correlate(waveform[p : p + CORRELATED]) - _correlate(waveform[p - CORRELATED : p]) for p in places]
    )
    return {
        "samples": np.abs(mono[places] - mono[places - 1]),
        "flux": measure_flux(mono, places),
        "level": measure_loudness_change(mono, places),
        "stereo": np.abs(correlations),
    }


def rank_join(usual: dict[str, np.ndarray], edited: np.ndarray, edge: int) -> dict[str, float]:
    """For each figure of a join, 1 where it lies within those of `describe_recording`, up to USUAL of them."""
    joined = describe_places(edited, np.array([edge]))
    return {name: float(np.mean(usual[name] < joined[name][0]) <= USUAL) for name in usual}


def _correlate(waveform: np.ndarray) -> float:
    left, right = (channel - channel.mean() for channel in waveform.T.astype(np.float64))
    return float(left @ right / np.sqrt((left @ left) * (right @ right) + 1e-12))
