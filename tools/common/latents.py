"""Latents for scripts: those of a folder, and those that a generator makes."""

from __future__ import annotations

from pathlib import Path

import numpy as np

FIRST_SEED = 1000
LENGTH = 512  # latents of a generated piece
TRUNCATION = 2.0


def read_pieces(folder: Path) -> list[np.ndarray]:
    """The latents of each file in a folder, `[T, C]`.

    Raises:
        LatentsError: there are none, a file cannot be read, or one has another width than the first.
    """
    from musika.latents import find_latents, open_latents

    paths = find_latents(folder)
    files = [open_latents(paths[0])]
    files += [open_latents(path, files[0].channels) for path in paths[1:]]
    return [file.read_rows(0, file.length) for file in files]


def generate_pieces(generator: Path, count: int) -> list[np.ndarray]:
    """The first 512 latents of the pieces with the seeds 1000, 1001 ..., `[512, C]` each.

    Raises:
        CheckpointError: the generator cannot be loaded.
    """
    from musika import backend
    from musika.checkpoint import locate
    from musika.gan import noise, rendering_coordinates
    from musika.gan.load import load_generator

    loaded = load_generator(locate.resolve_checkpoint(generator))
    config = loaded.config
    pieces = []
    for seed in range(FIRST_SEED, FIRST_SEED + count):
        places = rendering_coordinates.draw_rendering_coordinates(config, seed, TRUNCATION, 0, LENGTH)
        halves = places.reshape(-1, config.half_window, 2 * config.coordinate_depth)  # [512 / (L/2), L/2, 2D]
        layers = noise.draw_rendering_noise(config, seed, 0, len(halves))
        pieces.append(backend.to_numpy(loaded.generator(halves, layers)).reshape(-1, config.channels))
    return pieces
