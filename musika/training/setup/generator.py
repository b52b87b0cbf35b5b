"""Preparing the training of a generator: sizes, codec, latents, weights to start from."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

from musika import checkpoint, console
from musika.checkpoint.published import musika_folder
from musika.config import ANY_PUBLISHED, GanTrainConfig, GeneratorConfig
from musika.config.fields import get_fields, get_flag
from musika.config.recipe import split_settings
from musika.errors import CheckpointError, ConfigError, UsageError
from musika.files import format_path
from musika.latents import TrainingSet, find_common_identity, find_indexes, open_training_set
from musika.training.setup.data_hash import hash_latents
from musika.training.setup.origin import Origin, choose_valid_path, decide_train_config, find_origin
from musika.training.setup.prepared import PreparedTraining, finish_preparation
from musika.training.setup.preview_codec import PreviewCodec, describe_codec, load_preview_codec, require_identity
from musika.training.setup.request import TrainingRequest

if TYPE_CHECKING:
    from musika.training.stages.gan import GanStage, Start

GROWING = ("base_channels", "critic_channels", "critic_fields")  # which of a checkpoint's sizes may become larger


@dataclasses.dataclass(frozen=True)
class ResolvedGenerator:
    """All that a generator is trained with, resolved."""

    config: GeneratorConfig
    train: GanTrainConfig
    origin: Origin | None
    resumes: bool
    codec: PreviewCodec
    identity: str  # of the codec that made the latents
    latents: TrainingSet
    latents_hash: str
    held_out: TrainingSet | None
    valid_path: Path | None


def prepare_generator(request: TrainingRequest) -> PreparedTraining:
    """A generator's training, ready to run.

    Raises:
        MusikaError: latents, a checkpoint, a codec or settings that cannot be used.
    """
    parts = resolve_generator(request)
    stage = _make_stage(request, parts)
    latents = parts.latents
    console.say(
        f"{len(latents)} files with {latents.total} latents of codec {parts.identity}; window {parts.config.window}"
    )
    return finish_preparation(
        request,
        stage,
        parts.train,
        parts.origin if parts.resumes else None,
        codec=parts.codec,
        valid_path=parts.valid_path,
    )


def resolve_generator(request: TrainingRequest) -> ResolvedGenerator:
    """Everything but the networks, which need a framework."""
    origin = find_origin(request.load_path, "gan")
    sizes = resolve_sizes(request, origin)
    codec = describe_codec(request, origin)
    moves = _moves_to_another_codec(request, origin, codec)
    latents = _open_latents(request, origin, sizes, codec, moves)
    identity = latents.codec_identity or _find_wanted_identity(origin, codec, moves)
    _check_latents(request, latents, identity, codec)
    config = dataclasses.replace(sizes, channels=latents.channels)
    data_hash = hash_latents(latents.files, request.data_path)
    reasons = [] if origin is None else _list_reasons(origin, config, moves)
    train, resumes = decide_train_config(GanTrainConfig, request, origin, "latents", data_hash, reasons)
    windows = sum(length - config.window + 1 for length in latents.lengths)
    if windows < train.bs:
        console.warn(f"{windows} different windows are fewer than the batch of {train.bs}: encode more music")
    valid_path = choose_valid_path(request, origin)
    held_out = _open_held_out(valid_path, latents, config, identity)
    return ResolvedGenerator(config, train, origin, resumes, codec, identity, latents, data_hash, held_out, valid_path)


# --------------------------------------------------------------------------------------------------- sizes


def resolve_sizes(request: TrainingRequest, origin: Origin | None) -> GeneratorConfig:
    """Sizes that are asked for, or those of the checkpoint, which may be widened and must not be contradicted.

    Raises:
        UsageError: a size contradicts the checkpoint.
        CheckpointError: the checkpoint does not say its sizes.
    """
    asked, _ = split_settings("gan", request.settings)
    if origin is None:
        return GeneratorConfig(**asked)
    own = read_sizes(origin)
    if asked.get("critic_fields") and own.critic_fields:  # the checkpoint knows which fields its local critics have
        asked["critic_fields"] = own.critic_fields
    wanted = dataclasses.replace(own, **asked)
    if wanted.widens(own):
        return wanted
    for name, value in asked.items():
        has: Any = own.critic_unit if name == "critic_channels" else getattr(own, name)
        if (len(value) < len(has) if name == "critic_fields" else value < has) if name in GROWING else value != has:
            flag = get_flag(get_fields(GeneratorConfig)[name])
            raise UsageError(
                f"{flag} {_format(value)} contradicts {origin.folder}, which has {_format(has)}: "
                "leave it out, or train from scratch"
            )
    raise UsageError(f"the sizes asked for do not fit those of {origin.folder}: leave them out, or train from scratch")


def read_sizes(origin: Origin) -> GeneratorConfig:
    """Sizes of the checkpoint's networks.

    Raises:
        CheckpointError: it does not say, or does not say whose latents it makes.
    """
    try:
        config = GeneratorConfig.from_dict(origin.info["config"])
    except (ConfigError, KeyError, TypeError) as error:
        raise CheckpointError(f"{origin.config_file} does not describe a generator: {error}") from error
    if not isinstance(origin.info.get("codec_identity"), str):
        raise CheckpointError(f"{origin.config_file} does not say which codec the generator belongs to")
    return config


def _format(value: Any) -> str:
    return ",".join(map(str, value)) or "none" if isinstance(value, tuple) else str(value)


# --------------------------------------------------------------------------------------------------- codec


def _moves_to_another_codec(request: TrainingRequest, origin: Origin | None, codec: PreviewCodec) -> bool:
    """Whether a generator is to be fine-tuned for a codec that was named, where the latents are of it."""
    if origin is None or request.codec_path is None or not codec.identity:
        return False
    if origin.info.get("codec_identity") in (ANY_PUBLISHED, codec.identity):
        return False
    return find_common_identity(find_indexes(request.data_path)) == codec.identity


def _find_wanted_identity(origin: Origin | None, codec: PreviewCodec, moves: bool) -> str:
    """The codec that the latents must be of: the generator's, or the one that samples are decoded with."""
    own = "" if origin is None or moves else str(origin.info["codec_identity"])
    return codec.identity if own in ("", ANY_PUBLISHED) else own


