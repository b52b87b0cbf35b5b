"""Weights of the published autoencoder: names, shapes, and the form that computes fastest.

Names are those of our checkpoints of kind "codec/musika": the network (`enc`, `enc2`, `dec2`, `dec`), the layer, and
`kernel`, `bias` or `noise`. Shapes below depend on the hop h.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from keras import ops

from musika import backend
from musika.config import PublishedCodecConfig

Tensor = Any
Weights = Mapping[str, Tensor]

# transposed convolutions, whose kernels are [4, out, in] as the published ones are; all others have [k, in, out]
TRANSPOSED = {"dec2/layer_1", "dec2/layer_3", "dec2/layer_5", "dec2/layer_6"}
TRANSPOSED |= {"dec/up_2", "dec/up_1", "dec/phase_1", "dec/up_0", "dec/phase_0"}
# layers with noise, in the order of their noise inputs: how many times shorter than a piece each one is
NOISE = {f"dec2/layer_{n}": shorter for n, shorter in enumerate((16, 8, 8, 4, 4, 2, 1))}
NOISE |= {"dec/first": 1, "dec/down_1": 2, "dec/down_2": 4, "dec/down_3": 8}
NOISE |= {"dec/up_2": 4, "dec/up_1": 2, "dec/phase_1": 2, "dec/up_0": 1, "dec/phase_0": 1}


def list_weight_shapes(config: PublishedCodecConfig) -> dict[str, tuple[int, ...]]:
    """Name and shape of every weight: what a file is compared with."""
    h, depth, first = config.hop, config.latent_depth, config.hop // 4
    widths = {n: n * h // 2 for n in (2, 3, 4, 5, 6)}  # in halves of h
    layers: list[tuple[str, int, int, int]] = []  # name, kernel, in, out

    def add_chain(part: str, kernels: tuple[int, ...], depths: tuple[int, ...], out: int) -> None:
        for n, kernel in enumerate(kernels):
            layers.append((f"{part}/layer_{n}", kernel, depths[n], depths[n + 1]))
        layers.append((f"{part}/out", 1, depths[-1], out))

    add_chain("enc", (1,) * 5, (config.bins, *(4 * h,) * 5), first)
    add_chain("enc2", (3,) * 6 + (1,), (first, *(widths[n] for n in (2, 3, 3, 4, 4, 6, 6))), depth)
    add_chain("dec2", (3, 4, 3, 4, 3, 4, 4), (depth, *(widths[n] for n in (6, 5, 5, 4, 4, 3, 2))), first)
    layers += [("dec/first", 3, first, 3 * h), ("dec/down_1", 3, 3 * h, 3 * h), ("dec/down_2", 3, 3 * h, 2 * h)]
    layers += [("dec/down_3", 3, 2 * h, h), ("dec/up_2", 4, h, 2 * h), ("dec/up_1", 4, 2 * h, 3 * h)]
    layers += [("dec/phase_1", 4, 2 * h, 3 * h), ("dec/up_0", 4, 3 * h, 3 * h), ("dec/phase_0", 4, 3 * h, 3 * h)]
    layers += [("dec/magnitude", 1, 3 * h, config.bins), ("dec/phase", 1, 3 * h, config.bins)]

    shapes: dict[str, tuple[int, ...]] = {}
    for name, kernel, takes, gives in layers:
        dense, transposed = (takes, gives), (kernel, gives, takes)
        shapes[f"{name}/kernel"] = transposed if name in TRANSPOSED else (kernel, *dense) if kernel > 1 else dense
        shapes[f"{name}/bias"] = (gives,)
        if name in NOISE:
            shapes[f"{name}/noise"] = (1,)
    return shapes


def list_noise_layers(part: str) -> list[str]:
    """Layers of a network that take noise, in order."""
    return [name for name in NOISE if name.startswith(f"{part}/")]


def list_noise_lengths(config: PublishedCodecConfig) -> list[int]:
    """Normal numbers that each noise layer takes for a piece of one audio channel, one a step, in order."""
    return [config.window // shorter for shorter in NOISE.values()]


def prepare_weights(weights: Mapping[str, np.ndarray], dtype: str = "float32") -> dict[str, Tensor]:
    """Weights on the device, in the form that the networks take; noise weights of zero are left out.

    A transposed convolution becomes a plain one with kernel 2 that makes two steps at once. That takes as many
    multiplications and runs at the speed of a matrix product: on a CPU without native bfloat16, 3 times as fast in
    float32 and 27 times in bfloat16.

    Args:
        weights: by the names of `list_weight_shapes`, and in these shapes.
        dtype: to compute in.
    """
    prepared = {}
    for name, array in weights.items():
        layer, _, kind = name.rpartition("/")
        value = np.asarray(array, np.float32)
        if kind == "noise" and not value.any():
            continue
        if kind == "kernel" and layer in TRANSPOSED:
            value = _make_plain_kernel(value)
        prepared[name] = ops.cast(backend.to_device(value), dtype)
    return prepared


def has_noise(weights: Mapping[str, Any]) -> bool:
    """Whether prepared weights use any noise."""
    return any(name.endswith("/noise") for name in weights)


def _make_plain_kernel(kernel: np.ndarray) -> np.ndarray:
    """A transposed convolution's kernel `[4, out, in]` (stride 2) as a plain one's `[2, in, 2 out]`.

    Step 2 t + j - 1 of the result gets kernel[j] x step t. So steps 2 t - 1 and 2 t both come from steps t - 1 and t,
    the first by kernels 2 and 0, the second by kernels 3 and 1.
    """
    earlier = np.concatenate([kernel[2], kernel[3]])  # [2 out, in]
    later = np.concatenate([kernel[0], kernel[1]])
    return np.ascontiguousarray(np.stack([earlier, later]).transpose(0, 2, 1))
