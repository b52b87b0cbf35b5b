"""A tiny composer with random weights, and its checkpoint folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from musika import checkpoint, draws
from musika.composer.incremental import IncrementalComposer
from musika.composer.load import describe_composer
from musika.composer.network_sizes import list_shapes
from musika.config import ComposerConfig

TINY = ComposerConfig(width=12, heads=3, layers=1, head_width=8, theme_notes=12, section_notes=24)


def make_weights(config: ComposerConfig = TINY, seed: int = 0) -> dict[str, np.ndarray]:
    """Random weights; the time after which a note follows is mostly short, so that sections have notes."""
    weights = {}
    for name, shape in list_shapes(config).items():
        values = 0.3 * draws.normal(seed, f"test/{name}", 0, shape)
        weights[name] = np.ones(shape, np.float32) if name.endswith("scale") else values
    weights["head_delta/out/bias"][[6, 12]] += 4.0
    weights["head_delta/out/bias"][0] += 3.0
    return weights


def make_tiny_composer(seed: int = 0) -> IncrementalComposer:
    return IncrementalComposer(TINY, make_weights(seed=seed))


def write_composer(folder: Path) -> Path:
    """A checkpoint of it."""
    checkpoint.write(folder, describe_composer(TINY, trained={"names": []}), {"weights": make_weights()})
    return folder
