"""The critics' part of the codec's step: they learn to tell decoded sound, and give the codec their gradient.

That gradient by each waveform is scaled to a fixed share of the length of the gradient of the losses (Défossez et al.
2022), so that neither drowns the other. The share rises over the critics' first steps.
"""

from __future__ import annotations

from typing import Any

from keras import ops

from musika import backend
from musika.codec import critic
from musika.config import CodecTrainConfig
from musika.training import optim
from musika.training.stages.networks import call_with_weights

Tensor = Any
Tree = Any
BETAS = (0.5, 0.9)  # of Adam
MAX_NORM = 1.0  # of the gradient, over all weights


class CriticsStep:
    """One update of the critics, and their gradient by the decoded sound."""

    def __init__(self, train: CodecTrainConfig, critics: critic.Critics, xla: bool) -> None:
        self.train, self.critics = train, critics
        self._compute_views = backend.compile(critic.compute_views, xla=xla)
        self._update_critics = backend.compile(self._update, xla=xla)

    def __call__(
        self, state: Tree, decoded: Tensor, original: Tensor, gradient: Tensor
    ) -> tuple[Tree, dict[str, Tensor], Tensor]:
        """(state with better critics, scalars, gradient by the decoded sound).

        Args:
            state: with the leaves "critic", "critic_adam" and "rate".
            decoded: `[B, 2, n]`.
            original: the same of the original.
            gradient: of the other losses by the decoded sound, whose length sets that of the critics' one.
        """
        weights = state["critic"]
        original_views = self._compute_views(original)
        decoded_views, pull_back = backend.pull_back(self._compute_views, decoded)

        def compute_critic_loss(weights: Tree) -> tuple[Tensor, Any]:
            original_scores, features = call_with_weights(self.critics, weights, original_views)
            decoded_scores, _ = call_with_weights(self.critics, weights, decoded_views)
            return critic.compute_critic_loss(original_scores, decoded_scores), features

        def compute_codec_loss(views: list[Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
            scores, decoded_features = call_with_weights(self.critics, weights, views)
            adversarial = critic.compute_adversarial_loss(scores)
            matching = critic.compute_feature_matching_loss(original_features, decoded_features)
            loss = adversarial + self.train.feature_matching_weight * matching
            return loss, {"adversarial": adversarial, "feature_matching": matching}

        critic_loss, original_features, critic_gradient = backend.value_and_gradient(compute_critic_loss, weights)
        _, scalars, slope = backend.value_and_gradient(compute_codec_loss, decoded_views)
        own = {name: state[name] for name in ("critic", "critic_adam", "rate")}
        state = {**state, **self._update_critics(own, critic_gradient)}
        risen = ops.cast(state["critic_adam"]["step"], "float32") / max(self.train.critic_ramp, 1)
        share = self.train.adversarial_share * ops.minimum(risen, 1.0)
        scaled = _scale_to_length(pull_back(slope), gradient) * share
        return state, scalars | {"critic_loss": critic_loss}, scaled

    def _update(self, state: Tree, gradients: Tree) -> Tree:
        gradients, _ = optim.clip_by_global_norm(gradients, MAX_NORM)
        lr = self.train.critic_lr * state["rate"]
        weights, adam = optim.apply_adam(state["critic"], gradients, state["critic_adam"], lr, *BETAS)
        return {**state, "critic": weights, "critic_adam": adam}


def _scale_to_length(x: Tensor, like: Tensor) -> Tensor:
    """`x` `[B, ..]` with each item scaled to the length that the item of `like` has."""
    axes = tuple(range(1, len(x.shape)))
    wanted, length = (ops.sqrt(ops.sum(ops.square(y), axis=axes, keepdims=True)) for y in (like, x))
    return x * (wanted / (length + 1e-12))
