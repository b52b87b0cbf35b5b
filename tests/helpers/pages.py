"""A page of tiny checkpoints that were written to disk, without a server."""

from __future__ import annotations

from pathlib import Path

from musika import render
from musika.serve.page.checkpoints import CheckpointEntry, describe_checkpoint
from musika.serve.page.context import LIMITS, PageContext, PageLimits
from musika.serve.page.launch import make_library
from musika.serve.page.recent_files import RecentFiles
from musika.serve.streams.library import Library


def write_page_checkpoints(folder: Path) -> dict[str, CheckpointEntry]:
    """A generator `open` and a performer with a composer `piano`, and what the page knows about them."""
    from musika.codec.load import load_codec
    from tests.helpers import tiny
    from tests.helpers.composers import write_composer

    tiny.write_checkpoints(folder)
    write_composer(tiny.write_performer(folder / "piano", load_codec(folder / "ae").identity) / "composer")
    entries = [describe_checkpoint(folder / name) for name in ("open", "piano")]
    return {entry.name: entry for entry in entries if entry is not None}


def write_page_library(folder: Path) -> tuple[Library, dict[str, CheckpointEntry]]:
    """The same checkpoints, and a library that loads them."""
    entries = write_page_checkpoints(folder)
    return _load_from_disk(entries), entries


def make_context(entries: dict[str, CheckpointEntry], folder: Path, limits: PageLimits = LIMITS) -> PageContext:
    """What tabs are made with; files go to a folder."""
    folder.mkdir(exist_ok=True)
    return PageContext(_load_from_disk(entries), entries, RecentFiles(folder), limits)


def _load_from_disk(entries: dict[str, CheckpointEntry]) -> Library:
    return make_library(entries, lambda entry: render.load_model(entry.path))
