"""FluidSynth: MIDI files as audio, always with the same settings, and what it was done with.

FluidSynth follows a file with many changes of tempo up to 60 ms wrong in 90 s (version 2.3.1). Aligned audio needs
files of a constant tempo.
"""

from __future__ import annotations

import functools
import hashlib
import re
import subprocess
import tempfile
from pathlib import Path

import numpy as np

from musika.errors import AudioError, UsageError
from musika.files import format_path

RATE, PEAK = 44_100, 0.9
FLUID = Path("/usr/share/sounds/sf2/FluidR3_GM.sf2")  # Debian's package fluid-soundfont-gm
# the defaults of version 2.3, said explicitly so that another version does the same
SETTINGS: dict[str, str] = {
    "synth.gain": "0.4",
    "synth.reverb.active": "1",
    "synth.reverb.room-size": "0.2",
    "synth.reverb.damp": "0.0",
    "synth.reverb.width": "0.5",
    "synth.reverb.level": "0.9",
    "synth.chorus.active": "1",
    "synth.chorus.nr": "3",
    "synth.chorus.level": "2.0",
    "synth.chorus.speed": "0.3",
    "synth.chorus.depth": "8.0",
    "synth.polyphony": "1024",
    "synth.min-note-length": "10",
}
LONGEST = 1800  # seconds that a rendering may take


def check_soundfonts(soundfonts: list[Path]) -> None:
    """Checks that FluidSynth and the soundfonts are there.

    Raises:
        UsageError: one is missing.
    """
    for soundfont in soundfonts:
        if not soundfont.is_file():
            raise UsageError(
                f"there is no soundfont {format_path(soundfont)}: name another, or apt install fluid-soundfont-gm"
            )
    read_version()


@functools.cache
def read_version() -> str:
    """FluidSynth's version, such as 2.3.1.

    Raises:
        UsageError: it is not installed.
    """
    try:
        text = subprocess.run(["fluidsynth", "--version"], capture_output=True, text=True, timeout=60).stdout
    except OSError:
        raise UsageError("the program fluidsynth is needed: apt install fluidsynth") from None
    found = re.search(r"version (\d+\.\d+\.\d+)", text)
    return found.group(1) if found else "unknown"


def hash_soundfont(path: Path) -> str:
    """SHA-256 of a soundfont, so that a manifest says which one it was."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def render(midi: Path, soundfont: Path) -> np.ndarray:
    """A MIDI file as a waveform, float32 `[N, 2]` at 44.1 kHz, from second 0 of the file, at FluidSynth's own level.

    Raises:
        UsageError: FluidSynth is not installed.
        AudioError: it cannot render the file.
    """
    import soundfile

    with tempfile.TemporaryDirectory() as folder:
        wav = Path(folder) / "out.wav"
        words = ["fluidsynth", "-ni", "-q", "-r", str(RATE), "-T", "wav", "-O", "float", "-F", str(wav)]
        words += [word for name, value in SETTINGS.items() for word in ("-o", f"{name}={value}")]
        try:
            subprocess.run([*words, str(soundfont), str(midi)], check=True, capture_output=True, timeout=LONGEST)
            waveform, _ = soundfile.read(wav, dtype="float32", always_2d=True)
        except FileNotFoundError:
            raise UsageError("the program fluidsynth is needed: apt install fluidsynth") from None
        except subprocess.TimeoutExpired:
            raise AudioError(f"FluidSynth needs more than {LONGEST // 60} minutes for it") from None
        except (subprocess.CalledProcessError, soundfile.LibsndfileError) as error:
            raise AudioError(f"FluidSynth cannot render it: {error}") from None
    return waveform
