"""Sample sounds of a checkpoint: audio files and pictures."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from musika import audio, pictures


def encode_samples(samples: Sequence[tuple[str, np.ndarray]], sample_rate: int) -> tuple[dict[str, bytes], list[bytes]]:
    """Encodes samples as files.

    Args:
        samples: a name and a waveform `[N, 2]` each.
        sample_rate: Hz.

    Returns:
        The content of a FLAC file for each sample and of `samples.png`, by file name; and a PNG picture of each sample.

    Raises:
        AudioError: a waveform has no samples, or not finite ones.
    """
    spectrograms = [pictures.draw_spectrogram(waveform, sample_rate) for _, waveform in samples]
    files = {f"{name}.flac": audio.encode(waveform, sample_rate, ".flac") for name, waveform in samples}
    files["samples.png"] = pictures.encode_png(pictures.stack_images(spectrograms))
    return files, [pictures.encode_png(image) for image in spectrograms]
