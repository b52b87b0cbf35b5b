"""Critics of decoded sound: how real each patch of a complex spectrum looks, at several resolutions.

    waveform ──views──▶ patches of bins ──embed, + place in frequency──▶ three convolutions ──▶ a score for each cell

Critics see the short-time spectrum of left, right, mid and side, real and imaginary parts, with magnitudes raised to
0.3 so that quiet parts count; phases are kept. A patch of neighbouring bins in one frame becomes one vector, which is
as much work as a strided convolution, without its small kernels. A learned vector for its place in frequency is added.
Convolutions over frames and patches with normalised weights follow (Salimans and Kingma 2016). Every cell of the result
has a score of its own, with the hinge loss (Lim and Ye 2017).

Complex spectra at several resolutions are from EnCodec (Défossez et al. 2022). Its feature matching compares features
cell by cell; our latents say nothing of absolute phase, so features are compared as means over the frames of a crop.

Shapes: B crops, N samples, F frames, P patches of bins, K channels.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from musika import draws, spectrum

Tensor = Any

RESOLUTIONS = ((2048, 512), (1024, 256), (512, 128))  # (window, hop)
PLANES = 8  # real and imaginary parts of left, right, mid, side
PATCH = 16  # neighbouring bins that become one vector
EXPONENT = 0.3  # of magnitudes
POWER_FLOOR = 1e-8  # below a full-scale sine's bin, -80 dB
SLOPE = 0.2
STRIDES = (2, 2, 1)  # over patches, of the convolutions


def compute_views(waveform: Tensor) -> list[Tensor]:
    """Waveforms `[B, 2, N]` to what each critic sees, `[B, F, P, PLANES PATCH]`."""
    return [_compute_view(waveform, window, hop) for window, hop in RESOLUTIONS]


def _compute_view(waveform: Tensor, window: int, hop: int) -> Tensor:
    whole = waveform.shape[-1] // hop * hop
    parts = spectrum.stft(waveform[..., :whole], window, hop)
    real, imaginary = (_append_mid_side(part[..., :-1] * (4.0 / window)) for part in parts)
    power = ops.square(real) + ops.square(imaginary) + POWER_FLOOR  # [B, 4, frames, window / 2]
    scale = ops.exp(ops.log(power) * ((EXPONENT - 1) / 2))
    planes = ops.concatenate([real * scale, imaginary * scale], axis=1)  # [B, PLANES, frames, window / 2]
    batch, _, frames, bins = planes.shape
    patches = ops.reshape(planes, (batch, PLANES, frames, bins // PATCH, PATCH))
    return ops.reshape(ops.transpose(patches, (0, 2, 3, 1, 4)), (batch, frames, bins // PATCH, PLANES * PATCH))


def _append_mid_side(channels: Tensor) -> Tensor:
    """`[B, 2, ..]` to `[B, 4, ..]`."""
    left, right = channels[:, :1], channels[:, 1:]
    half = 0.5**0.5
    return ops.concatenate([channels, (left + right) * half, (left - right) * half], axis=1)


class NormalisedConv(keras.layers.Layer):
    """Convolution over frames and patches, `[B, F, P, K]` to `[B, F, P', K']`.

    Its kernel is gain · direction / |direction|, with a gain for each output channel.
    """

    def __init__(self, width: int, kernel: tuple[int, int], stride: int = 1, **options: Any) -> None:
        super().__init__(**options)
        self.width, self.kernel_size, self.stride = width, kernel, stride

    def build(self, shape: tuple[int | None, ...]) -> None:
        self.direction = self.add_weight(name="direction", shape=(*self.kernel_size, shape[-1], self.width))
        self.gain = self.add_weight(name="gain", shape=(self.width,), initializer="ones")
        self.bias = self.add_weight(name="bias", shape=(self.width,), initializer="zeros")

    def call(self, x: Tensor) -> Tensor:
        length = ops.sqrt(ops.sum(ops.square(self.direction), axis=(0, 1, 2)) + 1e-12)
        kernel = ops.cast(self.direction * (self.gain / length), x.dtype)
        x = ops.conv(x, kernel, (1, self.stride), "same", data_format="channels_last")
        return x + ops.cast(self.bias, x.dtype)


class SpectrumCritic(keras.layers.Layer):
    """The critic of one resolution: a view `[B, F, P, PLANES PATCH]` to scores `[B, F, P / 4]` and layers' features."""

    def __init__(self, patches: int, width: int, **options: Any) -> None:
        super().__init__(**options)
        self.patches, self.width = patches, width
        self.embed = NormalisedConv(width, (1, 1), name="embed", dtype=self.dtype_policy)
        self.hidden = [
            NormalisedConv(width * factor, (3, 3), stride, name=f"hidden_{n}", dtype=self.dtype_policy)
            for n, (factor, stride) in enumerate(zip((1, 2, 2), STRIDES, strict=True))
        ]
        self.score = NormalisedConv(1, (3, 3), name="score", dtype=self.dtype_policy)

    def build(self, shape: tuple[int | None, ...] | None = None) -> None:
        self.place = self.add_weight(name="place", shape=(self.patches, self.width), initializer="zeros")
        depth = PLANES * PATCH
        for layer in (self.embed, *self.hidden, self.score):
            layer.build((None, None, None, depth))
            depth = layer.width

    def call(self, view: Tensor) -> tuple[Tensor, list[Tensor]]:
        x = self.embed(view)
        x = ops.leaky_relu(x + ops.cast(self.place, x.dtype), SLOPE)
        features = [x]
        for layer in self.hidden:
            x = ops.leaky_relu(layer(x), SLOPE)
            features.append(x)
        score = ops.cast(self.score(x), "float32")[..., 0]
        return score, [ops.cast(feature, "float32") for feature in features]


