"""The small parts of an HDF5 file, parsed from their bytes: type, shape and storage of arrays, and attributes.

After the HDF5 File Format Specification, version 3.0, sections IV.A.2 (messages) and III (disk format: level 1); only
the versions that libhdf5 writes by default, as Keras 2 used it.
"""

from __future__ import annotations

import dataclasses
import math

UNDEFINED = 2**64 - 1  # an address that leads nowhere
MAX_RANK = 4  # dimensions of an array
FLOAT32 = bytes.fromhex("20 1f 00 04000000 0000 2000 17 08 00 17 7f000000")  # IEEE, little-endian, after the version
CLASSES = {0: "whole numbers", 1: "floating-point numbers of another kind", 3: "text", 4: "bits", 6: "compound values"}
CLASSES |= {5: "opaque values", 7: "references", 8: "enumerated values", 9: "text or lists of any length", 10: "arrays"}
GZIP = 1  # number of the filter


class BadFile(Exception):
    """The file cannot be read; the text is the end of a sentence that begins with the file's name."""


class Cursor:
    """Some bytes of the file, read from front to back.

    Raises:
        BadFile: more bytes are taken than there are.
    """

    def __init__(self, data: bytes, what: str) -> None:
        self.data, self.what, self.at = data, what, 0

    def take(self, count: int) -> bytes:
        """The next bytes."""
        part = self.data[self.at : self.at + count]
        if len(part) < count:
            raise BadFile(f"is damaged at {self.what}, where something is missing")
        self.at += count
        return part

    def take_number(self, size: int) -> int:
        """The next unsigned number of so many bytes."""
        return int.from_bytes(self.take(size), "little")

    def expect(self, value: bytes) -> None:
        """Takes bytes that must be these."""
        if self.take(len(value)) != value:
            raise BadFile(f"is damaged where {self.what} should begin")

    def align(self) -> None:
        """Goes to the next multiple of eight."""
        self.take(-self.at % 8)


@dataclasses.dataclass(frozen=True)
class Layout:
    """Where the numbers of an array are: at an address, within the message, or in chunks listed by a tree.

    Attributes:
        address: of the numbers or of the tree; UNDEFINED if there are none.
        size: bytes at the address.
        inline: the numbers, where they are within the message.
        chunk: shape of a chunk, () if there are no chunks.
    """

    address: int = UNDEFINED
    size: int = 0
    inline: bytes | None = None
    chunk: tuple[int, ...] = ()


def parse_shape(cursor: Cursor) -> tuple[int, ...]:
    """Sizes from a dataspace message; () is a single value."""
    version, rank, flags = cursor.take_number(1), cursor.take_number(1), cursor.take_number(1)
    kind = cursor.take_number(1)  # reserved in version 1
    if version not in (1, 2) or (version == 2 and kind not in (0, 1)):
        raise BadFile(f"has an array without a plain shape (version {version}, kind {kind})")
    if version == 1:
        cursor.take(4)
    if rank > MAX_RANK or flags & ~1:
        raise BadFile(f"has an array of {rank} dimensions; at most {MAX_RANK} are read")
    return tuple(cursor.take_number(8) for _ in range(rank))


def is_float32(cursor: Cursor) -> bool:
    """Whether a datatype message means float32, little-endian."""
    head = cursor.take_number(1)
    return head & 15 == 1 and 1 <= head >> 4 <= 3 and cursor.data[1:20] == FLOAT32


def name_class(cursor: Cursor) -> str:
    """What kind of values a datatype message describes."""
    return CLASSES.get(cursor.take_number(1) & 15, "unknown values")


def parse_text_size(cursor: Cursor) -> int | None:
    """Bytes of one text from a datatype message: 0 for texts of any length, None for what is no text."""
    head, bits = cursor.take_number(1), cursor.take(3)
    size = cursor.take_number(4)
    if head & 15 == 3:
        return size or None
    return 0 if head & 15 == 9 and bits[0] & 15 == 1 and size == 16 else None


def parse_layout(cursor: Cursor, rank: int, name: str) -> Layout:
    """Where an array's numbers are, from a layout message."""
    version, kind = cursor.take_number(1), cursor.take_number(1)
    if version == 4 and kind == 3:
        raise BadFile(f"has a virtual array, {name}, which takes its numbers from other files")
    if version != 3 or kind > 2:
        raise BadFile(f"stores the array {name} in a way that Keras 2 does not (version {version}, kind {kind})")
    if kind == 0:
        return Layout(inline=cursor.take(cursor.take_number(2)))
    if kind == 1:
        return Layout(cursor.take_number(8), cursor.take_number(8))
    dimensions, address = cursor.take_number(1), cursor.take_number(8)
    chunk = tuple(cursor.take_number(4) for _ in range(dimensions))
    if dimensions != rank + 1 or chunk[-1] != 4:
        raise BadFile(f"is damaged: chunks of array {name} have {dimensions - 1} dimensions and {chunk[-1:]} bytes")
    return Layout(address, chunk=chunk[:-1])


def parse_filters(cursor: Cursor) -> list[int]:
    """Numbers of an array's filters, from a pipeline message."""
    version, count = cursor.take_number(1), cursor.take_number(1)
    if version not in (1, 2) or count > 32:
        raise BadFile(f"is damaged: filters of version {version}, {count} of them")
    if version == 1:
        cursor.take(6)
    numbers = []
    for _ in range(count):
        numbers.append(cursor.take_number(2))
        length = cursor.take_number(2) if version == 1 or numbers[-1] >= 256 else 0
        cursor.take(2)
        values = cursor.take_number(2)
        cursor.take(-(-length // 8) * 8 if version == 1 else length)
        cursor.take(4 * (values + values % 2 if version == 1 else values))
    return numbers


@dataclasses.dataclass(frozen=True)
class Attribute:
    """A list of values with a name; texts of any length are stored elsewhere."""

    name: str
    kind: bytes  # a datatype message
    shape: tuple[int, ...]
    data: bytes

    @property
    def count(self) -> int:
        """Values in it."""
        return math.prod(self.shape)


def parse_attribute(cursor: Cursor) -> Attribute | None:
    """An attribute message; None for one that is not needed here."""
    version, flags = cursor.take_number(1), cursor.take_number(1)
    if version not in (1, 2, 3):
        raise BadFile(f"is damaged: an attribute of version {version}")
    sizes = [cursor.take_number(2) for _ in range(3)]
    if version == 3:
        cursor.take(1)
    parts = []
    for size in sizes:
        parts.append(cursor.take(size))
        if version == 1:
            cursor.align()
    if version > 1 and flags:
        return None  # its type is shared with another object
    name, kind, space = parts
    if space[:1] == b"\x02" and space[3:4] == b"\x02":
        return None  # an attribute without a value
    return Attribute(
        name.split(b"\0")[0].decode("utf-8", "backslashreplace"),
        kind,
        parse_shape(Cursor(space, "an attribute's shape")),
        cursor.data[cursor.at :],
    )
