"""Move a generator from the latents of one codec to those of another, similar one.

After an encoder was trained further, its latents are nearly those of before, linearly transformed. Two folders hold
latents of the same audio files, encoded by the codec that the generator was trained for and by the new one. The affine
map of single latents y = (x - m) A + n with the smallest squared error is built into the last layer of the generator
and into the first layers of its critic, so training can continue from music and not from noise:

    python musika_train.py --load_path TARGET --dec_path NEW_CODEC ...

Weights are written in half precision. The script prints the share of the new latents' variance that the map does not
explain: if it is much above a third, train a new generator instead.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from musika.errors import UsageError
from tools.common import command

RIDGE = 1e-4  # of the mean variance of a number of the old latents: for numbers that never change


class AffineMap(NamedTuple):
    """y = (x - mean) @ matrix + target_mean, and the share of the variance of y that it does not explain."""

    mean: np.ndarray  # [C]
    matrix: np.ndarray  # [C, C]
    target_mean: np.ndarray  # [C]
    unexplained: float


def read_pairs(old: Path, new: Path, swapped: bool) -> tuple[np.ndarray, np.ndarray]:
    """Latents of the same moments by both codecs, rows `[N, C]` each.

    Args:
        old: folder of latents.
        new: folder of latents.
        swapped: whether to add every latent with its halves, left and right, exchanged.

    Raises:
        UsageError: the files of the folders do not match.
    """
    from musika.latents import find_latents, open_latents

    rows: tuple[list[np.ndarray], list[np.ndarray]] = ([], [])
    for path in find_latents(old):
        other = new / path.relative_to(old)
        if not other.is_file():
            continue
        files = [open_latents(one) for one in (path, other)]
        shapes = [(file.length, file.channels) for file in files]
        if shapes[0] != shapes[1]:
            raise UsageError(f"{path} and {other} have shapes {shapes[0]} and {shapes[1]}")
        for group, file in zip(rows, files, strict=True):
            latents = file.read_rows(0, file.length).astype(np.float64)
            group.append(latents)
            if swapped:
                group.append(np.roll(latents, latents.shape[1] // 2, axis=1))
    if not rows[0]:
        raise UsageError(f"{old} and {new} have no files of latents in common")
    return np.concatenate(rows[0]), np.concatenate(rows[1])


def fit_map(old: np.ndarray, new: np.ndarray) -> AffineMap:
    """The affine map from old rows `[N, C]` to new ones `[N, C]` with the smallest squared error.

    Raises:
        UsageError: there is none that can be inverted.
    """
    mean, target_mean = old.mean(axis=0), new.mean(axis=0)
    x, y = old - mean, new - target_mean
    covariance = x.T @ x
    ridge = RIDGE * np.trace(covariance) / len(covariance)
    try:
        matrix = np.linalg.solve(covariance + ridge * np.eye(len(covariance)), x.T @ y)
        np.linalg.inv(matrix)
    except np.linalg.LinAlgError:
        raise UsageError("the latents are constant: no map leads from one codec to the other") from None
    return AffineMap(mean, matrix, target_mean, float(np.square(y - x @ matrix).sum() / np.square(y).sum()))


def transform_checkpoint(folder: Path, target: Path, affine: AffineMap, identity: str) -> None:
    """Writes a generator (and its critic) that makes the mapped latents, for the codec of that identity."""
    from musika import checkpoint
    from musika.gan.basis import Basis

    weights = checkpoint.read(folder)
    turn = Basis(affine.mean, affine.matrix, np.linalg.inv(affine.matrix))
    same = np.eye(len(affine.mean))
    shift = Basis(-affine.target_mean, same, same)
    arrays = {"weights": shift.transform_generator(turn.transform_generator(weights))}
    if checkpoint.has(folder, "critic"):
        arrays["critic"] = shift.transform_critic(turn.transform_critic(checkpoint.read(folder, "critic")))
    checkpoint.write(target, {**checkpoint.read_config(folder), "codec_identity": identity}, arrays, half=True)


def main() -> int:
    parser = command.make_parser("tools.follow_codec", __doc__)
    parser.add_argument("generator", type=Path, metavar="GENERATOR", help="folder of the generator")
    parser.add_argument("old", type=Path, metavar="OLD_LATENTS", help="folder of latents by the generator's codec")
    parser.add_argument("new", type=Path, metavar="NEW_LATENTS", help="folder of latents by the new codec")
    parser.add_argument("target", type=Path, metavar="TARGET", help="folder that the result is written to")
    parser.add_argument(
        "--swapped", action="store_true", help="the halves of a latent are left and right: add them exchanged"
    )
    options = parser.parse_args()

    from musika import checkpoint, console
    from musika.checkpoint import locate
    from musika.latents import find_common_identity, find_indexes

    folder = locate.resolve_checkpoint(options.generator)
    info = checkpoint.read_config(folder)
    own, identity = (find_common_identity(find_indexes(latents)) for latents in (options.old, options.new))
    if own != info.get("codec_identity"):
        raise UsageError(f"{folder} makes latents of codec {info.get('codec_identity')}, {options.old} is of {own}")
    if not identity:
        raise UsageError(f"the index of {options.new} does not say which codec made the latents")
    affine = fit_map(*read_pairs(options.old, options.new, options.swapped))
    channels = info["config"]["channels"]
    if len(affine.mean) != channels:
        raise UsageError(f"the generator makes latents of {channels} numbers, the folders have {len(affine.mean)}")
    transform_checkpoint(folder, options.target, affine, identity)
    unexplained = f"{100 * affine.unexplained:.1f} %"
    console.say(f"the map does not explain {unexplained} of the variance; wrote {options.target} for codec {identity}")
    return 0


if __name__ == "__main__":
    command.run(main)
