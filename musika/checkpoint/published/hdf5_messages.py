"""The small parts of an HDF5 file, each from its bytes: what an array is, how it is stored, what an attribute says.

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


class Refused(Exception):
    """What is wrong with the file, as the end of a sentence that begins with its name."""


class Cut:
    """Some bytes of the file, taken from front to back.

    Raises:
        Refused: more is taken than there is.
    """

    def __init__(self, data: bytes, what: str) -> None:
        self.data, self.what, self.at = data, what, 0

    def take(self, count: int) -> bytes:
        """The next bytes."""
        part = self.data[self.at : self.at + count]
        if len(part) < count:
            raise Refused(f"is damaged at {self.what}, where something is missing")
        self.at += count
        return part

    def number(self, size: int) -> int:
        """The next unsigned number of so many bytes."""
        return int.from_bytes(self.take(size), "little")

    def expect(self, value: bytes) -> None:
        """Takes bytes that must be these."""
        if self.take(len(value)) != value:
            raise Refused(f"is damaged where {self.what} should begin")

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


def shape(cut: Cut) -> tuple[int, ...]:
    """Sizes from a dataspace message; () is a single value."""
    version, rank, flags = cut.number(1), cut.number(1), cut.number(1)
    kind = cut.number(1)  # reserved in version 1
    if version not in (1, 2) or (version == 2 and kind not in (0, 1)):
        raise Refused(f"has an array without a plain shape (version {version}, kind {kind})")
    if version == 1:
        cut.take(4)
    if rank > MAX_RANK or flags & ~1:
        raise Refused(f"has an array of {rank} dimensions; at most {MAX_RANK} are read")
    return tuple(cut.number(8) for _ in range(rank))


def is_float32(cut: Cut) -> bool:
    """Whether a datatype message says float32, little-endian."""
    head = cut.number(1)
    return head & 15 == 1 and 1 <= head >> 4 <= 3 and cut.data[1:20] == FLOAT32


def class_name(cut: Cut) -> str:
    """What values a datatype message speaks of."""
    return CLASSES.get(cut.number(1) & 15, "unknown values")


def text_size(cut: Cut) -> int | None:
    """Bytes of one text from a datatype message: 0 for texts of any length, None for what is no text."""
    head, bits = cut.number(1), cut.take(3)
    size = cut.number(4)
    if head & 15 == 3:
        return size or None
    return 0 if head & 15 == 9 and bits[0] & 15 == 1 and size == 16 else None


def layout(cut: Cut, rank: int, name: str) -> Layout:
    """Where an array's numbers are, from a layout message."""
    version, kind = cut.number(1), cut.number(1)
    if version == 4 and kind == 3:
        raise Refused(f"has a virtual array, {name}, which takes its numbers from other files")
    if version != 3 or kind > 2:
        raise Refused(f"stores the array {name} in a way that Keras 2 does not (version {version}, kind {kind})")
    if kind == 0:
        return Layout(inline=cut.take(cut.number(2)))
    if kind == 1:
        return Layout(cut.number(8), cut.number(8))
    dimensions, address = cut.number(1), cut.number(8)
    chunk = tuple(cut.number(4) for _ in range(dimensions))
    if dimensions != rank + 1 or chunk[-1] != 4:
        raise Refused(f"is damaged: chunks of array {name} have {dimensions - 1} dimensions and {chunk[-1:]} bytes")
    return Layout(address, chunk=chunk[:-1])


def filters(cut: Cut) -> list[int]:
    """Numbers of an array's filters, from a pipeline message."""
    version, count = cut.number(1), cut.number(1)
    if version not in (1, 2) or count > 32:
        raise Refused(f"is damaged: filters of version {version}, {count} of them")
    if version == 1:
        cut.take(6)
    found = []
    for _ in range(count):
        found.append(cut.number(2))
        length = cut.number(2) if version == 1 or found[-1] >= 256 else 0
        cut.take(2)
        values = cut.number(2)
        cut.take(-(-length // 8) * 8 if version == 1 else length)
        cut.take(4 * (values + values % 2 if version == 1 else values))
    return found


@dataclasses.dataclass(frozen=True)
class Attribute:
    """A list of values by a name; its texts of any length are still somewhere else."""

    name: str
    kind: bytes  # a datatype message
    shape: tuple[int, ...]
    data: bytes

    @property
    def count(self) -> int:
        """Values in it."""
        return math.prod(self.shape)


def attribute(cut: Cut) -> Attribute | None:
    """An attribute message; None for one that nothing here could use."""
    version, flags = cut.number(1), cut.number(1)
    if version not in (1, 2, 3):
        raise Refused(f"is damaged: an attribute of version {version}")
    sizes = [cut.number(2) for _ in range(3)]
    if version == 3:
        cut.take(1)
    parts = []
    for size in sizes:
        parts.append(cut.take(size))
        if version == 1:
            cut.align()
    if version > 1 and flags:
        return None  # its type is shared with another object
    name, kind, space = parts
    if space[:1] == b"\x02" and space[3:4] == b"\x02":
        return None  # an attribute without a value
    return Attribute(
        name.split(b"\0")[0].decode("utf-8", "backslashreplace"),
        kind,
        shape(Cut(space, "an attribute's shape")),
        cut.data[cut.at :],
    )
