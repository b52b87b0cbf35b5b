"""`decode`: latents (`.npy`) become audio files, one for each."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np

from musika import audio, console
from musika.cli import models
from musika.cli.flags import DecodeOptions
from musika.cli.targets import check_format, describe_kept
from musika.codec.base import Codec
from musika.errors import LatentsError
from musika.files import format_path
from musika.latents import WARN_BEYOND, Index, LatentsFile, check_identity, find_indexes, find_latents, open_latents


@dataclasses.dataclass(frozen=True)
class Job:
    """One file of latents, where its audio goes, and its length in samples where that is known."""

    file: LatentsFile
    target: Path
    samples: int | None


def run(options: DecodeOptions) -> int:
    """Decodes every file; returns 0, or 1 when some were refused (each is listed with its reason).

    Raises:
        MusikaError: no such folder, no latents in it, all of them of another codec, a codec that cannot be loaded, a
            target that cannot be written.
    """
    return decode_folder(options, lambda: models.load_codec(options.dec_path, options))


def decode_folder(options: DecodeOptions, load: Callable[[], Codec]) -> int:
    """`run` with any codec: `load` is called once there is something to decode."""
    check_format(options.format, options.bits, options.save_path)
    paths = find_latents(options.files_path)
    indexes = find_indexes(options.files_path)
    base = options.files_path if options.files_path.is_dir() else options.files_path.parent
    codec = load()
    if indexes and all(index.settings.codec_identity != codec.identity for index in indexes.values()):
        for index in indexes.values():
            check_identity(options.files_path, index.settings.codec_identity, codec.identity)
    jobs: list[Job] = []
    refused: list[str] = []
    for path in paths:
        name = path.relative_to(base)
        target = options.save_path / name.parent / f"{name.name.removesuffix('.npy')}.{options.format}"
        try:
            jobs.append(_make_job(path, target, indexes, codec))
        except LatentsError as error:
            refused.append(str(error))
    started = time.monotonic()
    seconds = sum(job.file.length for job in jobs) * codec.hop_total / codec.sample_rate
    files: list[audio.WrittenFile] = []
    kept: list[str] = []
    with console.progress(seconds, "s", "decode, seconds of audio") as bar:
        for job in jobs:
            try:
                files.append(_decode_one(job, codec, options.bits, bar))
                if files[-1].path != job.target:
                    kept.append(describe_kept(job.target, files[-1].path))
            except LatentsError as error:
                refused.append(str(error))
    spent = time.monotonic() - started
    _print_summary(files, len(paths), codec.sample_rate, spent, options.save_path, kept, refused)
    return 1 if refused else 0


def _make_job(path: Path, target: Path, indexes: dict[Path, Index], codec: Codec) -> Job:
    """Checks a file's header and its codec.

    Raises:
        LatentsError: it does not fit.
    """
    own_path = path
    folder = next((parent for parent in path.parents if parent in indexes), None)
    if folder is None:  # an index above the folder that was named is listed under its resolved path
        own_path = path.resolve()
        folder = next((parent for parent in own_path.parents if parent in indexes), None)
    samples = None
    if folder is not None:
        check_identity(path, indexes[folder].settings.codec_identity, codec.identity)
        samples = indexes[folder].get_whole_lengths().get(own_path.relative_to(folder).as_posix())
    file = open_latents(path, codec.channels)
    if samples is not None and codec.count_latents(samples) != file.length:
        samples = None  # not the file that the index describes
    return Job(file, target, samples)


def _decode_one(job: Job, codec: Codec, bits: str | None, bar: console.Progress) -> audio.WrittenFile:
    """Decodes one file.

    Raises:
        LatentsError: its values cannot be latents.
        AudioError: the audio cannot be written.
    """
    name = format_path(job.file.path)
    bar.status(name)
    largest = job.file.find_largest()
    if largest > WARN_BEYOND:
        bar.note(f"warning: {name} has values up to {largest:.2f}; latents lie in -1..1")
    waveform = _count(codec.decode_blocks(job.file.read_blocks()), codec.sample_rate, bar)
    if job.samples is not None:
        waveform = _cut(waveform, job.samples)
    return audio.write(job.target, waveform, codec.sample_rate, keep_existing=True, bits=bits)


def _count(blocks: Iterable[np.ndarray], rate: int, bar: console.Progress) -> Iterator[np.ndarray]:
    """The same blocks, with progress."""
    for block in blocks:
        bar.advance(len(block) / rate)
        yield block


def _cut(blocks: Iterable[np.ndarray], samples: int) -> Iterator[np.ndarray]:
    """The first `samples` of a waveform in blocks."""
    for block in blocks:
        if samples > 0:
            yield block[:samples]
        samples -= len(block)


def _print_summary(
    files: list[audio.WrittenFile],
    wanted: int,
    rate: int,
    spent: float,
    folder: Path,
    kept: list[str],
    refused: list[str],
) -> None:
    """The last lines that a person reads."""
    seconds = sum(written.samples for written in files) / rate
    speed = seconds / max(spent, 1e-9)
    console.say(
        f"decoded {len(files)} of {wanted} files into {format_path(folder)}: {seconds / 60:.1f} minutes of audio, "
        f"{speed:.0f} s of audio a second"
    )
    for written in files:
        if written.clipped_samples:
            console.say(f"  {format_path(written.path)}: {written.clipped_share:.3%} of its samples were clipped")
    for line in kept:
        console.say(f"  {line}")
    if refused:
        console.say(f"refused, {len(refused)} of {wanted} files:")
        for line in refused:
            console.say(f"  {line}")
