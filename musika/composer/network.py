"""The composer's network: causal attention over notes, and a small head that decodes the fields of the next note.

Each step is the sum of the embeddings of its note, of where it is, and of the section's conditions. Attention sees only
earlier steps; half of its heads also prefer near ones (ALiBi: O. Press et al., "Train short, test long: attention with
linear biases enables input length extrapolation", ICLR 2022). The head tells the time of the next note; then, given
that time and what holds there, its pitch class; given this its octave, duration and velocity, one after another.

`incremental.py` computes the same network note by note.
"""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np
from keras import ops

from musika import draws
from musika.composer.network_sizes import (
    EPSILON,
    FIELD_NAMES,
    INPUT_FEATURES,
    PLACE_FEATURES,
    compute_slopes,
)
from musika.composer.vocabulary import FIELDS
from musika.config import ComposerConfig

Tensor = Any

EMBEDDING_SCALE = 0.1
OUTPUT_SCALE = 0.1  # of the first logits


class Composer(keras.Layer):
    """The network, built at once with weights that depend on a seed alone.

    Args:
        config: its sizes.
        seed: of the initial weights; None leaves them zero, for weights that are about to be assigned.
        dtype: Keras's dtype policy or its name.
    """

    def __init__(self, config: ComposerConfig, seed: int | None = 0, dtype: Any = "float32") -> None:
        super().__init__(dtype=dtype, name="composer")
        self.config = config
        width = config.width
        self.embedding = _make_dense(self, width, "embedding", use_bias=False)
        self.blocks = [AttentionBlock(config, dtype, f"block_{n}") for n in range(config.layers)]
        self.final_norm = _make_norm(self, "final_norm")
        self.heads = [FieldHead(config, size, dtype, f"head_{name}") for name, size in FIELDS.items()]
        # what the head learns once a field is known: the time and what holds there, then each other field but the last
        self.known = [_make_dense(self, width, f"known_{name}", use_bias=False) for name in FIELD_NAMES[:-1]]
        self.build()
        self.built = True
        if seed is not None:
            initialise(self, seed)

    def build(self) -> None:
        width = self.config.width
        self.embedding.build((None, None, sum(INPUT_FEATURES)))
        self.final_norm.build((None, None, width))
        parts: list[Any] = [*self.blocks, *self.heads]
        for part in parts:
            part.build((None, None, width))
        sizes = [*FIELDS.values()][:-1]
        sizes[0] += sum(PLACE_FEATURES)
        for part, size in zip(self.known, sizes, strict=True):
            part.build((None, None, size))

    def call(self, inputs: dict[str, Tensor]) -> list[Tensor]:
        """Logits of each field of the next note, `[B, L, values]`, given its earlier fields.

        Args:
            inputs: int32 arrays `features` `[B, L, 24]` (a step's note, place and conditions), `next_fields`
                `[B, L, 5]` and `next_places` `[B, L, 8]` of the note that follows; and `dropout`, float32
                `[B, 2 layers + 1, width]`, what each channel is multiplied with, or nothing.
        """
        masks = inputs.get("dropout")
        x = self.embedding(_encode_one_hot(inputs["features"], INPUT_FEATURES, self.compute_dtype))
        if masks is not None:
            masks = ops.cast(masks, self.compute_dtype)
            x = x * masks[:, -1:, :]
        bias = ops.cast(make_attention_bias(self.config.heads, x.shape[1]), self.compute_dtype)
        for n, block in enumerate(self.blocks):
            pair = (None, None) if masks is None else (masks[:, 2 * n, None, :], masks[:, 2 * n + 1, None, :])
            x = block(x, bias, pair)
        return self.decode_fields(self.final_norm(x), inputs["next_fields"], inputs["next_places"])

    def decode_fields(self, x: Tensor, fields: Tensor, places: Tensor) -> list[Tensor]:
        """Logits of each field from the network's output `[B, L, width]`, given the fields before it."""
        logits = []
        for n, name in enumerate(FIELD_NAMES):
            logits.append(ops.cast(self.heads[n](x), "float32"))
            if n == 0:
                features = ops.concatenate([fields[..., :1], places], -1)
                known = _encode_one_hot(features, (FIELDS[name], *PLACE_FEATURES), self.compute_dtype)
            elif n < len(FIELD_NAMES) - 1:
                known = ops.one_hot(fields[..., n], FIELDS[name], dtype=self.compute_dtype)
            else:
                break
            x = x + self.known[n](known)
        return logits


