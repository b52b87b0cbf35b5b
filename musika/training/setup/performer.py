"""Preparing the training of a performer: codec, recordings with their scores, sizes, weights to start from."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from musika import checkpoint, console
from musika.config import PerformerConfig, PerformerTrainConfig
from musika.config.recipe import split_settings
from musika.errors import UsageError
from musika.gan.performer_load import parse_info
from musika.training.pairs import PairReader, PairSet
from musika.training.setup.data_hash import hash_latents
from musika.training.setup.held_out import exclude_held_out, split_off_held_out
from musika.training.setup.origin import (
    Origin,
    choose_valid_path,
    decide_train_config,
    expect_train_config,
    find_origin,
    find_run_path,
    resolve_sizes,
)
from musika.training.setup.precision import choose_precision
from musika.training.setup.prepared import PreparedTraining, finish_preparation
from musika.training.setup.preview_codec import PreviewCodec, describe_codec, load_preview_codec, require_identity
from musika.training.setup.request import TrainingRequest

FIRST = "first/kernel"  # the weights that take the tracks


@dataclasses.dataclass(frozen=True)
class ResolvedPerformer:
    """All that a performer is trained with, resolved."""

    config: PerformerConfig
    train: PerformerTrainConfig
    origin: Origin | None
    resumes: bool
    codec: PreviewCodec
    identity: str  # of the codec that made the latents
    pairs: PairSet
    pairs_hash: str
    held_out: PairSet | None
    midi_path: Path | None
    valid_path: Path | None


def prepare_performer(request: TrainingRequest) -> PreparedTraining:
    """A performer's training, ready to run.

    Raises:
        MusikaError: latents, scores, a checkpoint, a codec or settings that cannot be used.
    """
    parts = resolve_performer(request)
    stage = _make_stage(request, parts)
    for line in parts.pairs.warnings:
        console.warn(line)
    hours = sum(parts.pairs.lengths) * parts.pairs.seconds_per_latent / 3600
    styles = ", ".join(parts.pairs.style_names[:8])
    console.say(f"{len(parts.pairs.pairs)} files of latents with their scores, {hours:.2f} hours; styles: {styles}")
    return finish_preparation(
        request,
        stage,
        parts.train,
        parts.origin if parts.resumes else None,
        codec=parts.codec,
        valid_path=parts.valid_path,
        midi_path=parts.midi_path,
    )


def resolve_performer(request: TrainingRequest) -> ResolvedPerformer:
    """Everything but the networks, which need a framework."""
    origin = find_origin(request.load_path, "performer")
    own = None if origin is None else parse_info(origin.folder, origin.info)
    codec = describe_codec(request, origin)
    sizes = resolve_tracks(request, origin, None if own is None else own[0])
    wanted = codec.identity if own is None else own[2]
    midi_path = request.midi_path or find_run_path(origin, "midi_path")
    likely = expect_train_config(PerformerTrainConfig, request, origin)
    channels = codec.channels if own is None else own[0].channels
    reader = PairReader(midi_path, sizes.tracks, channels, wanted)
    pairs = reader.open_folder(request.data_path, likely.crop)
    identity = require_identity(pairs.codec_identity or wanted, request.data_path)
    valid_path = choose_valid_path(request, origin)
    pairs, held_out = _split_pairs(pairs, valid_path, reader)
    data_hash = hash_latents([pair.latents for pair in pairs.pairs], request.data_path)
    reasons = []
    if origin is not None and own is not None and own[0].tracks != sizes.tracks:
        reasons.append(f"{origin.folder} gets other tracks: {', '.join(sizes.tracks)}")
    train, resumes = decide_train_config(PerformerTrainConfig, request, origin, "pairs", data_hash, reasons)
    return ResolvedPerformer(
        config=fit_sizes(sizes, pairs, origin),
        train=train,
        origin=origin,
        resumes=resumes,
        codec=codec,
        identity=identity,
        pairs=pairs.select_long(train.crop),
        pairs_hash=data_hash,
        held_out=held_out,
        midi_path=midi_path,
        valid_path=valid_path,
    )


def resolve_tracks(request: TrainingRequest, origin: Origin | None, own: PerformerConfig | None) -> PerformerConfig:
    """Sizes that are asked for, or those of the checkpoint, which may get other tracks and must not be contradicted.

    Raises:
        UsageError: a size contradicts the checkpoint.
    """
    sizes = resolve_sizes(PerformerConfig, request, origin, own, free="tracks")
    tracks = split_settings("performer", request.settings)[0].get("tracks", sizes.tracks)
    return sizes if tracks == sizes.tracks else dataclasses.replace(sizes, tracks=tracks, track_widths=())


def fit_sizes(sizes: PerformerConfig, pairs: PairSet, origin: Origin | None) -> PerformerConfig:
    """The sizes that the data decide: numbers in a latent, widths of the tracks, number of styles.

    Raises:
        UsageError: the checkpoint to start from has tracks of other widths.
    """
    widths = tuple(track.width for track in pairs.pairs[0].tracks)
    if origin is not None and sizes.track_widths not in ((), widths):
        raise UsageError(f"{origin.folder} was trained on tracks of {sizes.track_widths} numbers, these have {widths}")
    return dataclasses.replace(sizes, channels=pairs.channels, track_widths=widths, styles=len(pairs.style_names))


def _split_pairs(pairs: PairSet, valid_path: Path | None, reader: PairReader) -> tuple[PairSet, PairSet | None]:
    """Pairs to train on, and pairs to measure on, where there are any. A person is told which they are."""
    if valid_path is not None:
        held_out = dataclasses.replace(reader.open_folder(valid_path, 1), style_names=pairs.style_names)
        paths, known = ([pair.latents.path for pair in each.pairs] for each in (pairs, held_out))
        return pairs.select(exclude_held_out(paths, known, valid_path, "latents")), held_out
    parts = split_off_held_out(sorted({pair.midi for pair in pairs.pairs}), "scores")
    numbers = [[n for n, pair in enumerate(pairs.pairs) if pair.midi in set(part)] for part in parts]
    return pairs.select(numbers[0]), pairs.select(numbers[1]) if numbers[1] else None


def _make_stage(request: TrainingRequest, parts: ResolvedPerformer) -> Any:
    """The networks and all that trains them."""
    from musika import backend
    from musika.training.stages.performer import PerformerStage

    styles = parts.pairs.style_names
    start = None if parts.origin is None or parts.resumes else read_start(parts.origin, parts.config, styles)
    return PerformerStage(
        parts.config,
        parts.train,
        parts.pairs,
        load_preview_codec(request, parts.codec, parts.identity),
        parts.identity,
        styles,
        held_out=parts.held_out,
        start=start,
        precision=choose_precision(request),
        xla=backend.should_use_xla(request.xla),
        trained={"pairs": parts.pairs_hash, "files": len(parts.pairs.pairs), "total_latents": sum(parts.pairs.lengths)},
    )


def read_start(origin: Origin, config: PerformerConfig, style_names: Sequence[str]) -> dict[str, np.ndarray]:
    """Weights to fine-tune, for the tracks and the styles that there are now.

    A known style keeps its vector, a new one begins as the mean of all. A family of instruments that is new begins as
    the track `notes`, where the checkpoint has it; another new track begins without a say.
    """
    weights = checkpoint.read(origin.folder)
    own, known, _ = parse_info(origin.folder, origin.info)
    if "styles" in weights:
        rows, mean = dict(zip(known, weights["styles"], strict=True)), weights["styles"].mean(axis=0)
        weights["styles"] = np.stack([rows.get(name, mean) for name in style_names])
    if own.tracks != config.tracks:
        kernel = weights[FIRST]  # [K, W]
        parts = dict(zip(own.tracks, np.split(kernel, np.cumsum(own.track_widths)[:-1]), strict=True))
        weights[FIRST] = np.concatenate(
            [
                parts.get(name, _choose_first_rows(parts, name, width, kernel.shape[1]))
                for name, width in zip(config.tracks, config.track_widths, strict=True)
            ]
        )
    return weights


def _choose_first_rows(parts: Mapping[str, np.ndarray], name: str, width: int, channels: int) -> np.ndarray:
    """What a new track begins with in the first layer, `[width, channels]`."""
    like = parts.get(name.split("/")[0])
    return like if like is not None and len(like) == width else np.zeros((width, channels), np.float32)
