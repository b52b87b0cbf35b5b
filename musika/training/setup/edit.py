"""Preparing the training of an editor: codec, latents, what is held out, sizes, weights to start from."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from musika import checkpoint, console
from musika.config import EditorConfig, EditTrainConfig
from musika.errors import LatentsError
from musika.files import format_path
from musika.gan.editor_load import parse_info, split_weights
from musika.latents import TrainingSet, open_training_set
from musika.training.setup.data_hash import hash_latents
from musika.training.setup.held_out import exclude_held_out, split_off_held_out
from musika.training.setup.origin import (
    Origin,
    choose_valid_path,
    decide_train_config,
    expect_train_config,
    find_origin,
    resolve_sizes,
)
from musika.training.setup.precision import choose_precision
from musika.training.setup.prepared import PreparedTraining, finish_preparation
from musika.training.setup.preview_codec import PreviewCodec, describe_codec, load_preview_codec, require_identity
from musika.training.setup.request import TrainingRequest


def prepare_edit(request: TrainingRequest) -> PreparedTraining:
    """An editor's training, ready to run.

    Raises:
        MusikaError: latents, a checkpoint, a codec or settings that cannot be used.
    """
    origin = find_origin(request.load_path, "edit")
    own = None if origin is None else parse_info(origin.folder, origin.info)
    codec = describe_codec(request, origin)
    sizes = resolve_sizes(EditorConfig, request, origin, None if own is None else own[0])
    wanted = codec.identity if own is None else own[1]
    likely = expect_train_config(EditTrainConfig, request, origin)
    latents = _open_latents(request.data_path, likely.crop, codec.channels if own is None else own[0].channels, wanted)
    identity = require_identity(latents.codec_identity or wanted, request.data_path)
    valid_path = choose_valid_path(request, origin)
    latents, held_out = _split_latents(latents, valid_path, likely.crop, identity)
    data_hash = hash_latents(latents.files, request.data_path)
    train, resumes = decide_train_config(EditTrainConfig, request, origin, "latents", data_hash)
    for line in latents.warnings:
        console.warn(line)
    console.say(f"{len(latents)} files with {latents.total} latents of codec {identity}")
    stage = _make_stage(
        request, sizes.fit(latents.channels), train, latents, held_out, codec, identity, origin, resumes
    )
    return finish_preparation(
        request,
        stage,
        train,
        origin if resumes else None,
        codec=codec,
        valid_path=valid_path,
    )


def _open_latents(folder: Path, crop: int, channels: int | None, wanted: str) -> TrainingSet:
    """The latents of a folder that are long enough; a person is told of shorter ones."""
    everything = open_training_set(folder, 1, channels, wanted)
    long = tuple(file for file in everything.files if file.length >= crop)
    if not long:
        raise LatentsError(
            f"no file in {format_path(folder)} has the {crop} latents of an example: encode longer music, or choose "
            "shorter examples",
            about="chunk length",
        )
    if len(long) < len(everything.files):
        console.warn(f"{len(everything.files) - len(long)} files are shorter than {crop} latents: left out")
    return dataclasses.replace(everything, files=long)


def _split_latents(
    latents: TrainingSet, valid_path: Path | None, crop: int, identity: str
) -> tuple[TrainingSet, TrainingSet | None]:
    """Latents to train on, and latents to measure on, where there are any. A person is told which they are."""
    paths = [file.path for file in latents.files]
    if valid_path is not None:
        held_out = _open_latents(valid_path, crop, latents.channels, identity)
        rest = exclude_held_out(paths, [file.path for file in held_out.files], valid_path, "latents")
        return dataclasses.replace(latents, files=tuple(latents.files[number] for number in rest)), held_out
    kept, held = split_off_held_out(paths, "files")
    parts = [
        dataclasses.replace(latents, files=tuple(file for file in latents.files if file.path in part))
        for part in (kept, held)
    ]
    return parts[0], parts[1] if held else None


def _make_stage(
    request: TrainingRequest,
    config: EditorConfig,
    train: EditTrainConfig,
    latents: TrainingSet,
    held_out: TrainingSet | None,
    codec: PreviewCodec,
    identity: str,
    origin: Origin | None,
    resumes: bool,
) -> Any:
    """The networks and all that trains them."""
    from musika import backend
    from musika.training.stages.edit import EditStage

    start = basis = None
    if origin is not None:  # a basis is kept: weights mean nothing in another one
        start, basis = split_weights(origin.folder, config, checkpoint.read(origin.folder))
    return EditStage(
        config,
        train,
        latents,
        load_preview_codec(request, codec, identity),
        identity,
        held_out=held_out,
        start=None if resumes else start,
        basis=basis,
        precision=choose_precision(request),
        xla=backend.should_use_xla(request.xla),
        trained={
            "latents": hash_latents(latents.files, request.data_path),
            "files": len(latents),
            "total_latents": latents.total,
        },
    )
