"""Adam, weight average, loss scale, clipping and schedules: pure functions on trees of arrays.

A tree is an array, or a dict, list or tuple of trees. Everything is written on `keras.ops`, so that it runs inside
`tf.function` and `jax.jit` alike; what comes in is not changed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from keras import ops

Tree = Any  # an array, or a dict, list or tuple of trees
Tensor = Any


# ------------------------------------------------------------------------------------------------------ trees


def tree_map(function: Callable[..., Any], tree: Tree, *others: Tree) -> Tree:
    """`function` of the corresponding leaves of trees of one structure, as a tree of that structure.

    Raises:
        ValueError: the structures differ.
    """
    if isinstance(tree, Mapping):
        if any(not isinstance(other, Mapping) or set(other) != set(tree) for other in others):
            raise ValueError("trees of different structure")
        return {key: tree_map(function, value, *(other[key] for other in others)) for key, value in tree.items()}
    if isinstance(tree, (list, tuple)):
        if any(not isinstance(other, (list, tuple)) or len(other) != len(tree) for other in others):
            raise ValueError("trees of different structure")
        return type(tree)(tree_map(function, *leaves) for leaves in zip(tree, *others, strict=True))
    return function(tree, *others)


def leaves(tree: Tree) -> list[Any]:
    """All arrays of a tree, in the order of `flatten`."""
    return [leaf for _, leaf in _paths(tree, "")]


def flatten(tree: Tree) -> dict[str, Any]:
    """Arrays by their path, joined by `/`.

    Raises:
        ValueError: two paths read the same.
    """
    found = dict(_paths(tree, ""))
    if len(found) != len(leaves(tree)):
        raise ValueError("two arrays of the tree have the same path")
    return found


def unflatten(like: Tree, arrays: Mapping[str, Any]) -> Tree:
    """The tree of the structure of `like` that `flatten` turns into `arrays`.

    Raises:
        KeyError: an array is missing.
    """
    paths = iter([path for path, _ in _paths(like, "")])
    return tree_map(lambda _: arrays[next(paths)], like)


def _paths(tree: Tree, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(tree, Mapping):
        pairs = [(str(key), value) for key, value in tree.items()]
    elif isinstance(tree, (list, tuple)):
        pairs = [(str(index), value) for index, value in enumerate(tree)]
    else:
        yield path, tree
        return
    for key, value in pairs:
        yield from _paths(value, f"{path}/{key}" if path else key)


def zeros_like(tree: Tree) -> Tree:
    """Zeros in float32 on the host, of the shapes of the tree."""
    return tree_map(lambda leaf: np.zeros(tuple(leaf.shape), np.float32), tree)


def choose(condition: Tensor, yes: Tree, no: Tree) -> Tree:
    """`yes` where the scalar `condition` holds, `no` otherwise."""
    return tree_map(lambda a, b: ops.where(condition, a, b), yes, no)


def finite(tree: Tree) -> Tensor:
    """Whether every number of the tree is finite: a boolean scalar."""
    found = [ops.all(ops.isfinite(leaf)) for leaf in leaves(tree)]
    return ops.all(ops.stack(found))


# ------------------------------------------------------------------------------------------------------- Adam


def adam_init(weights: Tree) -> dict[str, Tree]:
    """Moments before the first step: `{"step", "m", "v"}`."""
    return {"step": np.zeros((), np.int32), "m": zeros_like(weights), "v": zeros_like(weights)}


def adam(
    weights: Tree,
    gradients: Tree,
    moments: dict[str, Tree],
    lr: float | Tensor,
    beta1: float = 0.9,
    beta2: float = 0.999,
    epsilon: float = 1e-7,
    weight_decay: float = 0.0,
) -> tuple[Tree, dict[str, Tree]]:
    """One step of Adam as Keras computes it.

    Args:
        weights: float32 arrays.
        gradients: a tree of the same structure; taken as float32.
        moments: from `adam_init` or the step before.
        lr: step size.
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
    rate = lr * ops.sqrt(_correction(beta2, time)) / _correction(beta1, time)
    gradients = tree_map(lambda g: ops.cast(g, "float32"), gradients)
    mean = tree_map(lambda m, g: m + (g - m) * (1 - beta1), moments["m"], gradients)
    square = tree_map(lambda v, g: v + (ops.square(g) - v) * (1 - beta2), moments["v"], gradients)

    def moved(weight: Tensor, m: Tensor, v: Tensor) -> Tensor:
        kept = weight - weight * (weight_decay * lr) if weight_decay else weight
        return kept - m * rate / (ops.sqrt(v) + epsilon)

    return tree_map(moved, weights, mean, square), {"step": step, "m": mean, "v": square}


def _correction(beta: float, time: Tensor) -> Tensor:
    """1 - beta^time without the rounding of beta^time, which is close to 1 at first."""
    return -ops.expm1(time * math.log(beta)) if beta > 0 else ops.ones_like(time)


def average(averaged: Tree, weights: Tree, decay: float | Tensor) -> Tree:
    """Exponential average: `decay` of the old one and the rest of the new weights."""
    return tree_map(lambda a, w: a + (ops.cast(w, "float32") - a) * (1 - decay), averaged, weights)


# ----------------------------------------------------------------------------------------- loss scale, clipping


def loss_scale_init(scale: float = 2.0**15) -> dict[str, np.ndarray]:
    """State of a dynamic loss scale for float16; a scale of 1 that is never updated does nothing."""
    return {"scale": np.asarray(scale, np.float32), "good": np.zeros((), np.int32)}


def unscale(gradients: Tree, state: Mapping[str, Tensor]) -> Tree:
    """Gradients of a loss that was multiplied by `state["scale"]`, as float32 and without that factor."""
    return tree_map(lambda g: ops.cast(g, "float32") / state["scale"], gradients)


def loss_scale_update(state: Mapping[str, Tensor], good: Tensor, interval: int = 2000) -> dict[str, Tensor]:
    """Halves the scale after gradients that were not finite, doubles it after `interval` good steps in a row."""
    scale, count = state["scale"], ops.where(good, state["good"] + 1, 0)
    grown = count >= interval
    scale = ops.where(good, ops.where(grown, ops.minimum(scale * 2, 2.0**24), scale), ops.maximum(scale / 2, 1.0))
    return {"scale": scale, "good": ops.cast(ops.where(grown, 0, count), "int32")}


def global_norm(tree: Tree) -> Tensor:
    """The root of the sum of the squares of all numbers of a tree: a float32 scalar."""
    total = 0.0
    for leaf in leaves(tree):
        total = total + ops.sum(ops.square(ops.cast(leaf, "float32")))
    return ops.sqrt(total)


def clip(gradients: Tree, limit: float) -> tuple[Tree, Tensor]:
    """Gradients shortened to a global norm of at most `limit`, and the norm that they had."""
    norm = global_norm(gradients)
    factor = limit / ops.maximum(norm, limit)
    return tree_map(lambda g: g * ops.cast(factor, g.dtype), gradients), norm


# -------------------------------------------------------------------------------------------------- schedules


def warmup_cosine(step: Tensor, lr: float, warmup: int, total: int, floor: float = 0.0) -> Tensor:
    """Rises in a straight line to `lr` over `warmup` steps, then falls along half a cosine to `floor * lr` at `total`.

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
