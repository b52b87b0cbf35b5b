"""The manifest beside rendered pairs: what they were made with, and by how much each was scaled."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from musika.errors import UsageError
from musika.files import format_path, lock_folder, open_replacement
from musika.score import Score
from musika.tracks.levels import MANIFEST
from tools.common import fluidsynth

FORMAT = 1
LONGEST_SOUND = 1.0  # seconds of a note that count as loud


class Manifest:
    """The file `manifest.json` of a folder of pairs. It is complete after each pair, whoever else renders there."""

    def __init__(self, folder: Path) -> None:
        """Reads the manifest, where there is one.

        Raises:
            UsageError: it cannot be read, or its pairs were rendered in another way than they would be now.
        """
        self.folder = folder
        self._hashes: dict[Path, str] = {}
        self.content = self._read()

    def has(self, name: Path) -> bool:
        """Whether a pair is recorded."""
        return name.as_posix() in self.content["pairs"]

    def add(self, name: Path, soundfont: Path, pair: dict[str, float]) -> None:
        """Records a pair and writes the file.

        Raises:
            UsageError: another soundfont of that name was used before.
            OSError: it cannot be written.
        """
        if soundfont not in self._hashes:
            self._hashes[soundfont] = fluidsynth.hash_soundfont(soundfont)
        with lock_folder(self.folder, on_wait=lambda: None):
            self.content = self._read()
            known = self.content["soundfonts"].setdefault(soundfont.name, self._hashes[soundfont])
            if known != self._hashes[soundfont]:
                place = format_path(self.folder)
                raise UsageError(f"{place} has pairs of another {soundfont.name}: name another folder")
            self.content["pairs"][name.as_posix()] = {"soundfont": soundfont.name, **pair}
            with open_replacement(self.folder / MANIFEST) as file:
                file.write(json.dumps(self.content, indent=1).encode())

    def _read(self) -> dict[str, Any]:
        path = self.folder / MANIFEST
        made_with = {"format": FORMAT, "fluidsynth": fluidsynth.read_version(), "settings": fluidsynth.SETTINGS}
        if not path.exists():
            return made_with | {"soundfonts": {}, "pairs": {}}
        try:
            found = json.loads(path.read_text("utf-8"))
            same = all(found[key] == value for key, value in made_with.items())
            content = made_with | {"soundfonts": dict(found["soundfonts"]), "pairs": dict(found["pairs"])}
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UsageError(f"{format_path(path)} cannot be read: remove its folder, or name another") from error
        if not same:
            raise UsageError(
                f"the pairs in {format_path(self.folder)} were rendered by another FluidSynth or with other settings: "
                "name another folder"
            )
        return content


def describe_pair(score: Score, waveform: np.ndarray, scale: float) -> dict[str, float]:
    """What a manifest says about a pair: `scale`, `level` in dB (see `measure_level`), `seconds`, `notes`."""
    return {
        "scale": round(scale, 6),
        "level": round(measure_level(score, waveform), 3),
        "seconds": round(len(waveform) / fluidsynth.RATE, 3),
        "notes": len(score.notes),
    }


def measure_level(score: Score, waveform: np.ndarray) -> float:
    """How loud audio is for its notes, dB: its power less the power that velocities and lengths suggest.

    FluidSynth's amplitude is proportional to the square of the velocity; the first second of a note counts.
    """
    notes = score.notes
    lengths = np.clip(notes.releases - notes.onsets, 0.1, LONGEST_SOUND)
    suggested = float(np.sum((notes.velocities / 127.0) ** 4 * lengths)) / (len(waveform) / fluidsynth.RATE)
    power = float(np.mean(np.square(waveform, dtype=np.float64)))
    return 10 * math.log10(max(power, 1e-12)) - 10 * math.log10(max(suggested, 1e-12))
