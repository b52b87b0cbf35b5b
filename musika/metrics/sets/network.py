"""Rows from any network in the ONNX format that turns sound into a vector, such as VGGish.

A preset says which input the network takes:
- `vggish`: patches of 96 frames of log-mel `[B, 96, 64]` (also `[B, 1, 96, 64]` and `[B, 96, 64, 1]`), 0.96 s each,
  without overlap. The mean of both channels at 16 kHz; window of 400 samples (25 ms, periodic Hann), hop 160 (10 ms),
  FFT of 512; magnitudes; 64 triangular filters on the mel scale 1127 ln(1 + f / 700) between 125 and 7500 Hz, without
  the lowest bin; ln(mel + 0.01). Source: Hershey et al., CNN architectures for large-scale audio classification (ICASSP
  2017), as in the authors' `vggish_input.py` and `mel_features.py` (tensorflow/models, research/audioset). Fréchet
  audio distances in papers use its 128 numbers as they leave the network, before the PCA that comes with it. They
  resample differently, so expect small differences.
- `waveform:RATE:SECONDS`: the mean of both channels at that rate, `[B, N]` (or `[B, 1, N]`), without overlap.

The first output is taken; if it has more than two axes, it is averaged to `[B, D]`.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np

from musika.errors import UsageError
from musika.files import format_path

VGGISH = "vggish"
VGGISH_RATE, FRAMES, BANDS = 16_000, 96, 64
WINDOW, HOP, FFT = 400, 160, 512  # samples
RANGE = (125.0, 7500.0)  # Hz
OFFSET = 0.01
BATCH = 16


@dataclasses.dataclass(frozen=True)
class Preset:
    """The input of a network.

    Attributes:
        sample_rate: Hz.
        length: samples in a patch.
        step: samples from one patch to the next.
        log_mel: whether patches become log-mel.
    """

    sample_rate: int
    length: int
    step: int
    log_mel: bool


def parse_preset(text: str) -> Preset:
    """The preset of that name.

    Raises:
        UsageError: there is none, or its numbers are out of range.
    """
    if text == VGGISH:
        return Preset(VGGISH_RATE, (FRAMES - 1) * HOP + WINDOW, FRAMES * HOP, True)
    name, *numbers = text.split(":")
    try:
        rate, seconds = int(numbers[0]), float(numbers[1])
    except (ValueError, IndexError):
        rate, seconds = 0, 0.0
    if name != "waveform" or len(numbers) != 2 or not 1000 <= rate <= 192_000 or not 0.01 <= seconds <= 600:
        raise UsageError(
            f"there is no preset {text!r}: say {VGGISH}, or waveform:RATE:SECONDS, such as waveform:48000:10, with "
            "1000 to 192000 Hz and 0.01 to 600 seconds",
            about="embedding_preset",
        )
    length = round(rate * seconds)
    return Preset(rate, length, length, False)


class Network:
    """A network in an ONNX file, run on the processor."""

    def __init__(self, path: Path, preset: Preset) -> None:
        """Loads the file.

        Raises:
            UsageError: onnxruntime is not installed, or the file is not a network with one input of float32.
        """
        try:
            import onnxruntime
        except ImportError:
            raise UsageError("ONNX networks need the package onnxruntime: pip install onnxruntime") from None
        self.name, self.preset = format_path(path), preset
        if not path.is_file():
            raise UsageError(f"there is no file {self.name}", about="embedding")
        settings = onnxruntime.SessionOptions()
        settings.log_severity_level = 4  # errors are raised as exceptions, too
        try:
            self.session: Any = onnxruntime.InferenceSession(str(path), settings, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime has many kinds of them
            text = f"{self.name} is not an ONNX network: {_shorten(error)}"
            raise UsageError(text, about="embedding") from error
        inputs = self.session.get_inputs()
        if len(inputs) != 1 or inputs[0].type != "tensor(float)":
            raise UsageError(f"{self.name} has not one input of float32", about="embedding")
        self.input, self.shape = inputs[0].name, list(inputs[0].shape)
        self.batch = self.shape[0] if self.shape and isinstance(self.shape[0], int) else None

    def __call__(self, patches: np.ndarray) -> np.ndarray:
        """Patches `[n, length]` of mono sound to rows `[n, D]`.

        Raises:
            UsageError: the network does not accept them, or returns something else.
        """
        inputs = np.stack([compute_log_mel(patch) for patch in patches]) if self.preset.log_mel else patches
        rows = []
        size = self.batch or BATCH
        for start in range(0, len(inputs), size):
            part = inputs[start : start + size]
            missing = size - len(part) if self.batch else 0
            batch = self._add_axis(np.concatenate([part, np.zeros((missing, *part.shape[1:]), np.float32)]))
            try:
                out = np.asarray(self.session.run(None, {self.input: batch})[0], np.float64)
            except Exception as error:
                raise UsageError(
                    f"{self.name} does not take an input of shape {list(batch.shape)}: {_shorten(error)}",
                    about="embedding_preset",
                ) from error
            if out.ndim < 2 or len(out) != len(batch):
                raise UsageError(f"{self.name} returns the shape {list(out.shape)}, not [B, D]", about="embedding")
            if not np.isfinite(out).all():
                raise UsageError(f"{self.name} returns numbers that are not finite", about="embedding")
            rows.append(out.mean(axis=tuple(range(1, out.ndim - 1)))[: len(part)])
        return np.concatenate(rows).astype(np.float32)

    def _add_axis(self, batch: np.ndarray) -> np.ndarray:
        """The batch, with the axis of length 1 that some networks have."""
        if len(self.shape) == batch.ndim + 1:
            return batch[..., None] if self.shape[-1] == 1 else batch[:, None]
        return batch


class Embedder:
    """Receives a waveform block by block and computes its rows."""

    def __init__(self, network: Network, sample_rate: int) -> None:
        import soxr  # type: ignore[import-untyped]

        self.network, self._rows = network, list[np.ndarray]()
        rate = network.preset.sample_rate
        self._stream: Any = soxr.ResampleStream(sample_rate, rate, 1, dtype="float32", quality="HQ")
        self._pending = np.zeros(0, np.float32)

    def add(self, block: np.ndarray, last: bool = False) -> None:
        """Receives the next samples `[n, 2]`."""
        mono = np.ascontiguousarray(block.mean(axis=1, dtype=np.float32))
        self._pending = np.concatenate([self._pending, self._stream.resample_chunk(mono, last=last)])
        preset = self.network.preset
        count = (len(self._pending) - preset.length) // preset.step + 1
        if count >= BATCH or (last and count > 0):
            patches = [self._pending[i * preset.step :][: preset.length] for i in range(count)]
            self._rows.append(self.network(np.stack(patches)))
            self._pending = self._pending[count * preset.step :]

    def finish(self) -> np.ndarray:
        """The rows `[n, D]`; what is left over after the last whole patch is dropped."""
        self.add(np.zeros((0, 2), np.float32), last=True)
        return np.concatenate(self._rows) if self._rows else np.zeros((0, 0), np.float32)


def compute_log_mel(patch: np.ndarray) -> np.ndarray:
    """15600 samples at 16 kHz to the input of VGGish, `[96, 64]`."""
    frames = np.lib.stride_tricks.sliding_window_view(patch, WINDOW)[::HOP]
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)
    magnitudes = np.abs(np.fft.rfft(frames * hann, FFT))
    return np.log(magnitudes @ build_mel_filters() + OFFSET).astype(np.float32)


def build_mel_filters() -> np.ndarray:
    """`[257, 64]`: the weight of each bin in each band.

    Not `librosa.filters.mel`, whose triangles are straight in Hz: these are straight on the mel scale.
    """
    mel = lambda hz: 1127.0 * np.log1p(hz / 700.0)  # noqa: E731
    bins = mel(np.arange(FFT // 2 + 1) * VGGISH_RATE / FFT)[:, None]
    edges = np.linspace(mel(RANGE[0]), mel(RANGE[1]), BANDS + 2)
    up = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    down = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    weights = np.maximum(0.0, np.minimum(up, down))
    weights[0] = 0.0
    return weights


def _shorten(error: Exception) -> str:
    """The text of an error on one line of at most 160 characters."""
    text = " ".join(str(error).split())
    return text if len(text) <= 160 else f"{text[:159]}…"
