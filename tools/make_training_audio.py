#!/usr/bin/env python3
"""Render MIDI files to the audio that the shipped checkpoints were trained on.

    python -m tools.make_training_audio MIDI_FOLDER OUT_FOLDER [SOUNDFONT ...]

Every .mid below MIDI_FOLDER is rendered with every SOUNDFONT (default: Debian's `fluid-soundfont-gm`) by the program
`fluidsynth` at 44.1 kHz stereo, in float, brought to a peak of 0.9 and written as 16-bit FLAC named
FOLDER-PIECE-SOUNDFONT.flac. What is already there is left alone, so an interrupted run goes on where it was.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import soundfile

RATE, PEAK, TAIL_FLOOR = 44_100, 0.9, 1e-4
FLUID = Path("/usr/share/sounds/sf2/FluidR3_GM.sf2")


def render(midi: Path, soundfont: Path, target: Path) -> float:
    """Renders one file and returns its length in seconds (0 if nothing sounded)."""
    with tempfile.TemporaryDirectory() as folder:
        wav = Path(folder) / "out.wav"
        command = ["fluidsynth", "-ni", "-q", "-r", str(RATE), "-g", "0.4", "-T", "wav", "-O", "float", "-F", str(wav)]
        subprocess.run(
            [*command, str(soundfont), str(midi)], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        waveform, _ = soundfile.read(wav, dtype="float32", always_2d=True)
    loud = np.flatnonzero(np.abs(waveform).max(axis=1) > TAIL_FLOOR)
    if loud.size == 0:
        return 0.0
    waveform = waveform[loud[0] : loud[-1] + 1]
    partial = target.with_name(f".{target.name}.part")
    soundfile.write(partial, waveform * (PEAK / np.abs(waveform).max()), RATE, format="FLAC", subtype="PCM_16")
    partial.replace(target)
    return len(waveform) / RATE


def main(midi_folder: Path, out_folder: Path, soundfonts: list[Path]) -> int:
    out_folder.mkdir(parents=True, exist_ok=True)
    failed = 0
    for midi in sorted(midi_folder.rglob("*.mid")):
        for soundfont in soundfonts:
            target = out_folder / f"{midi.parent.name}-{midi.stem}-{soundfont.stem}.flac"
            if target.exists():
                continue
            try:
                print(f"{render(midi, soundfont, target):8.1f} s  {target.name}", flush=True)
            except (subprocess.CalledProcessError, soundfile.LibsndfileError) as error:
                failed += 1
                print(f"  failed   {target.name}: {error}", file=sys.stderr)
    return int(failed > 0)


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2]), [Path(p) for p in sys.argv[3:]] or [FLUID]))