# ------------------------------------------------------------------------------------------------- latents


def _open_latents(
    request: TrainingRequest, origin: Origin | None, sizes: GeneratorConfig, codec: PreviewCodec, moves: bool
) -> TrainingSet:
    """The latents to train on, of the right codec and length."""
    channels = codec.channels if origin is None else sizes.channels
    wanted = _find_wanted_identity(origin, codec, moves)
    for place, index in find_indexes(request.data_path).items():
        length = index.settings.max_lat_len
        if request.chunk_length is not None and (index.settings.whole or request.chunk_length != length):
            has = "whole recordings" if index.settings.whole else f"chunks of {length} latents"
            raise UsageError(
                f"max_lat_len {request.chunk_length} contradicts {format_path(place)}, which holds {has}: leave it out"
            )
    return open_training_set(request.data_path, sizes.window, channels, wanted)


def _check_latents(request: TrainingRequest, latents: TrainingSet, identity: str, codec: PreviewCodec) -> None:
    """Refuses latents of an unknown codec, and warns of what a person should know."""
    folder = format_path(request.data_path)
    require_identity(identity, request.data_path)
    if not latents.codec_identity:
        console.warn(f"{folder} does not say which codec made it; it is taken to be {format_path(codec.path)}")
    if codec.identity and codec.identity != identity:
        console.warn(
            f"{format_path(codec.path)} is codec {codec.identity}, and the latents are of {identity}: "
            "checkpoints will have no samples to listen to"
        )
    for line in latents.warnings:
        console.warn(line)


def _open_held_out(
    valid_path: Path | None, latents: TrainingSet, config: GeneratorConfig, identity: str
) -> TrainingSet | None:
    """Latents to measure on; None where none are named, and a person is told."""
    if valid_path is None:
        console.say("figures are of latents that are trained on; a folder of other latents can be named instead")
        return None
    held_out = open_training_set(valid_path, config.window, config.channels, identity)
    trained = {file.path.resolve() for file in latents.files}
    shared = [file.path for file in held_out.files if file.path.resolve() in trained]
    if shared:
        raise UsageError(
            f"{format_path(shared[0])} is among the latents to train on, too: move what is to be held out elsewhere"
        )
    for line in held_out.warnings:
        console.warn(line)
    return held_out


