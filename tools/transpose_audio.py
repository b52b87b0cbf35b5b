#!/usr/bin/env python3
"""Play each recording of a folder faster and slower, so that it sounds in other keys.

    python -m tools.transpose_audio AUDIO_FOLDER TARGET_FOLDER [--semitones 3]

Writes every file in all keys from that many semitones below to that many above, its own among them, as 16-bit WAV at
the rate of the original, in the same sub-folders; peaks above 0.99 of full scale are brought down to it. Two hours are
few for a generator: its critic learns them by heart. Files that are there are left as they are; those that cannot be
read are listed, and the exit code is 1.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import soundfile
import soxr

PEAK = 0.99


def transposed(source: Path, target: Path, semitones: int) -> str:
    """Writes `source`, that many semitones higher and as much faster, to `target`; returns why not, or ""."""
    try:
        waveform, rate = soundfile.read(source, dtype="float32", always_2d=True)
    except (OSError, soundfile.LibsndfileError) as error:
        return str(error)
    if not len(waveform):
        return "is empty"
    if semitones:
        waveform = soxr.resample(waveform, rate * 2 ** (semitones / 12), rate)
    waveform = waveform * min(1.0, PEAK / max(float(np.abs(waveform).max()), 1e-9))
    partial = target.with_name(f".{target.name}.part")
    soundfile.write(partial, waveform, rate, format="WAV", subtype="PCM_16")
    partial.replace(target)
    return ""


def jobs_of(folder: Path, target: Path, semitones: int) -> Iterator[tuple[Path, Path, int]]:
    """(source, target, semitones) of every file that is not there yet."""
    from musika import audio

    for source in audio.find(folder):
        place = target / source.relative_to(folder).parent
        place.mkdir(parents=True, exist_ok=True)
        for key in range(-semitones, semitones + 1):
            made = place / f"{source.name}_{key:+d}.wav"  # with the ending: a.wav and a.mp3 are two pieces
            if not made.exists():
                yield source, made, key


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("--semitones", type=int, default=3)
    options = parser.parse_args()
    if options.target.resolve().is_relative_to(options.folder.resolve()):
        parser.error("TARGET_FOLDER lies in AUDIO_FOLDER: what is written would be transposed again")
    from musika.errors import AudioError

    try:
        jobs = list(jobs_of(options.folder, options.target, options.semitones))
    except AudioError:
        parser.error(f"there is no audio in {options.folder}")
    failed = 0
    with ProcessPoolExecutor() as processes:
        found = processes.map(transposed, *zip(*jobs, strict=True)) if jobs else iter(())
        for (source, made, _), reason in zip(jobs, found, strict=True):
            failed += bool(reason)
            print(f"{source}: {reason}" if reason else f"{source.name} -> {made.name}", flush=True)
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
