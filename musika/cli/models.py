"""Generator and codec as the flags of a verb say."""

from __future__ import annotations

from typing import Any

from musika import render
from musika.checkpoint import locate
from musika.cli.options import CodecOptions, RenderOptions
from musika.codec.load import FLAGS


def codec_sizes(options: CodecOptions) -> dict[str, Any]:
    """What flags say about a codec's sizes, as `load_codec` and `describe` take it."""
    return {name: getattr(options, name) for name in FLAGS}


def load_model(options: RenderOptions) -> render.Model:
    """Generator and codec as the flags of `generate` and `test` say.

    Raises:
        CheckpointError: a folder is missing, torn, or does not fit.
        UsageError: a flag contradicts it.
    """
    folder = locate.resolve_checkpoint(options.load_path)  # first: what cannot be found or fetched is said at once

    from musika import backend

    return render.load_model(
        folder,
        options.dec_path,
        sizes={name: getattr(options, name) for name in render.GENERATOR_SIZES} | codec_sizes(options),
        dtype=backend.precision(options.mixed_precision),
        xla=backend.use_xla(options.xla),
    )
