"""Average the weights of several checkpoints of one run.

Checkpoints of a run differ by the noise of training, which the mean reduces. The critic and the configuration are those
of the last checkpoint. Weights are written in half precision.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tools.common import command


def average_weights(folders: list[Path]) -> dict[str, np.ndarray]:
    """The mean of each array, by name.

    Raises:
        CheckpointError: a folder is not a checkpoint, or its arrays differ from those of the first one.
    """
    from musika import checkpoint

    first = checkpoint.read(folders[0])
    shapes = {name: array.shape for name, array in first.items()}
    total = {name: array.astype(np.float64) for name, array in first.items()}
    for folder in folders[1:]:
        for name, array in checkpoint.read(folder, expected=shapes).items():
            total[name] += array
    return {name: (array / len(folders)).astype(np.float32) for name, array in total.items()}


def main() -> int:
    parser = command.make_parser("tools.average_checkpoints", __doc__)
    parser.add_argument("target", type=Path, metavar="TARGET", help="folder that the result is written to")
    parser.add_argument("checkpoints", type=Path, nargs="+", metavar="CHECKPOINT", help="folders, at least two")
    options = parser.parse_args()
    folders = options.checkpoints
    if len(folders) < 2:
        parser.error("at least two checkpoints are needed")

    from musika import checkpoint, console

    arrays = {"weights": average_weights(folders)}
    if checkpoint.has(folders[-1], "critic"):
        arrays["critic"] = checkpoint.read(folders[-1], "critic")
    checkpoint.write(options.target, checkpoint.read_config(folders[-1]), arrays, half=True)
    console.say(f"the mean of {len(folders)} checkpoints is in {options.target}")
    return 0


if __name__ == "__main__":
    command.run(main)
