#!/usr/bin/env python3
"""Carry a generator from the latents of one codec to those of another, where the two codecs hear alike.

    python -m tools.follow_codec GENERATOR OLD_LATENTS NEW_LATENTS TARGET [--swapped]

Both folders hold latents of the same audio files, encoded by the codec that the generator was trained for and by the
new one: after an encoder was trained on, most of its latents are those of before, turned a little. The affine map of
single latents, y = (x - m) A + n, that is nearest to them in least squares is taken in by the last layer of the
generator and by the first layers of its critic, so that `musika_train.py --load_path TARGET --dec_path NEW_CODEC` goes
on from music and not from noise; weights are written in half precision. Prints the share of the new latents' variance
that the map does not explain: much above a third, it is better to train anew.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

RIDGE = 1e-4  # of the mean variance of a number of the old latents: for numbers that never change


def pairs(old: Path, new: Path, swapped: bool) -> tuple[np.ndarray, np.ndarray]:
    """Latents of the same moments by either codec, rows `[N, C]` each; ValueError where files do not fit each other."""
    found: tuple[list[np.ndarray], list[np.ndarray]] = ([], [])
    for path in sorted(old.rglob("*.npy")):
        other = new / path.relative_to(old)
        if not other.is_file():
            continue
        both = [np.load(one, allow_pickle=False).astype(np.float64) for one in (path, other)]
        if both[0].ndim != 2 or both[0].shape != both[1].shape:
            raise ValueError(f"{path} and {other} have shapes {both[0].shape} and {both[1].shape}")
        for list_, latents in zip(found, both, strict=True):
            list_.append(latents)
            if swapped:
                list_.append(np.roll(latents, latents.shape[1] // 2, axis=1))
    if not found[0]:
        raise ValueError(f"{old} and {new} have no files of latents in common")
    return np.concatenate(found[0]), np.concatenate(found[1])


def fitted(old: np.ndarray, new: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """m `[C]`, A `[C, C]` and n `[C]` of the map, and the share of variance that it leaves."""
    first, last = old.mean(axis=0), new.mean(axis=0)
    x, y = old - first, new - last
    covariance = x.T @ x
    ridge = RIDGE * np.trace(covariance) / len(covariance)
    matrix = np.linalg.solve(covariance + ridge * np.eye(len(covariance)), x.T @ y)
    return first, matrix, last, float(np.square(y - x @ matrix).sum() / np.square(y).sum())


def main() -> int:
    from musika import checkpoint
    from musika.checkpoint import locate
    from musika.errors import MusikaError
    from musika.gan.basis import Basis
    from musika.latents import common_identity, find_indexes

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("generator", type=Path, metavar="GENERATOR")
    parser.add_argument("old", type=Path, metavar="OLD_LATENTS")
    parser.add_argument("new", type=Path, metavar="NEW_LATENTS")
    parser.add_argument("target", type=Path, metavar="TARGET")
    parser.add_argument("--swapped", action="store_true", help="left and right are halves of a latent: either order")
    options = parser.parse_args()
    try:
        folder = locate.resolve_checkpoint(options.generator)
        info, weights = checkpoint.read_config(folder), checkpoint.read(folder)
        own, identity = (common_identity(find_indexes(latents)) for latents in (options.old, options.new))
        if own != info.get("codec_identity"):
            raise ValueError(f"{folder} makes latents of codec {info.get('codec_identity')}, {options.old} is of {own}")
        if not identity:
            raise ValueError(f"nothing says which codec made the latents in {options.new}")
        first, matrix, last, left = fitted(*pairs(options.old, options.new, options.swapped))
        if len(first) != info["config"]["channels"]:
            raise ValueError(f"the generator makes {info['config']['channels']} numbers a latent, not {len(first)}")
        turn = Basis(first, matrix, np.linalg.inv(matrix))
        shift = Basis(-last, np.eye(len(last)), np.eye(len(last)))
        arrays = {"weights": shift.generator_into(turn.generator_into(weights))}
        if checkpoint.has(folder, "critic"):
            arrays["critic"] = shift.critic_into(turn.critic_into(checkpoint.read(folder, "critic")))
        checkpoint.write(options.target, {**info, "codec_identity": identity}, arrays, half=True)
    except (MusikaError, ValueError, OSError) as error:  # LinAlgError is a ValueError
        parser.error(str(error))
    print(f"the map leaves {100 * left:.1f} % of the variance; wrote {options.target}, for codec {identity}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
