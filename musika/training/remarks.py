"""What a person should know about an audio file that a codec is trained on: silence, one channel, clipping, an offset.

None of it harms training; all of it is rarely meant.
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np

SILENT = 1e-4  # highest peak of a file that counts as silent: -80 dB
CLIPPED = 5e-3  # share of samples that stand still at the file's own peak, of at least FULL, that counts as clipped
FULL = 0.5
OFFSET = 0.01  # of full scale


@dataclasses.dataclass
class Remarks:
    """Gathers figures of a file block by block."""

    samples: int = 0
    peak: float = 0.0
    at_peak: int = 0  # samples, of either channel, within a thousandth of the peak that repeat the one before
    total: float = 0.0
    mono: bool = True
    notes: list[str] = dataclasses.field(default_factory=list)  # of the reader

    def add(self, block: np.ndarray) -> np.ndarray:
        """Takes a block `[n, 2]` into account, and returns it."""
        size = np.abs(block)
        peak = float(size.max(initial=0.0))
        if peak > self.peak * 1.001:
            self.at_peak = 0
        self.peak = max(self.peak, peak)
        self.at_peak += int(((size[1:] > self.peak * 0.999) & (block[1:] == block[:-1])).sum())
        self.samples += len(block)
        self.total += float(block.sum(dtype=np.float64))
        self.mono = self.mono and bool((block[:, 0] == block[:, 1]).all())
        return block

    @property
    def silent(self) -> bool:
        """Whether there is nothing to be heard."""
        return self.peak < SILENT

    def lines(self) -> list[str]:
        """Each remark as the end of a sentence that begins with the file's name."""
        found = list(self.notes)
        if self.silent or not self.samples:
            return found
        if self.mono:
            found.append("has the same sound in both channels")
        share = self.at_peak / (2 * self.samples)
        if self.peak >= FULL and share > CLIPPED:
            found.append(f"is clipped: {100 * share:.1f} % of its samples stand still at its peak")
        offset = self.total / (2 * self.samples)
        if abs(offset) > OFFSET:
            found.append(f"has an offset of {offset:+.2f} of full scale")
        return found

    def save(self, path: Path) -> None:
        """Writes them beside what was decoded."""
        path.write_text(json.dumps(dataclasses.asdict(self)))

    @classmethod
    def load(cls, path: Path) -> Remarks:
        """What `save` wrote; no remarks where that cannot be read."""
        try:
            found = json.loads(path.read_text())
            fields = {field.name: type(getattr(cls(), field.name)) for field in dataclasses.fields(cls)}
            if set(found) == set(fields) and all(isinstance(found[name], kind) for name, kind in fields.items()):
                return cls(**found)
        except (OSError, ValueError, TypeError):
            pass
        return cls(peak=1.0, mono=False)
