"""Preparing the training of a performer: codec, recordings with their scores, sizes, weights to start from."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from musika import checkpoint, console
from musika.codec.load import load_codec
from musika.config import PerformerConfig, PerformerTrainConfig
from musika.config.recipe import split_settings
from musika.errors import LatentsError, UsageError
from musika.files import format_path
from musika.gan.performer_load import parse_info
from musika.training.pairs import PairReader, PairSet
from musika.training.setup.origin import (
    Origin,
    decide_to_resume,
    find_origin,
    find_run_path,
    list_restart_reasons,
    resolve_train_config,
)
from musika.training.setup.prepared import PreparedTraining, finish_preparation
from musika.training.setup.preview_codec import PreviewCodec, describe_codec
from musika.training.setup.request import TrainingRequest
from musika.training.validation import split_files

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
        codec_path=parts.codec.path if stage.codec is not None else None,
        valid_path=parts.valid_path,
        midi_path=parts.midi_path,
    )


def resolve_performer(request: TrainingRequest) -> ResolvedPerformer:
    """Everything but the networks, which need a framework."""
    origin = find_origin(request.load_path, "performer")
    own = None if origin is None else parse_info(origin.folder, origin.info)
    codec = describe_codec(request, origin)
    sizes = resolve_sizes(request, origin, None if own is None else own[0])
    wanted = codec.identity if own is None else own[2]
    midi_path = request.midi_path or find_run_path(origin, "midi_path")
    likely = resolve_train_config(PerformerTrainConfig, request, origin, origin is not None and origin.has_state)
    channels = codec.channels if own is None else own[0].channels
    reader = PairReader(midi_path, sizes.tracks, channels, wanted)
    pairs = reader.open_folder(request.data_path, likely.crop)
    if not pairs.codec_identity and not wanted:
        raise LatentsError(
            f"nothing says which codec made the latents in {format_path(request.data_path)}", about="codec"
        )
    valid_path = request.valid_path or find_run_path(origin, "valid_path")
    pairs, held_out = _split_pairs(pairs, valid_path, reader)
    names_hash = _hash_names(pairs, request.data_path)
    reasons = [] if origin is None else list_restart_reasons(origin, request, "pairs", names_hash)
    if origin is not None and own is not None and own[0].tracks != sizes.tracks:
        reasons.append(f"{origin.folder} gets other tracks: {', '.join(sizes.tracks)}")
    resumes = decide_to_resume(origin, request, reasons)
    train = resolve_train_config(PerformerTrainConfig, request, origin, resumes)
    return ResolvedPerformer(
        config=fit_sizes(sizes, pairs, origin),
        train=train,
        origin=origin,
        resumes=resumes,
        codec=codec,
        identity=pairs.codec_identity or wanted,
        pairs=pairs.select_long(train.crop),
        pairs_hash=names_hash,
        held_out=held_out,
        midi_path=midi_path,
        valid_path=valid_path,
    )


def resolve_sizes(request: TrainingRequest, origin: Origin | None, own: PerformerConfig | None) -> PerformerConfig:
    """Sizes that are asked for, or those of the checkpoint, which may get other tracks and must not be contradicted.

    Raises:
        UsageError: a size contradicts the checkpoint.
    """
    asked, _ = split_settings("performer", request.settings)
    if origin is None or own is None:
        return PerformerConfig(**asked)
    for name, value in asked.items():
        if value != getattr(own, name) and name != "tracks":
            raise UsageError(
                f"{name} {value} contradicts {origin.folder}, which has {getattr(own, name)}: leave it out, or train "
                "from scratch"
            )
    tracks = asked.get("tracks", own.tracks)
    return own if tracks == own.tracks else dataclasses.replace(own, tracks=tracks, track_widths=())


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
        known = {pair.latents.path.resolve() for pair in held_out.pairs}
        rest = [n for n, pair in enumerate(pairs.pairs) if pair.latents.path.resolve() not in known]
        if not rest:
            raise UsageError(f"{format_path(valid_path)} holds all of the latents: there is nothing left to train on")
        return pairs.select(rest), held_out
    scores = sorted({pair.midi for pair in pairs.pairs})
    kept, held = (set(part) for part in split_files(scores))
    if not held:
        console.warn(f"{len(scores)} scores are too few to hold some out: figures are of music that is trained on")
        return pairs, None
    console.say(f"{len(held)} of {len(scores)} scores are held out to measure on; a folder can be named instead")
    return tuple(  # type: ignore[return-value]
        pairs.select([n for n, pair in enumerate(pairs.pairs) if pair.midi in part]) for part in (kept, held)
    )


def _hash_names(pairs: PairSet, folder: Path) -> str:
    """A short hash of which pairs these are, by path, length and style: a run is resumed with its own."""
    names = sorted(f"{p.latents.path.relative_to(folder).as_posix()} {p.latents.length}" for p in pairs.pairs)
    return hashlib.sha256("\n".join(names).encode(errors="surrogatepass")).hexdigest()[:16]


def _make_stage(request: TrainingRequest, parts: ResolvedPerformer) -> Any:
    """The networks and all that trains them."""
    from musika import backend
    from musika.training.stages.performer import PerformerStage

    plays, styles = parts.codec.identity == parts.identity, parts.pairs.style_names
    start = None if parts.origin is None or parts.resumes else read_start(parts.origin, parts.config, styles)
    return PerformerStage(
        parts.config,
        parts.train,
        parts.pairs,
        load_codec(parts.codec.path, sizes=request.codec_sizes) if plays else None,
        parts.identity,
        styles,
        held_out=parts.held_out,
        start=start,
        precision=choose_precision(request.mixed_precision),
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


def choose_precision(mixed_precision: str) -> str:
    """Precision of the networks: float16 would need loss scaling, so float32 takes its place."""
    from musika import backend

    policy: str = backend.choose_precision(mixed_precision)
    return "float32" if policy == "mixed_float16" else policy
