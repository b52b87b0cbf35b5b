"""Which checkpoints the page offers: shipped ones, runs and fetched published ones, found without loading them.

Only folders that are there are listed. Nothing is fetched, and no name that comes from a browser becomes a path.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable, Iterable, Mapping
from pathlib import Path

from musika import checkpoint
from musika.checkpoint import locate
from musika.checkpoint.published import musika_folder
from musika.errors import MusikaError
from musika.gan.editor_load import KIND as EDITOR
from musika.gan.load import KIND as GENERATOR
from musika.gan.load import read_info
from musika.gan.performer_load import KIND as PERFORMER
from musika.render.composed import COMPOSER

COMPOSED = "composed"  # a performer with a composer
MAKES_PIECES = (GENERATOR, COMPOSED)  # from a seed alone
PLAYS_NOTES = (PERFORMER, COMPOSED)
PLACES = (Path("checkpoints"), locate.INSTALLED / "checkpoints")
MAX_LISTED = 200


@dataclasses.dataclass(frozen=True)
class CheckpointEntry:
    """A checkpoint that can be loaded.

    Attributes:
        name: in requests and in the chooser.
        path: of its folder, or of the run whose newest checkpoint it means.
        kind: "generator", "composed", "performer" or "editor".
        is_run: whether the path is a run.
    """

    name: str
    path: Path
    kind: str
    is_run: bool = False


def describe_checkpoint(path: Path, name: str = "") -> CheckpointEntry | None:
    """What a folder holds; None where it holds nothing that makes or edits music.

    Args:
        path: of a checkpoint, a Musika folder or a run.
        name: None takes the folder's.

    Raises:
        CheckpointError: it is damaged.
    """
    is_musika = musika_folder.is_musika_folder(path)
    is_run = not is_musika and not (path / checkpoint.CONFIG).is_file()
    checkpoints = locate.list_checkpoints(path) if is_run else [path]
    if not checkpoints or (is_musika and not musika_folder.holds_generator(path)):
        return None
    folder = checkpoints[-1]
    kind = read_info(folder)["kind"]
    if kind not in (GENERATOR, PERFORMER, EDITOR):
        return None
    if kind == PERFORMER and (folder / COMPOSER).is_dir():
        kind = COMPOSED
    return CheckpointEntry(format_name(name or path.resolve().name), path, kind, is_run)


def find_checkpoints(places: Iterable[Path] = PLACES) -> dict[str, CheckpointEntry]:
    """Checkpoints in the places where commands look for them, by name; those that are damaged are left out."""
    found: dict[str, CheckpointEntry] = {}
    for place in places:
        for path in sorted(place.glob("*")):
            if not path.is_dir() or path.name.startswith(".") or len(found) >= MAX_LISTED:
                continue
            try:
                entry = describe_checkpoint(path)
            except MusikaError:
                continue
            if entry is not None:
                found.setdefault(entry.name, entry)
    return found


def order_checkpoints(
    first: CheckpointEntry | None, others: Mapping[str, CheckpointEntry]
) -> dict[str, CheckpointEntry]:
    """One checkpoint and then the others, without those of its name or folder; those that need notes come last.

    Args:
        first: None where there are only the others.
    """
    folder = None if first is None else first.path.resolve()
    known = {} if first is None else {first.name: first}
    known |= {name: other for name, other in others.items() if name not in known and other.path.resolve() != folder}
    return dict(sorted(known.items(), key=lambda item: item[1].kind not in MAKES_PIECES))


def find_version(entry: CheckpointEntry) -> Hashable:
    """Which checkpoint an entry means now: another value where a training has written a newer one.

    Raises:
        CheckpointError: there is none.
    """
    folder = locate.resolve_checkpoint(entry.path, "generator")
    return folder, folder.stat().st_mtime_ns if folder.exists() else 0


def format_name(text: str) -> str:
    """A name that links and file names can carry."""
    return "".join(c if c.isprintable() else "_" for c in text)
