"""Rows from a network of the user's own: any ONNX file that turns sound into a vector, such as VGGish.

What a network hears is said by a preset:
- `vggish`: patches of 96 frames of log-mel `[B, 96, 64]` (also `[B, 1, 96, 64]` and `[B, 96, 64, 1]`), 0.96 s each,
  without overlap. The mean of both channels at 16 kHz; window of 400 samples (25 ms, periodic Hann), hop 160 (10 ms),
  FFT of 512; magnitudes; 64 triangles that are straight on the mel scale 1127 ln(1 + f / 700) between 125 and 7500 Hz,
  the lowest bin left out; ln(mel + 0.01). Source: Hershey et al., CNN architectures for large-scale audio
  classification (ICASSP 2017), as in the authors' `vggish_input.py` and `mel_features.py` (tensorflow/models,
  research/audioset). Fréchet audio distances of papers use its 128 numbers as they leave the network, before the PCA
  that goes with it. They resample otherwise, so expect small differences.
- `waveform:RATE:SECONDS`: the mean of both channels at that rate, `[B, N]` (or `[B, 1, N]`), without overlap.

The first output is taken; more than two axes are averaged to `[B, D]`.
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
    """What a network hears: rate in Hz, samples of a patch and from one to the next, whether they become log-mel."""

    sample_rate: int
    length: int
    step: int
    log_mel: bool

    @property
    def seconds(self) -> float:
        """From one patch to the next."""
        return self.step / self.sample_rate


def preset(text: str) -> Preset:
    """The preset of `--embedding_preset`.

    Raises:
        UsageError: there is none of that name, or numbers out of range.
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
            f"--embedding_preset {text}: say {VGGISH}, or waveform:RATE:SECONDS, such as waveform:48000:10, of "
            "1000 to 192000 Hz and 0.01 to 600 seconds"
        )
    length = round(rate * seconds)
    return Preset(rate, length, length, False)


class Network:
    """An ONNX file, ready to run on the processor."""

    def __init__(self, path: Path, kind: Preset) -> None:
        """Loads it.

        Raises:
            UsageError: onnxruntime is not installed, or the file is no network that takes this preset's input.
        """
        try:
            import onnxruntime
        except ImportError:
            raise UsageError("--embedding needs the package onnxruntime: pip install onnxruntime") from None
        self.name, self.preset = format_path(path), kind
        if not path.is_file():
            raise UsageError(f"--embedding: there is no file {self.name}")
        settings = onnxruntime.SessionOptions()
        settings.log_severity_level = 4  # what matters comes as an exception
        try:
            self.session: Any = onnxruntime.InferenceSession(str(path), settings, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime has many kinds of them
            raise UsageError(f"--embedding {self.name} is not an ONNX network: {_line(error)}") from error
        inputs = self.session.get_inputs()
        if len(inputs) != 1 or inputs[0].type != "tensor(float)":
            raise UsageError(f"--embedding {self.name}: a network with one input of float32 is needed")
        self.input, self.shape = inputs[0].name, list(inputs[0].shape)
        self.batch = self.shape[0] if self.shape and isinstance(self.shape[0], int) else None

    def __call__(self, patches: np.ndarray) -> np.ndarray:
        """Patches `[n, length]` of mono sound to rows `[n, D]`.

        Raises:
            UsageError: the network does not take them, or gives something else.
        """
        heard = np.stack([log_mel(patch) for patch in patches]) if self.preset.log_mel else patches
        rows = []
        size = self.batch or BATCH
        for start in range(0, len(heard), size):
            part = heard[start : start + size]
            missing = size - len(part) if self.batch else 0
            given = self._shaped(np.concatenate([part, np.zeros((missing, *part.shape[1:]), np.float32)]))
            try:
                out = np.asarray(self.session.run(None, {self.input: given})[0], np.float64)
            except Exception as error:
                raise UsageError(
                    f"--embedding {self.name} does not take {list(given.shape)}, which --embedding_preset makes: "
                    f"{_line(error)}"
                ) from error
            if out.ndim < 2 or len(out) != len(given) or not np.isfinite(out).all():
                raise UsageError(f"--embedding {self.name} gives {list(out.shape)} or not finite numbers, not [B, D]")
            rows.append(out.mean(axis=tuple(range(1, out.ndim - 1)))[: len(part)])
        return np.concatenate(rows).astype(np.float32)

    def _shaped(self, given: np.ndarray) -> np.ndarray:
        """With the axis of length 1 that the network may have."""
        if len(self.shape) == given.ndim + 1:
            return given[..., None] if self.shape[-1] == 1 else given[:, None]
        return given


class Listener:
    """Takes a piece block by block and gives its rows."""

    def __init__(self, network: Network, sample_rate: int) -> None:
        import soxr  # type: ignore[import-untyped]

        self.network, self.made = network, list[np.ndarray]()
        rate = network.preset.sample_rate
        self.stream: Any = soxr.ResampleStream(sample_rate, rate, 1, dtype="float32", quality="HQ")
        self.held = np.zeros(0, np.float32)

    def add(self, block: np.ndarray, last: bool = False) -> None:
        """The next samples `[n, 2]`."""
        mono = np.ascontiguousarray(block.mean(axis=1, dtype=np.float32))
        self.held = np.concatenate([self.held, self.stream.resample_chunk(mono, last=last)])
        kind = self.network.preset
        count = (len(self.held) - kind.length) // kind.step + 1
        if count >= BATCH or (last and count > 0):
            self.made.append(self.network(np.stack([self.held[i * kind.step :][: kind.length] for i in range(count)])))
            self.held = self.held[count * kind.step :]

    def finish(self) -> np.ndarray:
        """Rows `[n, D]`; a last part that is no whole patch is dropped."""
        self.add(np.zeros((0, 2), np.float32), last=True)
        return np.concatenate(self.made) if self.made else np.zeros((0, 0), np.float32)


def log_mel(patch: np.ndarray) -> np.ndarray:
    """15600 samples at 16 kHz to what VGGish hears, `[96, 64]`."""
    frames = np.lib.stride_tricks.sliding_window_view(patch, WINDOW)[::HOP]
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)
    magnitudes = np.abs(np.fft.rfft(frames * hann, FFT))
    return np.log(magnitudes @ mel_triangles() + OFFSET).astype(np.float32)


def mel_triangles() -> np.ndarray:
    """`[257, 64]`: the weight of each bin in each band."""
    mel = lambda hz: 1127.0 * np.log1p(hz / 700.0)  # noqa: E731
    bins = mel(np.arange(FFT // 2 + 1) * VGGISH_RATE / FFT)[:, None]
    edges = np.linspace(mel(RANGE[0]), mel(RANGE[1]), BANDS + 2)
    up = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    down = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    weights = np.maximum(0.0, np.minimum(up, down))
    weights[0] = 0.0
    return weights


def _line(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text if len(text) <= 160 else f"{text[:159]}…"
