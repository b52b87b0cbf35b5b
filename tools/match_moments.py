#!/usr/bin/env python3
"""Bring mean and covariance of a generator's latents to those of real music.

    python -m tools.match_moments GENERATOR LATENTS_FOLDER TARGET [--share 1.0] [--pieces 60]

Generates pieces of the seeds 1000, 1001 ... and finds the linear map of single latents that carries a normal
distribution with their mean and covariance to one with those of the folder's latents at the least mean squared distance
(Olkin and Pukelsheim 1982): M = A^(-1/2) (A^(1/2) B A^(1/2))^(1/2) A^(-1/2) for covariances A and B. The generator's
last layer takes it in; the result is written to TARGET, in half precision, with the critic as it was. A share below 1
goes that part of the way. What latents do in time is left to training: this is for a generator that is about to be
trained further, or a last touch.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

SMALLEST = 1e-8  # eigenvalue of a covariance


def power(symmetric: np.ndarray, exponent: float) -> np.ndarray:
    """A symmetric matrix without negative eigenvalues to a power, `[C, C]`."""
    values, vectors = np.linalg.eigh(symmetric)
    return (vectors * np.maximum(values, SMALLEST) ** exponent) @ vectors.T


def transport(made: np.ndarray, real: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The map x ↦ (x - m) M + n of rows `[N, C]` and `[M, C]`: M `[C, C]`, m and n `[C]`."""
    first, second = np.cov(made.T), np.cov(real.T)
    root, inverse = power(first, 0.5), power(first, -0.5)
    return inverse @ power(root @ second @ root, 0.5) @ inverse, made.mean(axis=0), real.mean(axis=0)


def generated(folder: Path, pieces: int) -> np.ndarray:
    """Single latents `[N, C]` of that many pieces."""
    from benchmarks import distance

    return np.concatenate(distance.generated(folder, pieces)).astype(np.float64)


def main() -> int:
    from musika import checkpoint
    from musika.checkpoint import locate
    from musika.errors import CheckpointError
    from musika.gan.basis import Basis

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("generator", type=Path, metavar="GENERATOR")
    parser.add_argument("latents", type=Path, metavar="LATENTS_FOLDER")
    parser.add_argument("target", type=Path, metavar="TARGET")
    parser.add_argument("--share", type=float, default=1.0, help="of the way to go, 0 to 1")
    parser.add_argument("--pieces", type=int, default=60, help="pieces to generate, of 512 latents each")
    options = parser.parse_args()
    files = sorted(options.latents.rglob("*.npy"))
    if not files:
        parser.error(f"there are no latents in {options.latents}")
    real = np.concatenate([np.load(path, allow_pickle=False) for path in files]).astype(np.float64)
    try:
        folder = locate.resolve_checkpoint(options.generator)
        info, weights = checkpoint.read_config(folder), checkpoint.read(folder)
        made = generated(folder, options.pieces)
        if made.shape[1] != real.shape[1]:
            parser.error(f"the generator makes {made.shape[1]} numbers a latent, the folder has {real.shape[1]}")
        matrix, mean, target = transport(made, real)
        matrix = (1 - options.share) * np.eye(len(matrix)) + options.share * matrix
        target = (1 - options.share) * mean + options.share * target
        weights = Basis(mean, matrix, np.linalg.inv(matrix)).generator_into(weights)
        weights["out/bias"] += target.astype(np.float32)
        arrays = {"weights": weights}
        if checkpoint.has(folder, "critic"):
            arrays["critic"] = checkpoint.read(folder, "critic")
        checkpoint.write(options.target, info, arrays, half=True)
    except CheckpointError as error:
        parser.error(str(error))
    ratio = np.sqrt(np.diag(np.cov(made.T)) / np.diag(np.cov(real.T)))
    print(f"deviations were {ratio.min():.2f} to {ratio.max():.2f} of the real ones; wrote {options.target}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
