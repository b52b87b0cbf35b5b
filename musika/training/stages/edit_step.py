"""One training step of an editor: that of a performer, for latents of which a part is given.

What is given is not made: the latents that critics see are the given ones with what was made between them. So critics
judge how the two fit.

The network corrects a draft (`gan/drafts.py`): its answer is the draft and what it adds. At first it adds nothing.

Much can follow the same beginning. Were each answer to be near the one that the recording has, the best answer would
be the mean of all that might follow: a constant sound. So the network answers twice, with two drafts and two draws of
noise, and the loss is the energy score (Gneiting and Raftery, "Strictly Proper Scoring Rules, Prediction, and
Estimation", Journal of the American Statistical Association 102, 2007, equation 22): the distance of the answers to the
recording, less half the distance between them. It is least where answers are spread as the truth is. Distances are
those of patches of one or several latents, so that what follows each other fits, too.
"""

from __future__ import annotations

from typing import Any

from keras import ops

from musika.training.stages.networks import call_with_weights
from musika.training.stages.performer_step import PerformerStep

Tensor = Any
Tree = Any
PATCHES = (1, 4, 16)  # latents
MIN_SQUARE = 1e-6  # added to squared distances, so that the gradient of their root stays finite


class EditStep(PerformerStep):
    """The step of a performer for batches as `edit_batches.py` makes them."""

    def play(self, weights: Tree, batch: Tree) -> Tensor:
        """Latents `[B, T, C]` of a batch, in the basis: as they are where they are given, made elsewhere."""
        draft = batch["tracks"][..., -batch["latents"].shape[-1] :]  # [B, T, C], the last track
        made = draft + call_with_weights(self.performer, weights, batch["tracks"], None, batch["noise"])
        return batch["given"] * batch["latents"] + (1.0 - batch["given"]) * made

    def play_and_compare(self, weights: Tree, batch: Tree) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        """One answer `[B, T, C]`, the energy score, scalars to show: the score, and the mean absolute error."""
        one = self.play(weights, batch)
        two = self.play(weights, {**batch, "noise": batch["other_noise"], "tracks": batch["other_tracks"]})
        score = compute_energy_score(one, two, batch["latents"], 1.0 - batch["given"])
        error = ops.mean(ops.abs(one - batch["latents"]), axis=-1, keepdims=True)  # [B, T, 1], 0 where given
        shown = ops.sum(error) / ops.maximum(ops.sum(1.0 - batch["given"]), 1.0)
        return one, score, {"loss": shown, "loss_energy": score}


def compute_energy_score(one: Tensor, two: Tensor, truth: Tensor, is_made: Tensor) -> Tensor:
    """The energy score of two answers, a scalar: the mean over all patches in which something was made.

    Args:
        one, two: answers `[B, T, C]`, equal to the truth where nothing was made.
        truth: `[B, T, C]`.
        is_made: `[B, T, 1]`, 1 where something was made, 0 elsewhere.
    """
    pairs = ((one, truth, 0.5), (two, truth, 0.5), (one, two, -0.5))
    squares = [(ops.mean(ops.square(first - second), axis=-1), share) for first, second, share in pairs]  # [B, T]
    scores = []
    for size in PATCHES:
        counts = _sum_patches(is_made[..., 0], size)  # [B, P]
        scale = ops.maximum(counts, 1.0)
        score = sum(share * ops.sqrt(_sum_patches(square, size) / scale + MIN_SQUARE) for square, share in squares)
        scores.append(ops.sum(score * counts) / ops.maximum(ops.sum(counts), 1.0))
    return sum(scores) / len(PATCHES)


def _sum_patches(values: Tensor, size: int) -> Tensor:
    """Sums over patches of so many latents, `[B, T]` to `[B, P]`; what is left over at the end is a shorter patch."""
    batch, length = values.shape
    padded = ops.pad(values, ((0, 0), (0, -length % size)))
    return ops.sum(ops.reshape(padded, (batch, -1, size)), axis=-1)
