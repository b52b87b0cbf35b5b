"""The optional second reader: tensorflow-io decodes, and TensorFlow resamples.

It needs an environment of its own (`requirements-tfio.txt`) and reads WAV, FLAC, MP3 and Ogg Vorbis. It holds a whole
file in memory and decodes in this process: use it for files that you trust. docs/guide/audio-files.md compares the
readers.
"""

from __future__ import annotations

import io
import itertools
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from musika.audio.checks import (
    FileError,
    check_file,
    check_rate,
    check_samples,
    describe_channels,
    describe_rate,
    refuse_empty,
)
from musika.audio.convert import get_resampled_length, rechunk, to_stereo
from musika.audio.layout import PartFile, Unreadable, read_layout
from musika.audio.layout.riff import find_wave_data
from musika.config import SAMPLE_RATE
from musika.errors import UsageError

BLOCK = 1 << 16  # samples
ZERO_CROSSINGS = 80  # of the resampling filter on either side
KAISER_BETA = 12.0  # of its window: the stop band is about 118 dB down
PASSBAND = 0.955  # share of the lower rate's band that is kept
MOST_PHASES = 2048  # of the filter, so that it stays small
PARTS = itertools.count()  # tensorflow-io remembers the first file of a name: each part gets a name of its own


def import_tensorflow_io() -> Any:
    """The tensorflow_io module.

    Raises:
        UsageError: it is not installed, or does not fit the TensorFlow that is.
    """
    try:
        import tensorflow_io  # type: ignore[import-not-found]

        _ = tensorflow_io.audio.AudioIOTensor
    except (ImportError, NotImplementedError, AttributeError, OSError):
        raise UsageError(
            "tensorflow-io is not installed, or does not fit the TensorFlow that is; it needs an environment of its "
            "own, made with `pip install -r requirements-tfio.txt` (Python 3.11, TensorFlow 2.16)",
            about="reader",
        ) from None
    return tensorflow_io


def read_blocks(
    path: Path,
    block_samples: int = BLOCK,
    note: Callable[[str], object] | None = None,
    sample_rate: int = SAMPLE_RATE,
) -> Iterator[np.ndarray]:
    """Reads a file block by block: `[block_samples, 2]` float32, the last one shorter; like `audio.read_blocks`.

    Args:
        path: the file.
        block_samples: samples in a block.
        note: is called with remarks for a person, each the end of a sentence that begins with the file's name.
        sample_rate: Hz that the blocks have.

    Raises:
        FileError: the file cannot be read.
        UsageError: tensorflow-io is not installed.
    """
    check_file(path)
    by_rate = itertools.groupby(_decode_parts(path, note), key=lambda item: item[1])
    waveforms = (
        resample(path, np.concatenate([samples for samples, _ in items]), rate, sample_rate) for rate, items in by_rate
    )
    yield from refuse_empty(path, rechunk(waveforms, block_samples))


def _decode_parts(path: Path, note: Callable[[str], object] | None) -> Iterator[tuple[np.ndarray, int]]:
    """Samples `[n, 2]` float32 of each part of a file, and their rate in Hz."""
    noted: set[str] = set()
    try:
        with open(path, "rb") as file:
            layout = read_layout(file)
            for part in layout.parts:
                samples, rate, channels = _decode(path, PartFile(file, part).readall())
                check_rate(path, rate)
                check_samples(path, samples, 0, rate)
                part.check_length(len(samples), rate)
                for remark in (*layout.notes, describe_channels(channels), describe_rate(rate)):
                    if note is not None and remark is not None and remark not in noted:
                        noted.add(remark)
                        note(remark)
                yield samples, rate
    except Unreadable as reason:
        raise FileError(path, str(reason)) from None


