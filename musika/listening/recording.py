"""A recording as it is listened to: one channel at 22 050 Hz, of a bounded length, not silent."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np

from musika import audio
from musika.errors import AudioError
from musika.files import format_path

RATE = 22_050  # Hz
LONGEST = 600  # seconds that are listened to
SHORTEST = 1.0  # seconds
SILENCE = 10 ** (-70 / 20)  # peak, relative to full scale


@dataclasses.dataclass(frozen=True, eq=False)
class Recording:
    """Sound to listen to.

    Attributes:
        samples: mean of both channels at RATE, float32 `[N]`.
        name: what a person calls it, for messages.
    """

    samples: np.ndarray
    name: str = "the recording"

    def __post_init__(self) -> None:
        if len(self.samples) < SHORTEST * RATE:
            raise AudioError(
                f"{self.name} lasts less than {SHORTEST:g} second: there is nothing to follow", "recording"
            )
        if not np.abs(self.samples).max() > SILENCE:
            raise AudioError(f"{self.name} is silent: there is nothing to follow", "recording")

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return len(self.samples) / RATE


def read_recording(path: Path | str) -> Recording:
    """The first ten minutes of an audio file.

    Raises:
        AudioError: it cannot be read, is silent or too short.
    """
    blocks, count = [], 0
    for block in audio.read_blocks(Path(path), sample_rate=RATE):
        blocks.append(block.mean(axis=1))
        count += len(block)
        if count >= LONGEST * RATE:
            break
    return Recording(np.concatenate(blocks)[: LONGEST * RATE], format_path(Path(path).name))
