"""Render MIDI files with FluidSynth and soundfonts, as for the audio that the shipped checkpoints were trained on.

Every MIDI file below MIDI_FOLDER is rendered with every SOUNDFONT at 44.1 kHz in stereo. Silence at the beginning and
the end is cut off, the peak is scaled to 0.9, and the result is written as FOLDER-PIECE-SOUNDFONT.flac, 16 bit. Files
that are already there are left alone, so an interrupted run can be repeated. MIDI files that cannot be rendered are
listed, and the exit code is 1.
Needs the program fluidsynth.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from musika.errors import AudioError
from musika.score import find_midi
from tools.common import command, fluidsynth, jobs
from tools.common.fluidsynth import FLUID, PEAK, RATE

SILENCE = 1e-4  # magnitude below which a beginning or an end is cut off


def render(path: Path, soundfont: Path) -> np.ndarray:
    """A MIDI file as a waveform `[N, 2]` with a peak of 0.9, from where it sounds; empty if nothing does.

    Raises:
        UsageError: FluidSynth is not installed.
        AudioError: it cannot render the file.
    """
    waveform = fluidsynth.render(path, soundfont)
    loud = np.flatnonzero(np.abs(waveform).max(axis=1) > SILENCE)
    if not loud.size:
        return waveform[:0]
    waveform = waveform[loud[0] : loud[-1] + 1]
    return waveform * (PEAK / np.abs(waveform).max())


def render_all(files: Sequence[Path], folder: Path, soundfonts: Sequence[Path]) -> Iterator[tuple[Path, str, str]]:
    """Renders all files that are not there yet; gives the file, what was done, and why not."""
    from musika import audio

    for path in files:
        for soundfont in soundfonts:
            target = folder / f"{path.parent.name}-{path.stem}-{soundfont.stem}.flac"
            if target.exists():
                continue
            try:
                waveform = render(path, soundfont)
                if len(waveform):
                    audio.write(target, waveform, RATE)
            except AudioError as error:
                yield path, "", str(error)
            else:
                yield path, f"{len(waveform) / RATE:8.1f} s  {target.name}", ""


def main() -> int:
    parser = command.make_parser("tools.make_training_audio", __doc__)
    parser.add_argument("midi", type=Path, metavar="MIDI_FOLDER", help="folder of MIDI files")
    parser.add_argument("out", type=Path, metavar="OUT_FOLDER", help="folder that the audio is written to")
    parser.add_argument(
        "soundfonts", type=Path, nargs="*", default=[FLUID], metavar="SOUNDFONT", help=".sf2 files to render with"
    )
    options = parser.parse_args()
    files = find_midi(options.midi)
    fluidsynth.check_soundfonts(options.soundfonts)
    return jobs.report_results(render_all(files, options.out, options.soundfonts))


if __name__ == "__main__":
    command.run(main)
