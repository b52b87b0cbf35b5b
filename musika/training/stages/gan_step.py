"""One training step of generator and critic: a pure function of state and batch.

Both networks step from the same weights and the same generated windows. The critic's R1 penalty is a gradient inside a
gradient. In float16 the losses are scaled; a step whose gradients overflow changes nothing but that scale.
"""

from __future__ import annotations

from typing import Any

from keras import ops

from musika import backend
from musika.config import GanTrainConfig
from musika.gan import losses
from musika.gan.critic import Critic
from musika.gan.generator import Generator, generate_windows
from musika.training import optim
from musika.training.stages.networks import call_with_weights

Tensor = Any
Tree = Any
BETAS = (0.5, 0.999)  # of Adam, both networks


class GanStep:
    """The step, for networks of given sizes.

    Args:
        scale_loss: whether losses are scaled, which float16 needs.
    """

    def __init__(self, train: GanTrainConfig, generator: Generator, critic: Critic, scale_loss: bool) -> None:
        self.train, self.generator, self.critic, self.scale_loss = train, generator, critic, scale_loss

    def __call__(self, state: Tree, batch: Tree) -> tuple[Tree, dict[str, Tensor]]:
        """The new state, and scalars to show."""
        scale = state["loss_scale"]["scale"] if self.scale_loss else 1.0
        generator, critic = state["generator"], state["critic"]
        loss, fake, generator_gradient = self._differentiate_generator(generator, critic, batch, scale)
        scalars, critic_gradient = self._differentiate_critic(
            critic, batch["real"], fake, state["penalty_weight"], scale
        )
        gradients = generator_gradient, critic_gradient
        if self.scale_loss:
            gradients = optim.unscale(gradients, state["loss_scale"])
        new = self._update(state, gradients, scalars["certainty"])
        scalars = {"loss_generator": loss, **scalars}
        if not self.scale_loss:
            return {**new, "loss_scale": state["loss_scale"]}, scalars
        good = optim.is_finite(gradients)
        new = optim.select(good, new, {name: state[name] for name in new})
        return {**new, "loss_scale": optim.update_loss_scale(state["loss_scale"], good)}, {
            **scalars,
            "loss_scale": scale,
        }

    def _update(self, state: Tree, gradients: tuple[Tree, Tree], certainty: Tensor) -> Tree:
        """The state after a step along both networks' gradients, but for the loss scale."""
        lr = self.train.lr * state["rate"]
        generator, generator_adam = optim.apply_adam(
            state["generator"], gradients[0], state["generator_adam"], lr, *BETAS
        )
        critic, critic_adam = optim.apply_adam(state["critic"], gradients[1], state["critic_adam"], lr, *BETAS)
        return {
            "generator": generator,
            "critic": critic,
            "average": optim.update_average(state["average"], generator, self.train.average_decay),
            "generator_adam": generator_adam,
            "critic_adam": critic_adam,
            "penalty_weight": losses.adapt_penalty_weight(state["penalty_weight"], certainty),
            "rate": state["rate"],
        }

    def _differentiate_generator(
        self, weights: Tree, critic: Tree, batch: Tree, scale: Tensor
    ) -> tuple[Tensor, Tensor, Tree]:
        """Loss, generated windows `[B, L, C]`, gradient of the scaled loss by the generator's weights."""

        def compute_loss(weights: Tree) -> tuple[Tensor, tuple[Tensor, Tensor]]:
            fake = generate_windows(
                lambda coordinates, noise: call_with_weights(self.generator, weights, coordinates, noise),
                batch["coordinates"],
                batch["noise"],
            )
            scores = call_with_weights(self.critic, critic, fake)  # [B, S]
            loss = losses.compute_generator_loss(scores, self.critic.score_weights)
            return loss * scale, (loss, fake)

        _, (loss, fake), gradient = backend.value_and_gradient(compute_loss, weights)
        return loss, fake, gradient

    def _differentiate_critic(
        self, weights: Tree, real: Tensor, fake: Tensor, penalty_weight: Tensor, scale: Tensor
    ) -> tuple[dict[str, Tensor], Tree]:
        """Scalars, gradient of the scaled loss by the critic's weights."""
        score_weights, max_weight = self.critic.score_weights, self.train.gp_max_weight

        def compute_loss(weights: Tree) -> tuple[Tensor, dict[str, Tensor]]:
            def sum_scores(latents: Tensor) -> tuple[Tensor, Tensor]:
                scores = call_with_weights(self.critic, weights, latents)  # [B, S]
                return ops.sum(scores * score_weights), scores

            _, real_scores, slope = backend.value_and_gradient(sum_scores, real)  # slope: [B, L, C]
            fake_scores = call_with_weights(self.critic, weights, fake)
            penalty = losses.compute_gradient_penalty(slope)
            loss = losses.compute_critic_loss(
                real_scores, fake_scores, penalty, penalty_weight, max_weight, score_weights
            )
            scalars = {
                "loss_critic": loss,
                "penalty": penalty,
                "penalty_weight": penalty_weight,
                "certainty": losses.measure_certainty(real_scores, fake_scores),
            }
            return loss * scale, scalars

        _, scalars, gradient = backend.value_and_gradient(compute_loss, weights)
        return scalars, gradient