# ----------------------------------------------------------------------------------- resuming and fine-tuning


def _list_reasons(origin: Origin, config: GeneratorConfig, moves: bool) -> list[str]:
    """Why the checkpoint's run cannot be resumed: a codec or sizes that are new to it."""
    own, reasons = read_sizes(origin), []
    if moves:
        before = origin.info.get("codec_identity")
        reasons.append(f"{origin.folder} was trained for codec {before}; the latents are of another codec")
    if not own.widens(config) and (own.base_channels, own.critic_unit) != (config.base_channels, config.critic_unit):
        reasons.append(
            f"{origin.folder} is widened: generator {own.base_channels} to {config.base_channels} channels, "
            f"critic {own.critic_unit} to {config.critic_unit}"
        )
    if own.critic_fields != config.critic_fields:
        reasons.append(f"{origin.folder} gets local critics")
    return reasons


def _make_stage(request: TrainingRequest, parts: ResolvedGenerator) -> GanStage:
    """The networks and all that trains them."""
    from musika import backend
    from musika.training.stages.gan import GanStage

    origin, config = parts.origin, parts.config
    codec = load_preview_codec(request, parts.codec, parts.identity)
    halves = None if origin is None or codec is not None else origin.read("trained", "stereo_halves")
    start = None if origin is None or parts.resumes else read_start(origin, config, parts.train.seed)
    notes = {"latents": parts.latents_hash, "files": len(parts.latents), "total_latents": parts.latents.total}
    return GanStage(
        config,
        parts.train,
        parts.latents,
        parts.identity,
        codec=codec,
        stereo_halves=halves if isinstance(halves, bool) else None,
        held_out=parts.held_out,
        start=start,
        precision=backend.choose_precision(request.mixed_precision),
        xla=backend.should_use_xla(request.xla),
        trained=notes,
    )


def read_start(origin: Origin, config: GeneratorConfig, seed: int) -> Start:
    """Weights to fine-tune: of a checkpoint of ours or of a Musika folder, whose optimizers are not read.

    Args:
        config: sizes that are wanted; larger ones than the checkpoint's widen it.
        seed: of the training.
    """
    from musika.training.stages.gan import Start

    folder = origin.folder
    if musika_folder.is_musika_folder(folder):
        average = musika_folder.read_generator(folder)[1]
        raw = musika_folder.read_raw_generator(folder)
        critic, weight = musika_folder.read_critic(folder), musika_folder.read_penalty_weight(folder)
        start = Start(raw or average, critic, average, weight)
    else:
        critic = checkpoint.read(folder, "critic") if checkpoint.has(folder, "critic") else None
        weight = _read_penalty_weight(origin) if critic else None
        start = Start(checkpoint.read(folder), critic, penalty_weight=weight)
    own = read_sizes(origin)
    return start if own.widens(config) else _widen_start(start, own, config, seed)


def _widen_start(start: Start, own: GeneratorConfig, config: GeneratorConfig, seed: int) -> Start:
    from musika.gan.widen import widen_critic, widen_generator

    return dataclasses.replace(
        start,
        generator=widen_generator(start.generator, own, config, seed),
        critic=None if start.critic is None else widen_critic(start.critic, own, config, seed),
        average=None if start.average is None else widen_generator(start.average, own, config, seed),
    )


def _read_penalty_weight(origin: Origin) -> float | None:
    """The adaptive weight that the critic was left with; None where the checkpoint does not say.

    Raises:
        CheckpointError: it says something else than a number from 0 to 1.
    """
    weight = origin.read("penalty_weight")
    if weight is None:
        return None
    if isinstance(weight, bool) or not isinstance(weight, (int, float)) or not 0 <= weight <= 1:
        raise CheckpointError(f"{origin.config_file}: penalty_weight is not a number from 0 to 1")
    return float(weight)
