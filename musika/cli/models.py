"""Loading the generator and the codec that the flags of a verb name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from musika import environment, render
from musika.checkpoint import locate
from musika.cli.options import (
    CodecOptions,
    DecodeOptions,
    EncodeOptions,
    EvaluateOptions,
    GenerateOptions,
    PlayOptions,
    RenderOptions,
)
from musika.codec import load
from musika.codec.base import Codec
from musika.codec.published.checkpoint import SIZES
from musika.errors import UsageError
from musika.files import format_path


def get_codec_sizes(options: CodecOptions) -> dict[str, Any]:
    """The sizes of a codec that flags set, as `codec.load.load_codec` takes them."""
    return {name: getattr(options, name) for name in SIZES}


def load_codec(folder: Path, options: EncodeOptions | DecodeOptions | EvaluateOptions) -> Codec:
    """The codec of a folder, with precision and sizes as the flags say.

    Raises:
        CheckpointError: the folder is missing or damaged, or holds something else.
        UsageError: a flag contradicts it.
    """
    folder = locate.resolve_checkpoint(folder, "codec")  # before slow imports: a mistake is reported at once

    from musika import backend

    precision, xla = backend.choose_precision(options.mixed_precision), backend.should_use_xla(options.xla)
    return load.load_codec(folder, precision, xla, get_codec_sizes(options))


def load_model(options: RenderOptions) -> render.Model:
    """Generator and codec as the flags of `generate` and `test` say.

    Raises:
        CheckpointError: a folder is missing or damaged, or does not fit.
        UsageError: a flag contradicts it.
    """
    folder = locate.resolve_checkpoint(options.load_path, "generator")  # first, as above
    environment.prepare_rendering()
    sizes = {name: getattr(options, name) for name in render.GENERATOR_SIZES} | get_codec_sizes(options)
    how = render.choose_computation(folder, options.mixed_precision, options.xla)
    return render.load_model(folder, options.dec_path, sizes, *how)


def load_other_model(options: RenderOptions, folder: Path) -> render.Model:
    """A model that the flags do not name: precision is as they say, sizes and codec are the checkpoint's own.

    Raises:
        CheckpointError: a folder is missing or damaged, or does not fit.
    """
    folder = locate.resolve_checkpoint(folder, "generator")
    return render.load_model(
        folder, None, None, *render.choose_computation(folder, options.mixed_precision, options.xla)
    )


def load_in_worker(options: RenderOptions) -> render.Model:
    """`load_model` in a new process, made independent of its surroundings as the first one was."""
    environment.prepare(options.verbose, options.cpu)
    return load_model(options)


def load_performer(load_path: Path, options: PlayOptions | GenerateOptions | EvaluateOptions) -> render.PerformerModel:
    """A performer and its codec.

    Raises:
        CheckpointError: a folder is missing or damaged, or does not fit.
        UsageError: it holds something else than a performer.
    """
    folder = locate.resolve_checkpoint(load_path, "performer")
    if not isinstance(options, EvaluateOptions):
        environment.prepare_rendering()
    how = render.choose_computation(folder, options.mixed_precision, options.xla)
    codec = None if isinstance(options, EvaluateOptions) else options.dec_path
    if isinstance(options, EvaluateOptions) and "codec" in options.given:
        codec = options.codec
    model = render.load_model(folder, codec, None, *how)
    if not isinstance(model, render.PerformerModel):
        raise UsageError(f"{format_path(folder)} plays no MIDI files: it is no performer", about="performer")
    return model
