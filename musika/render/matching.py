"""Which codec belongs to a generator: finding it, and refusing pairs that do not fit."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from musika import checkpoint
from musika.checkpoint import locate
from musika.checkpoint.published import catalogue, musika_folder
from musika.codec import load as codec_load
from musika.codec.base import Codec
from musika.codec.published.checkpoint import SIZES
from musika.config import ANY_PUBLISHED, is_same_codec
from musika.errors import CheckpointError
from musika.files import format_path
from musika.render.computing import Computation
from musika.render.lanes import prepare_soon


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
    around = (generator, generator.parent, locate.HOME, locate.INSTALLED / locate.HOME)
    places = [place / name for place in around for name in ("ae", catalogue.CODEC)]
    present = [folder for folder in places if folder.is_dir() and not catalogue.is_missing(folder)]
    for folder in present:
        kind, own = _read_codec_identity(folder)
        if is_same_codec(identity, own, kind):
            return locate.fetch_if_missing(folder)
    if identity == ANY_PUBLISHED:
        return locate.fetch_if_missing(locate.HOME / catalogue.CODEC)
    if not present:
        raise CheckpointError(f"there is no codec for {format_path(generator)}", about="codec")
    # loading reports what does not fit; a Musika folder comes first, because its identity is not known yet
    return next((folder for folder in present if musika_folder.is_musika_folder(folder)), present[0])


def load_fitting_codec(
    folder: Path, named: Path | None, identity: str, channels: int, sizes: Mapping[str, Any], how: Computation
) -> Codec:
    """The codec that decodes the latents of a checkpoint, found as `find_codec` says and checked as `check_codec` says.

    Args:
        folder: of the checkpoint that makes the latents.
        named: folder of the codec; None finds it.
        identity: of the codec that the checkpoint was trained with.
        channels: C of the latents that it makes.
        sizes: that are compared with the codec's; those of other networks are not read.
        how: how its networks compute.

    Raises:
        CheckpointError: there is none, it cannot be loaded, or it is another one.
    """
    path = find_codec(folder, named, identity)
    own = {name: sizes.get(name) for name in SIZES}
    codec = codec_load.load_codec(path, how.precision, how.xla, own, how.decoder)
    check_codec(folder, identity, channels, path, codec)
    prepare_soon(codec)
    return codec


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
    if not is_same_codec(wanted, codec.identity, codec.kind):
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
