"""Pieces to compare: folders of audio or of latents, read file by file into sequences.

`find_pieces` looks at a folder, `read_piece` reads one of its files. What is computed from audio is up to the caller
(`Analysis`): latents by a codec, log-mel, rows of a network.
"""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from musika import audio
from musika.codec.base import Codec
from musika.config import SAMPLE_RATE
from musika.errors import LatentsError, UsageError
from musika.files import format_path, list_files
from musika.latents import check_values, find_common_identity, find_indexes, open_latents
from musika.metrics.sets import spaces
from musika.metrics.sets.network import Embedder, Network


@dataclasses.dataclass(frozen=True)
class Folder:
    """A folder of pieces, all audio or all latents.

    Attributes:
        role: what the folder is for, such as "generated"; errors are about it.
        path: the folder, or a single file.
        files: sorted by path.
        latents: whether they are latents.
        identity: of the codec that made the latents; "" if it is not known.
    """

    role: str
    path: Path
    files: tuple[Path, ...]
    latents: bool
    identity: str

    def name_file(self, file: Path) -> str:
        """A file's path within the folder, on one line."""
        return format_path(file.relative_to(self.path)) if self.path.is_dir() else format_path(file.name)


@dataclasses.dataclass(frozen=True)
class Piece:
    """One piece: latents `[T, C]`, log-mel `[T, 128]`, rows of a network `[n, D]`; None for what was not computed."""

    name: str
    latents: np.ndarray | None = None
    log_mel: np.ndarray | None = None
    network: np.ndarray | None = None


@dataclasses.dataclass(frozen=True)
class Analysis:
    """What to compute from audio, and how many numbers latents have; None and False for what is not needed."""

    codec: Codec | None = None
    channels: int | None = None
    log_mel: bool = False
    network: Network | None = None


def find_pieces(role: str, path: Path) -> Folder:
    """The pieces of a folder: latents (.npy) if there are any, else audio.

    Raises:
        MusikaError: there is no such folder, or neither in it; latents of several codecs.
    """
    if not path.exists():
        raise UsageError(f"there is no folder {format_path(path)}", about=role)
    arrays = [file for file in list_files(path) if file.suffix == ".npy"] if path.is_dir() else []
    if path.suffix == ".npy":
        arrays = [path]
    if arrays:
        return Folder(role, path, tuple(arrays), True, find_common_identity(find_indexes(path)))
    return Folder(role, path, tuple(audio.find_files(path)), False, "")


def count_channels(folder: Folder) -> int | None:
    """How many numbers the latents of a folder have, by the first file that can be read; None if it holds audio.

    Raises:
        LatentsError: none of the files holds latents.
    """
    if not folder.latents:
        return None
    for file in folder.files[:-1]:
        with contextlib.suppress(LatentsError):
            return open_latents(file).channels
    return open_latents(folder.files[-1]).channels


def check_same_codec(folders: Sequence[Folder], identity: str) -> None:
    """Checks that all latents, and those that a codec of that identity will make, are of one codec. "" is not known.

    Raises:
        LatentsError: they are of different codecs.
    """
    known = [(f"those in {format_path(folder.path)}", folder.identity) for folder in folders if folder.identity]
    if identity:
        known.append(("the codec that was loaded", identity))
    for (one, first), (other, second) in itertools.pairwise(known):
        if first != second:
            raise LatentsError(
                f"latents of different codecs cannot be compared: {one} ({first}) and {other} ({second}); name the "
                "codec that made them, or encode again",
                about="codec",
            )


def read_piece(folder: Folder, file: Path, analysis: Analysis) -> Piece:
    """Reads one file of a folder.

    Raises:
        AudioError: it cannot be read, or is shorter than a clip.
        LatentsError: it cannot be read, or holds latents of another width.
    """
    return _read_latents(folder, file, analysis) if folder.latents else _read_audio(folder, file, analysis)


def _read_latents(folder: Folder, file: Path, analysis: Analysis) -> Piece:
    opened = open_latents(file)
    if opened.channels != analysis.channels:
        raise LatentsError(
            f"{format_path(file)} has {opened.channels} numbers in a latent, not {analysis.channels} as the others"
        )
    latents = opened.read_rows(0, opened.length)
    check_values(latents, format_path(file))
    _check_length(file, latents)
    return Piece(folder.name_file(file), latents=latents)


def _read_audio(folder: Folder, file: Path, analysis: Analysis) -> Piece:
    codec = analysis.codec
    rate = codec.sample_rate if codec is not None else SAMPLE_RATE
    log_mel = spaces.LogMel(rate) if analysis.log_mel else None
    embedder = Embedder(analysis.network, rate) if analysis.network is not None else None
    consumers = [each for each in (log_mel, embedder) if each is not None]
    blocks = spaces.pass_through(audio.read_blocks(file, sample_rate=rate), consumers)
    latents = None
    if codec is not None:
        latents = np.concatenate(list(codec.encode_blocks(blocks)))
    else:
        for _ in blocks:
            pass
    piece = Piece(
        folder.name_file(file),
        latents,
        log_mel.finish() if log_mel is not None else None,
        embedder.finish() if embedder is not None else None,
    )
    for sequence in (piece.latents, piece.log_mel):
        if sequence is not None:
            _check_length(file, sequence)
    return piece


def _check_length(file: Path, sequence: np.ndarray) -> None:
    """Refuses sequences shorter than a clip."""
    if len(sequence) < spaces.CLIP_STEPS:
        rate = SAMPLE_RATE / spaces.HOP  # steps in a second
        raise audio.FileError(
            file, f"is too short: {len(sequence) / rate:.1f} s, a clip has {spaces.CLIP_STEPS / rate:.1f} s"
        )
