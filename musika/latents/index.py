"""The index `latents.json` of a folder of latents: the codec, the sources, and which sources were left out."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

from musika.errors import LatentsError
from musika.files import describe_error, format_path, open_replacement

INDEX = "latents.json"
FORMAT_VERSION = 1
MAX_INDEX = 1 << 30  # bytes


@dataclasses.dataclass(frozen=True)
class LatentsSettings:
    """What all latents of a folder have in common."""

    codec_identity: str
    channels: int  # C
    hop_total: int  # samples in one latent
    sample_rate: int  # Hz
    max_lat_len: int  # latents in a chunk; 0 with `whole`
    whole: bool


@dataclasses.dataclass(frozen=True)
class Source:
    """One audio file that was encoded."""

    path: str  # relative to the audio folder, with /
    folder: str  # which audio folder: a hash of its place
    size: int  # bytes
    mtime_ns: int
    samples: int  # length at the codec's rate
    latents: int  # T
    files: tuple[str, ...]  # relative to this folder, with /


@dataclasses.dataclass(frozen=True)
class Index:
    """The content of `latents.json`."""

    settings: LatentsSettings
    sources: tuple[Source, ...]
    skipped: tuple[dict[str, str], ...]  # path, reason

    def get_whole_lengths(self) -> dict[str, int]:
        """Length in samples of the source of each file that holds a whole source."""
        return {source.files[0]: source.samples for source in self.sources} if self.settings.whole else {}


def read_index(folder: Path) -> Index | None:
    """The index of a folder, None where there is none.

    Raises:
        LatentsError: it cannot be read or is not what we write.
    """
    path = folder / INDEX
    try:
        if path.stat().st_size > MAX_INDEX:
            raise LatentsError(f"{format_path(path)} is too large to be an index of latents")
        values = json.loads(path.read_bytes())  # of bytes: with a byte-order mark, too
    except FileNotFoundError:
        return None
    except OSError as error:
        raise LatentsError(f"{format_path(path)} cannot be read: {describe_error(error)}") from error
    except (ValueError, RecursionError) as error:
        raise LatentsError(f"{format_path(path)} is not JSON ({error}); delete it and encode again") from error
    try:
        if values["format_version"] != FORMAT_VERSION:
            raise LatentsError(
                f"{format_path(path)} is of format version {values['format_version']}; this is {FORMAT_VERSION}"
            )
        settings = _parse_fields(LatentsSettings, values)
        sources = tuple(_parse_source(item) for item in values["sources"])
        skipped = tuple({"path": str(item["path"]), "reason": str(item["reason"])} for item in values["skipped"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise LatentsError(
            f"{format_path(path)} is not an index of latents ({error}); delete it and encode again"
        ) from error
    return Index(settings, sources, skipped)


def _parse_fields(kind: type[Any], values: dict[str, Any]) -> Any:
    """A dataclass of plain values, each of the type that its field declares."""
    fields = {}
    for field in dataclasses.fields(kind):
        value = values[field.name]
        if type(value).__name__ != str(field.type).split("[")[0]:
            raise ValueError(f"{field.name} is {value!r}")
        fields[field.name] = value
    return kind(**fields)


def _parse_source(item: dict[str, Any]) -> Source:
    source: Source = _parse_fields(Source, {**item, "files": tuple(str(name) for name in item["files"])})
    if not source.files:
        raise ValueError(f"source {source.path!r} has no files")
    for name in source.files:
        if name.startswith("/") or ".." in name.split("/") or "\\" in name:
            raise ValueError(f"file {name!r} is not below the folder")
    return source


def write_index(folder: Path, index: Index) -> None:
    """Replaces the index of a folder.

    Raises:
        LatentsError: it cannot be written.
    """
    values = {
        "format_version": FORMAT_VERSION,
        **dataclasses.asdict(index.settings),
        "sources": [dataclasses.asdict(source) for source in sorted(index.sources, key=lambda source: source.path)],
        "skipped": sorted(index.skipped, key=lambda item: item["path"]),
    }
    try:
        with open_replacement(folder / INDEX) as file:
            file.write(json.dumps(values, indent=1).encode("ascii"))
    except OSError as error:
        raise LatentsError(f"{format_path(folder / INDEX)} cannot be written: {describe_error(error)}") from error
