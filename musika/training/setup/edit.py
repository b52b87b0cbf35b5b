"""Preparing the training of an editor: codec, latents, what is held out, sizes, weights to start from."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from musika import checkpoint, console
from musika.codec.load import load_codec
from musika.config import EditorConfig, EditTrainConfig
from musika.config.recipe import split_settings
from musika.errors import LatentsError, UsageError
from musika.files import format_path
from musika.gan.editor_load import parse_info, split_weights
from musika.latents import TrainingSet, open_training_set
from musika.training.setup.generator import hash_names
from musika.training.setup.origin import (
    Origin,
    decide_to_resume,
    find_origin,
    find_run_path,
    list_restart_reasons,
    resolve_train_config,
)
from musika.training.setup.performer import choose_precision
from musika.training.setup.prepared import PreparedTraining, finish_preparation
from musika.training.setup.preview_codec import PreviewCodec, describe_codec
from musika.training.setup.request import TrainingRequest
from musika.training.validation import split_files


def prepare_edit(request: TrainingRequest) -> PreparedTraining:
    """An editor's training, ready to run.

    Raises:
        MusikaError: latents, a checkpoint, a codec or settings that cannot be used.
    """
    origin = find_origin(request.load_path, "edit")
    own = None if origin is None else parse_info(origin.folder, origin.info)
    codec = describe_codec(request, origin)
    sizes = resolve_sizes(request, origin, None if own is None else own[0])
    wanted = codec.identity if own is None else own[1]
    likely = resolve_train_config(EditTrainConfig, request, origin, origin is not None and origin.has_state)
    latents = _open_latents(request.data_path, likely.crop, codec.channels if own is None else own[0].channels, wanted)
    identity = latents.codec_identity or wanted
    if not identity:
        raise LatentsError(
            f"nothing says which codec made the latents in {format_path(request.data_path)}", about="codec"
        )
    valid_path = request.valid_path or find_run_path(origin, "valid_path")
    latents, held_out = _split_latents(latents, valid_path, likely.crop, identity)
    names_hash = hash_names(latents, request.data_path)
    reasons = [] if origin is None else list_restart_reasons(origin, request, "latents", names_hash)
    resumes = decide_to_resume(origin, request, reasons)
    train = resolve_train_config(EditTrainConfig, request, origin, resumes)
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
        codec_path=codec.path if stage.codec is not None else None,
        valid_path=valid_path,
    )


def resolve_sizes(request: TrainingRequest, origin: Origin | None, own: EditorConfig | None) -> EditorConfig:
    """Sizes that are asked for, or those of the checkpoint, which must not be contradicted.

    Raises:
        UsageError: a size contradicts the checkpoint.
    """
    asked, _ = split_settings("edit", request.settings)
    if origin is None or own is None:
        return EditorConfig(**asked)
    for name, value in asked.items():
        if value != getattr(own, name):
            raise UsageError(
                f"{name} {value} contradicts {origin.folder}, which has {getattr(own, name)}: leave it out, or train "
                "from scratch"
            )
    return own


def _open_latents(folder: Path, window: int, channels: int | None, wanted: str) -> TrainingSet:
    """The latents of a folder that are long enough; a person is told of shorter ones."""
    everything = open_training_set(folder, 1, channels, wanted)
    long = tuple(file for file in everything.files if file.length >= window)
    if not long:
        raise LatentsError(
            f"no file in {format_path(folder)} has the {window} latents of an example: encode longer music, or choose "
            "shorter examples",
            about="chunk length",
        )
    if len(long) < len(everything.files):
        console.warn(f"{len(everything.files) - len(long)} files are shorter than {window} latents: left out")
    return dataclasses.replace(everything, files=long)


def _split_latents(
    latents: TrainingSet, valid_path: Path | None, window: int, identity: str
) -> tuple[TrainingSet, TrainingSet | None]:
    """Latents to train on, and latents to measure on, where there are any. A person is told which they are."""
    if valid_path is not None:
        held_out = _open_latents(valid_path, window, latents.channels, identity)
        known = {file.path.resolve() for file in held_out.files}
        rest = tuple(file for file in latents.files if file.path.resolve() not in known)
        if not rest:
            raise UsageError(f"{format_path(valid_path)} holds all of the latents: there is nothing left to train on")
        return dataclasses.replace(latents, files=rest), held_out
    kept, held = split_files([file.path for file in latents.files])
    if not held:
        console.warn(f"{len(latents)} files are too few to hold some out: figures are of music that is trained on")
        return latents, None
    console.say(f"{len(held)} of {len(latents)} files are held out to measure on; a folder can be named instead")
    parts = [tuple(file for file in latents.files if file.path in part) for part in (kept, held)]
    return dataclasses.replace(latents, files=parts[0]), dataclasses.replace(latents, files=parts[1])


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
        load_codec(codec.path, sizes=request.codec_sizes) if codec.identity == identity else None,
        identity,
        held_out=held_out,
        start=None if resumes else start,
        basis=basis,
        precision=choose_precision(request.mixed_precision),
        xla=backend.should_use_xla(request.xla),
        trained={
            "latents": hash_names(latents, request.data_path),
            "files": len(latents),
            "total_latents": latents.total,
        },
    )
