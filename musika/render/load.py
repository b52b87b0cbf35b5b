"""Loading what pieces are rendered with: a checkpoint's kind says which model it is."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from musika import checkpoint
from musika.checkpoint import locate
from musika.errors import CheckpointError
from musika.files import format_path
from musika.gan import editor_load, performer_load
from musika.gan import load as gan_load
from musika.render.composed import load_performer_or_composed_model
from musika.render.computing import Computation
from musika.render.editor import load_editor_model
from musika.render.generator import load_generator_model
from musika.render.piece import Model
from musika.render.recipe import Origin
from musika.words import read_captions

# kind in `config.json` -> what loads its model, with the arguments of `load_model`
LOADERS: dict[str, Callable[[Path, Path | None, Mapping[str, Any], Computation], Model]] = {
    gan_load.KIND: load_generator_model,
    performer_load.KIND: load_performer_or_composed_model,
    editor_load.KIND: load_editor_model,
}


def load_model(
    load_path: Path,
    dec_path: Path | None = None,
    sizes: Mapping[str, Any] | None = None,
    dtype: str = "float32",
    xla: bool = False,
    decoder: str = "",
) -> Model:
    """The model of a checkpoint folder, with the codec that decodes its latents.

    Args:
        load_path: the checkpoint's, as `locate.resolve_checkpoint` takes it.
        dec_path: the codec's; None looks for the `ae` or `musika_ae` that fits: with the checkpoint, in `checkpoints/`
            here, and beside the program.
        sizes: sizes of generator and codec (`small`, `hop`, ...) that are compared with the checkpoints; None is not.
        dtype: precision of the networks, a dtype policy of Keras.
        xla: compile with XLA.
        decoder: precision of the codec's decoder; "" is `dtype`.

    Raises:
        CheckpointError: a folder is missing or damaged or holds something else, or the codec is not the one that made
            the training latents.
        UsageError: a size contradicts the checkpoint.
    """
    folder = locate.resolve_checkpoint(load_path, "generator")
    kind = gan_load.read_info(folder)["kind"]
    if kind not in LOADERS:
        raise CheckpointError(
            f"{format_path(folder)} holds a checkpoint of kind {kind}, which is no generator, performer or editor",
            about="generator",
        )
    model = LOADERS[kind](folder, dec_path, sizes or {}, Computation(dtype, xla, decoder))
    origin = Origin(checkpoint.hash_files(folder), model.codec.files_hash, dtype, xla, decoder)
    return dataclasses.replace(model, origin=origin, captions=read_captions(folder))
