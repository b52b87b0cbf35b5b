"""Fréchet distance of a generator's latents to those of real music, beside that of two halves of the latter.

python -m benchmarks.distance LATENTS_FOLDER [--load_path checkpoints/open] [--pieces 40]

Stretches of 32 latents, each described by the mean, the deviation and the mean absolute step of its numbers, projected
on their 64 main components (musika/metrics). Generated pieces have the seeds 1000, 1001 ... and 512 latents each.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from musika.errors import CheckpointError
from musika.metrics.sets import frechet, spaces

LENGTH = 512  # latents of a generated piece


def described(pieces: list[np.ndarray]) -> np.ndarray:
    """Pieces `[T, C]` to one row `[3 C]` for each stretch."""
    return np.concatenate([spaces.describe_clips(piece) for piece in pieces])


def distance(one: np.ndarray, other: np.ndarray) -> float:
    """Fréchet distance of rows on their main components."""
    return frechet.evaluate(one, other, spaces.CLIPS.components)["frechet"]


def generated(folder: Path, pieces: int) -> list[np.ndarray]:
    """That many pieces `[512, C]`."""
    from musika import backend
    from musika.checkpoint import locate
    from musika.gan import coordinates, noise
    from musika.gan.load import load_generator

    loaded = load_generator(locate.resolve_checkpoint(folder))
    config = loaded.config
    made = []
    for seed in range(1000, 1000 + pieces):
        places = coordinates.rendering_coordinates(config, seed, 2.0, 0, LENGTH)
        halves = places.reshape(-1, config.half_window, 2 * config.coordinate_depth)
        drawn = noise.rendering_noise(config, seed, 0, len(halves))
        made.append(backend.to_numpy(loaded.generator(halves, drawn)).reshape(-1, config.channels))
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("latents", type=Path)
    parser.add_argument("--load_path", type=Path, default=Path("checkpoints/open"))
    parser.add_argument("--pieces", type=int, default=40)
    options = parser.parse_args()
    real = [np.load(path, allow_pickle=False) for path in sorted(options.latents.rglob("*.npy"))]
    if len(real) < 2:
        parser.error(f"{options.latents} holds {len(real)} files of latents: two halves need two at least")
    order = np.random.default_rng(0).permutation(len(real))
    halves = [described([real[i] for i in order[start::2]]) for start in (0, 1)]
    try:
        made = described(generated(options.load_path, options.pieces))
    except CheckpointError as error:
        parser.error(str(error))
    print(f"generated to real       {distance(described(real), made):.3f}")
    print(f"one half to the other   {distance(*halves):.3f}")


if __name__ == "__main__":
    main()
