"""Give the latents of a generator the mean and the covariance of real ones.

Pieces of the seeds 1000, 1001 ... are generated. The linear map of single latents that carries a normal distribution
with their mean and covariance to one with those of the folder, at the smallest mean squared distance, is (Olkin and
Pukelsheim 1982)

    M = A^(-1/2) (A^(1/2) B A^(1/2))^(1/2) A^(-1/2)      for covariances A and B.

It is built into the generator's last layer, and the result is written to TARGET in half precision, with the critic as
it was. The map does not change how latents develop over time: use it before training is continued, or as the last step.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tools.common import command, latents

MIN_EIGENVALUE = 1e-8


def raise_to_power(matrix: np.ndarray, exponent: float) -> np.ndarray:
    """A symmetric positive semi-definite matrix `[C, C]` to a power."""
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * np.maximum(values, MIN_EIGENVALUE) ** exponent) @ vectors.T


def fit_transport(generated: np.ndarray, real: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The map x -> (x - m) M + n from rows `[N, C]` to rows `[M, C]`: M `[C, C]`, m `[C]` and n `[C]`."""
    first, second = np.cov(generated.T), np.cov(real.T)
    root, inverse = raise_to_power(first, 0.5), raise_to_power(first, -0.5)
    matrix = inverse @ raise_to_power(root @ second @ root, 0.5) @ inverse
    return matrix, generated.mean(axis=0), real.mean(axis=0)


def main() -> int:
    parser = command.make_parser("tools.match_moments", __doc__)
    parser.add_argument("generator", type=Path, metavar="GENERATOR", help="folder of the generator")
    parser.add_argument("latents", type=Path, metavar="LATENTS_FOLDER", help="folder of latents of real music")
    parser.add_argument("target", type=Path, metavar="TARGET", help="folder that the result is written to")
    parser.add_argument(
        "--share",
        type=command.parse_number(float, 0, 1),
        metavar="X",
        default=1.0,
        help="how far to go: 0 changes nothing, 1 matches the moments",
    )
    parser.add_argument(
        "--pieces", type=command.parse_number(int, 1), metavar="N", default=60, help="pieces of 512 latents to generate"
    )
    options = parser.parse_args()

    from musika import checkpoint, console
    from musika.checkpoint import locate
    from musika.errors import UsageError
    from musika.gan.basis import Basis

    real = np.concatenate(latents.read_pieces(options.latents)).astype(np.float64)
    folder = locate.resolve_checkpoint(options.generator)
    generated = np.concatenate(latents.generate_pieces(folder, options.pieces)).astype(np.float64)
    if generated.shape[1] != real.shape[1]:
        raise UsageError(f"the generator makes latents of {generated.shape[1]} numbers, the folder has {real.shape[1]}")
    matrix, mean, target_mean = fit_transport(generated, real)
    matrix = (1 - options.share) * np.eye(len(matrix)) + options.share * matrix
    target_mean = (1 - options.share) * mean + options.share * target_mean
    weights = Basis(mean, matrix, np.linalg.inv(matrix)).transform_generator(checkpoint.read(folder))
    weights["out/bias"] += target_mean.astype(np.float32)
    arrays = {"weights": weights}
    if checkpoint.has(folder, "critic"):
        arrays["critic"] = checkpoint.read(folder, "critic")
    checkpoint.write(options.target, checkpoint.read_config(folder), arrays, half=True)
    ratio = np.sqrt(np.diag(np.cov(generated.T)) / np.diag(np.cov(real.T)))
    console.say(
        f"standard deviations were {ratio.min():.2f} to {ratio.max():.2f} of the real ones; wrote {options.target}"
    )
    return 0


if __name__ == "__main__":
    command.run(main)
