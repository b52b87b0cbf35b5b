"""A transcriber: which notes begin when in a waveform. An optional network that is not part of this program.

The network is basic-pitch (Bittner et al., A lightweight instrument-agnostic model for polyphonic note transcription
and multipitch estimation, ICASSP 2022). `pip install --no-deps basic-pitch==0.4.0` brings it as an ONNX file of 230
kB; the package itself is not imported. It gives, for frames of 256 samples at 22 050 Hz, how likely each of 88 keys
sounds and how likely it begins. An onset counts where its likelihood is a peak of at least 0.5 and the key sounds on
for more than 11 frames (128 ms); the thresholds are those of the package.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path

import numpy as np

from musika.errors import UsageError

RATE = 22_050  # Hz
WINDOW = 43_844  # samples that the network takes
FRAME = 256  # samples
OVERLAP = 30  # frames that two windows share
ONSET, SOUNDING = 0.5, 0.3  # least likelihoods
SHORTEST = GAP = 11  # frames of a note, and of silence that ends it
LOWEST_KEY = 21  # MIDI number of the first of 88 keys
MODEL_FILE = Path("saved_models", "icassp_2022", "nmp.onnx")
NOTES_OUTPUT, ONSETS_OUTPUT = "StatefulPartitionedCall:1", "StatefulPartitionedCall:2"
INSTALL = 'pip install --no-deps basic-pitch==0.4.0, and pip install ".[onnx]"'

# windows `[1, WINDOW, 1]` -> likelihoods that keys sound and begin, each `[frames, 88]`
Network = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]


def find_model() -> Path | None:
    """The network's file in the installed package, which is not imported; None where it is not installed."""
    try:
        package = importlib.util.find_spec("basic_pitch")
    except (ImportError, ValueError):
        return None
    folders = [] if package is None else list(package.submodule_search_locations or [])
    return next((path for folder in folders if (path := Path(folder) / MODEL_FILE).is_file()), None)


def load_network(path: Path | None = None) -> Network:
    """The network of a file; None looks for the installed one.

    Raises:
        UsageError: it, or onnxruntime, is not installed, or the file is another network.
    """
    path = path or find_model()
    if path is None or importlib.util.find_spec("onnxruntime") is None:
        raise UsageError(f"notes are heard by a transcriber that is not installed: {INSTALL}")
    import onnxruntime

    try:
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        names = [output.name for output in session.get_outputs()]
        order = names.index(NOTES_OUTPUT), names.index(ONSETS_OUTPUT)
        name = session.get_inputs()[0].name
    except Exception as error:  # onnxruntime has many kinds of its own
        raise UsageError(f"{path.name} is not the transcriber's network: {INSTALL}") from error

    def run(window: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        outputs = session.run(None, {name: window})
        return outputs[order[0]][0], outputs[order[1]][0]

    return run


def transcribe_onsets(network: Network, waveform: np.ndarray, sample_rate: int) -> np.ndarray:
    """Notes that begin in a waveform `[N, 2]`: rows of seconds and MIDI key, float `[n, 2]`, in order of time."""
    return transcribe_notes(network, waveform, sample_rate)[:, :2]


def transcribe_notes(network: Network, waveform: np.ndarray, sample_rate: int) -> np.ndarray:
    """Notes in a waveform `[N, 2]`: rows of onset, MIDI key and length, times in seconds; float `[n, 3]`, by onset."""
    notes, onsets, times = _run_windows(network, _resample(waveform, sample_rate))
    # [T, 88]; a peak is at least as high as the frame before and higher than the frame after
    peaks = (onsets >= ONSET) & (onsets >= np.roll(onsets, 1, 0)) & (onsets > np.roll(onsets, -1, 0))
    found = []
    for frame, key in zip(*np.nonzero(peaks), strict=True):
        length = _measure_length(notes[:, key], frame)
        if length > SHORTEST:
            found.append((times[frame], key + LOWEST_KEY, length * FRAME / RATE))
    return np.array(found, float).reshape(-1, 3)


def _resample(waveform: np.ndarray, sample_rate: int) -> np.ndarray:
    """The mean of both channels at the network's rate, float32 `[N]`."""
    from math import gcd

    from scipy.signal import resample_poly

    common = gcd(sample_rate, RATE)
    return resample_poly(waveform.mean(axis=1), RATE // common, sample_rate // common).astype(np.float32)


def _run_windows(network: Network, samples: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Likelihoods that keys sound and begin, `[T, 88]` each, and the frames' times in seconds `[T]`."""
    margin, hop = OVERLAP * FRAME // 2, WINDOW - OVERLAP * FRAME
    padded = np.concatenate([np.zeros(margin, np.float32), samples])
    inner = slice(OVERLAP // 2, -OVERLAP // 2)
    notes, onsets, times = [], [], []
    for number, start in enumerate(range(0, len(padded), hop)):
        window = padded[start : start + WINDOW]
        window = np.pad(window, (0, WINDOW - len(window)))
        note, onset = network(window[None, :, None])
        notes.append(note[inner])
        onsets.append(onset[inner])
        frames = np.arange(len(notes[-1])) + OVERLAP // 2
        times.append((number * hop + frames * FRAME - margin) / RATE)
    all_times = np.concatenate(times)
    within = all_times < len(samples) / RATE
    return np.concatenate(notes)[within], np.concatenate(onsets)[within], all_times[within]


def _measure_length(sounding: np.ndarray, start: int) -> int:
    """Frames that a key sounds on from its onset, to where it is silent for GAP frames.

    Args:
        sounding: likelihood that the key sounds, `[T]`.
        start: the onset's frame.
    """
    end, quiet = start + 1, 0
    while end < len(sounding) and quiet < GAP:
        quiet = quiet + 1 if sounding[end] < SOUNDING else 0
        end += 1
    return end - quiet - start
