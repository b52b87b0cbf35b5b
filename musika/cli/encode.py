"""`encode`: a folder of audio files becomes a folder of latents."""

from __future__ import annotations

import dataclasses
import itertools
import os
import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

import numpy as np

from musika import audio, console
from musika.cli import models
from musika.cli.flags import EncodeOptions
from musika.codec.base import Codec
from musika.errors import AudioError
from musika.files import format_path
from musika.latents import BadName, BadValues, LatentsFolder, LatentsSettings, TooShort, hash_folder

AHEAD = 16  # blocks of audio that are read in advance
PATIENCE = 2.0  # seconds that the reading thread has to end


class Reader(Protocol):
    """Reads the samples of a file in blocks: `audio.read_blocks`, or the same by TensorFlow."""

    def __call__(self, path: Path, *, note: Callable[[str], object], sample_rate: int) -> Iterator[np.ndarray]:
        """Blocks `[n, 2]`, or an AudioError."""


@dataclasses.dataclass(frozen=True)
class Job:
    """One source: its path, the same relative to the audio folder, and its size and time where it exists."""

    path: Path
    name: str
    status: os.stat_result | None


@dataclasses.dataclass
class Totals:
    """Sums of a run so far."""

    files: int = 0
    pieces: int = 0
    latents: int = 0
    seconds: float = 0.0  # of audio


def run(options: EncodeOptions) -> int:
    """Encodes every file; returns 0, or 1 when some were left out (each is listed with its reason).

    Raises:
        MusikaError: no such folder, no audio in it, latents of another codec where these should go, a codec that
            cannot be loaded, a disk that is full.
    """
    return encode_folder(options, lambda: models.load_codec(options.dec_path, options))


def encode_folder(options: EncodeOptions, load: Callable[[], Codec]) -> int:
    """`run` with any codec: `load` is called once there is something to encode."""
    paths = audio.find_files(options.files_path)
    reader = _choose_reader(options.reader)
    base = options.files_path if options.files_path.is_dir() else options.files_path.parent
    codec = load()
    settings = LatentsSettings(
        codec_identity=codec.identity,
        channels=codec.channels,
        hop_total=codec.hop_total,
        sample_rate=codec.sample_rate,
        max_lat_len=0 if options.whole else options.max_lat_len,
        whole=options.whole,
    )
    with LatentsFolder(options.save_path, settings) as folder:
        jobs = [_make_job(path, base) for path in paths]
        todo = [job for job in jobs if job.status is None or not folder.has(job.name, job.status)]
        if len(todo) < len(jobs):
            console.say(f"{len(jobs) - len(todo)} of {len(jobs)} files are encoded already")
        started, totals = time.monotonic(), Totals()
        with console.progress(None, "s", "encode, seconds of audio") as bar:
            _encode_all(todo, folder, codec, reader, hash_folder(base), totals, bar)
        folder.save()
        _print_summary(totals, len(todo), time.monotonic() - started, options.save_path, folder.skipped)
        return 1 if folder.skipped else 0


def _choose_reader(name: str) -> Reader:
    if name == "tensorflow-io":
        from musika.audio import tfio

        tfio.import_tensorflow_io()
        return tfio.read_blocks
    return audio.read_blocks


def _make_job(path: Path, base: Path) -> Job:
    try:
        status = os.stat(path)
    except OSError:
        status = None  # reading it will say why
    return Job(path, path.relative_to(base).as_posix(), status)


def _encode_all(
    todo: Sequence[Job],
    folder: LatentsFolder,
    codec: Codec,
    reader: Reader,
    folder_hash: str,
    totals: Totals,
    bar: console.Progress,
) -> None:
    """Encodes source after source, while a thread reads ahead."""
    with ReadAhead(todo, reader, codec.sample_rate) as ahead:
        for number, job in enumerate(todo, 1):
            bar.status(f"file {number} of {len(todo)}: {format_path(job.name)}")
            try:
                before = folder.get_source(job.name)
                if before is not None and before.folder != folder_hash:
                    raise AudioError("has the name of a source from another folder; choose another --save_path for it")
                _encode_one(job, ahead.read_blocks(), folder, codec, folder_hash, totals, bar)
            except audio.FileError as error:
                folder.skip(job.name, error.reason)
            except (AudioError, BadName, BadValues, TooShort) as error:
                folder.skip(job.name, str(error))
            ahead.finish()
            for remark in ahead.notes:
                bar.note(f"{format_path(job.name)} {remark}")


