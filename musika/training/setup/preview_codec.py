"""The codec that decodes what checkpoints play: it is found and described before it is loaded."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from musika import console, render
from musika.checkpoint import locate
from musika.codec.base import Codec
from musika.codec.load import load_codec, read_info
from musika.config import ANY_PUBLISHED, GeneratorConfig
from musika.errors import LatentsError
from musika.files import format_path
from musika.training.setup.origin import Origin, find_run_path
from musika.training.setup.request import TrainingRequest

DEFAULT_CODEC = Path("checkpoints/ae")


@dataclasses.dataclass(frozen=True)
class PreviewCodec:
    """What is known of the codec that plays samples, before it is loaded.

    Attributes:
        path: its folder.
        identity: "" where there is no codec in the folder.
        channels: numbers in one latent; None where there is no codec.
    """

    path: Path
    identity: str
    channels: int | None


def describe_codec(request: TrainingRequest, origin: Origin | None) -> PreviewCodec:
    """The codec that samples are decoded with, which may be missing."""
    published = origin is not None and origin.info.get("codec_identity") == ANY_PUBLISHED
    path = _find_codec_path(request, origin)
    if not path.exists() and not published:
        console.warn(f"there is no codec in {format_path(path)}: checkpoints will have no samples to listen to")
        return PreviewCodec(path, "", None)
    codec = read_info(path, request.codec_sizes)
    if origin is not None and published:
        channels = GeneratorConfig.from_dict(origin.info["config"]).channels
        render.check_codec(origin.folder, ANY_PUBLISHED, channels, path, codec)
    return PreviewCodec(path, codec.identity, codec.channels)


def require_identity(identity: str, folder: Path) -> str:
    """The identity of the codec that made the latents of a folder.

    Raises:
        LatentsError: it is "": nothing says which.
    """
    if not identity:
        raise LatentsError(f"nothing says which codec made the latents in {format_path(folder)}", about="codec")
    return identity


def load_preview_codec(request: TrainingRequest, codec: PreviewCodec, identity: str) -> Codec | None:
    """The codec, ready to decode latents of the codec of that identity; None where it is another one."""
    if codec.identity != identity:
        return None
    return load_codec(codec.path, sizes=request.codec_sizes)


def _find_codec_path(request: TrainingRequest, origin: Origin | None) -> Path:
    """The codec that is named, the run's, the published one for a generator that belongs to it, or the default."""
    if request.codec_path is None and origin is not None and origin.info.get("codec_identity") == ANY_PUBLISHED:
        return render.find_codec(origin.folder, None, ANY_PUBLISHED)
    folder = locate.resolve_folder(request.codec_path or find_run_path(origin, "codec_path") or DEFAULT_CODEC)
    return locate.resolve_checkpoint(folder, "codec") if folder.exists() else folder  # training goes without one, too
