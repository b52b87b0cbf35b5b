"""Which families of instruments play in a recording, as a small network hears them."""

from __future__ import annotations

import numpy as np

from musika.listening.family_network import FRAMES, compute_levels, compute_logits, load_network, scale_levels
from musika.listening.recording import Recording
from musika.tracks import FAMILIES

STEP = FRAMES // 2  # frames from one window to the next
QUIET = 40.0  # dB below the loudest frame: windows that stay below are left out
BATCH = 32
SURE = 0.4  # mean likelihood from which a family is named
MOST_WINDOWS = 240  # six minutes


def measure_families(recording: Recording) -> dict[str, float]:
    """How likely each family of `musika.tracks.FAMILIES` is, 0 to 1: the mean over windows of three seconds."""
    return dict(zip(FAMILIES, measure_windows(recording).mean(axis=0).tolist(), strict=True))


def measure_windows(recording: Recording) -> np.ndarray:
    """The likelihood of each family in each window that is not quiet, float `[windows, 11]`."""
    levels = compute_levels(recording.samples)
    windows = cut_windows(levels)[:MOST_WINDOWS]
    network = load_network()
    parts = []
    for begin in range(0, len(windows), BATCH):
        logits = compute_logits(network, windows[begin : begin + BATCH])
        parts.append(1.0 / (1.0 + np.exp(-logits.astype(np.float64))))
    return np.concatenate(parts)


def cut_windows(levels: np.ndarray) -> np.ndarray:
    """Windows as the network sees them, `[windows, 128, 64]`, of levels in dB `[frames, 64]`; at least one."""
    scaled = scale_levels(levels, float(levels.max()))
    if len(scaled) < FRAMES:
        return np.pad(scaled, ((0, FRAMES - len(scaled)), (0, 0)))[None]
    last = len(scaled) - FRAMES
    starts = [*range(0, last, STEP), last]
    loud = levels.max() - QUIET
    kept = [start for start in starts if levels[start : start + FRAMES].max() >= loud]
    return np.stack([scaled[start : start + FRAMES] for start in kept])


def name_families(likelihoods: dict[str, float]) -> list[str]:
    """The families that are surely heard, the likeliest first."""
    named = sorted(likelihoods.items(), key=lambda item: -item[1])
    return [name for name, likelihood in named if likelihood >= SURE]
