"""A strict reader of Keras-2 weight files: an HDF5 file becomes plain arrays, or is refused.

Why not libhdf5: of files that were mutated at random, it crashed on one in fifty and hung on one in a hundred (1.14.6).
This reader knows the subset that Keras 2 writes, and nothing else: groups by symbol table, attributes that are lists of
names, float32 arrays in one piece, in the header, or in chunks with or without gzip. It opens only the file that it is
given and follows no links. Every address and size is compared with the file's size, reading the structure has a budget,
and names, types, shapes and sizes are checked before any number is read.

After the HDF5 File Format Specification, version 3.0.
"""

from __future__ import annotations

import dataclasses
import math
import zlib
from pathlib import Path

import numpy as np

from musika.checkpoint.published import hdf5_messages as messages
from musika.checkpoint.published.hdf5_messages import GZIP, UNDEFINED, BadFile, Cursor, Layout
from musika.checkpoint.published.hdf5_structure import FILTERS, LAYOUT, SPACE, TYPE, Structure, quote
from musika.errors import CheckpointError
from musika.files import describe_error, format_path

MAX_DATA = 1 << 30  # bytes of arrays in one file, uncompressed
MAX_RATIO = 8  # of numbers to file, where arrays are compressed: weights are noise, which hardly is
TOP = "top_level_model_weights"  # a group that Keras writes and leaves empty


@dataclasses.dataclass(frozen=True)
class Entry:
    """One array as the file lists it.

    Attributes:
        layer: name of its layer.
        weight: its own name, such as `kernel`, without the path and the number that Keras puts around it.
        shape: as stored.
        where: its numbers.
        zipped: whether its chunks are compressed by gzip.
    """

    layer: str
    weight: str
    shape: tuple[int, ...]
    where: Layout
    zipped: bool

    @property
    def size(self) -> int:
        """Bytes of its numbers."""
        return 4 * math.prod(self.shape)


