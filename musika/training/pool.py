"""All audio of a folder, decoded once into raw 16-bit files, from which crops are read at no cost.

An hour of stereo takes 635 MB on disk; the operating system keeps in memory what it can. What is decoded is kept
beside the runs and found again by the source's path, size and time of change.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np

from musika import audio
from musika.errors import AudioError, MusikaError
from musika.files import open_replacement
from musika.training import augment
from musika.training.remarks import Remarks

FULL_SCALE = 16_384.0  # of int16: peaks up to 2 survive
SAMPLE_BYTES = 4  # two channels of 16 bits
BLOCK = 1 << 20  # samples decoded at once


class CacheError(MusikaError):
    """The decoded audio cannot be kept: the disk is full or not writable."""


class Pool:
    """Decoded waveforms, and crops from them.

    Attributes:
        sources: path of each waveform's file.
        skipped: (path, reason) of the files that could not be read, are silent or shorter than a crop.
        remarks: (path, what a person should know about it) of the others.
        seconds: total length.
        mark: a short hash of what files these are, by path and length.
    """

    def __init__(
        self,
        folder: Path,
        files: list[Path],
        cache: Path,
        sample_rate: int,
        shortest: int,
        progress: Callable[[list[Path]], Iterable[Path]] | None = None,
    ) -> None:
        """Decodes what is not in the cache yet.

        Args:
            folder: what `files` lie below. Each of its direct sub-folders is as likely as any other, so that a large
                one does not drown a small one.
            shortest: samples that a file must have to be of use.
            progress: goes through the files and shows how far it is.

        Raises:
            AudioError: none of the files is of use.
            CacheError: the cache cannot be written.
        """
        self.sample_rate = sample_rate
        self.sources: list[Path] = []
        self.skipped: list[tuple[Path, str]] = []
        self.remarks: list[tuple[Path, str]] = []
        self._decoded: list[Path] = []
        self._lengths: list[int] = []  # samples
        _make_folder(cache)
        for path in progress(files) if progress else files:
            try:
                audio.check_file(path)
                decoded, remarks = _decoded(path, cache, sample_rate)
            except AudioError as error:
                self.skipped.append((path, str(error)))
                continue
            length = decoded.stat().st_size // SAMPLE_BYTES
            if length < shortest:
                self.skipped.append((path, f"{length / sample_rate:.2f} s is shorter than a training crop"))
                continue
            if remarks.silent:
                self.skipped.append((path, "is silent"))
                continue
            self.remarks += [(path, line) for line in remarks.lines()]
            self.sources.append(path)
            self._decoded.append(decoded)
            self._lengths.append(length)
        if not self.sources:
            reason = f"; {self.skipped[0][0].name}: {self.skipped[0][1]}" if self.skipped else ""
            raise AudioError(f"no audio file is long enough to train on ({len(files)} looked at{reason})")
        lengths = np.array(self._lengths, np.float64)
        named = [
            f"{path.relative_to(folder)} {length}" for path, length in zip(self.sources, self._lengths, strict=True)
        ]
        self.mark = hashlib.sha256("\n".join(named).encode(errors="surrogateescape")).hexdigest()[:16]
        self.seconds = float(lengths.sum() / sample_rate)
        groups = np.array([path.relative_to(folder).parts[:-1][:1] or ("",) for path in self.sources])[:, 0]
        for group in set(groups):
            lengths[groups == group] /= lengths[groups == group].sum()
        self._ends = np.cumsum(lengths / lengths.sum())

    def crop(self, u: np.ndarray, length: int) -> np.ndarray:
        """A crop `[length, 2]`; within a sub-folder every second of audio is as likely as any other.

        Args:
            u: four uniform numbers in [0, 1): file, place, and two for the speed.
        """
        index = min(int(np.searchsorted(self._ends, u[0], side="right")), len(self._ends) - 1)
        available, speed = self._lengths[index], augment.speed_of(u[2:4])
        needed = min(int(np.ceil(length * speed)) + 64, available)
        start = int(u[1] * (available - needed + 1))
        with self._decoded[index].open("rb") as file:  # opened anew: thousands of files would be too many at once
            file.seek(start * SAMPLE_BYTES)
            piece = (
                np.frombuffer(file.read(needed * SAMPLE_BYTES), "<i2").reshape(-1, 2).astype(np.float32) / FULL_SCALE
            )
        return augment.at_speed(
            np.pad(piece, ((0, max(0, length - len(piece))), (0, 0))), speed, self.sample_rate, length
        )


def _make_folder(cache: Path) -> None:
    try:
        cache.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CacheError(f"{cache} cannot be made: {error.strerror}; choose another --save_path") from error


def _decoded(path: Path, cache: Path, sample_rate: int) -> tuple[Path, Remarks]:
    """The raw file of a source, made if it is not there: int16 pairs, complete or absent; and remarks on it."""
    stat = path.stat()
    said = f"{path.resolve()}\0{stat.st_size}\0{stat.st_mtime_ns}\0{sample_rate}"
    key = hashlib.sha256(said.encode(errors="surrogateescape")).hexdigest()[:24]
    target, beside = cache / f"{key}.int16", cache / f"{key}.json"
    if not target.exists():
        remarks = Remarks()
        try:
            with open_replacement(target) as out:
                blocks = audio.read_blocks(path, BLOCK, note=remarks.notes.append, sample_rate=sample_rate)
                for block in _sixteen_bit(remarks.add(block) for block in blocks):
                    out.write(block.tobytes())
                remarks.save(beside)
        except OSError as error:
            raise CacheError(f"{cache} cannot be written: {error.strerror}; choose another --save_path") from error
    return target, Remarks.load(beside)


def _sixteen_bit(blocks: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
    for block in blocks:
        yield np.clip(np.round(block * FULL_SCALE), -32_768, 32_767).astype("<i2")