def _decode(path: Path, content: bytes) -> tuple[np.ndarray, int, int]:
    """Samples `[n, 2]` float32 at the rate of the content, that rate in Hz, and how many channels there are."""
    import tensorflow as tf  # type: ignore[import-untyped]

    tfio = import_tensorflow_io()
    start = content[:4]
    if start == b"RIFF":
        _check_wave_format(path, content)
    try:
        rate, channels, dtype = _read_format(content)
        if start == b"RIFF":
            samples = tfio.audio.decode_wav(content, dtype=dtype)
        elif start == b"fLaC":
            samples = tfio.audio.decode_flac(content, dtype=dtype)
        elif start == b"OggS":
            samples = tfio.audio.decode_vorbis(content)
        else:
            samples = tfio.audio.decode_mp3(content)
    except (tf.errors.OpError, ValueError, TypeError, NotImplementedError) as error:
        raise FileError(path, f"is not audio for tensorflow-io ({_shorten(error)})") from None
    if samples.dtype.is_integer:  # 24-bit WAV comes as int32 with its full scale
        middle = 128.0 if samples.dtype == tf.uint8 else 0.0
        samples = (tf.cast(samples, tf.float64) - middle) / (float(samples.dtype.max) - middle + 1.0)
    stereo = to_stereo(tf.cast(samples, tf.float32).numpy(), "vorbis" if start == b"OggS" else "wave")
    return stereo, rate, channels


def _read_format(content: bytes) -> tuple[int, int, Any]:
    """Sample rate in Hz, channels and TensorFlow's type of the samples; tensorflow-io reads them of files only."""
    import tensorflow as tf  # type: ignore[import-untyped]

    name = f"ram://musika/{next(PARTS)}"  # a file in TensorFlow's memory
    tf.io.write_file(name, content)
    try:
        audio = import_tensorflow_io().audio.AudioIOTensor(name)
        return int(audio.rate), int(audio.shape[1]), audio.dtype
    finally:
        tf.io.gfile.remove(name)


def _check_wave_format(path: Path, content: bytes) -> None:
    """Refuses the kinds of WAV that tensorflow-io takes for something else, such as 32-bit integers for floats."""
    data = find_wave_data(io.BytesIO(content), len(content))
    form = None if data is None else data.format
    if form is not None and (form.encoding, form.bits) not in ((1, 8), (1, 16), (1, 24), (3, 32)):
        raise FileError(path, "is a kind of WAV that tensorflow-io does not read; the soundfile reader does")


def resample(path: Path, samples: np.ndarray, rate: int, new_rate: int) -> np.ndarray:
    """Resamples `[n, 2]` to exactly the length that the first reader gives.

    One strided convolution with a windowed sinc. tensorflow-io's own `resample` (0.37.1) is not used: it delays the
    sound by the length of its filter and takes a third of the sound's duration.
    """
    import tensorflow as tf  # type: ignore[import-untyped]

    if rate == new_rate:
        return samples
    divisor = math.gcd(rate, new_rate)
    step, phases = rate // divisor, new_rate // divisor
    if phases > MOST_PHASES:
        raise FileError(path, f"has an odd sample rate ({rate} Hz) for tensorflow-io; the soundfile reader reads it")
    kernel, reach = _make_filter(step, phases)
    length = get_resampled_length(len(samples), rate, new_rate)
    groups = -(-length // phases)
    after = max(0, (groups - 1) * step + len(kernel) - reach - len(samples))
    padded = tf.pad(tf.transpose(tf.constant(samples)), [[0, 0], [reach, after]])[..., None]  # [2, time, 1]
    out = tf.nn.conv1d(padded, tf.constant(kernel[:, None, :]), step, "VALID")[:, :groups]  # [2, groups, phases]
    return tf.transpose(tf.reshape(out, (2, -1)))[:length].numpy()


def _make_filter(step: int, phases: int) -> tuple[np.ndarray, int]:
    """A low-pass filter `[taps, phases]` that turns `step` samples into `phases`, and its reach to the left."""
    scale = PASSBAND * min(1.0, phases / step)
    reach = math.ceil(ZERO_CROSSINGS / scale)
    place = np.arange(-reach, reach + step + 1)[:, None] - np.arange(phases) * step / phases  # input samples
    window = np.i0(KAISER_BETA * np.sqrt(np.maximum(0, 1 - (place / reach) ** 2))) / np.i0(KAISER_BETA)
    kernel = scale * np.sinc(scale * place) * np.where(np.abs(place) < reach, window, 0)
    return kernel.astype(np.float32), reach


def _shorten(error: Exception) -> str:
    """TensorFlow's words in one short line."""
    text = " ".join(str(getattr(error, "message", None) or error).split())
    return text.rsplit("}}", 1)[-1].strip()[:160]
