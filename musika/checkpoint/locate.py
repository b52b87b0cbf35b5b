"""Which folder a name means: here, beside the program, fetched, or the newest checkpoint of a training run."""

from __future__ import annotations

from pathlib import Path

from musika import checkpoint
from musika.checkpoint.published import catalogue
from musika.checkpoint.published.catalogue import PUBLISHED, is_missing

INSTALLED = Path(__file__).resolve().parents[2]  # where checkpoints/ lies beside the program


def resolve_folder(path: Path) -> Path:
    """The folder that a flag means: here, for a relative one beside the program, or else fetched if it is published.

    Raises:
        CheckpointError: it is to be fetched and cannot be, or a fetched folder is not what it was.
    """
    beside = INSTALLED / path
    return fetch_if_missing(beside if beside.is_dir() and not path.is_dir() else path)


def resolve_checkpoint(path: Path) -> Path:
    """The checkpoint that a name means: the folder here or, for a relative one, beside the program, or a published one.

    A published one that is missing is fetched. A training run's folder means its newest checkpoint. If there is none,
    reading what is returned will say so.

    Raises:
        CheckpointError: a published one cannot be fetched, or is not what was fetched.
    """
    folder = resolve_folder(path)
    if (folder / checkpoint.CONFIG).is_file() or not folder.is_dir():
        return folder
    saved = [inner for inner in folder.iterdir() if inner.name.isdecimal() and (inner / checkpoint.CONFIG).is_file()]
    return max(saved, key=lambda inner: int(inner.name), default=folder)


def fetch_if_missing(path: Path) -> Path:
    """The same path, after a missing (or empty) folder with the name of a published checkpoint has been fetched there.

    Of a folder that was fetched before, sizes are compared with `fetched.json`, which takes neither network nor time.

    Raises:
        CheckpointError: as `located`.
    """
    entry = PUBLISHED.get(path.name)
    if entry is not None and is_missing(path):
        from musika.checkpoint.published.fetch import fetch

        fetch(path.resolve() if path.is_symlink() else path, entry)
    else:
        catalogue.check_sizes(path)
    return path
