"""Fetching a published checkpoint: whole or not at all, and continued after an interruption.

Files come through huggingface_hub from the server that it is set to (`HF_ENDPOINT`), all of one revision, into a hidden
folder beside their final place. A connection that was cut is continued, in this run or by the next. The folder gets its
name when every file has the size and the checksum that the server announced. Nothing about the user is sent: no token,
no telemetry.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO, cast

from musika import __version__, console
from musika.checkpoint.published.catalogue import FETCHED, MAX_FETCHED, Published, is_missing
from musika.errors import CheckpointError
from musika.files import describe_error, format_path, lock_folder, open_replacement, sync_folder

MAX_FILE = 4 << 30  # bytes of one file; published ones are far smaller
MEGABYTE = 1_000_000
PIECE = 1 << 20  # bytes that are hashed at once
TRIES = 2  # connections in a row that may bring nothing
FULL = {errno.ENOSPC, errno.EFBIG, errno.EDQUOT}
WRITING = FULL | {errno.EACCES, errno.EPERM, errno.EROFS, errno.EIO, errno.ENOENT, errno.EISDIR}


class _BadAnswer(Exception):
    """What the server offers cannot be used; the text is part of a sentence."""


@dataclasses.dataclass(frozen=True)
class _File:
    """One file of a repository as the server announces it."""

    name: str
    url: str
    size: int  # bytes
    etag: str  # SHA-256 of a large file, git's own hash of a small one


def fetch(folder: Path, entry: Published) -> None:
    """Downloads a published checkpoint into a folder that is missing or empty.

    Raises:
        CheckpointError: no network, no such file, a full disk ...; the text tells how to place the files by hand.
    """
    try:
        revision, files = _list_files(entry)
    except Exception as error:  # whatever a network and its library come up with
        raise CheckpointError(_advise_by_hand(folder, entry, _explain_failure(error))) from error
    partial, name = folder.with_name(f".{folder.name}.fetching"), format_path(folder)
    try:
        partial.parent.mkdir(parents=True, exist_ok=True)
        with lock_folder(partial, on_wait=lambda: console.say(f"another process is fetching {name}: waiting for it")):
            try:
                if is_missing(folder):  # another process may have fetched it meanwhile
                    _download_all(partial, folder, entry, revision, files)
            finally:
                with contextlib.suppress(OSError):
                    partial.rmdir()  # where nothing was fetched
    except OSError as error:
        if error.errno in FULL:
            shutil.rmtree(partial, ignore_errors=True)
        raise CheckpointError(f"{name} cannot be fetched: {describe_error(error)}") from error


def _list_files(entry: Published) -> tuple[str, list[_File]]:
    """Revision and files of a repository, as the server announces them; optional files may be missing there."""
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")  # read when the library is imported
    from huggingface_hub import get_hf_file_metadata, hf_hub_url
    from huggingface_hub.errors import HfHubHTTPError, RepositoryNotFoundError

    endpoint = (os.environ.get("HF_ENDPOINT") or "").rstrip("/") or None
    revision = ""
    files = []
    for name in (*entry.needed, *entry.optional):
        url = hf_hub_url(entry.repository, name, revision=revision or None, endpoint=endpoint)
        try:
            answer = get_hf_file_metadata(url, token=False, library_name="musika", library_version=__version__)
        except HfHubHTTPError as error:
            if error.response.status_code != 404 or isinstance(error, RepositoryNotFoundError):
                raise
            if name in entry.optional:
                continue
            raise _BadAnswer(f"the repository has no {name}") from error
        if not answer.commit_hash or not answer.etag or answer.size is None:
            raise _BadAnswer("what answers is not a server of such repositories")
        if answer.size > MAX_FILE:
            raise _BadAnswer(f"{name} has {answer.size} bytes, more than {MAX_FILE} are not fetched")
        if not revision:  # all files in the state that the first one is in now
            revision = answer.commit_hash
            url = hf_hub_url(entry.repository, name, revision=revision, endpoint=endpoint)
        files.append(_File(name, url, answer.size, answer.etag))
    return revision, files


def _download_all(partial: Path, folder: Path, entry: Published, revision: str, files: list[_File]) -> None:
    """Downloads what is not there yet into the hidden folder, checks it, and gives the folder its name."""
    _keep_earlier(partial, {"repository": entry.repository, "revision": revision}, {file.name for file in files})
    total = sum(file.size for file in files)
    missing, free = total - sum(_get_size(partial / file.name) for file in files), shutil.disk_usage(partial).free
    if missing > free:
        raise OSError(errno.ENOSPC, f"{missing / MEGABYTE:.1f} MB are needed, {free / MEGABYTE:.1f} MB are free")
    what = f"Hugging Face repository {entry.repository}, {len(files)} files, {total / MEGABYTE:.1f} MB"
    console.say(f"fetching {what}, into {format_path(folder)}")
    record = {}
    with console.progress(total / MEGABYTE, "MB", f"fetch {format_path(folder.name)}") as bar:
        for file in files:
            try:
                _download(file, partial / file.name, bar)
                digest = _check_file(file, partial / file.name)
            except Exception as error:
                if isinstance(error, OSError) and error.errno in WRITING:
                    raise
                kept = sum(_get_size(partial / other.name) for other in files) / MEGABYTE
                reason = f"{_explain_failure(error)}; {kept:.1f} MB were fetched, the same command continues from there"
                raise CheckpointError(_advise_by_hand(folder, entry, reason)) from error
            record[file.name] = {"bytes": file.size, "sha256": digest}
    _write_record(partial, {"repository": entry.repository, "revision": revision, "files": record})
    os.rename(partial, folder)
    sync_folder(folder.parent)


def _keep_earlier(partial: Path, source: Mapping[str, str], names: set[str]) -> None:
    """Keeps what an earlier run has fetched of the same revision, and removes everything else."""
    try:
        record = json.loads((partial / FETCHED).read_bytes()[:MAX_FETCHED])
        same = isinstance(record, dict) and {name: record.get(name) for name in source} == source
    except (OSError, ValueError):
        same = False
    for left in partial.iterdir():
        if left.is_dir() and not left.is_symlink():
            shutil.rmtree(left)
        elif not same or left.is_symlink() or left.name not in names:
            left.unlink()
    _write_record(partial, source)


def _write_record(folder: Path, record: Mapping[str, Any]) -> None:
    with open_replacement(folder / FETCHED) as file:
        file.write((json.dumps(record, indent=2) + "\n").encode())


def _get_size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


# ------------------------------------------------------------------------------------------------------ one file


class _NoBar:
    """Takes the place of the progress bar of huggingface_hub; ours counts what is written instead."""

    def __init__(self, **_: object) -> None: ...

    def __enter__(self) -> _NoBar:
        return self

    def __exit__(self, *_: object) -> None: ...

    def update(self, count: float | None = 1) -> None: ...


class _CountingFile:
    """A file being written: its length moves the bar, and may not exceed what was announced."""

    def __init__(self, file: BinaryIO, bar: console.Progress, limit: int) -> None:
        self.file, self.bar, self.limit = file, bar, limit
        self.tell, self.seek, self.flush = file.tell, file.seek, file.flush
        bar.advance(file.tell() / MEGABYTE)

    def write(self, data: bytes) -> int:
        if self.file.tell() + len(data) > self.limit:
            raise _BadAnswer(f"the server sends more than the {self.limit} bytes that it announced")
        self.bar.advance(len(data) / MEGABYTE)
        return self.file.write(data)

    def truncate(self) -> int:
        at, end = self.file.tell(), self.file.seek(0, os.SEEK_END)
        self.bar.advance((at - end) / MEGABYTE)  # the bar goes back: the server starts again
        self.file.seek(at)
        return self.file.truncate()


def _download(file: _File, path: Path, bar: console.Progress) -> None:
    """Downloads the rest of a file; a cut connection is continued as long as it brings anything."""
    from huggingface_hub.errors import HfHubHTTPError, HTTPError
    from huggingface_hub.file_download import http_get
    from huggingface_hub.utils import build_hf_headers

    headers = build_hf_headers(token=False, library_name="musika", library_version=__version__)
    with open(path, "ab") as target:
        if target.tell() > file.size:
            target.truncate(0)
            target.seek(0)
        counting, tries = _CountingFile(target, bar, file.size), TRIES
        while target.tell() < file.size:
            begun = target.tell()
            try:
                http_get(
                    file.url,
                    cast(BinaryIO, counting),
                    resume_size=begun,
                    headers={**headers, "Accept-Encoding": "identity"},
                    expected_size=file.size,
                    displayed_filename=file.name,
                    tqdm_class=cast(Any, _NoBar),
                )
            except HTTPError as error:
                tries = TRIES if target.tell() > begun else tries - 1
                if isinstance(error, HfHubHTTPError) or tries == 0:
                    raise
            finally:
                target.flush()
        os.fsync(target.fileno())


def _check_file(file: _File, path: Path) -> str:
    """The SHA-256 of a file that has come, after its checksum was compared; one that differs does not stay."""
    plain, git = hashlib.sha256(), hashlib.sha1(f"blob {file.size}\0".encode(), usedforsecurity=False)
    with open(path, "rb") as opened:
        while piece := opened.read(PIECE):
            plain.update(piece)
            git.update(piece)
    expected = {64: plain.hexdigest(), 40: git.hexdigest()}.get(len(file.etag), file.etag)
    if expected != file.etag or path.stat().st_size != file.size:
        path.unlink()
        raise _BadAnswer(f"{file.name} arrived damaged: its checksum is not the announced one")
    return plain.hexdigest()


# ----------------------------------------------------------------------------------------------- what a person reads


def _advise_by_hand(folder: Path, entry: Published, reason: str) -> str:
    files = ", ".join(entry.needed)
    more = f" ({', '.join(entry.optional)} as well, to fine-tune)" if entry.optional else ""
    return (
        f"{format_path(folder)} is not here and could not be fetched ({reason}): try again, or make that "
        f"folder and put "
        f"{files}{more} of Hugging Face repository {entry.repository} into it"
    )


def _explain_failure(error: Exception) -> str:
    """Why nothing came, in a few words. Kinds are known by name, since the library's HTTP client may change."""
    kinds = {kind.__name__ for kind in type(error).__mro__}
    status = getattr(getattr(error, "response", None), "status_code", None)
    if isinstance(error, _BadAnswer):
        return str(error)
    if "OfflineModeIsEnabled" in kinds:
        return "HF_HUB_OFFLINE is set"
    if "RepositoryNotFoundError" in kinds:
        return "there is no such repository, or it is not public"
    if status is not None:
        return f"the server answers {status}"
    for kind, text in {
        "ConnectError": "the server cannot be reached",
        "TimeoutException": "the server does not answer",
        "TransportError": "the connection was cut",
    }.items():
        if kind in kinds:
            return text
    lines = str(error).splitlines() or [""]
    return f"{type(error).__name__}: {lines[0][:120]}".removesuffix(": ")