class AttentionBlock(keras.Layer):
    """Causal self-attention, then two dense layers with a squared ReLU, each added to what came in."""

    def __init__(self, config: ComposerConfig, dtype: Any, name: str) -> None:
        super().__init__(dtype=dtype, name=name)
        self.count, self.width = config.heads, config.width
        self.attention_norm = _make_norm(self, "attention_norm")
        self.query_key_value = _make_dense(self, 3 * config.width, "query_key_value", use_bias=False)
        self.merge = _make_dense(self, config.width, "merge")
        self.dense_norm = _make_norm(self, "dense_norm")
        self.widen = _make_dense(self, 4 * config.width, "widen")
        self.narrow = _make_dense(self, config.width, "narrow")

    def build(self, shape: tuple[Any, ...]) -> None:
        for layer in (self.attention_norm, self.query_key_value, self.merge, self.dense_norm, self.widen):
            layer.build((None, None, self.width))
        self.narrow.build((None, None, 4 * self.width))
        self.built = True

    def call(self, x: Tensor, bias: Tensor, masks: tuple[Any, Any]) -> Tensor:
        """`[B, L, width]` to the same shape; `bias` `[heads, L, L]` is added to the scores."""
        y = self._attend(self.attention_norm(x), bias)
        x = x + (y if masks[0] is None else y * masks[0])
        y = self.narrow(ops.square(ops.relu(self.widen(self.dense_norm(x)))))
        return x + (y if masks[1] is None else y * masks[1])

    def _attend(self, x: Tensor, bias: Tensor) -> Tensor:
        length, size = x.shape[1], self.width // self.count
        parts = ops.reshape(self.query_key_value(x), (-1, length, 3, self.count, size))
        query, key, value = (ops.transpose(parts[:, :, n], (0, 2, 1, 3)) for n in range(3))  # [B, H, L, size]
        scores = ops.matmul(query, ops.transpose(key, (0, 1, 3, 2))) / math.sqrt(size) + bias
        weights = ops.cast(ops.softmax(ops.cast(scores, "float32"), axis=-1), x.dtype)
        merged = ops.transpose(ops.matmul(weights, value), (0, 2, 1, 3))
        return self.merge(ops.reshape(merged, (-1, length, self.width)))


class FieldHead(keras.Layer):
    """Logits of one field."""

    def __init__(self, config: ComposerConfig, size: int, dtype: Any, name: str) -> None:
        super().__init__(dtype=dtype, name=name)
        self.norm = _make_norm(self, "norm")
        self.hidden = _make_dense(self, config.head_width, "hidden")
        self.out = _make_dense(self, size, "out")

    def build(self, shape: tuple[Any, ...]) -> None:
        self.norm.build(shape)
        self.hidden.build(shape)
        self.out.build((*shape[:-1], self.hidden.units))
        self.built = True

    def call(self, x: Tensor) -> Tensor:
        return self.out(ops.square(ops.relu(self.hidden(self.norm(x)))))


def make_attention_bias(heads: int, length: int) -> np.ndarray:
    """What is added to the scores of attention, float32 `[heads, L, L]`.

    Later steps are out of reach. Every second head falls off with the distance, in steps, at slopes from 1/2 down.
    """
    distance = np.arange(length)[:, None] - np.arange(length)[None, :]
    bias = -compute_slopes(heads)[:, None, None] * np.maximum(distance, 0)
    return np.where(distance < 0, -1e9, bias).astype(np.float32)


def initialise(network: keras.Layer, seed: int) -> None:
    """Gives every kernel of a built network its initial value, a function of the seed and the kernel's path alone.

    Uniform with a variance of 1 / inputs; those that end a branch are smaller by the root of the number of branches,
    those of logits by OUTPUT_SCALE, and embeddings, of whose inputs only some are 1, have a scale of their own.
    """
    config = network.config
    for variable in network.trainable_variables:
        if variable.name != "kernel":
            continue
        path, shape = variable.path, tuple(variable.shape)
        scale = 1.0 / math.sqrt(shape[0])
        if "embedding" in path or "known" in path:
            scale = EMBEDDING_SCALE
        elif "merge" in path or "narrow" in path:
            scale /= math.sqrt(2.0 * config.layers)
        elif path.endswith("out/kernel"):
            scale *= OUTPUT_SCALE
        numbers = 2.0 * draws.uniform(seed, f"weights/{path}", 0, shape) - 1.0
        variable.assign((math.sqrt(3.0) * scale * numbers).astype(np.float32))


def _encode_one_hot(features: Tensor, sizes: tuple[int, ...], dtype: Any) -> Tensor:
    """`[..., k]` whole numbers to `[..., sum(sizes)]`: a 1 for each."""
    parts = [ops.one_hot(features[..., n], size, dtype=dtype) for n, size in enumerate(sizes)]
    return ops.concatenate(parts, axis=-1)


def _make_dense(owner: keras.Layer, units: int, name: str, use_bias: bool = True) -> keras.Layer:
    return keras.layers.Dense(units, use_bias=use_bias, kernel_initializer="zeros", dtype=owner.dtype_policy, name=name)


def _make_norm(owner: keras.Layer, name: str) -> keras.Layer:
    return keras.layers.RMSNormalization(epsilon=EPSILON, dtype=owner.dtype_policy, name=name)
