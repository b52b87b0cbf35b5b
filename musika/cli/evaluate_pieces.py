"""What `evaluate --generated` reads: folders of audio or of latents, piece by piece, as rows of numbers."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from musika import audio, console
from musika.codec.base import Codec
from musika.config import SAMPLE_RATE
from musika.errors import AudioError, LatentsError, UsageError
from musika.files import format_path, list_files
from musika.latents import check_values, common_identity, find_indexes, open_latents
from musika.metrics.sets import spaces
from musika.metrics.sets.network import Listener, Network


@dataclasses.dataclass(frozen=True)
class Folder:
    """A folder that a flag named: its files, whether they are latents, and the codec of these ("": not known)."""

    flag: str
    path: Path
    files: tuple[Path, ...]
    latents: bool
    identity: str

    def name(self, file: Path) -> str:
        """A file's name within the folder."""
        return format_path(file.relative_to(self.path)) if self.path.is_dir() else format_path(file.name)


@dataclasses.dataclass(frozen=True)
class Piece:
    """One file: latents `[T, C]`, log-mel `[T, 128]`, rows of a network `[n, D]`; None for what was not asked for."""

    name: str
    latents: np.ndarray | None = None
    log_mel: np.ndarray | None = None
    network: np.ndarray | None = None


@dataclasses.dataclass(frozen=True)
class Tools:
    """What is made of audio, and how many numbers latents have; None and False for what is not needed."""

    codec: Codec | None = None
    channels: int | None = None
    log_mel: bool = False
    network: Network | None = None


def find(flag: str, path: Path) -> Folder:
    """Looks what is in a folder: latents (.npy) if there are any, else audio.

    Raises:
        MusikaError: there is no such folder, or neither in it; latents of several codecs.
    """
    if not path.exists():
        raise UsageError(f"there is no folder {format_path(path)}; --{flag} names a folder of audio or of latents")
    arrays = [file for file in list_files(path) if file.suffix == ".npy"] if path.is_dir() else []
    if path.suffix == ".npy":
        arrays = [path]
    if arrays:
        return Folder(flag, path, tuple(arrays), True, common_identity(find_indexes(path)))
    return Folder(flag, path, tuple(audio.find(path)), False, "")


def channels(folder: Folder) -> int | None:
    """How many numbers the latents of a folder have, by the first that can be read; None where it holds audio.

    Raises:
        LatentsError: none of the files is one of latents.
    """
    if not folder.latents:
        return None
    for file in folder.files[:-1]:
        with contextlib.suppress(LatentsError):
            return open_latents(file).channels
    return open_latents(folder.files[-1]).channels


def check_codec(folders: list[Folder], identity: str) -> None:
    """Whether latents of different folders, and those that a codec will make, are of one codec; unknown ones pass.

    Raises:
        LatentsError: they are not.
    """
    known = [(f"those in {format_path(folder.path)}", folder.identity) for folder in folders if folder.identity]
    if identity:
        known.append(("the codec of --codec", identity))
    for (one, first), (other, second) in itertools.pairwise(known):
        if first != second:
            raise LatentsError(
                f"latents of different codecs do not compare: {one} ({first}) and {other} ({second}); name the codec "
                "that made them, or encode again"
            )


def read(folder: Folder, tools: Tools, refused: list[str], bar: console.Progress) -> Iterator[Piece]:
    """The pieces of a folder one by one; what cannot be read, or is shorter than a clip, goes to `refused`."""
    for file in folder.files:
        bar.status(format_path(file.name))
        try:
            piece = _latents(folder, file, tools) if folder.latents else _audio(folder, file, tools)
            yield piece
        except (AudioError, LatentsError) as error:
            refused.append(str(error))
        bar.advance()


def _latents(folder: Folder, file: Path, tools: Tools) -> Piece:
    opened = open_latents(file)
    if opened.channels != tools.channels:
        raise LatentsError(
            f"{format_path(file)} has {opened.channels} numbers in a latent, not {tools.channels} as the others"
        )
    latents = opened.rows(0, opened.length)
    check_values(latents, format_path(file))
    _check_length(file, latents)
    return Piece(folder.name(file), latents=latents)


def _audio(folder: Folder, file: Path, tools: Tools) -> Piece:
    rate = tools.codec.sample_rate if tools.codec is not None else SAMPLE_RATE
    mel = spaces.LogMel(rate) if tools.log_mel else None
    network = Listener(tools.network, rate) if tools.network is not None else None
    blocks = spaces.watched(audio.blocks(file, sample_rate=rate), [each for each in (mel, network) if each is not None])
    latents = None
    if tools.codec is not None:
        latents = np.concatenate(list(tools.codec.encode_blocks(blocks)))
    else:
        for _ in blocks:
            pass
    piece = Piece(
        folder.name(file),
        latents,
        mel.finish() if mel is not None else None,
        network.finish() if network is not None else None,
    )
    for sequence in (piece.latents, piece.log_mel):
        if sequence is not None:
            _check_length(file, sequence)
    return piece


def _check_length(file: Path, sequence: np.ndarray) -> None:
    if len(sequence) < spaces.WINDOW_STEPS:
        second = SAMPLE_RATE / spaces.HOP
        raise audio.FileError(
            file, f"is too short: {len(sequence) / second:.1f} s, a clip has {spaces.WINDOW_STEPS / second:.1f} s"
        )