class Weights:
    """A weight file, in a context: `with Weights(path) as file: file.entries ... file.read_arrays()`.

    Attributes:
        entries: what it holds, in stored order.
    """

    def __init__(self, path: Path) -> None:
        """Reads everything but the numbers.

        Raises:
            CheckpointError: it is missing, too large, no HDF5 file, damaged, or has anything but plain arrays of
                float32 as Keras 2 lists them; the text is one line with the reason.
        """
        self.path = path
        if not path.is_file():  # also keeps pipes and devices out
            raise CheckpointError(
                f"{format_path(path)} is missing: {format_path(path.parent)} is not a whole Musika checkpoint"
            )
        try:
            self._file = open(path, "rb")  # noqa: SIM115 (closed by whoever uses this as a context)
            try:
                self._structure = Structure(self._file)
                self._chunks = 0  # bytes of chunks
                self.entries = self._list_entries()
                self._check_sizes(self.entries)
            except BaseException:
                self._file.close()
                raise
        except BadFile as reason:
            raise self._make_error(str(reason)) from None
        except OSError as error:
            raise self._make_error(f"cannot be read: {describe_error(error)}") from error

    def __enter__(self) -> Weights:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def read_arrays(self) -> list[np.ndarray]:
        """The numbers of all entries, float32.

        Raises:
            CheckpointError: they cannot be read, or one is not finite.
        """
        arrays = []
        try:
            for entry in self.entries:
                array = self._read_numbers(entry)
                if not np.isfinite(array).all():
                    raise BadFile(f"has numbers that are not finite, in {quote(f'{entry.layer}/{entry.weight}')}")
                arrays.append(array)
        except BadFile as reason:
            raise self._make_error(str(reason)) from None
        except OSError as error:
            raise self._make_error(f"cannot be read: {describe_error(error)}") from error
        return arrays

    def _make_error(self, reason: str) -> CheckpointError:
        return CheckpointError(f"{format_path(self.path)} {format_path(reason)}")

    def _list_entries(self) -> list[Entry]:
        """All arrays in the order of `layer_names` and `weight_names`, each checked."""
        structure = self._structure
        groups, arrays = structure.groups, structure.arrays
        layers = structure.read_names(groups[""], "layer_names", "its root")
        paths: dict[str, str] = {}  # to layers
        for layer in layers:
            if layer not in groups:
                raise BadFile(f"has no group {quote(layer)}, though its layer_names list it")
            for weight in structure.read_names(groups[layer], "weight_names", f"group {quote(layer)}"):
                path = f"{layer}/{weight}"
                if path not in arrays:
                    raise BadFile(f"has no array {quote(path)}, though the weight_names of its layer list it")
                paths[path] = layer
        for path in arrays:
            if path not in paths:
                raise BadFile(f"has an array {quote(path)} that no layer lists")
        for path in groups:
            if path and "/" not in path and path not in layers and path != TOP:
                raise BadFile(f"has a group {quote(path)} that its layer_names do not list")
        return [self._read_entry(path, layer) for path, layer in paths.items()]

    def _read_entry(self, path: str, layer: str) -> Entry:
        """An array, after its type, shape and way of storing were found to be plain."""
        own, name = self._structure.arrays[path], quote(path)
        kind, space, layout = own.get_only(TYPE), own.get_only(SPACE), own.get_only(LAYOUT)
        if kind is None or space is None or layout is None:
            raise BadFile(f"is damaged: array {name} has no type, shape or place")
        if not messages.is_float32(kind):
            what = messages.name_class(Cursor(kind.data, "a type"))
            raise BadFile(f"has an array {name} of {what}; float32 is expected")
        shape = messages.parse_shape(space)
        if not shape or 0 in shape:
            raise BadFile(f"has an array {name} that is empty or a single value")
        where = messages.parse_layout(layout, len(shape), name)
        pipeline = own.get_only(FILTERS)
        used = messages.parse_filters(pipeline) if pipeline is not None else []
        if used not in ([], [GZIP]) or (used and not where.chunk):
            raise BadFile(f"filters the array {name} by something else than gzip")
        weight = path.rsplit("/", 1)[-1].removesuffix(":0")
        return Entry(layer, weight, shape, where, bool(used))

    def _check_sizes(self, entries: list[Entry]) -> None:
        """Checks that the file can hold what it declares, each array and all together."""
        total = sum(entry.size for entry in entries)
        if total > MAX_DATA:
            raise BadFile(f"declares {total} bytes of arrays: more than {MAX_DATA} are not read")
        for entry in entries:
            name, where = quote(f"{entry.layer}/{entry.weight}"), entry.where
            if where.chunk:
                if not all(1 <= part <= whole for part, whole in zip(where.chunk, entry.shape, strict=True)):
                    raise BadFile(f"has an array {name} in chunks of {list(where.chunk)}, which do not fit")
            elif where.inline is not None:
                if len(where.inline) != entry.size:
                    raise BadFile(f"declares {entry.size} bytes for array {name} and holds {len(where.inline)}")
            elif (
                where.address == UNDEFINED
                or where.size < entry.size
                or where.address + entry.size > self._structure.size
            ):
                raise BadFile(f"declares {entry.size} bytes for array {name}, which are not there")
        if (
            sum(entry.size for entry in entries if not entry.zipped) > self._structure.size
            or total > MAX_RATIO * self._structure.size
        ):
            raise BadFile(f"declares {total} bytes of arrays, more than its {self._structure.size} bytes can hold")

    def _read_numbers(self, entry: Entry) -> np.ndarray:
        """The numbers of an array, float32."""
        where = entry.where
        if where.chunk:
            return self._read_chunks(entry)
        if where.inline is not None:
            return np.frombuffer(where.inline, "<f4").reshape(entry.shape).astype(np.float32)
        array = np.empty(entry.shape, "<f4")
        self._file.seek(where.address)
        if self._file.readinto(array.reshape(-1).view(np.uint8).data) != entry.size:  # type: ignore[attr-defined]
            raise BadFile("became shorter while it was read")
        return array.astype(np.float32, copy=False)

    def _read_chunks(self, entry: Entry) -> np.ndarray:
        """The numbers of an array that is stored in chunks, each of which must be there once."""
        chunk = entry.where.chunk
        grid = tuple(-(-whole // part) for whole, part in zip(entry.shape, chunk, strict=True))
        name = quote(f"{entry.layer}/{entry.weight}")
        places: dict[tuple[int, ...], tuple[int, int, int]] = {}
        for key, address in self._structure.list_leaves(entry.where.address, 1, 8 + 8 * (len(chunk) + 1)):
            cursor = Cursor(key, "a chunk")
            size, mask = cursor.take_number(4), cursor.take_number(4)
            offset = tuple(cursor.take_number(8) for _ in chunk)
            place = tuple(o // part for o, part in zip(offset, chunk, strict=True))
            inside = all(p < limit for p, limit in zip(place, grid, strict=True))
            if not inside or any(o % part for o, part in zip(offset, chunk, strict=True)) or place in places:
                raise BadFile(f"is damaged: chunks of array {name} do not fit together")
            if address + size > self._structure.size:
                raise BadFile(f"is truncated or damaged: a chunk of array {name} would be beyond its end")
            places[place] = (address, size, mask)
            self._chunks += size
        if self._chunks > self._structure.size:
            raise BadFile("is damaged: its chunks have more bytes than it has in all")
        if len(places) != math.prod(grid):
            raise BadFile(f"lacks {math.prod(grid) - len(places)} of {math.prod(grid)} chunks of array {name}")
        array = np.empty(entry.shape, np.float32)
        for place, (address, size, mask) in places.items():
            data = self._read_chunk(address, size, entry.zipped and not mask & 1, 4 * math.prod(chunk), name)
            begin = [p * part for p, part in zip(place, chunk, strict=True)]
            target = array[tuple(slice(b, b + part) for b, part in zip(begin, chunk, strict=True))]
            target[...] = np.frombuffer(data, "<f4").reshape(chunk)[tuple(slice(n) for n in target.shape)]
        return array

    def _read_chunk(self, address: int, size: int, zipped: bool, expected: int, name: str) -> bytes:
        """The bytes of one chunk; never more than are expected."""
        self._file.seek(address)
        data = self._file.read(min(size, expected + expected // 8 + 1024))
        if zipped:
            try:
                data = zlib.decompressobj().decompress(data, expected + 1)
            except zlib.error as error:
                raise BadFile(f"is damaged: a chunk of array {name} cannot be decompressed ({error})") from None
        if len(data) != expected:
            raise BadFile(f"is damaged: a chunk of array {name} has not the {expected} bytes that it should have")
        return data
