"""A generator and the codec for its latents: loading both, and refusing pairs that do not fit."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from musika import checkpoint
from musika.checkpoint import locate
from musika.checkpoint.published import catalogue, musika_folder
from musika.codec import load as codec_load
from musika.codec.base import Codec
from musika.codec.published.checkpoint import SIZES
from musika.config import ANY_PUBLISHED, GeneratorConfig, same_codec
from musika.errors import CheckpointError, UsageError
from musika.files import format_path
from musika.gan import load as gan_load

GROUP = 2  # half-windows that the generator makes at once: with fewer it is slower, with more it answers later
AT_ONCE = 64  # latents that the codec decodes at once: more do not fit in the caches of a processor

# names of sizes that may be asked for, and the configuration's names for them
GENERATOR_SIZES = {"small": "small", "base_channels": "base_channels", "coorddepth": "coordinate_depth"}

Generate = Callable[[np.ndarray, Sequence[np.ndarray]], np.ndarray]


@dataclasses.dataclass(frozen=True)
class Model:
    """What a piece is rendered with: a generator and the codec for its latents.

    Attributes:
        config: the generator's sizes.
        generate: coordinates `[GROUP, L/2, 2D]` and noise `[GROUP, t, 1]` a layer to latents `[GROUP, L/2, C]`.
        codec: decodes them.
        name: of the checkpoint, for file names and pages.
    """

    config: GeneratorConfig
    generate: Generate
    codec: Codec
    name: str = "model"

    @property
    def batch(self) -> int:
        """Windows that the codec decodes at once."""
        return max(1, AT_ONCE // self.codec.block)

    @property
    def sample_rate(self) -> int:
        """Hz."""
        return self.codec.sample_rate

    def count_samples(self, seconds: float) -> int:
        """Samples in a duration, rounded to the nearest."""
        return round(seconds * self.sample_rate)


def load_model(
    load_path: Path,
    dec_path: Path | None = None,
    sizes: Mapping[str, Any] | None = None,
    dtype: str = "float32",
    xla: bool = False,
) -> Model:
    """Generator and codec from their checkpoint folders.

    Args:
        load_path: the generator's, as `locate.resolve_checkpoint` takes it.
        dec_path: the codec's; None looks for the `ae` or `musika_ae` that fits: with the generator, in `checkpoints/`
            here, and beside the program.
        sizes: sizes of generator and codec (`small`, `hop`, ...) that are compared with the checkpoints; None is not.
        dtype: precision of the networks, a dtype policy of Keras.
        xla: compile with XLA.

    Raises:
        CheckpointError: a folder is missing or damaged, or the codec is not the one that made the training latents.
        UsageError: a size contradicts the checkpoint.
    """
    folder = locate.resolve_checkpoint(load_path, "generator")
    info = gan_load.read_info(folder)
    _check_sizes(folder, info.get("config"), sizes or {})
    codec_folder = find_codec(folder, dec_path, str(info.get("codec_identity")))

    loaded = gan_load.load_generator(folder, dtype=dtype)
    codec = codec_load.load_codec(codec_folder, dtype, xla, {name: (sizes or {}).get(name) for name in SIZES})
    check_codec(folder, loaded.codec_identity, loaded.config.channels, codec_folder, codec)
    return Model(loaded.config, compile_generator(loaded.generator, xla), codec, _name_checkpoint(folder.resolve()))


def compile_generator(generator: Any, xla: bool = False) -> Generate:
    """A generator layer as a function of NumPy arrays, compiled at its first call."""
    from musika import backend

    call = backend.compile(lambda coordinates, noise: generator(coordinates, noise), xla)
    return lambda coordinates, noise: backend.to_numpy(call(coordinates, list(noise)))


def find_codec(generator: Path, named: Path | None, identity: str) -> Path:
    """The codec's folder: the one that was named, or the first that fits.

    Looked for in and beside the generator's folder, in `checkpoints/` here, and beside the program, as `ae` and as
    `musika_ae`. A generator that belongs to any published codec gets `checkpoints/musika_ae`, fetched
    if need be.
    """
    if named is not None:
        return locate.resolve_checkpoint(named, "codec")
    generator = generator.resolve()
    if musika_folder.holds_codec(generator):
        return generator
    around = (generator, generator.parent, Path("checkpoints"), locate.INSTALLED / "checkpoints")
    places = [place / name for place in around for name in ("ae", catalogue.CODEC)]
    present = [folder for folder in places if folder.is_dir() and not catalogue.is_missing(folder)]
    for folder in present:
        kind, own = _read_codec_identity(folder)
        if same_codec(identity, own, kind):
            return locate.fetch_if_missing(folder)
    if identity == ANY_PUBLISHED:
        return locate.fetch_if_missing(Path("checkpoints") / catalogue.CODEC)
    if not present:
        raise CheckpointError(f"there is no codec for {format_path(generator)}", about="codec")
    # loading reports what does not fit; a Musika folder comes first, because its identity is not known yet
    return next((folder for folder in present if musika_folder.is_musika_folder(folder)), present[0])


def check_codec(
    folder: Path, wanted: str, channels: int, codec_folder: Path, codec: Codec | codec_load.CodecInfo
) -> None:
    """Whether a codec is the one whose latents a generator makes.

    Args:
        folder: the generator's.
        wanted: identity of its codec, or ANY_PUBLISHED.
        channels: C of the generator.
        codec_folder: where the codec is from.

    Raises:
        CheckpointError: it is another one.
    """
    if not same_codec(wanted, codec.identity, codec.kind):
        right = "the published codec" if wanted == ANY_PUBLISHED else f"codec {wanted}"
        raise CheckpointError(
            f"{format_path(folder)} was trained on latents of {right}, but {format_path(codec_folder)} "
            f"holds {codec.kind} codec {codec.identity}",
            about="codec",
        )
    if codec.channels != channels:
        raise CheckpointError(
            f"{format_path(folder)} makes latents of {channels} numbers, but the codec in "
            f"{format_path(codec_folder)} takes {codec.channels}",
            about="codec",
        )


def _read_codec_identity(folder: Path) -> tuple[str, str]:
    """Kind and identity of the codec in a folder; a Musika folder does not state its identity."""
    if musika_folder.is_musika_folder(folder):
        return "musika", ""
    try:
        info = checkpoint.read_config(folder)
    except CheckpointError:
        return "", ""  # damaged, or something else of that name
    return str(info["kind"]).removeprefix("codec/"), str(info.get("codec_identity"))


def _name_checkpoint(folder: Path) -> str:
    """Name of a checkpoint's folder, after the name of its run where it is only a number."""
    return f"{folder.parent.name}-{folder.name}" if folder.name.isdecimal() else folder.name


def _check_sizes(folder: Path, config: Any, sizes: Mapping[str, Any]) -> None:
    """Raises UsageError if sizes that are asked for contradict a generator's configuration."""
    for name, field in GENERATOR_SIZES.items():
        value, own = sizes.get(name), config.get(field) if isinstance(config, dict) else None
        if value is not None and own is not None and value != own:
            raise UsageError(f"{name} {value} contradicts {format_path(folder)}, which has {own}: leave it out")
