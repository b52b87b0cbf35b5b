"""`convert`: a Musika folder becomes a checkpoint of ours, which is smaller in half precision and quicker to read."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from musika import checkpoint, console
from musika.checkpoint import locate, tensorfile
from musika.checkpoint.published import catalogue, musika_folder
from musika.cli.flags import ConvertOptions
from musika.codec import load
from musika.config import ANY_PUBLISHED, GeneratorConfig, same_codec
from musika.errors import CheckpointError, UsageError
from musika.files import describe_error, format_path, sync_folder
from musika.gan.load import describe_generator

GENERATOR, CRITIC = ("gen_ema.h5",), ("critic.h5",)
CODEC = catalogue.PUBLISHED[catalogue.CODEC].needed
MEGABYTE = 1e6


@dataclasses.dataclass(frozen=True)
class Converted:
    """What becomes a checkpoint: where in the target, config.json, arrays by file, and a few words about it."""

    place: str
    written: dict[str, Any]
    arrays: Mapping[str, Mapping[str, np.ndarray]]
    words: str


def run(options: ConvertOptions) -> int:
    """Writes the target and returns 0.

    A folder with a generator and an autoencoder becomes a generator's checkpoint, and within it, in `musika_ae`, where
    generating finds it, the codec's.

    Raises:
        UsageError: source or target cannot be what they are said to be.
        CheckpointError: the source does not fit, or the target cannot be written.
    """
    source = locate.resolve_folder(options.source)
    _check(source, options.target)
    catalogue.verify(source)
    codec = _codec(source) if musika_folder.holds_codec(source) else None
    converted = [codec] if codec else []
    if (source / GENERATOR[0]).exists() or codec is None:
        own = codec.written["codec_identity"] if codec else None
        converted = [_generator(source, options.dec_path, own), *converted]
    if codec and len(converted) > 1:
        converted[1] = dataclasses.replace(codec, place=catalogue.CODEC)
    with _new(options.target) as new:
        for part in converted:
            checkpoint.write(new / part.place, part.written, part.arrays, half=options.half)
    for part in converted:
        folder = options.target / part.place
        size = sum(path.stat().st_size for path in folder.iterdir() if path.is_file()) / MEGABYTE
        console.say(f"{format_path(folder)}: {part.words}, {size:.1f} MB")
    return 0


def _check(source: Path, target: Path) -> None:
    """What is wrong with the two folders, before anything is read."""
    if not source.exists():
        raise UsageError(f"SOURCE {format_path(source)} does not exist")
    if target.exists() and os.path.samefile(source, target):
        raise UsageError(f"SOURCE and TARGET are the same folder, {format_path(source)}: choose another target")
    if not musika_folder.is_musika_folder(source):
        if (source / checkpoint.CONFIG).exists():
            raise UsageError(
                f"SOURCE {format_path(source)} is a checkpoint of ours already: there is nothing to convert"
            )
        wanted = f"{GENERATOR[0]}, or {', '.join(CODEC)}"
        raise UsageError(f"SOURCE {format_path(source)} is no Musika folder: there is no {wanted} in it")
    if not catalogue.is_missing(target):
        raise UsageError(f"TARGET {format_path(target)} exists already: choose another, or remove it first")


def _codec(source: Path) -> Converted:
    config, weights = load.read_published(source)
    written, arrays = load.published_files(config, weights)
    words = f"codec {written['codec_identity']}, hop {config.hop}, {config.channels} channels"
    return Converted("", {**written, **_origin(source, CODEC)}, arrays, words)


def _generator(source: Path, dec_path: Path | None, own: str | None) -> Converted:
    """The generator, with its critic where there is one.

    Args:
        own: identity of the codec in the same folder.
    """
    config, weights = musika_folder.read_generator(source)
    identity = own if own and dec_path is None else _identity(source, dec_path, config)
    critic = musika_folder.read_critic(source)
    arrays = {"weights": weights} if critic is None else {"weights": weights, "critic": critic}
    names: tuple[str, ...] = GENERATOR if critic is None else GENERATOR + CRITIC
    weight = musika_folder.read_penalty_weight(source) if critic is not None else None
    if weight is not None:
        names += (musika_folder.SWITCH,)
    written = describe_generator(config, identity, penalty_weight=weight, **_origin(source, names))
    size = "small, " if config.small else ""
    words = f"generator, {size}base_channels {config.base_channels}, {'with' if critic else 'without'} its critic"
    belongs = "any published codec" if identity == ANY_PUBLISHED else f"codec {identity}"
    return Converted("", written, arrays, f"{words}, of {belongs}")


def _identity(source: Path, dec_path: Path | None, config: GeneratorConfig) -> str:
    """Of the codec that was named or lies beside the source; of any published one, where there is none.

    Raises:
        CheckpointError: the one that was named is another kind of codec, or cannot be read.
    """
    beside = source.resolve().parent / catalogue.CODEC
    if dec_path is None and catalogue.is_missing(beside):
        return ANY_PUBLISHED
    folder = beside if dec_path is None else locate.resolve_checkpoint(dec_path)
    codec = load.describe(folder)
    if same_codec(ANY_PUBLISHED, codec.identity, codec.kind) and codec.channels == config.channels:
        return codec.identity
    if dec_path is None:
        return ANY_PUBLISHED
    raise CheckpointError(
        f"--dec_path {format_path(folder)} is a {codec.kind} codec of {codec.channels} channels; the generator in "
        f"{format_path(source)} belongs to a musika codec of {config.channels}"
    )


def _origin(source: Path, names: tuple[str, ...]) -> dict[str, Any]:
    """Where a checkpoint comes from, for its config.json; of whose licence nothing is known."""
    origin: dict[str, Any] = {"files": {name: catalogue.sha256(source / name) for name in names}}
    record = source / catalogue.FETCHED
    if record.is_file():
        said = tensorfile.parse_json(record, record.read_bytes())
        origin |= {name: str(said[name])[:200] for name in ("repository", "revision") if name in said}
    return {"trained": {"converted_from": origin}, "licence": ""}


@contextlib.contextmanager
def _new(target: Path) -> Iterator[Path]:
    """A hidden folder beside the target that takes its name when the block ends well, and is gone when it does not."""
    target = Path(os.path.abspath(target))
    new = target.with_name(f".{target.name}.converting")
    try:
        shutil.rmtree(new, ignore_errors=True)  # left by a run that was killed
        target.parent.mkdir(parents=True, exist_ok=True)
        yield new
        os.rename(new, target)
        sync_folder(target.parent)
    except CheckpointError as error:
        raise CheckpointError(str(error).replace(str(new), str(target))) from error
    except OSError as error:
        raise CheckpointError(f"TARGET {format_path(target)} cannot be written: {describe_error(error)}") from error
    finally:
        shutil.rmtree(new, ignore_errors=True)
