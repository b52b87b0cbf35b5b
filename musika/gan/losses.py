"""Losses of generator and critic: pure functions of scores and gradients.

Scores are `[B, S]`, large for latents that the critic takes for real; `weights` `[S]` says how much each of them counts
(`Critic.score_weights`). With D the weighted sum of a window's scores, G generated windows and X real ones:

    generator:  - E[D(G)]
    critic:     (E[relu(1 - D(X))] + E[relu(1 + D(G))]) / 2 + gp_max_weight · w · E[|∇D(X)|²]

The first part of the critic's loss is the hinge loss (Lim and Ye 2017), per score; the second one the R1 gradient
penalty (Mescheder et al. 2018). Its weight w adapts itself, from Musika (Pasini and Schlüter 2022): it rises while the
critic is certain, and falls while it is not. (Musika stores minus w as `switch`.)
"""

from __future__ import annotations

from typing import Any

import numpy as np
from keras import ops

Tensor = Any

PENALTY_STEP = 1e-4  # by which the penalty's weight moves in one training step
CERTAIN = 0.9  # certainty above which it rises
FIRST_PENALTY_WEIGHT = 1.0  # at the start of a training
ONE = np.ones(1, np.float32)  # weights of the scores of the published critic alone


def average_scores(scores: Tensor, weights: np.ndarray = ONE) -> Tensor:
    """Scores `[B, S]` by their weights: sum over S, mean over the batch; scalar."""
    return ops.mean(ops.sum(scores * weights, axis=1))


def compute_generator_loss(fake: Tensor, weights: np.ndarray = ONE) -> Tensor:
    """Minus the mean score of generated latents; scalar."""
    return -average_scores(fake, weights)


def compute_hinge_loss(real: Tensor, fake: Tensor, weights: np.ndarray = ONE) -> Tensor:
    """How far scores are from at least 1 for real latents and at most -1 for generated ones; scalar."""
    return (average_scores(ops.relu(1.0 - real), weights) + average_scores(ops.relu(1.0 + fake), weights)) / 2.0


def compute_gradient_penalty(gradient: Tensor) -> Tensor:
    """R1: squared norm of the gradient `[B, L, C]` of each real window's score by its latents, batch mean; scalar.

    A window's scores depend on that window alone, so the gradient of the sum over the batch holds all of them.
    """
    return ops.mean(ops.sum(ops.square(ops.cast(gradient, "float32")), axis=(1, 2)))


def compute_critic_loss(
    real: Tensor, fake: Tensor, penalty: Tensor, penalty_weight: Tensor, max_weight: float, weights: np.ndarray = ONE
) -> Tensor:
    """Hinge loss plus the R1 penalty, times its adaptive weight in [0, 1], times the weight that 1 stands for."""
    return compute_hinge_loss(real, fake, weights) + max_weight * penalty_weight * penalty


def measure_certainty(real: Tensor, fake: Tensor) -> Tensor:
    """Mean difference of the scores of real and generated windows, in [0, 1]: 1 is a difference of 2 or more; scalar.

    Local critics do not count: a few latents tell too little for anyone to be certain.
    """
    return ops.clip(ops.mean(real[:, :1]) - ops.mean(fake[:, :1]), 0.0, 2.0) / 2.0


def adapt_penalty_weight(penalty_weight: Tensor, certainty: Tensor) -> Tensor:
    """The penalty's weight after a step of that certainty: 0.0001 up or down, within [0, 1]; scalar."""
    step = ops.where(certainty > CERTAIN, PENALTY_STEP, -PENALTY_STEP)
    return ops.clip(penalty_weight + step, 0.0, 1.0)
