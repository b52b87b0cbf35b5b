"""`convert`: a Musika folder becomes a checkpoint, which loads faster and can be half as large."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from musika import checkpoint, console
from musika.checkpoint import locate, tensorfile
from musika.checkpoint.published import catalogue, musika_folder
from musika.cli.flags import ConvertOptions
from musika.codec import load
from musika.codec.published import checkpoint as published_codec
from musika.config import ANY_PUBLISHED, GeneratorConfig, is_same_codec
from musika.errors import CheckpointError, UsageError
from musika.files import describe_error, format_path, open_folder_replacement
from musika.gan.load import describe_generator

GENERATOR, CRITIC = ("gen_ema.h5",), ("critic.h5",)
CODEC = catalogue.PUBLISHED[catalogue.CODEC].needed
MEGABYTE = 1e6


@dataclasses.dataclass(frozen=True)
class Part:
    """One checkpoint to write.

    Attributes:
        subfolder: of the target; "" is the target itself.
        config: the content of its config.json.
        arrays: by file and name.
        summary: a few words about it.
    """

    subfolder: str
    config: dict[str, Any]
    arrays: Mapping[str, Mapping[str, np.ndarray]]
    summary: str


def run(options: ConvertOptions) -> int:
    """Writes the target and returns 0.

    A folder with a generator and an autoencoder becomes a generator's checkpoint with the codec's in its sub-folder
    `musika_ae`, where generating finds it.

    Raises:
        UsageError: source or target cannot be used.
        CheckpointError: the source does not fit, or the target cannot be written.
    """
    source = locate.resolve_folder(options.source)
    _check_paths(source, options.target)
    catalogue.verify(source)
    parts = _read_parts(source, options.dec_path)
    _write_parts(options.target, parts, options.half)
    for part in parts:
        folder = options.target / part.subfolder
        size = sum(path.stat().st_size for path in folder.iterdir() if path.is_file()) / MEGABYTE
        console.say(f"{format_path(folder)}: {part.summary}, {size:.1f} MB")
    return 0


def _check_paths(source: Path, target: Path) -> None:
    """Raises UsageError if one of the folders cannot be used, before anything is read."""
    if not source.exists():
        raise UsageError(f"SOURCE {format_path(source)} does not exist")
    if target.exists() and os.path.samefile(source, target):
        raise UsageError(f"SOURCE and TARGET are the same folder, {format_path(source)}: choose another target")
    if not musika_folder.is_musika_folder(source):
        if (source / checkpoint.CONFIG).exists():
            raise UsageError(f"SOURCE {format_path(source)} is a checkpoint already: there is nothing to convert")
        wanted = f"{GENERATOR[0]}, or {', '.join(CODEC)}"
        raise UsageError(f"SOURCE {format_path(source)} is no Musika folder: there is no {wanted} in it")
    _check_free(target)


def _check_free(target: Path) -> None:
    if not catalogue.is_missing(target):
        raise UsageError(f"TARGET {format_path(target)} exists already: choose another, or remove it first")


def _read_parts(source: Path, dec_path: Path | None) -> list[Part]:
    """The generator and the codec of a Musika folder, or the one that it has."""
    codec = _read_codec(source) if musika_folder.holds_codec(source) else None
    if codec is not None and not (source / GENERATOR[0]).exists():
        return [codec]
    generator = _read_generator(source, dec_path, codec.config["codec_identity"] if codec else None)
    return [generator, dataclasses.replace(codec, subfolder=catalogue.CODEC)] if codec else [generator]


def _read_codec(source: Path) -> Part:
    config, weights = published_codec.read_weights(source)
    described, arrays = published_codec.make_checkpoint(config, weights)
    summary = f"codec {described['codec_identity']}, hop {config.hop}, {config.channels} channels"
    return Part("", {**described, **_describe_origin(source, CODEC)}, arrays, summary)


def _read_generator(source: Path, dec_path: Path | None, own_identity: str | None) -> Part:
    """The generator, with its critic where there is one.

    Args:
        own_identity: of the codec in the same folder.
    """
    config, weights = musika_folder.read_generator(source)
    identity = own_identity if own_identity and dec_path is None else _find_identity(source, dec_path, config)
    critic = musika_folder.read_critic(source)
    arrays = {"weights": weights} if critic is None else {"weights": weights, "critic": critic}
    names: tuple[str, ...] = GENERATOR if critic is None else GENERATOR + CRITIC
    weight = musika_folder.read_penalty_weight(source) if critic is not None else None
    if weight is not None:
        names += (musika_folder.SWITCH,)
    described = describe_generator(config, identity, penalty_weight=weight, **_describe_origin(source, names))
    size = "small, " if config.small else ""
    summary = f"generator, {size}base_channels {config.base_channels}, {'with' if critic else 'without'} its critic"
    belongs = "any published codec" if identity == ANY_PUBLISHED else f"codec {identity}"
    return Part("", described, arrays, f"{summary}, of {belongs}")


def _find_identity(source: Path, dec_path: Path | None, config: GeneratorConfig) -> str:
    """Identity of the codec that was named or lies beside the source; of any published one, where there is none.

    Raises:
        CheckpointError: the one that was named is another kind of codec, or cannot be read.
    """
    beside = source.resolve().parent / catalogue.CODEC
    if dec_path is None and catalogue.is_missing(beside):
        return ANY_PUBLISHED
    folder = beside if dec_path is None else locate.resolve_checkpoint(dec_path, "codec")
    codec = load.read_info(folder)
    if is_same_codec(ANY_PUBLISHED, codec.identity, codec.kind) and codec.channels == config.channels:
        return codec.identity
    if dec_path is None:
        return ANY_PUBLISHED
    raise CheckpointError(
        f"--dec_path {format_path(folder)} is a {codec.kind} codec of {codec.channels} channels; the generator in "
        f"{format_path(source)} belongs to a musika codec of {config.channels}"
    )


def _describe_origin(source: Path, names: tuple[str, ...]) -> dict[str, Any]:
    """Where a checkpoint comes from, for its config.json; its licence is not known."""
    origin: dict[str, Any] = {"files": {name: catalogue.compute_sha256(source / name) for name in names}}
    record = source / catalogue.FETCHED
    if record.is_file():
        fetched = tensorfile.parse_json(record, record.read_bytes())
        origin |= {name: str(fetched[name])[:200] for name in ("repository", "revision") if name in fetched}
    return {"trained": {"converted_from": origin}, "licence": ""}


def _write_parts(target: Path, parts: list[Part], half: bool) -> None:
    """Writes the target with all its parts, or nothing."""
    target = Path(os.path.abspath(target))
    try:
        with open_folder_replacement(target) as new:
            for part in parts:
                folder = new / part.subfolder
                folder.mkdir(exist_ok=True)
                files = checkpoint.encode_files(target / part.subfolder, part.config, part.arrays, half)
                checkpoint.write_files(folder, files)
            _check_free(target)  # again: somebody else may have made it meanwhile
    except OSError as error:
        raise CheckpointError(f"TARGET {format_path(target)} cannot be written: {describe_error(error)}") from error
