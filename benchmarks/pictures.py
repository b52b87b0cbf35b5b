#!/usr/bin/env python3
"""One picture of the log-mel spectrograms of several audio files, one below the other, left channel above right.

python -m benchmarks.pictures OUT.png FILE [FILE ...] [--start 10] [--seconds 12]
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

LABEL_HEIGHT = 16


def labelled(image: np.ndarray, text: str) -> np.ndarray:
    """`[H, W, 3]` with a line of text above it."""
    from PIL import Image, ImageDraw

    strip = Image.new("RGB", (image.shape[1], LABEL_HEIGHT), "white")
    ImageDraw.Draw(strip).text((2, 2), text, fill="black")
    return np.concatenate([np.asarray(strip), image])


def main() -> int:
    from musika import audio, pictures
    from musika.config import SAMPLE_RATE

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("files", type=Path, nargs="+")
    parser.add_argument("--start", type=float, default=0.0, help="seconds to leave out at the beginning")
    parser.add_argument("--seconds", type=float, default=12.0, help="length of each picture")
    options = parser.parse_args()
    first, last = (round(s * SAMPLE_RATE) for s in (options.start, options.start + options.seconds))
    images = []
    for path in options.files:
        waveform = np.asarray(audio.read(path))[first:last]
        images.append(labelled(pictures.draw_spectrogram(waveform, SAMPLE_RATE, height=96, width=900), path.name))
    options.out.parent.mkdir(parents=True, exist_ok=True)
    from PIL import Image

    palette = Image.fromarray(pictures.stack_images(images)).quantize(128)  # a quarter of the size, looks the same
    palette.save(options.out, optimize=True)
    print(options.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
