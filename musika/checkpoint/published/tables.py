"""The layers of published Musika networks: name or place in the file, shape, and our name for each.

Kernels are stored as `[1, k, in, out]`, transposed ones as `[1, k, out, in]`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from musika.config import GeneratorConfig

Shape = tuple[int, ...]


@dataclasses.dataclass(frozen=True)
class Weight:
    """What a stored array must be: our name for it, and its shape in the file."""

    ours: str
    shape: Shape


Table = dict[str, Weight]  # published `layer/weight` to what it must be


# ------------------------------------------------------------------------------------------------ the GAN, by name


def list_generator_weights(config: GeneratorConfig) -> Table:
    """Every array of a published generator."""
    c, depth = config.base_channels, config.coordinate_depth
    table = list_layer_weights("00d", "start", (4 * depth, 28 * c))
    table |= _list_modulation_weights("00", "start_modulation", depth, 7 * c, noise="00n")
    for block in range(1, 6):
        short = config.small and block == 1  # the block that does not lengthen
        small, width, channels = "_small" if short else "", (8 - block) * c, (7 - block) * c
        up, refine = f"{2 * block - 2}{small}", f"{2 * block - 1}{small}"
        ours = f"stage_{block}/up" if block < 5 else "last_up"
        kernel = (1, 1, width, channels) if short else (1, 4, channels, width)
        table |= list_layer_weights(f"{up}c", ours, kernel, channels)
        table |= _list_modulation_weights(up, f"{ours}_modulation" if block < 5 else "last_modulation", depth, channels)
        if block == 5:
            break
        table |= list_layer_weights(f"{refine}c", f"stage_{block}/refine", (1, 1 if short else 4, channels, channels))
        table |= _list_modulation_weights(refine, f"stage_{block}/refine_modulation", depth, channels)
        around = width if short else width // 2
        table |= list_layer_weights(f"res{block}c{small}", f"stage_{block}/shortcut", (1, 1, around, channels))
    return table | list_layer_weights("9c", "out", (1, 4, 2 * c, config.channels))


def list_critic_weights(config: GeneratorConfig) -> Table:
    """Every array of a published critic."""
    c = config.critic_unit
    widths = [(3, 4), (4, 5), (5, 6), (6, 7), *([] if config.small else [(7, 7)])]
    table = list_layer_weights("1c", "first", (1, 4, config.channels, 3 * c))
    for block, (width, channels) in enumerate(widths, 1):
        keep = 4 if channels != width else 1
        table |= list_layer_weights(f"{block + 1}c0", f"block_{block}/keep", (1, keep, width * c, width * c))
        table |= list_layer_weights(f"{block + 1}c1", f"block_{block}/shorten", (1, 4, width * c, channels * c))
        if channels != width:
            shortcut = Weight(f"block_{block}/shortcut/kernel", (1, 1, width * c, channels * c))
            table[f"{block + 1}c3/kernel"] = shortcut
    table |= list_layer_weights("7c", "last", (1, 3, 7 * c, 7 * c))
    steps = config.window // 2 ** (1 + len(widths))
    return table | list_layer_weights("7d", "score", (steps * 7 * c, 1))


def list_layer_weights(layer: str, ours: str, kernel: Shape, channels: int | None = None) -> Table:
    """Kernel and bias of a layer; `channels` come out, by default as many as the kernel's last size."""
    bias = (kernel[-1] if channels is None else channels,)
    return {f"{layer}/kernel": Weight(f"{ours}/kernel", kernel), f"{layer}/bias": Weight(f"{ours}/bias", bias)}


def _list_modulation_weights(layer: str, ours: str, depth: int, channels: int, noise: str = "") -> Table:
    """Noise and adaptive scale after a layer."""
    table = {f"{noise or layer + 'r'}/noise_weight": Weight(f"{ours}/noise_weight", (1,))}
    return table | list_layer_weights(f"{layer}ai", f"{ours}/scale", (1, 1, 2 * depth, channels))


# --------------------------------------------------------------------------------- the autoencoder, by stored order


def list_codec_layers(hop: int, depth: int) -> dict[str, list[Weight]]:
    """Layers of the four networks in stored order: `ours` is the layer's name, `shape` its kernel's.

    Args:
        hop: h, samples between two spectra of one audio channel; a multiple of 4.
        depth: numbers in one latent of one audio channel.
    """
    h, bins = hop, 2 * hop + 1
    half, double, wide = h + h // 2, 2 * h, 3 * h
    middle = 2 * h + h // 2
    up = [(wide, middle), (middle, middle), (middle, double), (double, double), (double, half), (half, h)]
    return {
        "enc": _number_layers("enc", [(1, bins, 4 * h), *[(1, 4 * h, 4 * h)] * 4, (1, 4 * h, h // 4)]),
        "enc2": _number_layers(
            "enc2",
            [
                *[(3, h // 4, h), (3, h, half), (3, half, half), (3, half, double), (3, double, double)],
                *[(3, double, wide), (1, wide, wide), (1, wide, depth)],
            ],
        ),
        "dec2": _number_layers(
            "dec2",
            [(3, depth, wide)]
            # a transposed convolution keeps what comes out before what goes in
            + [(3, a, b) if a == b else (4, b, a) for a, b in up]
            + [(1, h, h // 4)],
        ),
        "dec": [
            Weight("dec/first", (1, 3, h // 4, wide)),
            Weight("dec/down_1", (1, 3, wide, wide)),
            Weight("dec/down_2", (1, 3, wide, double)),
            Weight("dec/down_3", (1, 3, double, h)),
            Weight("dec/up_2", (1, 4, double, h)),
            Weight("dec/up_1", (1, 4, wide, double)),
            Weight("dec/phase_1", (1, 4, wide, double)),
            Weight("dec/up_0", (1, 4, wide, wide)),
            Weight("dec/phase_0", (1, 4, wide, wide)),
            Weight("dec/magnitude", (1, 1, wide, bins)),
            Weight("dec/phase", (1, 1, wide, bins)),
        ],
    }


def _number_layers(network: str, kernels: Sequence[Shape]) -> list[Weight]:
    names = [*(f"{network}/layer_{n}" for n in range(len(kernels) - 1)), f"{network}/out"]
    return [Weight(name, (1, *kernel)) for name, kernel in zip(names, kernels, strict=True)]
