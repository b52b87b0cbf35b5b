"""Loading the network of `gan/performer.py` from a checkpoint folder: what performers and editors share."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from musika import checkpoint
from musika.config import PerformerConfig

if TYPE_CHECKING:
    from musika.gan.performer import Performer


def load_network(
    folder: Path, config: PerformerConfig, dtype: Any, others: Mapping[str, tuple[int, ...]] | None = None
) -> tuple[Performer, dict[str, np.ndarray]]:
    """The network of a checkpoint with its weights set, and all arrays of the checkpoint by name.

    Args:
        folder: the checkpoint.
        config: its sizes, as its `config.json` says.
        dtype: Keras's dtype policy or its name, to compute in.
        others: names and shapes of the arrays that are stored beside the weights; None: there are none.

    Raises:
        CheckpointError: an array is missing, too many, of another shape, or damaged.
    """
    # two arrays are compared first: a network of wrong sizes must not take memory
    ends = {"first/kernel": (config.input_width, config.width), "out/kernel": (config.width, config.channels)}
    checkpoint.check_shapes(folder, ends)

    from musika.gan.performer import Performer

    network = Performer(config, seed=None, dtype=dtype)
    expected = {name: array.shape for name, array in checkpoint.get_weights(network).items()}
    arrays = checkpoint.read(folder, expected={**expected, **(others or {})})
    checkpoint.assign(network, {name: arrays[name] for name in expected})
    return network, arrays
