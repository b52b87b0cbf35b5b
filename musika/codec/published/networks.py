"""The four networks of the published autoencoder, as pure functions of weights (`prepare_weights`).

    spectrogram ──enc──▶ first level ──enc2──▶ latents ──dec2──▶ first level ──dec──▶ magnitude and phase

The first level has h/4 numbers for every spectrum (h is the hop, in samples), a latent stands for 16 spectra. Encoding
sees spectra one by one, then pieces of 16 of them; decoding sees pieces of `window` spectra, and nothing beyond them:
the weights were trained so. Audio channels and pieces are both on the axis B. Layers are named as in the weights.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from musika.codec.published.weights import TRANSPOSED, Weights, list_noise_layers

Tensor = Any


def run_enc(weights: Weights, spectra: Tensor) -> Tensor:
    """`enc`: normalised spectrogram `[..., frames, bins]` to the first level `[..., frames, h/4]` in [-1, 1]."""
    x = ops.cast(spectra, _get_dtype(weights))
    for n in range(5):
        x = ops.silu(_dense(weights, f"enc/layer_{n}", x))
    return ops.tanh(_dense(weights, "enc/out", x))


def run_enc2(weights: Weights, first: Tensor) -> Tensor:
    """`enc2`: first level of single latents `[B, 16, h/4]` to latents `[B, depth]` in [-1, 1], float32."""
    x = ops.cast(first, _get_dtype(weights))
    for n, (stride, padding) in enumerate(((1, "same"), (2, "valid"), (1, "same"), (2, "valid"), (1, "same"))):
        x = ops.silu(_convolve(weights, f"enc2/layer_{n}", x, stride, padding))
    x = ops.silu(_convolve(weights, "enc2/layer_5", x, 1, "valid"))  # [B, 1, 3 h]
    x = ops.silu(_dense(weights, "enc2/layer_6", x))
    return ops.cast(ops.tanh(_dense(weights, "enc2/out", x)), "float32")[:, 0]


def run_dec2(weights: Weights, latents: Tensor, noise: list[Tensor] | None = None) -> Tensor:
    """`dec2`: latents of pieces `[B, window / 16, depth]` to their first level `[B, window, h/4]`.

    Args:
        noise: of its seven layers, `[B, steps, 1]` each; None is none.
    """
    x = ops.cast(latents, _get_dtype(weights))
    for name, numbers in zip(list_noise_layers("dec2"), noise or [None] * 7, strict=True):
        layer = _double_length if name in TRANSPOSED else _convolve
        x = _activate(weights, name, layer(weights, name, x), numbers)
    return _dense(weights, "dec2/out", x)


def run_dec(weights: Weights, first: Tensor, noise: list[Tensor] | None = None) -> tuple[Tensor, Tensor]:
    """`dec`: first level of pieces `[B, window, h/4]` to (magnitude, phase), each `[B, window, bins]` in [-1, 1].

    Args:
        noise: of its nine layers, `[B, steps, 1]` each; None is none.
    """
    numbers = dict(zip(list_noise_layers("dec"), noise or [None] * 9, strict=True))

    def down(name: str, x: Tensor, stride: int = 2) -> Tensor:
        return _activate(weights, name, _convolve(weights, name, x, stride), numbers[name])

    def up(name: str, x: Tensor) -> Tensor:
        return _activate(weights, name, _double_length(weights, name, x), numbers[name])

    g0 = down("dec/first", ops.cast(first, _get_dtype(weights)), stride=1)
    g1 = down("dec/down_1", g0)
    g2 = down("dec/down_2", g1)
    g22 = up("dec/up_2", down("dec/down_3", g2))
    g11 = up("dec/up_1", g22 + g2)
    g00 = up("dec/up_0", g11 + g1)
    phase = up("dec/phase_0", up("dec/phase_1", g22) + g11)
    both = _dense(weights, "dec/magnitude", g00 + g0), _dense(weights, "dec/phase", phase + g00)
    magnitude, phase = (ops.clip(ops.cast(x, "float32"), -1.0, 1.0) for x in both)
    return magnitude, phase


def _get_dtype(weights: Weights) -> str:
    return keras.backend.standardize_dtype(next(iter(weights.values())).dtype)


def _dense(weights: Weights, name: str, x: Tensor) -> Tensor:
    return ops.matmul(x, weights[f"{name}/kernel"]) + weights[f"{name}/bias"]


def _convolve(weights: Weights, name: str, x: Tensor, stride: int = 1, padding: str = "same") -> Tensor:
    return ops.conv(x, weights[f"{name}/kernel"], stride, padding, "channels_last") + weights[f"{name}/bias"]


def _double_length(weights: Weights, name: str, x: Tensor) -> Tensor:
    """`[B, T, K]` to `[B, 2 T, K']`: a transposed convolution of kernel 4 and stride 2, in its prepared form."""
    pairs = ops.conv(
        ops.pad(x, [(0, 0), (1, 1), (0, 0)]), weights[f"{name}/kernel"], 1, "valid", "channels_last"
    )  # [B, T + 1, 2 K']
    steps = ops.reshape(pairs, (-1, 2 * pairs.shape[1], pairs.shape[2] // 2))
    return steps[:, 1:-1] + weights[f"{name}/bias"]


def _activate(weights: Weights, name: str, x: Tensor, noise: Tensor | None) -> Tensor:
    """Adds noise, where there is some and it counts, and applies swish."""
    weight = weights.get(f"{name}/noise")
    if noise is not None and weight is not None:
        x = x + weight * ops.cast(noise, x.dtype)
    return ops.silu(x)
