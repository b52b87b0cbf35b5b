"""Loading for people who use Musika from Python: `musika.load` and `musika.load_codec`."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from musika import environment
from musika.checkpoint import locate
from musika.codec import load as codec_load
from musika.codec.base import Codec
from musika.render import Model, choose_computation, load_model

Switch = Literal["auto", "True", "False"]


def load(
    folder: str | Path, codec: str | Path | None = None, mixed_precision: Switch = "auto", xla: Switch = "auto"
) -> Model:
    """The model of a checkpoint, whatever kind it is.

    Unless TensorFlow is imported before, or TF_NUM_INTRAOP_THREADS is set, its operations use one thread each in this
    process, and rendering uses all cores by decoding several blocks at a time.

    Args:
        folder: a checkpoint, the folder of a training run (its newest checkpoint), or a folder of the original Musika.
            A relative path is looked for here and beside the program; published checkpoints are downloaded.
        codec: folder of the codec; None finds the one that fits.
        mixed_precision: compute with 16-bit numbers; "auto" where that is faster and exact enough.
        xla: compile with XLA; "auto" where that is faster.

    Raises:
        CheckpointError: a folder is missing or damaged, or does not fit.
    """
    path = locate.resolve_checkpoint(Path(folder), "generator")  # before slow imports: a mistake is reported at once
    environment.prepare_rendering()
    how = choose_computation(path, mixed_precision, xla)
    return load_model(path, None if codec is None else Path(codec), None, *how)


def load_codec(folder: str | Path, mixed_precision: Switch = "auto", xla: Switch = "auto") -> Codec:
    """The codec of a checkpoint, a training run or a folder of the original Musika; arguments as `load` has them.

    Raises:
        CheckpointError: the folder is missing or damaged, or holds something else.
    """
    path = locate.resolve_checkpoint(Path(folder), "codec")

    from musika import backend

    return codec_load.load_codec(path, backend.choose_precision(mixed_precision), backend.should_use_xla(xla))
