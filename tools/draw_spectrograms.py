"""Draw the log-mel spectrograms of several audio files into one picture, one below the other."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tools.common import command

LABEL_HEIGHT = 16  # pixels
COLOURS = 128  # of the palette: a quarter of the size, without a visible difference


def add_label(image: np.ndarray, text: str) -> np.ndarray:
    """An image `[H, W, 3]` with a line of text above it."""
    from PIL import Image, ImageDraw

    strip = Image.new("RGB", (image.shape[1], LABEL_HEIGHT), "white")
    ImageDraw.Draw(strip).text((2, 2), text, fill="black")
    return np.concatenate([np.asarray(strip), image])


def main() -> int:
    parser = command.make_parser("tools.draw_spectrograms", __doc__)
    parser.add_argument("out", type=Path, metavar="OUT.png", help="the picture")
    parser.add_argument("files", type=Path, nargs="+", metavar="FILE", help="audio files")
    parser.add_argument(
        "--start", type=command.parse_number(float, 0), metavar="X", default=0.0, help="second to begin at"
    )
    parser.add_argument(
        "--seconds", type=command.parse_number(float, 0.1), metavar="X", default=12.0, help="length of each picture"
    )
    options = parser.parse_args()

    from PIL import Image

    from musika import audio, console, pictures
    from musika.config import SAMPLE_RATE
    from musika.files import open_replacement

    first, last = (round(s * SAMPLE_RATE) for s in (options.start, options.start + options.seconds))
    images = []
    for path in options.files:
        waveform = np.asarray(audio.read(path))[first:last]
        images.append(add_label(pictures.draw_spectrogram(waveform, SAMPLE_RATE, height=96, width=900), path.name))
    palette = Image.fromarray(pictures.stack_images(images)).quantize(COLOURS)
    with open_replacement(options.out) as file:
        palette.save(file, format="PNG", optimize=True)
    console.say(f"wrote {options.out}")
    return 0


if __name__ == "__main__":
    command.run(main)
