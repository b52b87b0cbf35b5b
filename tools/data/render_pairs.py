"""Render MIDI files into pairs of score and audio that begin at the same moment, to train performers on.

Every MIDI file below MIDI_FOLDER becomes NAME.flac and NAME.mid in OUT_FOLDER/SOUNDFONT, in the same sub-folders. The
audio has the time axis of the MIDI file from second 0, nothing is cut off, and three seconds of ringing follow the last
note. The MIDI file has what is played and no more: a channel for each instrument and one constant tempo, since
FluidSynth loses time where a file has many tempi. FluidSynth's gain, reverberation and chorus are always the same. Each
file is then scaled to a peak of 0.9. OUT_FOLDER/manifest.json records by how much, how loud the file is for its notes,
FluidSynth's version and settings, and which soundfont it was, with its hash.
With several SOUNDFONTs, each file is rendered with one of them, chosen by its name in the proportions of --shares.
Files that are already there are left alone, so an interrupted run can be repeated. MIDI files that cannot be rendered
are listed, and the exit code is 1. Needs the program fluidsynth.
"""

from __future__ import annotations

import argparse
import tempfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from musika.errors import AudioError, ScoreError
from musika.score import Score, find_midi, read_score
from tools.common import command, fluidsynth, jobs
from tools.common.fluidsynth import FLUID, PEAK, RATE
from tools.data.manifest import Manifest, describe_pair

TAIL = 3.0  # seconds after the last note


def choose_soundfont(name: str, soundfonts: Sequence[Path], shares: Sequence[float]) -> Path:
    """One of the soundfonts, random by the name of a piece, in the proportions of the shares."""
    place = zlib.crc32(name.encode()) / 2**32 * sum(shares)
    bounds = np.cumsum(shares)
    return soundfonts[min(int(np.searchsorted(bounds, place, side="right")), len(soundfonts) - 1)]


def round_to_ticks(score: Score) -> Score:
    """The score over a constant tempo, as a MIDI file has it, in whole ticks."""
    with tempfile.TemporaryDirectory() as folder:
        return read_score(score.with_constant_tempo().save(Path(folder) / "score.mid"))


def render_score(score: Score, soundfont: Path) -> np.ndarray:
    """A score as FluidSynth plays it, float32 `[N, 2]` at its own level, with TAIL seconds after the last note.

    Raises:
        UsageError: FluidSynth is not installed.
        AudioError: it cannot render the score.
    """
    import mido

    with tempfile.TemporaryDirectory() as folder:
        path = score.save(Path(folder) / "score.mid")
        file = mido.MidiFile(path)
        first, beat = file.tracks[0], float(score.tempo.seconds_per_beat[0])
        first[-1].time += round((score.duration + TAIL) / beat * file.ticks_per_beat)  # FluidSynth stops there
        file.save(path)
        waveform = fluidsynth.render(path, soundfont)
    count = round((score.duration + TAIL) * RATE)
    return np.pad(waveform[:count], ((0, max(0, count - len(waveform))), (0, 0)))


def render_all(files: Sequence[Path], options: argparse.Namespace) -> Iterator[tuple[Path, str, str]]:
    """Renders all files that are not there yet; gives the file, what was done, and why not."""
    from musika import audio

    manifest = Manifest(options.out)
    base = options.midi if options.midi.is_dir() else options.midi.parent
    for path in files:
        name = path.relative_to(base).with_suffix("")
        soundfont = choose_soundfont(name.as_posix(), options.soundfonts, options.shares)
        name = Path(soundfont.stem) / name
        target = options.out / name.parent / f"{name.name}.flac"
        if target.exists() and manifest.has(name):
            continue
        try:
            score = round_to_ticks(read_score(path))
            waveform = render_score(score, soundfont)
            peak = float(np.abs(waveform).max(initial=0.0))
            if not peak:
                raise AudioError("nothing sounds")
            waveform = waveform * (PEAK / peak)
            audio.write(target, waveform, RATE)
            score.save(target.with_suffix(".mid"))
        except (AudioError, ScoreError) as error:
            yield path, "", str(error)
            continue
        pair = describe_pair(score, waveform, PEAK / peak)
        manifest.add(name, soundfont, pair)
        yield path, f"{pair['seconds']:8.1f} s  {target.name}  {soundfont.name}", ""


def parse_shares(text: str) -> list[float]:
    """Positive numbers, separated by commas."""
    parse: Any = command.parse_number(float, 1e-6)
    return [parse(part) for part in text.split(",")]


def main() -> int:
    parser = command.make_parser("tools.data.render_pairs", __doc__)
    parser.add_argument("midi", type=Path, metavar="MIDI_FOLDER", help="folder of MIDI files")
    parser.add_argument("out", type=Path, metavar="OUT_FOLDER", help="folder that the pairs are written to")
    parser.add_argument(
        "soundfonts", type=Path, nargs="*", default=[FLUID], metavar="SOUNDFONT", help=".sf2 or .sf3 files"
    )
    parser.add_argument(
        "--shares", type=parse_shares, metavar="X,X", help="how often each soundfont is chosen (default: equally)"
    )
    options = parser.parse_args()
    options.shares = options.shares or [1.0] * len(options.soundfonts)
    if len(options.shares) != len(options.soundfonts):
        parser.error(f"--shares has {len(options.shares)} numbers for {len(options.soundfonts)} soundfonts")
    files = find_midi(options.midi)
    jobs.check_target(options.midi, options.out)
    fluidsynth.check_soundfonts(options.soundfonts)
    return jobs.report_results(render_all(files, options))


if __name__ == "__main__":
    command.run(main)
