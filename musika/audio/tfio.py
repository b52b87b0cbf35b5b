"""The optional second reader: tensorflow-io decodes, TensorFlow resamples.

It needs an environment of its own (`requirements-tfio.txt`), reads wav, flac, mp3 and Ogg Vorbis, holds a whole file in
memory, and decodes in this process: use it for files that you trust. docs/guide/audio-files.md compares the readers.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from musika.audio import FileError, check_file
from musika.audio.convert import rechunk, resampled_length, stereo_note, to_stereo
from musika.config import SAMPLE_RATE
from musika.errors import UsageError

BLOCK = 1 << 16  # samples
CROSSINGS = 80  # zeros of the resampling filter on either side
KAISER = 12.0  # shape of its window: about 118 dB down
PASSBAND = 0.955  # of the lower rate's band
MOST_PHASES = 2048


def require() -> Any:
    """The tensorflow_io module.

    Raises:
        UsageError: it is not installed, or does not fit the TensorFlow that is.
    """
    try:
        import tensorflow_io  # type: ignore[import-not-found]

        _ = tensorflow_io.audio.AudioIOTensor
    except (ImportError, NotImplementedError, AttributeError, OSError):
        raise UsageError(
            "--reader tensorflow-io needs an environment made with `pip install -r requirements-tfio.txt` "
            "(Python 3.11, TensorFlow 2.16); --reader soundfile works here"
        ) from None
    return tensorflow_io


def blocks(
    path: Path,
    block_samples: int = BLOCK,
    note: Callable[[str], object] | None = None,
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
    yield from rechunk([_resampled(path, samples, rate, sample_rate)], block_samples)


def _decoded(path: Path) -> tuple[Any, int, int]:
    """Samples `[n, 2]` float32 at the file's rate, that rate in Hz, and how many channels the file has."""
    import tensorflow as tf  # type: ignore[import-untyped]

    tfio = require()
    _check_wav(path)
    try:
        audio = tfio.audio.AudioIOTensor(str(path.resolve()))
        rate, channels, kind = int(audio.rate), int(audio.shape[1]), audio.dtype
        content = tf.io.read_file(str(path.resolve()))
        start = tf.strings.substr(content, 0, 4).numpy()
        if start == b"RIFF":
            whole = tfio.audio.decode_wav(content, dtype=kind)
        elif start == b"fLaC":
            whole = tfio.audio.decode_flac(content, dtype=kind)
        elif start == b"OggS":
            whole = tfio.audio.decode_vorbis(content)
        else:
            whole = tfio.audio.decode_mp3(content)
    except (tf.errors.OpError, ValueError, TypeError, NotImplementedError) as error:
        raise FileError(path, f"is not audio for tensorflow-io ({_first_line(error)})") from None
    if not int(tf.size(whole)):
        raise FileError(path, "holds no samples")
    if whole.dtype.is_integer:  # 24-bit wav comes as int32 with its full scale
        limits = whole.dtype
        middle = 128.0 if limits == tf.uint8 else 0.0
        whole = (tf.cast(whole, tf.float64) - middle) / (float(limits.max) - middle + 1.0)
    stereo = to_stereo(tf.cast(whole, tf.float32).numpy(), "vorbis" if start == b"OggS" else "wave")
    if not np.isfinite(stereo).all():
        raise FileError(path, "has samples that are not finite numbers (NaN or infinite)")
    return stereo, rate, channels


def _check_wav(path: Path) -> None:
    """Refuses the kinds of wav that tensorflow-io reads as something else (32-bit integers as floats)."""
    with open(path, "rb") as file:
        head = file.read(4096)
    place = head.find(b"fmt ")
    if head[:4] != b"RIFF" or place < 0 or len(head) < place + 24:
        return
    tag, _, _, _, _, bits = struct.unpack_from("<HHIIHH", head, place + 8)
    if tag == 0xFFFE and len(head) >= place + 34:  # "extensible": the true kind stands further back
        tag = struct.unpack_from("<H", head, place + 32)[0]
    if (tag, bits) not in ((1, 8), (1, 16), (1, 24), (3, 32)):
        raise FileError(path, "is a kind of wav that tensorflow-io does not read; --reader soundfile does")


def _resampled(path: Path, samples: np.ndarray, rate: int, new_rate: int) -> np.ndarray:
    """`[n, 2]` at another rate, exactly as long as the first reader has it.

    One strided convolution with a windowed sinc. tensorflow-io's own `resample` (0.37.1) delays the sound by its filter
    and takes a third of the sound's duration, so it is not used.
    """
    import tensorflow as tf  # type: ignore[import-untyped]

    if rate == new_rate:
        return samples
    if not 8_000 <= rate <= 192_000:
        raise FileError(path, f"has a sample rate of {rate} Hz; 8000 to 192000 Hz can be read")
    divisor = math.gcd(rate, new_rate)
    step, phases = rate // divisor, new_rate // divisor
    if phases > MOST_PHASES:
        raise FileError(path, f"has an odd sample rate ({rate} Hz) for this reader; --reader soundfile reads it")
    kernel, reach = _sinc(step, phases)
    length = resampled_length(len(samples), rate, new_rate)
    groups = -(-length // phases)
    after = max(0, (groups - 1) * step + len(kernel) - reach - len(samples))
    padded = tf.pad(tf.transpose(tf.constant(samples)), [[0, 0], [reach, after]])[..., None]  # [2, time, 1]
    out = tf.nn.conv1d(padded, tf.constant(kernel[:, None, :]), step, "VALID")[:, :groups]  # [2, groups, phases]
    return tf.transpose(tf.reshape(out, (2, -1)))[:length].numpy()


def _sinc(step: int, phases: int) -> tuple[np.ndarray, int]:
    """The filter `[taps, phases]` that makes `phases` samples of `step`, and how far it reaches before the first."""
    scale = PASSBAND * min(1.0, phases / step)
    reach = math.ceil(CROSSINGS / scale)
    place = np.arange(-reach, reach + step + 1)[:, None] - np.arange(phases) * step / phases  # input samples
    window = np.i0(KAISER * np.sqrt(np.maximum(0, 1 - (place / reach) ** 2))) / np.i0(KAISER)
    kernel = scale * np.sinc(scale * place) * np.where(np.abs(place) < reach, window, 0)
    return kernel.astype(np.float32), reach


def _first_line(error: Exception) -> str:
    text = " ".join(str(getattr(error, "message", None) or error).split())
    return text.rsplit("}}", 1)[-1].strip()[:160]
