"""All audio of a folder, decoded once into raw 16-bit files, from which crops are read at almost no cost.

An hour of stereo takes 635 MB on disk; the operating system keeps in memory what it can. Decoded files stay in a cache
beside the runs and are found again by the source's path, size and time of change.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from musika import audio
from musika.errors import AudioError, MusikaError
from musika.files import describe_error, format_path, open_replacement
from musika.training import augment
from musika.training.inspection import Inspection

FULL_SCALE = 16_384.0  # of int16: peaks up to 2 survive
SAMPLE_BYTES = 4  # two channels of 16 bits
BLOCK = 1 << 20  # samples decoded at once


class CacheError(MusikaError):
    """The decoded audio cannot be stored: the disk is full or not writable."""


class Pool:
    """Decoded waveforms, and crops from them.

    Attributes:
        sources: path of each waveform's file.
        skipped: (path, reason) of the files that could not be read, are silent or shorter than a crop.
        remarks: (path, what a person should know about it) of the others.
        seconds: total length.
        fingerprint: a short hash of what files these are, by path and length.
    """

    def __init__(self, folder: Path, files: list[Path], cache: Path, sample_rate: int, shortest: int) -> None:
        """Decodes what is not in the cache yet.

        Args:
            folder: where `files` are. Each of its direct sub-folders is as likely as any other, so that a large one
                does not drown a small one.
            cache: folder for the decoded files; it is made if needed.
            shortest: samples that a file must have to be of use.

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
        for path in files:
            reason = self._add(path, cache, shortest)
            if reason is not None:
                self.skipped.append((path, reason))
        if not self.sources:
            first = f"; {self.skipped[0][0].name}: {self.skipped[0][1]}" if self.skipped else ""
            raise AudioError(f"no audio file is long enough to train on ({len(files)} looked at{first})")
        self.seconds = sum(self._lengths) / sample_rate
        names = [path.relative_to(folder) for path in self.sources]
        lines = [f"{name} {length}" for name, length in zip(names, self._lengths, strict=True)]
        self.fingerprint = hashlib.sha256("\n".join(lines).encode(errors="surrogateescape")).hexdigest()[:16]
        self._ends = np.cumsum(_compute_probabilities(names, self._lengths))

    def _add(self, path: Path, cache: Path, shortest: int) -> str | None:
        """Adds a file to the pool; returns the reason where it is of no use."""
        try:
            audio.check_file(path)
            decoded, inspection = _decode(path, cache, self.sample_rate)
        except AudioError as error:
            return str(error)
        length = decoded.stat().st_size // SAMPLE_BYTES
        if length < shortest:
            return f"{length / self.sample_rate:.2f} s is shorter than a training crop"
        if inspection.is_silent:
            return "is silent"
        self.remarks += [(path, remark) for remark in inspection.list_remarks()]
        self.sources.append(path)
        self._decoded.append(decoded)
        self._lengths.append(length)
        return None

    def crop(self, u: np.ndarray, length: int) -> np.ndarray:
        """A crop `[length, 2]`; within a sub-folder every second of audio is as likely as any other.

        Args:
            u: four uniform numbers in [0, 1): file, place, and two for the speed.
        """
        index = min(int(np.searchsorted(self._ends, u[0], side="right")), len(self._ends) - 1)
        available, speed = self._lengths[index], augment.choose_speed(u[2:4])
        needed = min(int(np.ceil(length * speed)) + 64, available)
        start = int(u[1] * (available - needed + 1))
        with self._decoded[index].open("rb") as file:  # opened each time: thousands of open files would be too many
            file.seek(start * SAMPLE_BYTES)
            integers = np.frombuffer(file.read(needed * SAMPLE_BYTES), "<i2").reshape(-1, 2)
        waveform = integers.astype(np.float32) / FULL_SCALE
        waveform = np.pad(waveform, ((0, max(0, length - len(waveform))), (0, 0)))
        return augment.change_speed(waveform, speed, self.sample_rate, length)


def _compute_probabilities(names: list[Path], lengths: list[int]) -> np.ndarray:
    """How likely each file is: the same for all direct sub-folders, by length within one."""
    weights = np.array(lengths, np.float64)
    groups = np.array([name.parts[:-1][:1] or ("",) for name in names])[:, 0]
    for group in set(groups):
        weights[groups == group] /= weights[groups == group].sum()
    return weights / weights.sum()


def _make_folder(cache: Path) -> None:
    try:
        cache.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CacheError(f"{format_path(cache)} cannot be made: {describe_error(error)}", about="save") from error


def _decode(path: Path, cache: Path, sample_rate: int) -> tuple[Path, Inspection]:
    """The decoded file of a source: int16 pairs, made if it is not there, complete or absent; and its inspection."""
    stat = path.stat()
    source = f"{path.resolve()}\0{stat.st_size}\0{stat.st_mtime_ns}\0{sample_rate}"
    key = hashlib.sha256(source.encode(errors="surrogateescape")).hexdigest()[:24]
    target, report = cache / f"{key}.int16", cache / f"{key}.json"
    if not target.exists():
        inspection = Inspection()
        try:
            with open_replacement(target) as out:
                for block in audio.read_blocks(path, BLOCK, note=inspection.notes.append, sample_rate=sample_rate):
                    out.write(_to_int16(inspection.add(block)).tobytes())
                inspection.save(report)
        except OSError as error:
            raise CacheError(
                f"{format_path(cache)} cannot be written: {describe_error(error)}", about="save"
            ) from error
    return target, Inspection.load(report)


def _to_int16(block: np.ndarray) -> np.ndarray:
    return np.clip(np.round(block * FULL_SCALE), -32_768, 32_767).astype("<i2")
