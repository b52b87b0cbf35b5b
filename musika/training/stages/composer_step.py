"""One training step of the composer: cross-entropy of the fields of the next note, and AdamW."""

from __future__ import annotations

from typing import Any

from keras import ops

from musika import backend
from musika.composer.network import Composer
from musika.composer.network_sizes import FIELD_NAMES
from musika.config import ComposerTrainConfig
from musika.training import optim
from musika.training.stages.networks import call_with_weights

Tensor = Any
Tree = Any
BETAS = (0.9, 0.98)  # of Adam
MAX_NORM = 1.0  # of the gradient, over all weights
LOWEST_RATE = 0.05  # the lowest learning rate, as a share of the highest


def compute_losses(logits: list[Tensor], fields: Tensor, weights: Tensor, smoothing: float) -> dict[str, Tensor]:
    """Mean cross-entropy of each field, in nats.

    Args:
        logits: of each field, `[B, L, values]`.
        fields: the true values, int32 `[B, L, 5]`.
        weights: of each step and field, float32 `[B, L, 5]`.
        smoothing: probability that the target shares evenly over all values (C. Szegedy et al., "Rethinking the
            Inception architecture for computer vision", CVPR 2016).
    """
    losses = {}
    for n, name in enumerate(FIELD_NAMES):
        log_probabilities = ops.log_softmax(logits[n], axis=-1)
        target = ops.one_hot(fields[..., n], log_probabilities.shape[-1])
        right = ops.sum(target * log_probabilities, axis=-1)
        loss = -(1 - smoothing) * right - smoothing * ops.mean(log_probabilities, axis=-1)
        losses[name] = ops.sum(loss * weights[..., n]) / ops.maximum(ops.sum(weights[..., n]), 1.0)
    return losses


class ComposerStep:
    """The step, for a network of given sizes."""

    def __init__(self, train: ComposerTrainConfig, network: Composer) -> None:
        self.train, self.network = train, network

    def __call__(self, state: Tree, batch: Tree) -> tuple[Tree, dict[str, Tensor]]:
        """The new state, and scalars to show."""
        train = self.train

        def compute_loss(weights: Tree) -> tuple[Tensor, dict[str, Tensor]]:
            logits = call_with_weights(self.network, weights, batch)
            losses = compute_losses(logits, batch["next_fields"], batch["weights"], train.label_smoothing)
            return sum(losses.values()), losses

        loss, losses, gradient = backend.value_and_gradient(compute_loss, state["weights"])
        gradient, norm = optim.clip_by_global_norm(gradient, MAX_NORM)
        rate = state["rate"] * optim.compute_learning_rate(
            state["adam"]["step"], train.lr, train.warmup, train.decay_samples // train.bs, LOWEST_RATE
        )
        weights, adam = optim.apply_adam(
            state["weights"], gradient, state["adam"], rate, *BETAS, weight_decay=train.weight_decay
        )
        average = optim.update_average(state["average"], weights, train.average_decay)
        new = {"weights": weights, "average": average, "adam": adam, "rate": state["rate"]}
        return new, {"loss": loss, **{f"loss_{name}": value for name, value in losses.items()}, "gradient": norm}
