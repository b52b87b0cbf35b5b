#!/usr/bin/env python3
"""The mean of several checkpoints' weights, as one checkpoint.

    python -m tools.average_checkpoints TARGET CHECKPOINT CHECKPOINT ...

For checkpoints of one run, whose weights differ by the noise of training. The rest (critic, configuration) is the last
one's.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np


def averaged(folders: list[Path]) -> dict[str, np.ndarray]:
    """Means of the weights, by name."""
    from musika import checkpoint

    first = checkpoint.read(folders[0])
    expected = {name: array.shape for name, array in first.items()}
    total = {name: array.astype(np.float64) for name, array in first.items()}
    for folder in folders[1:]:
        for name, array in checkpoint.read(folder, expected=expected).items():
            total[name] += array
    return {name: (array / len(folders)).astype(np.float32) for name, array in total.items()}


def main(target: Path, folders: list[Path]) -> int:
    from musika import checkpoint
    from musika.errors import CheckpointError

    try:
        arrays = {"weights": averaged(folders)}
        if checkpoint.has(folders[-1], "critic"):
            arrays["critic"] = checkpoint.read(folders[-1], "critic")
        checkpoint.write(target, checkpoint.read_config(folders[-1]), arrays, half=True)
    except CheckpointError as error:
        sys.exit(str(error))
    print(f"mean of {len(folders)} checkpoints: {target}")
    return 0


if __name__ == "__main__":
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    sys.exit(main(Path(sys.argv[1]), [Path(folder) for folder in sys.argv[2:]]))
