"""One training step of an editor: that of a performer, for latents of which a part is given.

What is given is not made: the latents that critics see are the given ones with what was made between them. So critics
judge how the two fit, and the error is that of what was made.
"""

from __future__ import annotations

from typing import Any

from keras import ops

from musika.training.stages.networks import call_with_weights
from musika.training.stages.performer_step import PerformerStep

Tensor = Any
Tree = Any


class EditStep(PerformerStep):
    """The step of a performer for batches as `edit_batches.py` makes them."""

    def play(self, weights: Tree, batch: Tree) -> Tensor:
        """Latents `[B, T, C]` of a batch, in the basis: as they are where they are given, made elsewhere."""
        made = call_with_weights(self.performer, weights, batch["tracks"], None, batch["noise"])
        return batch["given"] * batch["latents"] + (1.0 - batch["given"]) * made

    def measure_error(self, played: Tensor, batch: Tree) -> Tensor:
        """Mean absolute error of latents that were made, a scalar."""
        error = ops.mean(ops.abs(played - batch["latents"]), axis=-1, keepdims=True)  # [B, T, 1], 0 where given
        return ops.sum(error) / ops.maximum(ops.sum(1.0 - batch["given"]), 1.0)
