"""Coordinates: where the music is in the generator's space. Anchors make it wander, a style stays the same.

Coordinates `[T, 2D]` are an anchor part, then a style part. Anchors `[D]` stand 1.5 L steps apart on a broken line (L:
the training window in latents), which joins them by straight segments. The latent at place p takes the mean of the
line at p and p + 1, so an anchor lies between two latents. NumPy only.
"""

from __future__ import annotations

import numpy as np

from musika import draws
from musika.config import GeneratorConfig

# places of the training window on its line; in each, anchors lie in the middle of a half-window, or outside
CROPS = 3


def interpolate_anchors(anchors: np.ndarray, distance: int, places: np.ndarray) -> np.ndarray:
    """Means of neighbouring steps of the broken line through anchors.

    Args:
        anchors: `[..., K, D]`; anchor k stands at place `distance` x k.
        distance: steps from one anchor to the next.
        places: whole numbers `[T]` from 0 to below `distance` x (K - 1).

    Returns:
        `[..., T, D]` float32. A place's value depends on that place and its two anchors alone, to the bit.
    """
    before, step = places // distance, places % distance
    # the mean of the line's values at a place and the next one is its value half a step on: both lie on one segment
    return mix((step + 0.5) / distance, anchors[..., before, :], anchors[..., before + 1, :])


def mix(share: np.ndarray, before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """`[..., T, D]` on straight lines from `before` to `after`, a share `[T]` of the way."""
    share = share.astype(np.float32)[:, None]
    return (1 - share) * before + share * after


def make_coordinates(anchors: np.ndarray, style: np.ndarray, distance: int, places: np.ndarray) -> np.ndarray:
    """Coordinates `[..., T, 2D]` at the given places, from anchors `[..., K, D]` and one style `[..., D]`."""
    anchor_part = interpolate_anchors(anchors, distance, places)
    style_part = np.broadcast_to(style[..., None, :], anchor_part.shape)
    return np.concatenate([anchor_part, style_part], axis=-1)


def list_training_places(config: GeneratorConfig, crop: int) -> np.ndarray:
    """Places `[L]` of a training window on the line through its three anchors, for crop 0, 1 or 2."""
    return config.window // 4 + crop * (config.window // 2) + np.arange(config.window)


def draw_training_coordinates(
    config: GeneratorConfig, seed: int, position: int, bs: int, truncation: float
) -> np.ndarray:
    """Coordinates of the `bs` windows that come after `position` samples of training.

    Each window has three anchors, a style and one of three crops of its own, drawn by its sample number: batches of
    any size see the same windows.

    Returns:
        `[bs, L, 2D]` float32.
    """
    return np.stack([_draw_training_window(config, seed, i, truncation) for i in range(position, position + bs)])


def _draw_training_window(config: GeneratorConfig, seed: int, sample: int, truncation: float) -> np.ndarray:
    """Coordinates `[L, 2D]` of one window."""
    depth = config.coordinate_depth
    drawn = draws.truncated_normal(seed, "training/coordinates", sample, (4, depth), truncation)
    crop = int(draws.integers(seed, "training/crop", sample, 1)[0] % np.uint64(CROPS))
    return make_coordinates(drawn[:3], drawn[3], config.anchor_distance, list_training_places(config, crop))
