"""What an editor fills gaps with, beside what was there: the figures of its checkpoints during training.

The gaps are the same every time, so the figures of one run compare with each other. With z the latents of a gap in the
basis of the training, p those that were made, and r those of the sound just before the gap, repeated:

    loss               mean |p - z|
    loss_draft         mean |d - z|, what the draft would cost that the network begins with
    loss_repeated      mean |r - z|, what repeating would cost
    spread             standard deviation of p over time, over that of z, mean of the directions; 1 is best. Far
                       below 1, gaps hold an average of what might be there
    loss_end, ...      the same for gaps at the end, which are continued
"""

from __future__ import annotations

import dataclasses

import numpy as np

from musika.gan.basis import LatentFiles

SEED = 1_000_003  # of what is drawn for figures: a number that training does not use
MAX_FILES = 12
GAPS = {"": (0.5, 22), "_end": (1.0, 64)}  # kind of gap: where its middle lies, 0 to 1, or its end; and its latents
FLOOR = 1e-3  # the least standard deviation that counts


@dataclasses.dataclass(frozen=True, eq=False)
class GapExample:
    """A stretch of latents with one gap.

    Attributes:
        latents: plain, `[T, C]`.
        gap: first latent and last + 1.
        kind: ending of its figures' names.
    """

    latents: np.ndarray
    gap: tuple[int, int]
    kind: str


def pick_examples(files: LatentFiles, length: int) -> list[GapExample]:
    """A gap of each kind in up to MAX_FILES files, evenly spread over them."""
    count = min(MAX_FILES, len(files.lengths))
    examples = []
    for number in range(count):
        file = number * len(files.lengths) // count
        offset = (files.lengths[file] - length) // 2
        latents = files.crop(file, offset, length)
        for kind, (place, size) in GAPS.items():
            size = min(size, length // 2)
            start = round(place * length) - (size if place == 1.0 else size // 2)
            examples.append(GapExample(latents, (start, start + size), kind))
    return examples


def measure_gaps(
    examples: list[GapExample], wanted: np.ndarray, made: np.ndarray, drafts: np.ndarray
) -> dict[str, float]:
    """The figures.

    Args:
        wanted: latents of the examples in the basis, `[examples, T, C]`.
        made: the same with what was made in the gaps.
        drafts: the same with drafts in the gaps.
    """
    figures = {}
    for kind in GAPS:
        rows = [number for number, example in enumerate(examples) if example.kind == kind]
        found = [_measure_gap(wanted[n], made[n], drafts[n], *examples[n].gap) for n in rows]
        for name in found[0] if found else ():
            figures[f"{name}{kind}"] = float(np.mean([each[name] for each in found]))
    return figures


def _measure_gap(wanted: np.ndarray, made: np.ndarray, draft: np.ndarray, start: int, stop: int) -> dict[str, float]:
    size = stop - start
    before = wanted[max(start - size, 0) : start]
    repeated = np.resize(before, (size, wanted.shape[1]))
    spread = made[start:stop].std(axis=0) / np.maximum(wanted[start:stop].std(axis=0), FLOOR)
    return {
        "loss": float(np.abs(made[start:stop] - wanted[start:stop]).mean()),
        "loss_draft": float(np.abs(draft[start:stop] - wanted[start:stop]).mean()),
        "loss_repeated": float(np.abs(repeated - wanted[start:stop]).mean()),
        "spread": float(spread.mean()),
    }
