"""Latents to train on: files that windows are cropped from, all values checked before anything is built.

Latents lie in [-1, 1]. Values beyond ±1.5 give a warning, values beyond ±8 are refused.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from musika.errors import LatentsError
from musika.files import format_path, list_files
from musika.latents.file import (
    WARN_BEYOND,
    LatentsFile,
    check_values,
    find_latents,
    open_latents,
)
from musika.latents.index import INDEX, Index, read_index

SMALL_WINDOW = 128  # latents in the window of a small generator


@dataclasses.dataclass(frozen=True)
class Statistics:
    """Number of latents, and for each channel mean and standard deviation, `[C]` float32."""

    count: int
    mean: np.ndarray
    deviation: np.ndarray
    largest: float


@dataclasses.dataclass(frozen=True)
class TrainingSet:
    """Files of latents that are long enough for the training window, checked to the last value.

    Attributes:
        files: what is cropped from.
        channels: C.
        codec_identity: of the codec that encoded them; "" where it is not known (the original Musika).
        statistics: of all values.
        warnings: lines that a person should see.
    """

    files: tuple[LatentsFile, ...]
    channels: int
    codec_identity: str
    statistics: Statistics
    warnings: tuple[str, ...]

    @property
    def lengths(self) -> tuple[int, ...]:
        """Latents in each file."""
        return tuple(file.length for file in self.files)

    @property
    def total(self) -> int:
        """Latents in all files."""
        return sum(self.lengths)

    def __len__(self) -> int:
        """How many files there are."""
        return len(self.files)

    def crop(self, file_index: int, offset: int, length: int) -> np.ndarray:
        """Latents offset ... offset + length of a file, `[length, C]` float32.

        Raises:
            LatentsError: they lie outside the file.
        """
        return self.files[file_index].read_rows(offset, length)


def check_set(files: Sequence[LatentsFile], window: int, least: int, folder: Path) -> None:
    """Checks that there are enough files, all of one depth and none shorter than the window.

    Raises:
        LatentsError: with the remedy.
    """
    if len(files) < least:
        raise LatentsError(
            f"{format_path(folder)} has {len(files)} files of latents, {least} are needed: encode more audio"
        )
    odd = [file for file in files if file.channels != files[0].channels]
    if odd:
        raise LatentsError(
            f"{format_path(odd[0].path)} has {odd[0].channels} numbers in a latent, {format_path(files[0].path)} has "
            f"{files[0].channels}; keep what different codecs encoded in different folders"
        )
    short = [file for file in files if file.length < window]
    if short:
        raise LatentsError(
            f"{format_path(short[0].path)} has {short[0].length} latents, the training window {window} "
            f"({len(short)} of {len(files)} files are too short)",
            about="window" if min(file.length for file in short) >= SMALL_WINDOW else "chunk length",
        )


def measure_latents(files: Iterable[LatentsFile], channels: int) -> tuple[Statistics, tuple[str, ...]]:
    """Reads all values once: their statistics, and lines to warn with.

    Raises:
        LatentsError: values that are not finite, or beyond ±8.
    """
    count, largest = 0, 0.0
    total, squares = np.zeros(channels), np.zeros(channels)
    far: list[Path] = []
    for file in files:
        top = 0.0
        for block in file.read_blocks():
            top = max(top, check_values(block, format_path(file.path)))
            total += block.sum(axis=0, dtype=np.float64)
            squares += np.square(block, dtype=np.float64).sum(axis=0)
        count, largest = count + file.length, max(largest, top)
        if top > WARN_BEYOND:
            far.append(file.path)
    mean = total / max(1, count)
    deviation = np.sqrt(np.maximum(0, squares / max(1, count) - mean**2))
    warnings = (f"{format_path(far[0])} and {len(far) - 1} more have values beyond ±{WARN_BEYOND}",) if far else ()
    return Statistics(count, mean.astype(np.float32), deviation.astype(np.float32), largest), warnings


def check_identity(folder: Path, there: str, wanted: str) -> None:
    """Checks that latents are of the codec that is to be used; unknown ones ("") pass.

    Raises:
        LatentsError: they are of another codec.
    """
    if there and wanted and there != wanted:
        raise LatentsError(
            f"the latents in {format_path(folder)} were made by codec {there}, this is {wanted}",
            about="codec of latents",
        )


def find_indexes(folder: Path) -> dict[Path, Index]:
    """The indexes of a folder, of those below it, and of the nearest one above it, by folder."""
    places = [path.parent for path in list_files(folder) if path.name == INDEX] if folder.is_dir() else []
    above = None if places else next((p for p in folder.resolve().parents if (p / INDEX).is_file()), None)
    indexes = {place: read_index(place) for place in (places if above is None else [above])}
    return {place: index for place, index in indexes.items() if index is not None}


def find_common_identity(indexes: dict[Path, Index]) -> str:
    """The codec that all indexes name, "" where there are none.

    Raises:
        LatentsError: they name different ones.
    """
    identities = {index.settings.codec_identity: place for place, index in indexes.items()}
    if len(identities) > 1:
        first, second = list(identities.values())[:2]
        raise LatentsError(
            f"{format_path(first)} and {format_path(second)} hold latents of different codecs; use one of them"
        )
    return next(iter(identities), "")


def open_training_set(
    folder: Path, window: int, channels: int | None = None, codec_identity: str = "", least: int = 1
) -> TrainingSet:
    """All latents in a folder and its sub-folders, checked so that training can begin.

    A folder without `latents.json`, as the original Musika writes them, is accepted: its identity is "" (unknown), and
    the caller decides whether to trust that the codec fits.

    Args:
        folder: what encoding wrote, or a folder of such folders.
        window: L, latents that a crop has.
        channels: C that is expected, where known.
        codec_identity: the codec that is expected, where known.
        least: how many files there must be.

    Raises:
        LatentsError: nothing there, too few files, chunks shorter than the window, another codec, depth or dtype,
            values that are not finite or far outside [-1, 1]; with the remedy.
    """
    paths = find_latents(folder)
    identity = find_common_identity(find_indexes(folder))
    check_identity(folder, identity, codec_identity)
    files = tuple(open_latents(path, channels) for path in paths)
    check_set(files, window, least, folder)
    statistics, warnings = measure_latents(files, files[0].channels)
    return TrainingSet(files, files[0].channels, identity, statistics, warnings)
