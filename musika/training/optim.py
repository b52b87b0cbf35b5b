"""Adam, exponential moving averages, loss scaling, clipping and learning-rate schedules: pure functions on trees.

A tree is an array, or a dict, list or tuple of trees, as `keras.tree` has it. Everything is written on `keras.ops`, so
that it runs inside `tf.function` and `jax.jit` alike. Arguments are not changed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from keras import ops

Tree = Any  # an array, or a dict, list or tuple of trees
Tensor = Any

# ------------------------------------------------------------------------------------------------------ trees


def flatten(tree: Tree) -> dict[str, Any]:
    """Arrays by their path, joined by `/`.

    Raises:
        ValueError: two paths read the same.
    """
    pairs = [("/".join(map(str, path)), leaf) for path, leaf in keras.tree.flatten_with_path(tree)]
    arrays = dict(pairs)
    if len(arrays) != len(pairs):
        raise ValueError("two arrays of the tree have the same path")
    return arrays


def unflatten(like: Tree, arrays: Mapping[str, Any]) -> Tree:
    """The tree of the structure of `like` that `flatten` turns into `arrays`.

    Raises:
        KeyError: an array is missing.
    """
    return keras.tree.pack_sequence_as(like, [arrays[path] for path in flatten(like)])


def select(condition: Tensor, yes: Tree, no: Tree) -> Tree:
    """`yes` where the scalar `condition` holds, `no` otherwise."""
    return keras.tree.map_structure(lambda a, b: ops.where(condition, a, b), yes, no)


def is_finite(tree: Tree) -> Tensor:
    """Whether every number of the tree is finite: a boolean scalar."""
    return ops.all(ops.stack([ops.all(ops.isfinite(leaf)) for leaf in keras.tree.flatten(tree)]))


# ------------------------------------------------------------------------------------------------------- Adam


def init_adam(weights: Tree) -> dict[str, Tree]:
    """Moments before the first step, on the host: `{"step", "m", "v"}`."""

    def make_zeros() -> Tree:
        return keras.tree.map_structure(lambda leaf: np.zeros(tuple(leaf.shape), np.float32), weights)

    return {"step": np.zeros((), np.int32), "m": make_zeros(), "v": make_zeros()}


def apply_adam(
    weights: Tree,
    gradients: Tree,
    moments: dict[str, Tree],
    lr: float | Tensor,
    beta1: float = 0.9,
    beta2: float = 0.999,
    epsilon: float = 1e-7,
    weight_decay: float = 0.0,
) -> tuple[Tree, dict[str, Tree]]:
    """One step of Adam (Kingma and Ba 2015) as Keras computes it.

    Args:
        weights: float32 arrays.
        gradients: a tree of the same structure; taken as float32.
        moments: from `init_adam` or the step before.
        lr: learning rate.
        beta1: decay of the mean of the gradients.
        beta2: decay of the mean of their squares.
        epsilon: added to the root of the latter (not inside the root).
        weight_decay: share of each weight taken off per step, times `lr` (AdamW).

    Returns:
        The new weights and moments.
    """
    step = moments["step"] + 1
    time = ops.cast(step, "float32")
    lr = ops.cast(lr, "float32")
    rate = lr * ops.sqrt(_compute_correction(beta2, time)) / _compute_correction(beta1, time)
    gradients = keras.tree.map_structure(lambda g: ops.cast(g, "float32"), gradients)
    mean = keras.tree.map_structure(lambda m, g: m + (g - m) * (1 - beta1), moments["m"], gradients)
    square = keras.tree.map_structure(lambda v, g: v + (ops.square(g) - v) * (1 - beta2), moments["v"], gradients)

    def move(weight: Tensor, m: Tensor, v: Tensor) -> Tensor:
        kept = weight - weight * (weight_decay * lr) if weight_decay else weight
        return kept - m * rate / (ops.sqrt(v) + epsilon)

    return keras.tree.map_structure(move, weights, mean, square), {"step": step, "m": mean, "v": square}


def _compute_correction(beta: float, time: Tensor) -> Tensor:
    """1 - beta^time without the rounding of beta^time, which is close to 1 at first."""
    return -ops.expm1(time * math.log(beta)) if beta > 0 else ops.ones_like(time)


def update_average(averaged: Tree, weights: Tree, decay: float | Tensor) -> Tree:
    """The exponential moving average after a step: decay x average + (1 - decay) x weights."""
    return keras.tree.map_structure(lambda a, w: a + (ops.cast(w, "float32") - a) * (1 - decay), averaged, weights)


def compute_average_decay(step: Tensor, decay: float) -> Tensor:
    """The decay of a moving average after so many steps: smaller at first, so that initial weights are soon forgotten.

    (1 + step) / (10 + step), up to `decay`, as `tf.train.ExponentialMovingAverage` has it with `num_updates`.
    """
    time = ops.cast(step, "float32")
    return ops.minimum(decay, (1.0 + time) / (10.0 + time))


# ----------------------------------------------------------------------------------------- loss scale, clipping


def init_loss_scale(scale: float = 2.0**15) -> dict[str, np.ndarray]:
    """State of a dynamic loss scale for float16; a scale of 1 that is never updated does nothing."""
    return {"scale": np.asarray(scale, np.float32), "good": np.zeros((), np.int32)}


def unscale(gradients: Tree, state: Mapping[str, Tensor]) -> Tree:
    """Gradients of a loss that was multiplied by `state["scale"]`, as float32 and without that factor."""
    return keras.tree.map_structure(lambda g: ops.cast(g, "float32") / state["scale"], gradients)


def update_loss_scale(state: Mapping[str, Tensor], good: Tensor, interval: int = 2000) -> dict[str, Tensor]:
    """Halves the scale after gradients that were not finite, doubles it after `interval` good steps in a row."""
    scale, count = state["scale"], ops.where(good, state["good"] + 1, 0)
    grown = count >= interval
    scale = ops.where(good, ops.where(grown, ops.minimum(scale * 2, 2.0**24), scale), ops.maximum(scale / 2, 1.0))
    return {"scale": scale, "good": ops.cast(ops.where(grown, 0, count), "int32")}


def compute_global_norm(tree: Tree) -> Tensor:
    """The root of the sum of the squares of all numbers of a tree: a float32 scalar."""
    total = 0.0
    for leaf in keras.tree.flatten(tree):
        total = total + ops.sum(ops.square(ops.cast(leaf, "float32")))
    return ops.sqrt(total)


def clip_by_global_norm(gradients: Tree, limit: float) -> tuple[Tree, Tensor]:
    """Gradients scaled down to a global norm of at most `limit`, and the norm that they had."""
    norm = compute_global_norm(gradients)
    factor = limit / ops.maximum(norm, limit)
    return keras.tree.map_structure(lambda g: g * ops.cast(factor, g.dtype), gradients), norm


# -------------------------------------------------------------------------------------------------- learning rate


def compute_learning_rate(step: Tensor, lr: float, warmup: int, total: int, floor: float = 0.0) -> Tensor:
    """Warm-up and cosine decay: linearly up to `lr` over `warmup` steps, then half a cosine to `floor * lr` at `total`.

    Args:
        step: steps done so far, from 0.
        lr: the highest rate.
        warmup: steps until it is reached.
        total: steps until the lowest rate, which then stays.
        floor: the lowest rate, as a share of `lr`.
    """
    time = ops.cast(step, "float32")
    rising = (time + 1) / max(warmup, 1)
    part = ops.clip((time - warmup) / max(total - warmup, 1), 0.0, 1.0)
    falling = floor + (1 - floor) * 0.5 * (1 + ops.cos(math.pi * part))
    return lr * ops.minimum(rising, falling)
