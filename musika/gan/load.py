"""Generators in checkpoint folders: what their `config.json` says, and loading one ready to render.

A Musika folder is read as it is. It does not say which autoencoder it belongs to: any published one of its depth.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from musika import checkpoint
from musika.checkpoint.published import musika_folder
from musika.config import ANY_PUBLISHED, GeneratorConfig

if TYPE_CHECKING:
    from musika.gan.generator import Generator

KIND = "generator"


@dataclasses.dataclass(frozen=True)
class LoadedGenerator:
    """A generator ready to render.

    Attributes:
        config: its sizes.
        generator: built, with its weights set.
        codec_identity: of the codec whose latents it makes, or ANY_PUBLISHED.
        info: everything that the checkpoint's `config.json` says, such as licence and training.
    """

    config: GeneratorConfig
    generator: Generator
    codec_identity: str
    info: dict[str, Any]


def describe_generator(
    config: GeneratorConfig,
    codec_identity: str,
    *,
    seed: int | None = None,
    penalty_weight: float | None = None,
    trained: Mapping[str, Any] | None = None,
    licence: str | None = None,
) -> dict[str, Any]:
    """What `config.json` of a generator's checkpoint says, as `checkpoint.write` takes it; None is left out.

    Args:
        codec_identity: of the codec that made the latents it was trained on, or ANY_PUBLISHED.
        seed: of the training.
        penalty_weight: adaptive weight of the critic's penalty, 0 to 1.
        trained: how it was trained, plain JSON values.
    """
    return checkpoint.describe_network(
        KIND, config, trained, codec_identity=codec_identity, seed=seed, penalty_weight=penalty_weight, licence=licence
    )


def load_generator(folder: Path, dtype: Any = "float32") -> LoadedGenerator:
    """The generator of a checkpoint folder.

    Args:
        dtype: Keras's dtype policy or its name, to compute in.

    Raises:
        CheckpointError: the folder is missing or torn, holds something else, or does not fit its configuration.
    """
    published = musika_folder.read_generator(folder) if musika_folder.is_musika_folder(folder) else None
    info = read_info(folder) if published is None else describe_generator(published[0], ANY_PUBLISHED)
    checkpoint.require_kind(folder, info, KIND)
    config = checkpoint.parse_sizes(folder, info, GeneratorConfig)
    codec_identity = checkpoint.parse_codec_identity(folder, info)
    if published is None:
        c, depth = config.base_channels, config.coordinate_depth
        checkpoint.check_shapes(
            folder, {"start/kernel": (4 * depth, 28 * c), "out/kernel": (4, 2 * c, config.channels)}
        )

    from musika.gan.generator import Generator

    generator = Generator(config, seed=None, dtype=dtype)
    if published is None:
        expected = {name: array.shape for name, array in checkpoint.get_weights(generator).items()}
        checkpoint.assign(generator, checkpoint.read(folder, expected=expected))
    else:
        checkpoint.assign(generator, published[1])
    return LoadedGenerator(config, generator, codec_identity, info)


def read_info(folder: Path) -> dict[str, Any]:
    """What a checkpoint's `config.json` says; for a Musika folder, what it would say. No framework is loaded.

    Raises:
        CheckpointError: the folder is missing or torn, or a Musika folder that holds no generator.
    """
    if not musika_folder.is_musika_folder(folder):
        return checkpoint.read_config(folder)
    return describe_generator(musika_folder.read_generator_config(folder), ANY_PUBLISHED)
