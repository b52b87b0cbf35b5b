"""The composer's network note by note: what `network.py` computes, one step at a time, in NumPy.

Keys and values of earlier steps are kept, so a step costs the same however long a section is. In NumPy a step of a
small network costs less than a call into a framework, nothing needs to be compiled, and the numbers do not depend on
the framework.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from musika.composer.network_sizes import EPSILON, FIELD_NAMES, INPUT_FEATURES, compute_slopes
from musika.composer.vocabulary import FIELDS, PLACES
from musika.config import ComposerConfig

_INPUT_OFFSETS = np.cumsum([0, *INPUT_FEATURES[:-1]])
_PLACE_OFFSETS = FIELDS["delta"] + np.cumsum([0, *list(PLACES.values())[:-1]])


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
        for n in range(config.layers):
            name = f"block_{n}"
            y = _normalise(x, w[f"{name}/attention_norm/scale"]) @ w[f"{name}/query_key_value/kernel"]
            query, key, value = y.reshape(rows, 3, config.heads, size).transpose(1, 0, 2, 3)  # [rows, heads, size]
            memory.keys[n, :, :, :, position] = key
            memory.values[n, :, :, position] = value
            keys = memory.keys[n, :, :, :, : position + 1]  # [rows, heads, size, steps]
            scores = np.matmul(query[:, :, None, :], keys)[:, :, 0] / np.float32(math.sqrt(size)) + hidden
            scores = np.exp(scores - scores.max(axis=-1, keepdims=True))
            scores /= scores.sum(axis=-1, keepdims=True)
            merged = np.matmul(scores[:, :, None, :], memory.values[n, :, :, : position + 1])[:, :, 0]
            x = x + merged.reshape(rows, -1) @ w[f"{name}/merge/kernel"] + w[f"{name}/merge/bias"]
            y = _normalise(x, w[f"{name}/dense_norm/scale"]) @ w[f"{name}/widen/kernel"] + w[f"{name}/widen/bias"]
            x = x + np.square(np.maximum(y, 0)) @ w[f"{name}/narrow/kernel"] + w[f"{name}/narrow/bias"]
        memory.count += 1
        return _normalise(x, w["final_norm/scale"])

    def compute_logits(self, x: np.ndarray, field: int) -> np.ndarray:
        """Logits of a field, float32 `[rows, values]`, from the output of `step` with what is known of the note."""
        name, w = f"head_{FIELD_NAMES[field]}", self.weights
        y = _normalise(x, w[f"{name}/norm/scale"]) @ w[f"{name}/hidden/kernel"] + w[f"{name}/hidden/bias"]
        return np.square(np.maximum(y, 0)) @ w[f"{name}/out/kernel"] + w[f"{name}/out/bias"]

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

    def compute_bias(self, slopes: np.ndarray, position: int) -> np.ndarray:
        """What is added to the scores of a step, float32 `[rows, heads, position + 1]`; a step always sees itself."""
        distance = position - np.arange(position + 1, dtype=np.float32)
        sees = self.is_used[:, : position + 1].copy()
        sees[:, position] = True
        hidden = np.where(sees, np.float32(0), np.float32(-1e9))
        return hidden[:, None, :] - slopes[None, :, None] * distance


def _normalise(x: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """RMS normalisation over the last axis."""
    mean = np.mean(np.square(x), axis=-1, keepdims=True)
    return x * (scale / np.sqrt(mean + np.float32(EPSILON)))
