#!/usr/bin/env python3
"""Play each recording of a folder faster and slower, so that it sounds in other keys.

    python checkpoints/transpose_audio.py AUDIO_FOLDER TARGET_FOLDER [--semitones 3]

Writes every file in all keys from that many semitones below to that many above, its own among them, as 16-bit WAV at
the rate of the original (soxr; peaks beyond full scale are brought down to it). Two hours are few for a generator: its
critic learns them by heart. Files that are there are left as they are.
"""

from __future__ import annotations

import argparse
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import soundfile
import soxr

PEAK = 0.99


def transposed(source: Path, target: Path, semitones: int) -> None:
    """Writes `source`, that many semitones higher, and as much faster, to `target`."""
    waveform, rate = soundfile.read(source, dtype="float32", always_2d=True)
    if semitones:
        waveform = soxr.resample(waveform, rate * 2 ** (semitones / 12), rate)
    waveform = waveform * min(1.0, PEAK / max(float(np.abs(waveform).max()), 1e-9))
    partial = target.with_name(f".{target.name}.part")
    soundfile.write(partial, waveform, rate, format="WAV", subtype="PCM_16")
    partial.replace(target)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("--semitones", type=int, default=3)
    options = parser.parse_args()
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    from musika import audio

    options.target.mkdir(parents=True, exist_ok=True)
    jobs = [
        (path, options.target / f"{path.stem}_{semitones:+d}.wav", semitones)
        for path in audio.find(options.folder)
        for semitones in range(-options.semitones, options.semitones + 1)
    ]
    jobs = [job for job in jobs if not job[1].exists()]
    with ProcessPoolExecutor() as processes:
        for job, _ in zip(jobs, processes.map(transposed, *zip(*jobs, strict=True)) if jobs else (), strict=True):
            print(f"{job[0].name} -> {job[1].name}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