def _encode_one(
    job: Job,
    blocks: Iterator[np.ndarray],
    folder: LatentsFolder,
    codec: Codec,
    folder_hash: str,
    totals: Totals,
    bar: console.Progress,
) -> None:
    """Encodes one source and gives its latents their names."""
    samples = 0

    def count() -> Iterator[np.ndarray]:
        nonlocal samples
        for block in blocks:
            samples += len(block)
            bar.advance(len(block) / codec.sample_rate)
            yield block

    waveform = count()
    length = folder.settings.max_lat_len
    head: list[np.ndarray] = []
    if length:  # a file that is too short need not be encoded to know that
        for block in waveform:
            head.append(block)
            if codec.count_latents(samples) >= length:
                break
        else:
            raise TooShort(_describe_too_short(codec, samples, length))
    if job.status is None:
        raise AudioError("has changed while it was read")
    with folder.write_source(job.name, folder_hash, job.status) as writer:
        for latents in codec.encode_blocks(itertools.chain(_drain(head), waveform)):
            writer.add(latents)
        if writer.length != codec.count_latents(samples):
            raise BadValues(f"gave {writer.length} latents for {samples} samples: a fault of the codec")
        writer.finish(samples)
    totals.files += 1
    totals.pieces += len(writer.names)
    totals.latents += writer.length
    totals.seconds += samples / codec.sample_rate


def _drain(blocks: list[np.ndarray]) -> Iterator[np.ndarray]:
    """The blocks in their order; each is dropped when the next is asked for."""
    blocks.reverse()
    while blocks:
        yield blocks.pop()


def _describe_too_short(codec: Codec, samples: int, length: int) -> str:
    latents, second = codec.count_latents(samples), codec.hop_total / codec.sample_rate
    return (
        f"is too short: {latents} latents ({samples / codec.sample_rate:.1f} s), a chunk has {length} "
        f"({length * second:.1f} s); --whole True or --max_lat_len {latents} would take it"
    )


def _print_summary(totals: Totals, wanted: int, spent: float, folder: Path, skipped: Sequence[dict[str, str]]) -> None:
    """The last lines that a person reads."""
    if wanted:
        speed = totals.seconds / max(spent, 1e-9)
        console.say(
            f"encoded {totals.files} of {wanted} files into {format_path(folder)}: {totals.pieces} files of latents, "
            f"{totals.latents} latents, {_format_duration(totals.seconds)} of audio, {speed:.0f} s of audio a second"
        )
    if skipped:
        console.say(f"left out, {len(skipped)} of {wanted} files:")
        for item in skipped:
            console.say(f"  {format_path(item['path'])} {item['reason']}")


def _format_duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.1f} minutes" if seconds < 7200 else f"{seconds / 3600:.2f} hours"


class ReadAhead:
    """Reads files one after another in a thread, a few blocks further than they are used.

    For each file in turn: `blocks()`, then `finish()`.
    """

    def __init__(self, jobs: Sequence[Job], reader: Reader, sample_rate: int) -> None:
        self._jobs, self._reader, self._rate = jobs, reader, sample_rate
        # what comes: a block, a remark (str), an exception, or None for the end of a file
        self._queue: queue.Queue[Any] = queue.Queue(AHEAD)
        self._stop = threading.Event()
        self._ended = False
        self.notes: list[str] = []
        self._thread = threading.Thread(target=self._run, name="reader", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join(timeout=PATIENCE)  # it may be waiting for a decoder that hangs, which ends with this process

    def read_blocks(self) -> Iterator[np.ndarray]:
        """The next file's blocks.

        Raises:
            AudioError: it cannot be read, or not to its end.
        """
        self._ended, self.notes = False, []
        while (item := self._queue.get()) is not None:
            if isinstance(item, str):
                self.notes.append(item)
            elif isinstance(item, BaseException):
                self._ended = True
                raise item
            else:
                yield item
        self._ended = True

    def finish(self) -> None:
        """Skips what has not been used of the current file."""
        while not self._ended:
            item = self._queue.get()
            self._ended = item is None or isinstance(item, BaseException)

    def _run(self) -> None:
        for job in self._jobs:
            try:
                blocks = self._reader(job.path, note=self._put, sample_rate=self._rate)
                for block in blocks:
                    if not self._put(block):
                        return
                end = None
            except BaseException as error:  # whatever it is, it belongs to whoever asked for the file
                end = error
            if not self._put(end):
                return

    def _put(self, item: Any) -> bool:
        """Hands an item over; False when it is not wanted any more."""
        while not self._stop.is_set():
            try:
                self._queue.put(item, timeout=0.1)
                return True
            except queue.Full:
                continue
        return False
