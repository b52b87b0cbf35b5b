"""What a person should know about an audio file that a codec is trained on: silence, one channel, clipping, an offset.

None of it harms training; all of it is rarely intended.
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np

SILENT = 1e-4  # highest peak of a file that counts as silent: -80 dB
CLIPPED = 5e-3  # share of samples that stay at the file's own peak, from which on a file counts as clipped
LOUD = 0.5  # peak below which no file counts as clipped
OFFSET = 0.01  # of full scale


@dataclasses.dataclass
class Inspection:
    """Figures of a file, gathered block by block."""

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
    def is_silent(self) -> bool:
        """Whether nothing can be heard."""
        return self.peak < SILENT

    def list_remarks(self) -> list[str]:
        """Each remark as the end of a sentence that begins with the file's name."""
        remarks = list(self.notes)
        if self.is_silent or not self.samples:
            return remarks
        if self.mono:
            remarks.append("has the same sound in both channels")
        share = self.at_peak / (2 * self.samples)
        if self.peak >= LOUD and share > CLIPPED:
            remarks.append(f"is clipped: {100 * share:.1f} % of its samples stay at its peak")
        offset = self.total / (2 * self.samples)
        if abs(offset) > OFFSET:
            remarks.append(f"has an offset of {offset:+.2f} of full scale")
        return remarks

    def save(self, path: Path) -> None:
        """Writes the figures as JSON."""
        path.write_text(json.dumps(dataclasses.asdict(self)))

    @classmethod
    def load(cls, path: Path) -> Inspection:
        """What `save` wrote; no remarks where that cannot be read."""
        try:
            written = json.loads(path.read_text())
            fields = {field.name: type(getattr(cls(), field.name)) for field in dataclasses.fields(cls)}
            if set(written) == set(fields) and all(isinstance(written[name], kind) for name, kind in fields.items()):
                return cls(**written)
        except (OSError, ValueError, TypeError):
            pass
        return cls(peak=1.0, mono=False)
