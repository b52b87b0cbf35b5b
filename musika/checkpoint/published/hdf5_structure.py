"""The structure of a plain HDF5 file: groups, arrays and lists of names; addresses and sizes are checked.

After the HDF5 File Format Specification, version 3.0: superblock 0 and 1, object headers 1, groups by symbol table.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator
from typing import BinaryIO

from musika.checkpoint.published import hdf5_messages as messages
from musika.checkpoint.published.hdf5_messages import UNDEFINED, Attribute, BadFile, Cursor

SIGNATURE = b"\x89HDF\r\n\x1a\n"
MAX_FILE = 4 << 30  # bytes; the largest published file has 84 million
MAX_READS = 200_000  # pieces of structure in one file
MAX_STRUCTURE = 16 << 20  # bytes of them
MAX_NAME = 1024  # bytes
MAX_NAMES = 4096  # in one list
MAX_DEPTH = 4  # groups within groups
# messages of an object: what they are for
SPACE, TYPE, LAYOUT, FILTERS, ATTRIBUTE, EXTERNAL, LINK, TABLE, MORE = 1, 3, 8, 11, 12, 7, 6, 17, 16
LINK_INFO, SHARED = 2, 2
IGNORED = {0, 4, 5, 10, 13, 14, 18, 22, LINK_INFO}  # nothing, fill values, group sizes, comments, times, counts


@dataclasses.dataclass
class Object:
    """The header of a group or an array, as message types and contents."""

    messages: list[tuple[int, bytes]]

    def get_only(self, kind: int) -> Cursor | None:
        """The only message of a kind, if there is one."""
        contents = [content for own, content in self.messages if own == kind]
        if len(contents) > 1:
            raise BadFile(f"is damaged: an object states a property {len(contents)} times")
        return Cursor(contents[0], "the header of an object") if contents else None


class Structure:
    """Groups and arrays of an open file.

    Attributes:
        size: bytes in the file.
        groups: by path; that of the root is "".
        arrays: by path.

    Raises:
        BadFile: by every method: the file is damaged, or not as Keras 2 writes it.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file, self.size = file, os.fstat(file.fileno()).st_size
        self._reads, self._bytes = 0, 0
        self._seen: set[int] = set()  # addresses of objects: each has one name
        self._heaps: dict[int, dict[int, bytes]] = {}  # texts of any length, by the address of their heap
        self.groups: dict[str, Object] = {}
        self.arrays: dict[str, Object] = {}
        self._collect_objects("", self._find_root(), 1)
        if "" not in self.groups:
            raise BadFile("is damaged: its root is no group")

    def _read_at(self, address: int, size: int, what: str) -> Cursor:
        """Bytes of structure at an address."""
        self._reads, self._bytes = self._reads + 1, self._bytes + size
        if self._reads > MAX_READS or self._bytes > MAX_STRUCTURE:
            raise BadFile("has more structure than any network of Musika: it is damaged or made to take time")
        if address + size > self.size:
            raise BadFile(f"is truncated or damaged: {what} would be beyond its end")
        self._file.seek(address)
        return Cursor(self._file.read(size), what)

    def _find_root(self) -> int:
        """Address of the root group, from the superblock."""
        if self.size < 96 or self._file.read(8) != SIGNATURE:
            raise BadFile("is no HDF5 file: weights as Keras 2 saves them are expected")
        if self.size > MAX_FILE:
            raise BadFile(f"has {self.size} bytes: more than {MAX_FILE} are not read")
        cursor = self._read_at(8, 88, "its beginning")
        version = cursor.take_number(1)
        if version > 1:
            raise BadFile(f"is in a form of HDF5 (superblock {version}) that Keras 2 does not write: save it anew")
        cursor.take(4)
        if cursor.take(2) != b"\x08\x08":
            raise BadFile("is damaged: its addresses do not have eight bytes")
        cursor.take(9 if version == 0 else 13)
        base, _, end, driver = (cursor.take_number(8) for _ in range(4))
        if base or driver != UNDEFINED:
            raise BadFile("is a part of a larger file, which is not read")
        if end > self.size:
            raise BadFile(f"is truncated: it has {self.size} bytes of {end}")
        cursor.take(8)
        return cursor.take_number(8)

    # ---------------------------------------------------------------------------------------- objects

    def _collect_objects(self, path: str, address: int, depth: int) -> None:
        """Collects an object and all below it."""
        if address in self._seen:
            raise BadFile(f"has the same object under two names, one is {quote(path)}")
        self._seen.add(address)
        own = self._read_object(address)
        kinds = {kind for kind, _ in own.messages}
        if LINK in kinds:
            self._check_link(own, path)
        if EXTERNAL in kinds:
            raise BadFile(f"keeps the numbers of array {quote(path)} in another file (external storage)")
        if kinds - IGNORED - {SPACE, TYPE, LAYOUT, FILTERS, ATTRIBUTE, TABLE}:
            raise BadFile(f"has something at {quote(path)} that Keras 2 does not write")
        if LAYOUT in kinds:
            self.arrays[path] = own
            return
        self.groups[path] = own
        table = own.get_only(TABLE)
        if table is None and LINK_INFO in kinds:
            raise BadFile(
                f"has {_describe_group(path)} with links of a newer kind, such as external ones: they are not followed"
            )
        if table is None:
            raise BadFile(f"has something at {quote(path)} that is neither a group nor an array as Keras 2 writes it")
        if depth > MAX_DEPTH:
            raise BadFile(f"has groups within groups at {quote(path)}, more than {MAX_DEPTH} deep")
        tree, heap = table.take_number(8), table.take_number(8)
        for name, member in self._list_members(tree, heap, path):
            below = f"{path}/{name}" if path else name
            if below in self.groups or below in self.arrays:
                raise BadFile(f"has two objects named {quote(below)}")
            self._collect_objects(below, member, depth + 1)

    def _read_object(self, address: int) -> Object:
        """The messages of an object header of version 1."""
        cursor = self._read_at(address, 16, "the header of an object")
        if cursor.take(1) != b"\x01":
            raise BadFile("has an object in a form that Keras 2 does not write, or is damaged")
        cursor.take(1)
        count = cursor.take_number(2)
        cursor.take(4)
        blocks = [(address + 16, cursor.take_number(4))]
        contents: list[tuple[int, bytes]] = []
        for place, size in blocks:  # grows meanwhile
            cursor = self._read_at(place, size, "the header of an object")
            while cursor.at + 8 <= size and len(contents) < count:
                kind, length, flags = cursor.take_number(2), cursor.take_number(2), cursor.take_number(1)
                cursor.take(3)
                content = cursor.take(length)
                if flags & SHARED:
                    raise BadFile("has an object that shares its type with another, which Keras 2 does not write")
                if kind == MORE:
                    more = Cursor(content, "the header of an object")
                    blocks.append((more.take_number(8), more.take_number(8)))
                contents.append((0 if kind == MORE else kind, content))
        return Object(contents)

    def _check_link(self, group: Object, path: str) -> None:
        """Says what is wrong with links that have messages of their own, as no group of Keras 2 has."""
        for kind, content in group.messages:
            if kind == LINK and content[1:2]:
                number = content[2] if content[1] & 8 and len(content) > 2 else 0
                what = {1: "a soft link", 64: "an external link"}.get(number)
                if what:
                    raise BadFile(f"has {what} in {_describe_group(path)}: links are not followed")
        raise BadFile(f"has {_describe_group(path)} in a form that Keras 2 does not write")

    def _list_members(self, tree: int, heap: int, path: str) -> Iterator[tuple[str, int]]:
        """Names and addresses in a group."""
        cursor = self._read_at(heap, 32, "the names of a group")
        cursor.expect(b"HEAP\0")
        cursor.take(3)
        size, _, address = cursor.take_number(8), cursor.take_number(8), cursor.take_number(8)
        names = self._read_at(address, size, "the names of a group").data
        for node in list(self.list_leaves(tree, 0, 8)):
            cursor = self._read_at(node[1], 8, "the table of a group")
            cursor.expect(b"SNOD\x01")
            cursor.take(1)
            count = cursor.take_number(2)
            cursor = self._read_at(node[1] + 8, 40 * count, "the table of a group")
            for _ in range(count):
                offset, member, cached = cursor.take_number(8), cursor.take_number(8), cursor.take_number(4)
                cursor.take(20)
                name = names[offset : offset + MAX_NAME].split(b"\0")[0]
                text = name.decode("utf-8", "backslashreplace")
                if cached > 1:
                    raise BadFile(f"has a soft link, {quote(f'{path}/{text}')}: links are not followed")
                if not name or b"/" in name or offset + len(name) >= size:
                    raise BadFile(
                        f"has a name in {_describe_group(path)} that is damaged or longer than {MAX_NAME} bytes"
                    )
                yield text, member

    def list_leaves(self, address: int, kind: int, key: int, level: int | None = None) -> Iterator[tuple[bytes, int]]:
        """(key, address) of everything that a tree of version 1 lists; keys have so many bytes."""
        if address == UNDEFINED:
            return
        cursor = self._read_at(address, 24, "a tree")
        cursor.expect(b"TREE" + bytes([kind]))
        own, count = cursor.take_number(1), cursor.take_number(2)
        if own > 8 or (level is not None and own != level):
            raise BadFile("is damaged: a tree has no end")
        cursor = self._read_at(address + 24, count * (key + 8) + key, "a tree")
        for _ in range(count):
            name, child = cursor.take(key), cursor.take_number(8)
            if own:
                yield from self.list_leaves(child, kind, key, own - 1)
            else:
                yield name, child

    # ---------------------------------------------------------------------------------------- names

    def read_names(self, owner: Object, name: str, where: str) -> list[str]:
        """An attribute that is a list of names."""
        attributes = [
            messages.parse_attribute(Cursor(data, "an attribute")) for kind, data in owner.messages if kind == ATTRIBUTE
        ]
        named = [attribute for attribute in attributes if attribute is not None and attribute.name == name]
        if len(named) != 1:
            raise BadFile(f"has no attribute {name} at {where}: it does not hold weights as Keras 2 saves them")
        attribute = named[0]
        if len(attribute.shape) != 1 or attribute.count > MAX_NAMES:
            raise BadFile(f"has an attribute {name} at {where} that is no list of at most {MAX_NAMES} names")
        if attribute.count == 0:
            return []
        size = messages.parse_text_size(Cursor(attribute.kind, "an attribute's type"))
        if size is None or size > MAX_NAME:
            raise BadFile(f"has an attribute {name} at {where} that does not hold names of at most {MAX_NAME} bytes")
        texts = [self._read_text(attribute, n, size) for n in range(attribute.count)]
        if len(set(texts)) < len(texts) or "" in texts:
            raise BadFile(f"has an attribute {name} at {where} with empty names, or one name twice")
        return texts

    def _read_text(self, attribute: Attribute, number: int, size: int) -> str:
        """Text `number` of an attribute whose texts have `size` bytes, or any length if that is 0."""
        cursor = Cursor(attribute.data[number * (size or 16) :], "a list of names")
        if size:
            data = cursor.take(size)
        else:
            length, heap, index = cursor.take_number(4), cursor.take_number(8), cursor.take_number(4)
            data = self._read_heap(heap).get(index, b"")[:length]
            if length > MAX_NAME or len(data) < length:
                raise BadFile("is damaged: a name is not where it should be, or is too long")
        return data.split(b"\0")[0].decode("utf-8", "backslashreplace")

    def _read_heap(self, address: int) -> dict[int, bytes]:
        """A collection of texts by their numbers."""
        if address not in self._heaps:
            cursor = self._read_at(address, 16, "a collection of names")
            cursor.expect(b"GCOL\x01")
            cursor.take(3)
            size = cursor.take_number(8)
            cursor = self._read_at(address, size, "a collection of names")
            cursor.take(16)
            texts: dict[int, bytes] = {}
            while cursor.at + 16 <= size and (index := cursor.take_number(2)):
                cursor.take(6)
                texts[index] = cursor.take(cursor.take_number(8))
                cursor.align()
            self._heaps[address] = texts
        return self._heaps[address]


def quote(name: str) -> str:
    """A name from the file, in quotes and not too long."""
    return f"'{name[:80]}'"


def _describe_group(path: str) -> str:
    return f"group {quote(path)}" if path else "its root"
