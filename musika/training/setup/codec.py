"""Preparing the training of a codec: sizes, audio, what to measure on, weights to start from."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

from musika import audio, checkpoint, console
from musika.config import ADDED_PHASES, CodecConfig, CodecTrainConfig
from musika.config.recipe import split_settings
from musika.errors import UsageError
from musika.files import format_path
from musika.training.setup.held_out import exclude_held_out, split_off_held_out
from musika.training.setup.origin import (
    Origin,
    choose_valid_path,
    decide_train_config,
    expect_train_config,
    find_origin,
)
from musika.training.setup.precision import choose_precision
from musika.training.setup.prepared import PreparedTraining, finish_preparation
from musika.training.setup.request import TrainingRequest

if TYPE_CHECKING:
    from musika.training.pool import Pool

REMARKS = 40  # lines about unusual files that are shown


@dataclasses.dataclass(frozen=True)
class CodecStart:
    """Sizes and weights of a codec to train.

    Attributes:
        config: sizes.
        weights: of encoder, decoder and perhaps critic; None for random ones.
        reasons: why the run of the checkpoint cannot be resumed.
    """

    config: CodecConfig
    weights: dict[str, Any] | None = None
    reasons: tuple[str, ...] = ()


def prepare_codec(request: TrainingRequest) -> PreparedTraining:
    """A codec's training, ready to run.

    Raises:
        MusikaError: audio, a checkpoint or settings that cannot be used.
    """
    _refuse_foreign_sizes(request)
    origin = find_origin(request.load_path, "codec")
    likely = expect_train_config(CodecTrainConfig, request, origin)
    valid_path = choose_valid_path(request, origin)
    files = audio.find_files(request.data_path)
    start = resolve_start(request, origin)
    check_crop(start.config, likely.crop)  # before hours of audio are decoded
    files, held_out = split_files(files, valid_path)
    pool = make_pool(request, files, start.config, likely.crop)
    train, resumes = decide_train_config(CodecTrainConfig, request, origin, "audio", pool.fingerprint, start.reasons)
    check_crop(start.config, train.crop)
    if train.crop > likely.crop:  # files must be as long as a crop
        pool = make_pool(request, files, start.config, train.crop)
    stage = _make_stage(request, start, train, pool, held_out)
    console.say(f"{len(pool.sources)} files, {pool.seconds / 3600:.2f} hours of audio")
    return finish_preparation(request, stage, train, origin if resumes else None, valid_path=valid_path)


def resolve_start(request: TrainingRequest, origin: Origin | None) -> CodecStart:
    """Sizes and weights to begin with.

    A decoder that exists can learn to tune tones, and one whose tones have fixed carriers can learn phases that add up.

    Raises:
        UsageError: a size contradicts the checkpoint.
    """
    asked, _ = split_settings("codec", request.settings)
    if origin is None:
        return CodecStart(CodecConfig(**asked))
    from musika.codec.checkpoint import read_weights
    from musika.codec.weights import add_tuner

    config, parts = read_weights(origin.folder)
    weights: dict[str, Any] = dict(parts)
    if checkpoint.has(origin.folder, "critic"):
        weights["critic"] = checkpoint.read(origin.folder, "critic")
    learns = not config.tuned_bins or (not config.phase_cell and asked.get("phase_cell", 0) > 0)
    for name, value in asked.items():
        own = getattr(config, name)
        if value != own and not (learns and name in ADDED_PHASES):
            raise UsageError(f"{name} {value} contradicts {origin.folder}, which has {own}: leave it out")
    before = "has fixed carriers for" if config.tuned_bins else "did not do"
    tuned = dataclasses.replace(config, **{name: asked[name] for name in ADDED_PHASES if name in asked})
    if tuned == config:
        return CodecStart(config, weights)
    reason = f"{origin.folder} learns to tune tones, which its decoder {before}"
    return CodecStart(tuned, {**weights, "decoder": add_tuner(tuned, weights["decoder"])}, (reason,))


def make_pool(request: TrainingRequest, files: list[Path], config: CodecConfig, crop: int) -> Pool:
    """All audio, decoded; a person is told of files that are of no use."""
    from musika.training.pool import Pool
    from musika.training.stages.codec_batches import count_surroundings

    cache = request.save_path / "decoded_audio"
    console.say(f"reading {len(files)} audio files into {cache}")
    shortest = (crop + 1 + 2 * count_surroundings(config)) * config.hop_total
    pool = Pool(request.data_path, files, cache, config.sample_rate, shortest)
    for path, reason in pool.skipped:
        console.warn(f"left out: {_name_file(path, reason)}")
    for path, remark in pool.remarks[:REMARKS]:
        console.warn(f"{format_path(path)} {remark}")
    if len(pool.remarks) > REMARKS:
        console.warn(f"and {len(pool.remarks) - REMARKS} more remarks of this kind")
    return pool


def check_crop(config: CodecConfig, crop: int) -> None:
    """Refuses examples that are too short for the losses' windows."""
    from musika.training.stages.codec_batches import compute_shortest_crop

    if crop < (least := compute_shortest_crop(config)):
        raise UsageError(f"crop {crop} is too short for the losses: {least} latents are the least")


def split_files(files: list[Path], valid_path: Path | None) -> tuple[list[Path], list[Path]]:
    """Files to train on, and files to measure on, which may be none."""
    from musika.training import validation

    if valid_path is not None:
        if not valid_path.exists():
            raise UsageError(f"the folder to measure on, {format_path(valid_path)}, does not exist")
        own = audio.find_files(valid_path)
        if len(own) > validation.MAX_EXCERPTS:
            console.say(
                f"measured on the first {validation.MAX_EXCERPTS} of {len(own)} files in {format_path(valid_path)}"
            )
        return [files[number] for number in exclude_held_out(files, own, valid_path, "audio")], own
    return split_off_held_out(files, "files")


def read_excerpts(files: list[Path], sample_rate: int) -> list[tuple[str, Any]]:
    """Excerpts that the run is measured on, numbered: names of files do not belong into checkpoints."""
    from musika.training import validation

    found, failed = validation.read_excerpts(files, sample_rate)
    for path, reason in failed:
        console.warn(f"not measured on: {_name_file(path, reason)}")
    for number, (path, _) in enumerate(found):
        console.say(f"validation-{number}: {format_path(path)}")
    return [(f"validation-{number}", waveform) for number, (_, waveform) in enumerate(found)]


def _make_stage(
    request: TrainingRequest, start: CodecStart, train: CodecTrainConfig, pool: Pool, held_out: list[Path]
) -> Any:
    """The networks and all that trains them."""
    from musika.training.stages.codec import CodecStage

    measured = held_out or pool.sources[:: max(1, len(pool.sources) - 1)]
    return CodecStage(
        start.config,
        train,
        pool,
        start=start.weights,  # a run that is resumed replaces them by its state
        previews=read_excerpts(measured, start.config.sample_rate),
        precision=choose_precision(request),
        xla=request.xla != "False",  # spectra and losses are faster with it on a processor, too
        trained={"audio": pool.fingerprint},
    )


def _refuse_foreign_sizes(request: TrainingRequest) -> None:
    for name, value in request.codec_sizes.items():
        if value is not None:
            raise UsageError(f"{name} belongs to published codecs, which are not trained here: leave it out")


def _name_file(path: Path, reason: str) -> str:
    """A reason with the file's name in front of it, where it is not in it already."""
    return reason if format_path(path) in reason else f"{format_path(path)}: {reason}"
