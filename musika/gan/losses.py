"""What generator and critic are taught by: pure functions on scores and gradients.

Scores are `[B, S]`, large for latents that the critic takes for real; `shares` `[S]` says how much each of them counts,
and adds up to the number of critics (`critic.Critic`). The critic's R1 penalty has a weight that adapts
itself: it rises while the critic is certain, and falls while it is not. (The original stores minus this weight as
`switch`.)
"""

from __future__ import annotations

from typing import Any

import numpy as np
from keras import ops

Tensor = Any

WEIGHT_STEP = 1e-4  # by which the penalty's weight moves in one training step
CERTAIN = 0.9  # certainty above which it rises
FIRST_WEIGHT = 1.0  # of the penalty, at the start of a training
ONE = np.ones(1, np.float32)  # shares of the published critic alone


def mean_score(scores: Tensor, shares: np.ndarray = ONE) -> Tensor:
    """Scores `[B, S]` by their shares, mean over the batch and sum over critics; scalar."""
    return ops.mean(ops.sum(scores * shares, axis=1))


def generator_loss(fake: Tensor, shares: np.ndarray = ONE) -> Tensor:
    """Minus the mean score of generated latents; scalar."""
    return -mean_score(fake, shares)


def hinge_loss(real: Tensor, fake: Tensor, shares: np.ndarray = ONE) -> Tensor:
    """How far scores are from at least 1 for real latents and at most -1 for generated ones; scalar."""
    return (mean_score(ops.relu(1.0 - real), shares) + mean_score(ops.relu(1.0 + fake), shares)) / 2.0


def r1(gradient: Tensor) -> Tensor:
    """Squared norm of the gradient `[B, L, C]` of each real window's score by its latents, mean over the batch; scalar.

    A window's scores depend on that window alone, so the gradient of the sum over the batch holds all of them.
    """
    return ops.mean(ops.sum(ops.square(ops.cast(gradient, "float32")), axis=(1, 2)))


def critic_loss(
    real: Tensor, fake: Tensor, penalty: Tensor, weight: Tensor, max_weight: float, shares: np.ndarray = ONE
) -> Tensor:
    """Hinge loss plus the R1 penalty, times its adaptive weight in [0, 1], times the weight that 1 stands for."""
    return hinge_loss(real, fake, shares) + max_weight * weight * penalty


def certainty(real: Tensor, fake: Tensor) -> Tensor:
    """Mean difference of the scores of real and generated windows, in [0, 1]: 1 is a difference of 2 or more; scalar.

    Local critics do not count: a single latent tells too little for anyone to be certain.
    """
    return ops.clip(ops.mean(real[:, :1]) - ops.mean(fake[:, :1]), 0.0, 2.0) / 2.0


def adapt_weight(weight: Tensor, certain: Tensor) -> Tensor:
    """The penalty's weight after a step whose certainty was `certain`: 0.0001 up or down, within [0, 1]; scalar."""
    return ops.clip(weight + ops.where(certain > CERTAIN, WEIGHT_STEP, -WEIGHT_STEP), 0.0, 1.0)
