"""Folders of named arrays with their configuration: written whole or not at all, read strictly.

A checkpoint is a folder with `config.json` (format version, kind, sizes, where it comes from), one or more
`*.safetensors`, and whatever small files belong to them. When there is more than one file beside `config.json`, a
`manifest.json` holds the size and SHA-256 of each, so that they can only be used together.

Nothing that is read here is executed or unpickled, and names, shapes, types and sizes are checked before memory for
the arrays is taken.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from musika.checkpoint import tensorfile
from musika.errors import CheckpointError

if TYPE_CHECKING:
    import keras

FORMAT_VERSION = 1
KINDS = ("codec/stereo", "codec/musika", "generator")
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
    files = {CONFIG: _json({"format_version": FORMAT_VERSION, **config})}
    _check_config(Path(folder), json.loads(files[CONFIG]))
    for stem, named in arrays.items():
        halved = half if isinstance(half, bool) else stem in half
        files[stem + SUFFIX] = tensorfile.serialise(f"{folder} ({stem})", named, halved)
    files.update(extra or {})
    if len(files) > 2:
        files[MANIFEST] = _json({name: {"bytes": len(d), "sha256": _digest(d)} for name, d in sorted(files.items())})
    folder = Path(os.path.abspath(folder))
    folder = folder.resolve() if folder.is_symlink() else folder
    if folder.exists() and not (folder / CONFIG).is_file() and (not folder.is_dir() or any(folder.iterdir())):
        raise CheckpointError(f"{folder} holds something else than a checkpoint: choose another folder to save in")
    _replace(folder, lambda new: _fill(new, files))


def drop(folder: Path, stem: str) -> None:
    """Takes one file of arrays out of a checkpoint, with the same care as writing; nothing happens if it has none.

    What somebody has put beside the checkpoint's own files stays.

    Raises:
        CheckpointError: the checkpoint cannot be read or replaced.
    """
    folder, name = Path(os.path.abspath(folder)), stem + SUFFIX
    manifest = _manifest(folder)
    if name not in manifest:
        return

    def fill(new: Path) -> None:
        kept = {key: value for key, value in manifest.items() if key != name}
        for other in {*kept, *os.listdir(folder)} - {name, MANIFEST}:
            _copy(folder / other, new / other)
        _fill(new, {MANIFEST: _json(kept)})

    _replace(folder, fill)


def _json(value: Any) -> bytes:
    # ASCII, because a file's name may hold what UTF-8 cannot write
    return (json.dumps(value, indent=2, allow_nan=False, ensure_ascii=True) + "\n").encode()


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _fill(new: Path, files: Mapping[str, bytes]) -> None:
    for name, data in files.items():
        with open(new / name, "xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())


def _copy(source: Path, target: Path) -> None:
    """A file, on the disk when this returns; or a folder or a link, as it is."""
    if source.is_dir() and not source.is_symlink():
        shutil.copytree(source, target, symlinks=True)
        return
    shutil.copyfile(source, target, follow_symlinks=False)
    if not target.is_symlink():
        with open(target, "rb+") as file:
            os.fsync(file.fileno())


def _replace(folder: Path, fill: Callable[[Path], None]) -> None:
    """Fills a new folder beside `folder`, then puts it in its place."""
    new, old = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}.new"), _old(folder)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        _clean(folder)
        new.mkdir()
        fill(new)
        _sync_folder(new)
        if folder.exists():
            os.rename(folder, old)
        os.rename(new, folder)
        _sync_folder(folder.parent)
        shutil.rmtree(old, ignore_errors=True)
    except BaseException as error:
        shutil.rmtree(new, ignore_errors=True)
        if old.exists() and not folder.exists():
            os.rename(old, folder)
        if isinstance(error, OSError):
            raise CheckpointError(f"{folder} cannot be saved: {error.strerror or error}") from error
        raise


def _old(folder: Path) -> Path:
    """Where a checkpoint stands for the moment in which another takes its place."""
    return folder.with_name(f".{folder.name}.old")


def _clean(folder: Path) -> None:
    """Removes what an earlier save that was killed has left."""
    for left in folder.parent.glob(f".{_escaped(folder.name)}.*.new"):
        shutil.rmtree(left, ignore_errors=True)
    old = _old(folder)
    if old.exists():
        if folder.exists():
            shutil.rmtree(old)
        else:
            os.rename(old, folder)


def _escaped(name: str) -> str:
    import glob

    return glob.escape(name)


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":
        return  # folders cannot be opened there
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


# ---------------------------------------------------------------------------------------------------- reading


def read_config(folder: Path) -> dict[str, Any]:
    """What `config.json` says, with format version and kind checked.

    Raises:
        CheckpointError: no such folder, no such file, not readable, of an unknown kind, or of a newer format.
    """
    folder = _standing(folder)
    data = _bytes(folder / CONFIG, MAX_JSON)
    _check_sum(folder, CONFIG, _digest(data))
    config = tensorfile.parse_json(folder / CONFIG, data)
    _check_config(folder, config)
    return config


def read_shapes(folder: Path, stem: str = "weights") -> dict[str, tuple[int, ...]]:
    """Names and shapes of a file of arrays, from its header alone.

    Raises:
        CheckpointError: the file is missing, torn, oversized or malformed.
    """
    path = _standing(folder) / (stem + SUFFIX)
    with _opened(path) as file:
        return {name: entry.shape for name, entry in tensorfile.header(path, file).items()}


def has(folder: Path, stem: str) -> bool:
    """Whether the checkpoint has that file of arrays."""
    return (_standing(folder) / (stem + SUFFIX)).is_file()


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
    folder = _standing(folder)
    path = folder / (stem + SUFFIX)
    with _opened(path) as file:
        header = tensorfile.header(path, file)
        if expected is None:
            size = sum(entry.end - entry.begin for entry in header.values())
            if size > MAX_DATA:
                raise CheckpointError(f"{path} holds {size} bytes of arrays: more than {MAX_DATA} are not read")
        else:
            check_names(str(path), {name: entry.shape for name, entry in header.items()}, expected)
        arrays, digest = tensorfile.data(path, file, header)
    _check_sum(folder, path.name, digest)
    return arrays


def verify(folder: Path) -> None:
    """Reads every file once and compares it with the manifest.

    Raises:
        CheckpointError: names the first file that is missing or differs.
    """
    folder = _standing(folder)
    read_config(folder)
    for name in _manifest(folder):
        if not (folder / name).is_file():
            raise CheckpointError(f"{folder / name} is missing, though the manifest lists it")
        with _opened(folder / name) as file:
            _check_sum(folder, name, hashlib.file_digest(file, "sha256").hexdigest())


def _standing(folder: Path) -> Path:
    """The folder, or where it stands when a save was killed in the one moment between two renames."""
    folder = Path(os.path.abspath(folder))
    if folder.is_dir():
        return folder
    old = _old(folder)
    if old.is_dir():
        return old
    what = "is a file, not a checkpoint folder" if folder.exists() else "does not exist"
    raise CheckpointError(f"checkpoint {folder} {what}")


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[Any]:
    if not path.is_file():  # also keeps pipes and devices out
        raise CheckpointError(f"{path} is missing: {path.parent} is not a whole checkpoint")
    try:
        with open(path, "rb") as file:
            yield file
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror or error}") from error


def _bytes(path: Path, limit: int) -> bytes:
    with _opened(path) as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise CheckpointError(f"{path} is larger than {limit} bytes: it is no {path.name} of ours")
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


def _manifest(folder: Path) -> dict[str, Any]:
    """File name to size and checksum; empty where the checkpoint has no manifest."""
    path = folder / MANIFEST
    if not path.exists():
        return {}
    manifest = tensorfile.parse_json(path, _bytes(path, MAX_JSON))
    for name, entry in manifest.items():
        plain = name == os.path.basename(name) and name not in ("", ".", "..") and "\\" not in name
        if not plain or not isinstance(entry, dict) or not isinstance(entry.get("sha256"), str):
            raise CheckpointError(f"{path}: entry {name[:80]!r} is malformed")
    return manifest


def _check_sum(folder: Path, name: str, digest: str) -> None:
    manifest = _manifest(folder)
    if not manifest:
        return
    if name not in manifest:
        raise CheckpointError(f"{folder / name} is not in the manifest: it belongs to another checkpoint")
    if digest != manifest[name]["sha256"]:
        raise CheckpointError(f"{folder / name} does not match its checksum: it is damaged or from another checkpoint")


def check_names(what: str, found: Mapping[str, tuple[int, ...]], expected: Mapping[str, tuple[int, ...]]) -> None:
    """Raises CheckpointError unless both have the same names and shapes."""
    for name in expected:
        if name not in found:
            raise CheckpointError(f"{what} has no array {name!r}: it does not fit its configuration")
    for name, shape in found.items():
        if name not in expected:
            raise CheckpointError(f"{what} has an array {name[:80]!r} too many: it does not fit its configuration")
        if tuple(shape) != tuple(expected[name]):
            raise CheckpointError(f"{what}: array {name!r} is {list(shape)}, but {list(expected[name])} is expected")


# ------------------------------------------------------------------------------------------- names and identity


def compute_identity(config: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> str:
    """16 hexadecimal digits that stand for a configuration and its weights in half precision.

    Half precision, so that a checkpoint keeps its identity when it is shipped at half the size.
    """
    total = hashlib.sha256(json.dumps(config, sort_keys=True, separators=(",", ":"), allow_nan=False).encode())
    for name in sorted(arrays):
        value = np.asarray(arrays[name], dtype="<f2", order="C") + np.float16(0)  # -0 counts as 0
        total.update(f"\n{name} {list(value.shape)}\n".encode())
        total.update(value.tobytes())
    return total.hexdigest()[:16]


def get_weights(layer: keras.Layer) -> dict[str, np.ndarray]:
    """Every weight of a built layer, by its path below the layer, in the order in which the layer lists them.

    Raises:
        ValueError: two weights have the same name.
    """
    return {name: np.asarray(_host(variable)) for name, variable in _variables(layer).items()}


def assign(layer: keras.Layer, arrays: Mapping[str, np.ndarray]) -> None:
    """Sets every weight of a built layer.

    Raises:
        CheckpointError: a name or shape is missing, too many, or differs; nothing is then changed.
    """
    variables = _variables(layer)
    check_names(
        layer.name,
        {name: tuple(np.shape(array)) for name, array in arrays.items()},
        {name: tuple(variable.shape) for name, variable in variables.items()},
    )
    for name, variable in variables.items():
        variable.assign(arrays[name])


def list_weight_names(layer: keras.Layer) -> list[str]:
    """Names of a built layer's weights as `get_weights` gives them, without reading the weights."""
    return list(_variables(layer))


def _variables(layer: keras.Layer) -> dict[str, Any]:
    prefix = (getattr(layer, "path", None) or layer.name) + "/"
    found: dict[str, Any] = {}
    for variable in layer.weights:
        name = variable.path.removeprefix(prefix)
        if name in found:
            raise ValueError(f"{layer.name} has two weights named {name!r}: give its layers names of their own")
        found[name] = variable
    return found


def _host(variable: Any) -> np.ndarray:
    import keras

    return keras.ops.convert_to_numpy(variable.value)
