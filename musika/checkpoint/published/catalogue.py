"""Published Musika checkpoints: where they come from, and whether a fetched one is unchanged.

A missing folder with the name of a published checkpoint is fetched (fetch.py). `fetched.json` beside the files lists
repository and revision, and the size and SHA-256 of each file. From then on no network is needed. Nothing that was
fetched is executed.
"""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path
from typing import Any

from musika.checkpoint import tensorfile
from musika.errors import CheckpointError
from musika.files import describe_error, format_path

FETCHED = "fetched.json"
MAX_FETCHED = 1 << 20  # bytes of it


@dataclasses.dataclass(frozen=True)
class Published:
    """A Hugging Face repository with a checkpoint: the files that it needs, and those that only fine-tuning uses."""

    repository: str
    needed: tuple[str, ...]
    optional: tuple[str, ...] = ()


GENERATOR = (
    ("gen_ema.h5",),
    ("critic.h5", "gen.h5", "switch.npy"),
)  # no pickles of optimizers
CODEC = "musika_ae"
PUBLISHED = {
    "techno": Published("marcop/musika_techno", *GENERATOR),
    "misc": Published("marcop/musika_misc", *GENERATOR),
    "misc_small": Published("marcop/musika_misc_small", *GENERATOR),
    CODEC: Published("marcop/musika_ae", ("enc.h5", "enc2.h5", "dec.h5", "dec2.h5")),
}


def is_missing(folder: Path) -> bool:
    """Whether nothing is there, or an empty folder.

    Raises:
        CheckpointError: the folder cannot be looked into.
    """
    try:
        return not folder.exists() or (folder.is_dir() and not any(folder.iterdir()))
    except OSError as error:
        raise CheckpointError(f"{format_path(folder)} cannot be read: {describe_error(error)}") from error


def verify(folder: Path) -> None:
    """Compares every file that was fetched with its recorded checksum; a folder that was not fetched passes.

    Raises:
        CheckpointError: names the first file that differs.
    """
    for name, entry in check_sizes(folder).items():
        if compute_sha256(folder / name) != entry.get("sha256"):
            raise CheckpointError(f"{format_path(folder / name)} is not what was fetched: {_advise(folder)}")


def compute_sha256(path: Path) -> str:
    """64 hexadecimal digits of a file's bytes.

    Raises:
        CheckpointError: it cannot be read.
    """
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise CheckpointError(f"{format_path(path)} cannot be read: {describe_error(error)}") from error


def check_sizes(folder: Path) -> dict[str, dict[str, Any]]:
    """The entries of `fetched.json`, after sizes were compared; empty where there is no such file."""
    path = folder / FETCHED
    known = {name for entry in PUBLISHED.values() for name in (*entry.needed, *entry.optional)}
    try:
        if not path.is_file():
            return {}
        with open(path, "rb") as opened:
            files = tensorfile.parse_json(path, opened.read(MAX_FETCHED)).get("files")
        if not isinstance(files, dict) or not files.keys() <= known:
            raise CheckpointError(
                f"{format_path(path)} does not list files of a published checkpoint: {_advise(folder)}"
            )
        for name, entry in files.items():
            file = folder / name
            if not isinstance(entry, dict) or type(entry.get("bytes")) is not int:
                raise CheckpointError(f"{format_path(path)} does not say the size of {name}: {_advise(folder)}")
            if not file.is_file():
                raise CheckpointError(f"{format_path(file)} is missing, though it was fetched: {_advise(folder)}")
            if file.stat().st_size != entry["bytes"]:
                found = f"{file.stat().st_size} bytes, {entry['bytes']} were fetched"
                raise CheckpointError(f"{format_path(file)} has {found}: {_advise(folder)}")
    except OSError as error:
        raise CheckpointError(f"{format_path(folder)} cannot be read: {describe_error(error)}") from error
    return files


def _advise(folder: Path) -> str:
    return f"remove the folder {format_path(folder)}, and it is fetched again"
