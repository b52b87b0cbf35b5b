"""One training step of a performer: a pure function of state and batch.

The loss is the mean absolute error of latents in a basis in which they are partly whitened. Where critics take part,
they are trained in the same step, and after `critic_samples` examples the performer also learns to raise their scores.

Shapes: B examples, T latents in one, K numbers of all tracks, C in a latent, Z of noise.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from musika import backend, checkpoint
from musika.config import PerformerTrainConfig
from musika.gan import layers, losses
from musika.gan.performer import Performer
from musika.gan.performer_critic import PerformerCritic
from musika.training import optim
from musika.training.stages.networks import call_with_weights, differentiate

Tensor = Any
Tree = Any
LOWEST_RATE = 0.02  # the lowest learning rate, as a share of the highest
BETAS = (0.9, 0.99)  # of Adam, performer
CRITIC_BETAS = (0.5, 0.99)  # of Adam, critic
PENALTY = 1.0  # weight of the critic's gradient penalty (R1)


def start_state(weights: Tree, critic: PerformerCritic | None, seed: int) -> Tree:
    """The state before the first step: the average begins with the weights, the critic with random ones of the seed."""
    state = {
        "performer": weights,
        "average": keras.tree.map_structure(np.copy, weights),
        "adam": optim.init_adam(weights),
        "rate": np.asarray(1.0, np.float32),
    }
    if critic is not None:
        layers.initialise(critic, seed)
        state["critic"] = checkpoint.get_weights(critic)
        state["critic_adam"] = optim.init_adam(state["critic"])
    return state


class PerformerStep:
    """The step, for networks of given sizes.

    Args:
        critic: None trains by the absolute error alone.
    """

    def __init__(self, train: PerformerTrainConfig, performer: Performer, critic: PerformerCritic | None) -> None:
        self.train, self.performer, self.critic = train, performer, critic

    def __call__(self, state: Tree, batch: Tree) -> tuple[Tree, dict[str, Tensor]]:
        """The new state, and scalars to show."""
        train, step = self.train, state["adam"]["step"]
        decay_steps = max(1, train.decay_samples // train.bs)
        rate = state["rate"] * optim.compute_learning_rate(step, 1.0, train.warmup, decay_steps, LOWEST_RATE)
        scalars, played, gradient = self._differentiate_performer(state, batch)
        weights, adam = optim.apply_adam(
            state["performer"], gradient, state["adam"], train.lr * rate, *BETAS, weight_decay=train.weight_decay
        )
        decay = optim.compute_average_decay(step, train.average_decay)
        average = optim.update_average(state["average"], weights, decay)
        new = {**state, "performer": weights, "adam": adam, "average": average}
        if self.critic is None:
            return new, scalars
        critic_scalars, gradient = self._differentiate_critic(state["critic"], batch, played)
        new["critic"], new["critic_adam"] = optim.apply_adam(
            state["critic"], gradient, state["critic_adam"], train.critic_lr * rate, *CRITIC_BETAS
        )
        return new, {**scalars, **critic_scalars}

    def play(self, weights: Tree, batch: Tree) -> Tensor:
        """Latents `[B, T, C]` of a batch, in the basis."""
        style = ops.take(weights["styles"], batch["styles"], axis=0) if "styles" in weights else None  # [B, S]
        return call_with_weights(self.performer, weights, batch["tracks"], style, batch.get("noise"))

    def play_and_compare(self, weights: Tree, batch: Tree) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        """Latents `[B, T, C]` of a batch, the loss that says how far they are from those asked for, scalars to show."""
        played = self.play(weights, batch)
        error = ops.mean(ops.abs(played - batch["latents"]))
        return played, error, {"loss": error}

    def _differentiate_performer(self, state: Tree, batch: Tree) -> tuple[dict[str, Tensor], Tensor, Tree]:
        """Scalars, the latents that were played `[B, T, C]`, gradient by the performer's weights."""

        def compute_loss(weights: Tree) -> tuple[Tensor, tuple[dict[str, Tensor], Tensor]]:
            played, error, shown = self.play_and_compare(weights, batch)
            if self.critic is None:
                return error, (shown, played)
            seen = ops.cast(state["adam"]["step"] * self.train.bs, "float32")
            weight = ops.where(seen >= self.train.critic_samples, self.train.adversarial_weight, 0.0)
            scores = call_with_weights(self.critic, state["critic"], played, batch["tracks"])  # [B, N]
            adversarial = losses.compute_generator_loss(scores, self.critic.score_weights)
            return error + weight * adversarial, ({**shown, "loss_adversarial": adversarial}, played)

        _, (scalars, played), gradient = backend.value_and_gradient(compute_loss, state["performer"])
        return scalars, played, gradient

    def _differentiate_critic(self, weights: Tree, batch: Tree, played: Tensor) -> tuple[dict[str, Tensor], Tree]:
        """Scalars, gradient by the critic's weights."""
        critic, tracks = self.critic, batch["tracks"]
        assert critic is not None
        score_weights = critic.score_weights

        def compute_loss(weights: Tree) -> tuple[Tensor, dict[str, Tensor]]:
            def sum_scores(latents: Tensor) -> tuple[Tensor, Tensor]:
                scores = call_with_weights(critic, weights, latents, tracks)  # [B, N]
                return ops.sum(scores * score_weights), scores

            _, real, slope = backend.value_and_gradient(sum_scores, batch["latents"])  # slope: [B, T, C]
            fake = call_with_weights(critic, weights, played, tracks)
            penalty = losses.compute_gradient_penalty(slope)
            return losses.compute_critic_loss(real, fake, penalty, 1.0, PENALTY, score_weights), {"penalty": penalty}

        return differentiate(compute_loss, weights, "loss_critic")
