"""Published Musika checkpoints: where they come from, and whether a fetched one is still what it was.

A folder with the name of a published checkpoint that is missing is fetched (hub_fetch.py). `fetched.json` beside the
files says from which repository and revision they are, and the size and SHA-256 of each; from then on no network is
needed. Nothing that was fetched is executed.
"""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path
from typing import Any

from musika import checkpoint, tensorfile
from musika.errors import CheckpointError
from musika.files import shown, why

INSTALLED = Path(__file__).resolve().parent.parent  # where checkpoints/ lies beside the program
FETCHED = "fetched.json"
MAX_FETCHED = 1 << 20  # bytes of it


@dataclasses.dataclass(frozen=True)
class Published:
    """A Hugging Face repository with a checkpoint: the files it needs, and those that only fine-tuning begins with."""

    repository: str
    needed: tuple[str, ...]
    optional: tuple[str, ...] = ()


GENERATOR = ("gen_ema.h5",), ("critic.h5", "gen.h5", "switch.npy")  # states of optimizers are pickles: they stay there
CODEC = "musika_ae"
PUBLISHED = {
    "techno": Published("marcop/musika_techno", *GENERATOR),
    "misc": Published("marcop/musika_misc", *GENERATOR),
    "misc_small": Published("marcop/musika_misc_small", *GENERATOR),
    CODEC: Published("marcop/musika_ae", ("enc.h5", "enc2.h5", "dec.h5", "dec2.h5")),
}


def located(path: Path) -> Path:
    """The folder that a flag means: here, for a relative one beside the program, or else fetched if it is published.

    Raises:
        CheckpointError: it is to be fetched and cannot be, or a fetched folder is not what it was.
    """
    beside = INSTALLED / path
    return published(beside if beside.is_dir() and not path.is_dir() else path)


def find_checkpoint(path: Path) -> Path:
    """The checkpoint that a name means: the folder here or, for a relative one, beside the program, or a published one.

    A published one that is missing is fetched. A training run's folder means its newest checkpoint. If there is none,
    reading what is returned will say so.

    Raises:
        CheckpointError: a published one cannot be fetched, or is not what was fetched.
    """
    folder = located(path)
    if (folder / checkpoint.CONFIG).is_file() or not folder.is_dir():
        return folder
    saved = [inner for inner in folder.iterdir() if inner.name.isdecimal() and (inner / checkpoint.CONFIG).is_file()]
    return max(saved, key=lambda inner: int(inner.name), default=folder)


def published(path: Path) -> Path:
    """The same path, after a missing (or empty) folder with the name of a published checkpoint has been fetched there.

    Of a folder that was fetched before, sizes are compared with `fetched.json`, which takes neither network nor time.

    Raises:
        CheckpointError: as `located`.
    """
    entry = PUBLISHED.get(path.name)
    if entry is not None and is_missing(path):
        from musika.hub_fetch import fetch

        fetch(path.resolve() if path.is_symlink() else path, entry)
    else:
        _recorded(path)
    return path


def is_missing(folder: Path) -> bool:
    """Whether nothing is there, or an empty folder.

    Raises:
        CheckpointError: the folder cannot be looked into.
    """
    try:
        return not folder.exists() or (folder.is_dir() and not any(folder.iterdir()))
    except OSError as error:
        raise CheckpointError(f"{shown(folder)} cannot be read: {why(error)}") from error


def verify(folder: Path) -> None:
    """Holds every file that was fetched against its recorded checksum; a folder that was not fetched passes.

    Raises:
        CheckpointError: names the first file that differs.
    """
    for name, entry in _recorded(folder).items():
        if sha256(folder / name) != entry.get("sha256"):
            raise CheckpointError(f"{shown(folder / name)} is not what was fetched: {_again(folder)}")


def sha256(path: Path) -> str:
    """64 hexadecimal digits of a file's bytes.

    Raises:
        CheckpointError: it cannot be read.
    """
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise CheckpointError(f"{shown(path)} cannot be read: {why(error)}") from error


def _recorded(folder: Path) -> dict[str, dict[str, Any]]:
    """What `fetched.json` says of each file, sizes compared; empty where there is no such file."""
    path = folder / FETCHED
    known = {name for entry in PUBLISHED.values() for name in (*entry.needed, *entry.optional)}
    try:
        if not path.is_file():
            return {}
        with open(path, "rb") as opened:
            files = tensorfile.parsed(path, opened.read(MAX_FETCHED)).get("files")
        if not isinstance(files, dict) or not files.keys() <= known:
            raise CheckpointError(f"{shown(path)} does not list files of a published checkpoint: {_again(folder)}")
        for name, entry in files.items():
            file = folder / name
            if not isinstance(entry, dict) or type(entry.get("bytes")) is not int:
                raise CheckpointError(f"{shown(path)} does not say the size of {name}: {_again(folder)}")
            if not file.is_file():
                raise CheckpointError(f"{shown(file)} is missing, though it was fetched: {_again(folder)}")
            if file.stat().st_size != entry["bytes"]:
                found = f"{file.stat().st_size} bytes, {entry['bytes']} were fetched"
                raise CheckpointError(f"{shown(file)} has {found}: {_again(folder)}")
    except OSError as error:
        raise CheckpointError(f"{shown(folder)} cannot be read: {why(error)}") from error
    return files


def _again(folder: Path) -> str:
    return f"remove the folder {shown(folder)}, and it is fetched again"
