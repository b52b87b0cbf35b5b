"""What generator and critic are taught by: pure functions on scores and gradients.

Scores are `[B, 1]`, large for latents that the critic takes for real. The critic's R1 penalty has a weight that adapts
itself: it rises while the critic is certain, and falls while it is not. (The original stores minus this weight as
`switch`.)
"""

from __future__ import annotations

from typing import Any

from keras import ops

Tensor = Any

WEIGHT_STEP = 1e-4  # by which the penalty's weight moves in one training step
CERTAIN = 0.9  # certainty above which it rises
FIRST_WEIGHT = 1.0  # of the penalty, at the start of a training


def generator_loss(fake: Tensor) -> Tensor:
    """Minus the mean score `[B, 1]` of generated latents; scalar."""
    return -ops.mean(fake)


def hinge_loss(real: Tensor, fake: Tensor) -> Tensor:
    """How far scores `[B, 1]` are from at least 1 for real latents and at most -1 for generated ones; scalar."""
    return (ops.mean(ops.relu(1.0 - real)) + ops.mean(ops.relu(1.0 + fake))) / 2.0


def r1(gradient: Tensor) -> Tensor:
    """Squared norm of the gradient `[B, L, C]` of each real window's score by its latents, mean over the batch; scalar.

    A window's score depends on that window alone, so the gradient of the sum of scores holds all of them.
    """
    return ops.mean(ops.sum(ops.square(ops.cast(gradient, "float32")), axis=(1, 2)))


def critic_loss(real: Tensor, fake: Tensor, penalty: Tensor, weight: Tensor, max_weight: float) -> Tensor:
    """Hinge loss plus the R1 penalty, times its adaptive weight in [0, 1], times the weight that 1 stands for."""
    return hinge_loss(real, fake) + max_weight * weight * penalty


def certainty(real: Tensor, fake: Tensor) -> Tensor:
    """Mean difference of real and generated scores, in [0, 1]: 1 is a difference of 2 or more; scalar."""
    return ops.clip(ops.mean(real) - ops.mean(fake), 0.0, 2.0) / 2.0


def adapted(weight: Tensor, certain: Tensor) -> Tensor:
    """The penalty's weight after a step whose certainty was `certain`: 0.0001 up or down, within [0, 1]; scalar."""
    return ops.clip(weight + ops.where(certain > CERTAIN, WEIGHT_STEP, -WEIGHT_STEP), 0.0, 1.0)
