"""The optional second reader: tensorflow-io decodes and resamples inside TensorFlow's graph.

It needs an environment of its own (`requirements-tfio.txt`), reads wav, flac, mp3 and Ogg Vorbis, holds a whole file in
memory, and decodes in this process: use it for files that you trust. docs/readers.md says how the readers compare.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from musika.audio import FileError, check_file
from musika.audio_signal import rechunked, resampled_length, stereo_note, to_stereo
from musika.config import SAMPLE_RATE
from musika.errors import UsageError

BLOCK = 1 << 16  # samples


def require() -> Any:
    """The tensorflow_io module.

    Raises:
        UsageError: it is not installed, or does not fit the TensorFlow that is.
    """
    try:
        import tensorflow_io  # type: ignore[import-not-found]

        _ = tensorflow_io.audio.resample
    except (ImportError, NotImplementedError, AttributeError, OSError):
        raise UsageError(
            "--reader tensorflow-io needs an environment made with `pip install -r requirements-tfio.txt` "
            "(Python 3.11, TensorFlow 2.16); --reader soundfile works here"
        ) from None
    return tensorflow_io


def blocks(
    path: Path,
    block_samples: int = BLOCK,
    note: Callable[[str], None] | None = None,
    sample_rate: int = SAMPLE_RATE,
) -> Iterator[np.ndarray]:
    """A file in pieces `[block_samples, 2]` float32, the last one shorter: the same contract as `audio.blocks`.

    Args:
        path: the file.
        block_samples: samples in a piece.
        note: told what a person should know about how the file was read.
        sample_rate: Hz that the pieces have.

    Raises:
        AudioError: the file cannot be read.
        UsageError: tensorflow-io is not installed.
    """
    check_file(path)
    samples, rate, channels = _decoded(path)
    remark = stereo_note(channels)
    if note is not None and remark is not None:
        note(remark)
    yield from rechunked([_resampled(path, samples, rate, sample_rate)], block_samples)


def _decoded(path: Path) -> tuple[Any, int, int]:
    """Samples `[n, 2]` float32 at the file's rate, that rate in Hz, and how many channels the file has."""
    import tensorflow as tf

    tfio = require()
    try:
        audio = tfio.audio.AudioIOTensor(str(path.resolve()))
        rate, channels = int(audio.rate), int(audio.shape[1])
        whole = audio.to_tensor()
    except (tf.errors.OpError, ValueError, TypeError, NotImplementedError) as error:
        raise FileError(path, f"is not audio for tensorflow-io ({_first_line(error)})") from None
    if not int(tf.size(whole)):
        raise FileError(path, "holds no samples")
    if whole.dtype.is_integer:  # 24-bit wav comes as int32 with its full scale
        limits = whole.dtype
        middle = 128.0 if limits == tf.uint8 else 0.0
        whole = (tf.cast(whole, tf.float64) - middle) / (float(limits.max) - middle + 1.0)
    vorbis = path.read_bytes()[:4] == b"OggS"
    stereo = to_stereo(tf.cast(whole, tf.float32).numpy(), "vorbis" if vorbis else "wave")
    if not np.isfinite(stereo).all():
        raise FileError(path, "has samples that are not finite numbers (NaN or infinite)")
    return stereo, rate, channels


def _resampled(path: Path, samples: np.ndarray, rate: int, new_rate: int) -> np.ndarray:
    """`[n, 2]` at another rate, exactly as long as the first reader has it."""
    if rate == new_rate:
        return samples
    if not 8_000 <= rate <= 192_000:
        raise FileError(path, f"has a sample rate of {rate} Hz; 8000 to 192000 Hz can be read")
    out = require().audio.resample(samples, rate, new_rate).numpy()
    length = resampled_length(len(samples), rate, new_rate)
    return np.concatenate([out[:length], np.zeros((max(0, length - len(out)), 2), np.float32)])


def _first_line(error: Exception) -> str:
    text = " ".join(str(getattr(error, "message", None) or error).split())
    return text.rsplit("}}", 1)[-1].strip()[:160]
