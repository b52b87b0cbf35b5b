"""What a codec is trained and measured on, found, decoded and told about; and whether it tunes tones."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

from musika import console
from musika.cli.flags import TrainOptions
from musika.config import TUNED_BINS, CodecConfig
from musika.errors import UsageError
from musika.files import format_path
from musika.training.origins import Origin

if TYPE_CHECKING:
    from musika.training.pool import Pool

REMARKS = 40  # lines about odd files that are shown


def pool_of(options: TrainOptions, files: list[Path], config: CodecConfig, crop: int) -> Pool:
    """All audio, decoded; files that are of no use are told."""
    from musika.training.pool import Pool

    cache = options.save_path / "decoded_audio"
    console.say(f"reading {len(files)} audio files into {cache}")
    pool = Pool(options.files_path, files, cache, config.sample_rate, (crop + 1) * config.hop_total)
    for path, reason in pool.skipped:
        console.warn(
            f"left out: {reason}" if format_path(path) in reason else f"left out: {format_path(path)}: {reason}"
        )
    for path, remark in pool.remarks[:REMARKS]:
        console.warn(f"{format_path(path)} {remark}")
    if len(pool.remarks) > REMARKS:
        console.warn(f"and {len(pool.remarks) - REMARKS} more remarks of this kind")
    return pool


def check_crop(config: CodecConfig, crop: int) -> None:
    """Refuses examples that are too short for the losses' windows."""
    from musika.training.stages.codec import shortest_crop

    if crop < (least := shortest_crop(config)):
        raise UsageError(f"--crop {crop} is too short for the losses: {least} latents are the least")


def validation_of(options: TrainOptions, files: list[Path]) -> tuple[list[Path], list[Path]]:
    """Files to train on, and files to measure on, which may be none."""
    from musika import audio
    from musika.training import validation

    if options.valid_path is not None:
        if not options.valid_path.exists():
            raise UsageError(f"--valid_path {format_path(options.valid_path)} does not exist")
        own = audio.find(options.valid_path)
        if len(own) > validation.MOST:
            console.say(
                f"measured on the first {validation.MOST} of {len(own)} files in {format_path(options.valid_path)}"
            )
        known = {path.resolve() for path in own}
        rest = [path for path in files if path.resolve() not in known]
        if not rest:
            raise UsageError(
                f"--valid_path {format_path(options.valid_path)} holds all of --files_path: there is "
                f"nothing left to train on"
            )
        return rest, own
    rest, held_out = validation.split(files)
    if held_out:
        console.say(f"{len(held_out)} of {len(files)} files are held out to measure on; --valid_path names others")
    else:
        console.warn(f"{len(files)} files are too few to hold some out: figures are of music that is trained on")
    return rest, held_out


def excerpts_of(files: list[Path], sample_rate: int) -> list[tuple[str, Any]]:
    """What the run is measured on, numbered: names of files are not for checkpoints."""
    from musika.training import validation

    found, failed = validation.excerpts(files, sample_rate)
    for path, reason in failed:
        console.warn(f"not measured on: {reason if format_path(path) in reason else f'{format_path(path)}: {reason}'}")
    for number, (path, _) in enumerate(found):
        console.say(f"validation-{number}: {format_path(path)}")
    return [(f"validation-{number}", waveform) for number, (_, waveform) in enumerate(found)]


def tuned(
    options: TrainOptions, config: CodecConfig, weights: Any, origin: Origin | None
) -> tuple[CodecConfig, Any, Origin | None]:
    """A new codec tunes tones unless a flag says otherwise; one that exists learns it where a flag says so."""
    own = bool(config.tuned_bins)
    if options.tuning == own or (options.tuning is None and origin is not None):
        return config, weights, origin
    if origin is None:
        bins = 0 if options.tuning is False else min(TUNED_BINS, config.bins)
        return dataclasses.replace(config, tuned_bins=bins), weights, origin
    if own:
        raise UsageError(f"--tuning False contradicts {origin.folder}, which tunes tones: leave the flag out")
    from musika.codec.weights import add_tuner

    console.say(f"{origin.folder} learns to tune tones, which its decoder did not do")
    config, decoder = add_tuner(config, weights["decoder"], min(TUNED_BINS, config.bins))
    return config, {**weights, "decoder": decoder}, dataclasses.replace(origin, resumes=False)