class Critics(keras.layers.Layer):
    """A critic for each of RESOLUTIONS, built at once."""

    def __init__(self, width: int, **options: Any) -> None:
        super().__init__(**options)
        self.parts = [
            SpectrumCritic(window // 2 // PATCH, width, name=f"window_{window}", dtype=self.dtype_policy)
            for window, _ in RESOLUTIONS
        ]
        for part in self.parts:
            part.build()
        self.built = True

    def call(self, views: list[Tensor]) -> tuple[list[Tensor], list[list[Tensor]]]:
        """What `compute_views` gives to (scores, features), a list entry a resolution."""
        results = [part(view) for part, view in zip(self.parts, views, strict=True)]
        return [score for score, _ in results], [features for _, features in results]


def initialise(critics: Critics, seed: int) -> None:
    """Sets initial weights, the same on every backend: random directions, gains that keep the variance.

    Directions have a length of about one: if they were longer, a step of Adam would turn them less.
    """
    for index, variable in enumerate(critics.trainable_variables):
        name, shape = variable.path, tuple(variable.shape)
        if name.endswith("direction"):
            variable.assign(draws.normal(seed, "weights/codec-critic", index, shape) / np.sqrt(np.prod(shape[:-1])))
        elif name.endswith("gain"):
            variable.assign(np.full(shape, 2.0**0.5, np.float32))
        else:
            variable.assign(np.zeros(shape, np.float32))


def compute_critic_loss(real: list[Tensor], made: list[Tensor]) -> Tensor:
    """Hinge loss, mean over resolutions: scores of originals above 1, of decoded sound below -1."""
    pairs = zip(real, made, strict=True)
    return sum(ops.mean(ops.relu(1.0 - r)) + ops.mean(ops.relu(1.0 + m)) for r, m in pairs) / len(real)


def compute_adversarial_loss(made: list[Tensor]) -> Tensor:
    """Of the codec, mean over resolutions: scores of decoded sound above 1."""
    return sum(ops.mean(ops.relu(1.0 - scores)) for scores in made) / len(made)


def compute_feature_matching_loss(real: list[list[Tensor]], made: list[list[Tensor]]) -> Tensor:
    """Mean difference of features' means over a crop's frames, as a share of their mean magnitude in the original."""
    distances = []
    for one, other in zip(real, made, strict=True):
        for r, m in zip(one, other, strict=True):
            r = ops.stop_gradient(r)
            difference = ops.mean(ops.abs(ops.mean(r, axis=1) - ops.mean(m, axis=1)))
            distances.append(difference / (ops.mean(ops.abs(r)) + 1e-6))
    return sum(distances) / len(distances)
