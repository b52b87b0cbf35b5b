"""Checkpoint folders: named arrays with their configuration, written whole or not at all, read strictly.

A checkpoint is a folder with `config.json` (format version, kind, sizes, where it comes from), one or more
`*.safetensors`, and small files that belong to them. When there is more than one file beside `config.json`, a
`manifest.json` lists the size and SHA-256 of each, so that files of different checkpoints cannot be mixed.

Nothing that is read here is executed or unpickled, and names, shapes, types and sizes are checked before memory for
the arrays is taken.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from musika.checkpoint import tensorfile
from musika.checkpoint.weights import check_names
from musika.errors import CheckpointError
from musika.files import describe_error, get_backup, open_folder_replacement

FORMAT_VERSION = 1
KINDS = ("codec/stereo", "codec/musika", "generator", "performer", "editor", "composer")
CONFIG, MANIFEST = "config.json", "manifest.json"
SUFFIX = ".safetensors"
MAX_JSON = 4 << 20  # bytes of config.json or manifest.json
MAX_DATA = 16 << 30  # bytes of arrays when the reader does not say what it expects


# ---------------------------------------------------------------------------------------------------- writing


def write(
    folder: Path,
    config: Mapping[str, Any],
    arrays: Mapping[str, Mapping[str, np.ndarray]],
    half: bool | Collection[str] = False,
    extra: Mapping[str, bytes] | None = None,
) -> None:
    """Writes a checkpoint folder, or replaces the checkpoint that is there; a reader sees the old, the new, or none.

    Args:
        folder: where it goes; folders above it are made.
        config: `kind` and whatever describes it, plain JSON values; `format_version` is added.
        arrays: file stem to name to array: `{"weights": {...}}` becomes `weights.safetensors`.
        half: store floating-point arrays in half precision; or the stems of which to do so.
        extra: further small files by name, such as sample audio.

    Raises:
        CheckpointError: a value is not finite (or too large for half precision), the folder holds something else than
            a checkpoint, or the disk would not take it. What was there before is then still there.
    """
    files = encode_files(folder, config, arrays, half, extra)
    folder = Path(os.path.abspath(folder))
    folder = folder.resolve() if folder.is_symlink() else folder
    if folder.exists() and not (folder / CONFIG).is_file() and (not folder.is_dir() or any(folder.iterdir())):
        raise CheckpointError(f"{folder} holds something else than a checkpoint", about="save")
    with _replace(folder) as new:
        write_files(new, files)


def encode_files(
    folder: Path,
    config: Mapping[str, Any],
    arrays: Mapping[str, Mapping[str, np.ndarray]],
    half: bool | Collection[str] = False,
    extra: Mapping[str, bytes] | None = None,
) -> dict[str, bytes]:
    """The files of a checkpoint by name; arguments as of `write`.

    Raises:
        CheckpointError: a value is not finite, or too large for half precision; the text begins with `folder`.
    """
    files = {CONFIG: _encode_json({"format_version": FORMAT_VERSION, **config})}
    _check_config(Path(folder), json.loads(files[CONFIG]))
    for stem, named in arrays.items():
        halved = half if isinstance(half, bool) else stem in half
        files[stem + SUFFIX] = tensorfile.serialise(f"{folder} ({stem})", named, halved)
    files.update(extra or {})
    if len(files) > 2:
        files[MANIFEST] = _encode_json({name: _describe_file(data) for name, data in sorted(files.items())})
    return files


def write_files(folder: Path, files: Mapping[str, bytes]) -> None:
    """Writes files into a folder that nobody reads yet; they are on the disk when this returns."""
    for name, data in files.items():
        with open(folder / name, "xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())


def drop(folder: Path, stem: str) -> None:
    """Removes one file of arrays from a checkpoint, with the same care as writing; nothing happens if it has none.

    What somebody has put beside the checkpoint's own files stays.

    Raises:
        CheckpointError: the checkpoint cannot be read or replaced.
    """
    folder, name = Path(os.path.abspath(folder)), stem + SUFFIX
    manifest = _read_manifest(folder)
    if name not in manifest:
        return
    with _replace(folder) as new:
        kept = {key: value for key, value in manifest.items() if key != name}
        for other in {*kept, *os.listdir(folder)} - {name, MANIFEST}:
            _copy(folder / other, new / other)
        write_files(new, {MANIFEST: _encode_json(kept)})


def change_config(folder: Path, values: Mapping[str, Any]) -> None:
    """Sets fields of a checkpoint's `config.json`, with the same care as writing; everything else stays.

    Raises:
        CheckpointError: the checkpoint cannot be read or replaced.
    """
    folder = Path(os.path.abspath(folder))
    data = _encode_json({**read_config(folder), **values})
    manifest = _read_manifest(folder)
    with _replace(folder) as new:
        for other in set(os.listdir(folder)) - {CONFIG, MANIFEST}:
            _copy(folder / other, new / other)
        write_files(new, {CONFIG: data})
        if manifest:
            write_files(new, {MANIFEST: _encode_json({**manifest, CONFIG: _describe_file(data)})})


def _encode_json(value: Any) -> bytes:
    # ASCII, because a file's name may hold what UTF-8 cannot write
    return (json.dumps(value, indent=2, allow_nan=False, ensure_ascii=True) + "\n").encode()


def _describe_file(data: bytes) -> dict[str, Any]:
    return {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def _copy(source: Path, target: Path) -> None:
    """A file, on the disk when this returns; or a folder or a link, as it is."""
    if source.is_dir() and not source.is_symlink():
        shutil.copytree(source, target, symlinks=True)
        return
    shutil.copyfile(source, target, follow_symlinks=False)
    if not target.is_symlink():
        with open(target, "rb+") as file:
            os.fsync(file.fileno())


@contextlib.contextmanager
def _replace(folder: Path) -> Iterator[Path]:
    """A new folder to fill, which takes the place of a checkpoint."""
    try:
        with open_folder_replacement(folder) as new:
            yield new
    except OSError as error:
        raise CheckpointError(f"{folder} cannot be saved: {describe_error(error)}") from error


# ---------------------------------------------------------------------------------------------------- reading


def read_config(folder: Path) -> dict[str, Any]:
    """The content of `config.json`, after format version and kind were checked.

    Raises:
        CheckpointError: no such folder, no such file, not readable, of an unknown kind, or of a newer format.
    """
    folder = find_folder(folder)
    data = _read_limited(folder / CONFIG, MAX_JSON)
    _check_digest(folder, CONFIG, hashlib.sha256(data).hexdigest())
    config = tensorfile.parse_json(folder / CONFIG, data)
    _check_config(folder, config)
    return config


def read_shapes(folder: Path, stem: str = "weights") -> dict[str, tuple[int, ...]]:
    """Names and shapes of a file of arrays, from its header alone.

    Raises:
        CheckpointError: the file is missing, truncated, too long or malformed.
    """
    path = find_folder(folder) / (stem + SUFFIX)
    with _open(path) as file:
        return {name: entry.shape for name, entry in tensorfile.read_header(path, file).items()}


def has(folder: Path, stem: str) -> bool:
    """Whether the checkpoint has that file of arrays."""
    return (find_folder(folder) / (stem + SUFFIX)).is_file()


def read(
    folder: Path, stem: str = "weights", expected: Mapping[str, tuple[int, ...]] | None = None
) -> dict[str, np.ndarray]:
    """The arrays of one file by name: float32 for floating-point ones, whole numbers as they were written.

    Args:
        folder: the checkpoint.
        stem: which file.
        expected: names and shapes that must be there, no more and no less.

    Raises:
        CheckpointError: names the first thing that does not fit, before memory for the arrays is taken; or the
            checksum is another, or a value is not finite.
    """
    folder = find_folder(folder)
    path = folder / (stem + SUFFIX)
    with _open(path) as file:
        header = tensorfile.read_header(path, file)
        if expected is None:
            size = sum(entry.end - entry.begin for entry in header.values())
            if size > MAX_DATA:
                raise CheckpointError(f"{path} holds {size} bytes of arrays: more than {MAX_DATA} are not read")
        else:
            check_names(str(path), {name: entry.shape for name, entry in header.items()}, expected)
        arrays, digest = tensorfile.read_data(path, file, header)
    _check_digest(folder, path.name, digest)
    return arrays


def verify(folder: Path, stems: Collection[str] | None = None) -> None:
    """Checks that every file is there, and compares files with their checksums in the manifest.

    Args:
        stems: the files of arrays to compare; None compares every file. Of the others the size is compared.

    Raises:
        CheckpointError: names the first file that is missing or differs.
    """
    folder = find_folder(folder)
    read_config(folder)
    manifest = _read_manifest(folder)
    for path in [folder / name for name in manifest] or sorted(folder.glob(f"*{SUFFIX}")):
        with _open(path) as file:
            if not manifest:
                tensorfile.read_header(path, file)  # raises if the file is shorter than its header states
            elif stems is None or path.stem in stems:
                _check_digest(folder, path.name, hashlib.file_digest(file, "sha256").hexdigest())
            elif os.fstat(file.fileno()).st_size != manifest[path.name].get("bytes"):
                raise CheckpointError(f"{path} has not the size that the manifest lists: it is damaged")


def find_folder(folder: Path) -> Path:
    """The checkpoint's folder, also when a save was killed in the moment between two renames.

    Raises:
        CheckpointError: there is none.
    """
    folder = Path(os.path.abspath(folder))
    for candidate in (folder, get_backup(folder)):
        if candidate.is_dir():
            return candidate
    what = "is a file, not a checkpoint folder" if folder.exists() else "does not exist"
    raise CheckpointError(f"checkpoint {folder} {what}")


@contextlib.contextmanager
def _open(path: Path) -> Iterator[Any]:
    if not path.is_file():  # also keeps pipes and devices out
        raise CheckpointError(f"{path} is missing: {path.parent} is not a whole checkpoint")
    try:
        with open(path, "rb") as file:
            yield file
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {describe_error(error)}") from error


def _read_limited(path: Path, limit: int) -> bytes:
    with _open(path) as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise CheckpointError(f"{path} is larger than {limit} bytes: it is no {path.name} of a checkpoint")
    return data


def _check_config(folder: Path, config: Mapping[str, Any]) -> None:
    version, kind = config.get("format_version"), config.get("kind")
    if type(version) is not int or version < 1:
        raise CheckpointError(f"{folder / CONFIG}: format_version {version!r} is not a positive number")
    if version > FORMAT_VERSION:
        raise CheckpointError(
            f"{folder / CONFIG}: format {version} is newer than {FORMAT_VERSION}, which is read here: update musika"
        )
    if kind not in KINDS:
        raise CheckpointError(f"{folder / CONFIG}: kind {str(kind)[:80]!r} is none of {', '.join(KINDS)}")


def _read_manifest(folder: Path) -> dict[str, Any]:
    """File name to size and checksum; empty where the checkpoint has no manifest."""
    path = folder / MANIFEST
    if not path.exists():
        return {}
    manifest = tensorfile.parse_json(path, _read_limited(path, MAX_JSON))
    for name, entry in manifest.items():
        plain = name == os.path.basename(name) and name not in ("", ".", "..") and "\\" not in name
        if not plain or not isinstance(entry, dict) or not isinstance(entry.get("sha256"), str):
            raise CheckpointError(f"{path}: entry {name[:80]!r} is malformed")
    return manifest


def _check_digest(folder: Path, name: str, digest: str) -> None:
    manifest = _read_manifest(folder)
    if not manifest:
        return
    if name not in manifest:
        raise CheckpointError(f"{folder / name} is not in the manifest: it belongs to another checkpoint")
    if digest != manifest[name]["sha256"]:
        raise CheckpointError(f"{folder / name} does not match its checksum: it is damaged or from another checkpoint")
