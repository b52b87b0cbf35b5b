"""Finding checkpoints: here, beside the program, downloaded, or the newest one of a training run."""

from __future__ import annotations

import functools
from collections.abc import Collection
from pathlib import Path

from musika import checkpoint, console
from musika.checkpoint.folder import KINDS as ALL_KINDS
from musika.checkpoint.published import catalogue, musika_folder
from musika.checkpoint.published.catalogue import PUBLISHED, is_missing
from musika.errors import CheckpointError
from musika.files import format_path

INSTALLED = Path(__file__).resolve().parents[2]  # where checkpoints/ lies beside the program
WEIGHTS = ("weights",)  # the arrays that using a checkpoint needs; resuming a run needs all
HOME = Path("checkpoints")  # where checkpoints are looked for, here and beside the program
MOST_LISTED = 12  # checkpoints in a message
# what a checkpoint is to be of -> kinds that will do; any other word takes all kinds
KINDS_ABOUT = {
    "codec": ("codec/stereo", "codec/musika"),
    "generator": ("generator", "performer", "editor"),
    "performer": ("performer",),
    "editor": ("editor", "generator", "performer"),
}


def resolve_folder(path: Path) -> Path:
    """The folder that a path means: here, or for a relative one beside the program, or fetched if it is published.

    Raises:
        CheckpointError: it is to be fetched and cannot be, or a fetched folder is not what it was.
    """
    beside = INSTALLED / path
    return fetch_if_missing(beside if beside.is_dir() and not path.is_dir() else path)


def resolve_checkpoint(path: Path, about: str | None = None, stems: Collection[str] | None = WEIGHTS) -> Path:
    """The checkpoint that a path means: the folder itself, or of a training run the newest whole checkpoint.

    The path is looked for as in `resolve_folder`. The files of a checkpoint that is named itself are compared with
    their checksums while they are read, not here.

    Args:
        about: what the checkpoint is of, such as "codec", for errors.
        stems: as `find_newest_checkpoint` takes them; None also refuses a checkpoint that lacks a file.

    Raises:
        CheckpointError: there is none; all checkpoints of the run are damaged; a published one cannot be fetched, or is
            not what was fetched.
    """
    folder = resolve_folder(path)
    try:
        folder = folder if folder.is_dir() else _find_folder(folder, about)
        if musika_folder.is_musika_folder(folder):
            return folder
        if not (folder / checkpoint.CONFIG).is_file():
            if not list_checkpoints(folder):
                known = list_available(folder / "any", about)
                raise CheckpointError(f"{format_path(folder)} holds no checkpoint{_join(known)}")
            return find_newest_checkpoint(folder, stems)
        if stems is None:
            checkpoint.verify(folder, stems=())
        return folder
    except CheckpointError as error:
        raise CheckpointError(str(error), about=about or error.about) from error


def _find_folder(folder: Path, about: str | None) -> Path:
    try:
        return checkpoint.find_folder(folder)
    except CheckpointError as error:
        known = list_available(folder, about)
        only = "" if known else "only "
        raise CheckpointError(f"{error}{_join(known)} ({only}{', '.join(PUBLISHED)} are downloaded)") from error


def _join(known: list[str]) -> str:
    return f"; there are {', '.join(known)}" if known else ""


def list_available(path: Path, about: str | None = None) -> list[str]:
    """Checkpoints that a person may have meant, as they are typed: those beside a path, here, and beside the program.

    Args:
        path: that was typed.
        about: what the checkpoint is to be of, as `resolve_checkpoint` takes it.
    """
    kinds = KINDS_ABOUT.get(about or "", ALL_KINDS)
    found: dict[str, None] = {}
    for place in (path.parent, HOME, INSTALLED / HOME):
        typed = HOME if place.resolve() in (HOME.resolve(), INSTALLED / HOME) else place
        for folder in sorted(place.glob("*")) if place.is_dir() else ():
            if _read_kind(folder) in kinds:
                found[format_path(typed / folder.name)] = None
    return list(found)[:MOST_LISTED]


def _read_kind(folder: Path) -> str:
    """The kind of a checkpoint, or of the newest one of a run; "" where there is none."""
    if folder.name.startswith(".") or not folder.is_dir():
        return ""
    if musika_folder.is_musika_folder(folder):
        return "codec/musika" if musika_folder.holds_codec(folder) else "generator"
    try:
        return str(checkpoint.read_config(next(reversed(list_checkpoints(folder)), folder))["kind"])
    except (CheckpointError, KeyError):
        return ""


def list_checkpoints(run: Path) -> list[Path]:
    """Checkpoint folders of a training run, which are named by samples seen, oldest first."""
    folders = [path for path in run.glob("*") if path.name.isdecimal() and (path / checkpoint.CONFIG).is_file()]
    return sorted(folders, key=lambda path: int(path.name))


def find_newest_checkpoint(run: Path, stems: Collection[str] | None = None) -> Path:
    """The newest whole checkpoint of a training run; damaged ones are passed over with a warning.

    Args:
        stems: files of arrays that are needed, which are compared with their checksums; None compares every file.

    Raises:
        CheckpointError: there is none.
    """
    damage = ""
    for folder in reversed(list_checkpoints(run)):
        found = _find_damage(folder, None if stems is None else frozenset(stems), _list_files(folder))
        if not found:
            if damage:
                _warn_once(f"{damage}; {format_path(folder)} is used instead")
            return folder
        damage = damage or found
    if damage:
        raise CheckpointError(f"{format_path(run)} holds no whole checkpoint: {damage}")
    raise CheckpointError(f"{format_path(run)} holds no checkpoint")


def _list_files(folder: Path) -> tuple[tuple[str, int, int], ...]:
    """Name, time of change and size of a checkpoint's files."""
    try:
        status = {path.name: path.stat() for path in folder.iterdir()}
    except OSError:  # it is being replaced
        return ()
    return tuple((name, found.st_mtime_ns, found.st_size) for name, found in sorted(status.items()))


@functools.lru_cache(maxsize=64)
def _find_damage(folder: Path, stems: frozenset[str] | None, files: tuple[tuple[str, int, int], ...]) -> str:
    """What is wrong with a checkpoint, "" where nothing is; looked for again only when its files have changed."""
    del files
    try:
        checkpoint.verify(folder, stems)
    except CheckpointError as error:
        return str(error)
    return ""


@functools.lru_cache(maxsize=64)
def _warn_once(text: str) -> None:
    """A warning that pages, which look for the newest checkpoint at every request, do not repeat."""
    console.warn(text)


def fetch_if_missing(path: Path) -> Path:
    """The same path, after a missing (or empty) folder with the name of a published checkpoint has been fetched there.

    Of a folder that was fetched before, sizes are compared with `fetched.json`, which takes neither network nor time.

    Raises:
        CheckpointError: as `resolve_folder`.
    """
    entry = PUBLISHED.get(path.name)
    if entry is not None and is_missing(path):
        from musika.checkpoint.published.fetch import fetch

        fetch(path.resolve() if path.is_symlink() else path, entry)
    else:
        catalogue.check_sizes(path)
    return path
