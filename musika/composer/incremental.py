"""The composer's network note by note: what `network.py` computes, one step at a time, in NumPy.

Keys and values of earlier steps are kept, so a step costs the same however long a section is. In NumPy a step of a
small network costs less than a call into a framework, nothing needs to be compiled, and the numbers do not depend on
the framework.

Several sections take a step together: most of the time goes into calling NumPy. Each section has products of its own,
a vector times a matrix. So its numbers are the same to the bit whatever is written beside it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from musika.composer.network_sizes import EPSILON, FIELD_NAMES, INPUT_FEATURES, compute_slopes
from musika.composer.vocabulary import FIELDS, PLACES
from musika.config import ComposerConfig

_INPUT_OFFSETS = np.cumsum([0, *INPUT_FEATURES[:-1]])
_PLACE_OFFSETS = FIELDS["delta"] + np.cumsum([0, *list(PLACES.values())[:-1]])


class BlockWeights(NamedTuple):
    """Weights of an attention block as a step takes them; kernels are `[inputs, outputs]`."""

    query_key_value: np.ndarray
    merge: np.ndarray
    merge_bias: np.ndarray
    widen: np.ndarray
    widen_bias: np.ndarray
    narrow: np.ndarray
    narrow_bias: np.ndarray


class IncrementalComposer:
    """A composer's weights, and how they are applied to one step of several sections at once.

    Args:
        config: sizes of the network.
        weights: float32 arrays by the names of the checkpoint.
    """

    def __init__(self, config: ComposerConfig, weights: Mapping[str, np.ndarray]) -> None:
        self.config = config
        self.weights = {name: np.ascontiguousarray(array, np.float32) for name, array in weights.items()}
        self.slopes = compute_slopes(config.heads)
        self.blocks = [_fold_block(self.weights, f"block_{n}", config) for n in range(config.layers)]
        self.heads = [_fold_head(self.weights, f"head_{name}") for name in FIELD_NAMES]

    def start(self, rows: int, length: int) -> Memory:
        """An empty memory for `rows` sections of at most `length` steps."""
        return Memory(self.config, rows, length)

    def step(self, memory: Memory, features: np.ndarray, is_used: np.ndarray) -> np.ndarray:
        """Adds one step to each section; the network's output before the fields are told, float32 `[rows, width]`.

        Args:
            memory: of the steps so far; it is changed.
            features: as the network has them, int `[rows, 24]`.
            is_used: whether a section has this step, bool `[rows]`; others do not see it later.
        """
        config, w = self.config, self.weights
        rows, size = len(features), config.width // config.heads
        position = memory.count
        memory.is_used[:, position] = is_used
        x = w["embedding/kernel"][features + _INPUT_OFFSETS].sum(axis=1)  # [rows, width]
        hidden = memory.compute_bias(self.slopes, position)  # [rows, heads, position + 1]
        for n, block in enumerate(self.blocks):
            y = _multiply(_normalise(x), block.query_key_value).reshape(rows, 3, config.heads, size)
            memory.keys[n, :, :, :, position] = y[:, 1]
            memory.values[n, :, :, position] = y[:, 2]
            keys = memory.keys[n, :, :, :, : position + 1]  # [rows, heads, size, steps]
            scores = np.matmul(y[:, 0, :, None, :], keys)[:, :, 0]
            scores += hidden
            scores -= scores.max(axis=-1, keepdims=True)
            np.exp(scores, out=scores)
            merged = np.matmul(scores[:, :, None, :], memory.values[n, :, :, : position + 1])[:, :, 0]
            merged /= scores.sum(axis=-1, keepdims=True)
            x = _add(_multiply(merged.reshape(rows, -1), block.merge), x, block.merge_bias)
            y = _square_positive(_add(_multiply(_normalise(x), block.widen), block.widen_bias))
            x = _add(_multiply(y, block.narrow), x, block.narrow_bias)
        memory.count += 1
        return _normalise(x) * w["final_norm/scale"]

    def read(self, memory: Memory, features: np.ndarray, is_used: np.ndarray) -> None:
        """Adds the first steps to an empty memory, all at once.

        Args:
            memory: it is changed.
            features: int `[rows, steps, 24]`.
            is_used: bool `[rows, steps]`.
        """
        config = self.config
        rows, steps, _ = features.shape
        size = config.width // config.heads
        memory.is_used[:, :steps] = is_used
        x = self.weights["embedding/kernel"][features + _INPUT_OFFSETS].sum(axis=2)  # [rows, steps, width]
        hidden = np.stack([memory.compute_bias(self.slopes, n, steps) for n in range(steps)], axis=2)
        for n, block in enumerate(self.blocks):
            y = (_normalise(x) @ block.query_key_value).reshape(rows, steps, 3, config.heads, size)
            query, key, value = (np.ascontiguousarray(y[:, :, part].transpose(0, 2, 1, 3)) for part in range(3))
            memory.keys[n, :, :, :, :steps] = key.transpose(0, 1, 3, 2)
            memory.values[n, :, :, :steps] = value
            scores = query @ key.transpose(0, 1, 3, 2) + hidden  # [rows, heads, steps, steps]
            scores = np.exp(scores - scores.max(axis=-1, keepdims=True))
            merged = (scores @ value) / scores.sum(axis=-1, keepdims=True)
            x = x + merged.transpose(0, 2, 1, 3).reshape(rows, steps, -1) @ block.merge + block.merge_bias
            y = _square_positive(_normalise(x) @ block.widen + block.widen_bias)
            x = x + y @ block.narrow + block.narrow_bias
        memory.count = steps

    def compute_logits(self, x: np.ndarray, field: int) -> np.ndarray:
        """Logits of a field, float32 `[rows, values]`, from the output of `step` with what is known of the note."""
        hidden, hidden_bias, out, out_bias = self.heads[field]
        return _multiply(_square_positive(_multiply(_normalise(x), hidden) + hidden_bias), out) + out_bias

    def add_time(self, x: np.ndarray, delta: np.ndarray, places: np.ndarray) -> np.ndarray:
        """`x` once the time of the note is known, int `[rows]`, and what holds there, int `[rows, 8]`."""
        rows = np.concatenate([delta[:, None], places + _PLACE_OFFSETS], axis=1)
        return x + self.weights["known_delta/kernel"][rows].sum(axis=1)

    def add_field(self, x: np.ndarray, field: int, values: np.ndarray) -> np.ndarray:
        """`x` once another field of the note is known, int `[rows]`."""
        return x + self.weights[f"known_{FIELD_NAMES[field]}/kernel"][values]


class Memory:
    """Keys and values of the steps so far.

    Attributes:
        count: steps.
        keys: float32 `[layers, rows, heads, size, length]`.
        values: float32 `[layers, rows, heads, length, size]`.
        is_used: which sections have which steps, bool `[rows, length]`.
    """

    def __init__(self, config: ComposerConfig, rows: int, length: int) -> None:
        size = config.width // config.heads
        self.count = 0
        self.keys = np.zeros((config.layers, rows, config.heads, size, length), np.float32)
        self.values = np.zeros((config.layers, rows, config.heads, length, size), np.float32)
        self.is_used = np.zeros((rows, length), bool)

    def select(self, rows: np.ndarray) -> None:
        """Keeps some of the sections, ascending; they move to the beginning."""
        for place, row in enumerate(rows):
            if place != row:
                self.keys[:, place, :, :, : self.count] = self.keys[:, row, :, :, : self.count]
                self.values[:, place, :, : self.count] = self.values[:, row, :, : self.count]
        count = len(rows)
        self.keys, self.values, self.is_used = self.keys[:, :count], self.values[:, :count], self.is_used[rows]

    def compute_bias(self, slopes: np.ndarray, position: int, count: int | None = None) -> np.ndarray:
        """What is added to the scores of a step, float32 `[rows, heads, count]`; a step always sees itself.

        Args:
            count: steps from the first on; None is up to this one. Later ones are not seen.
        """
        count = position + 1 if count is None else count
        distance = position - np.arange(count, dtype=np.float32)
        sees = self.is_used[:, :count] & (distance >= 0)
        sees[:, position] = True
        hidden = np.where(sees, np.float32(0), np.float32(-1e9))
        return hidden[:, None, :] - slopes[None, :, None] * distance


def _fold_block(weights: Mapping[str, np.ndarray], name: str, config: ComposerConfig) -> BlockWeights:
    """The weights of a block, with the scales of its norms and of attention in the kernels behind them."""
    query_key_value = weights[f"{name}/attention_norm/scale"][:, None] * weights[f"{name}/query_key_value/kernel"]
    query_key_value[:, : config.width] /= np.float32(math.sqrt(config.width // config.heads))
    return BlockWeights(
        query_key_value,
        weights[f"{name}/merge/kernel"],
        weights[f"{name}/merge/bias"],
        weights[f"{name}/dense_norm/scale"][:, None] * weights[f"{name}/widen/kernel"],
        weights[f"{name}/widen/bias"],
        weights[f"{name}/narrow/kernel"],
        weights[f"{name}/narrow/bias"],
    )


def _fold_head(weights: Mapping[str, np.ndarray], name: str) -> tuple[np.ndarray, ...]:
    """Kernel and bias of both layers of a field's head, with the scale of its norm in the first."""
    hidden = weights[f"{name}/norm/scale"][:, None] * weights[f"{name}/hidden/kernel"]
    return hidden, weights[f"{name}/hidden/bias"], weights[f"{name}/out/kernel"], weights[f"{name}/out/bias"]


def _normalise(x: np.ndarray) -> np.ndarray:
    """RMS normalisation over the last axis of `[.., width]`, without its scale."""
    mean = np.einsum("...w,...w->...", x, x) / np.float32(x.shape[-1])
    return x * (np.float32(1) / np.sqrt(mean + np.float32(EPSILON)))[..., None]


def _multiply(x: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """`x @ kernel`, of `[rows, inputs]`: one row after the other, so that none depends on how many there are."""
    return np.matmul(x[:, None], kernel)[:, 0]


def _add(y: np.ndarray, *others: np.ndarray) -> np.ndarray:
    """Adds to `y`, in place."""
    for other in others:
        y += other
    return y


def _square_positive(y: np.ndarray) -> np.ndarray:
    """The square of what is positive, in place."""
    np.maximum(y, 0, out=y)
    y *= y
    return y
