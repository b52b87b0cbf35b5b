"""Check sums of Ogg pages and FLAC frames."""

from __future__ import annotations

import functools

OGG = (0x04C1_1DB7, 32)  # polynomial, bits
FLAC = (0x8005, 16)


def compute_crc(data: bytes | bytearray, kind: tuple[int, int], before: int = 0) -> int:
    """The check sum of some bytes: highest bit first, from 0.

    Args:
        data: the bytes.
        kind: `OGG` or `FLAC`.
        before: the check sum of the bytes in front of them.
    """
    bits = kind[1]
    table, mask, crc = _make_table(*kind), (1 << bits) - 1, before
    for byte in data:
        crc = (crc << 8 & mask) ^ table[(crc >> (bits - 8)) ^ byte]
    return crc


@functools.cache
def _make_table(polynomial: int, bits: int) -> tuple[int, ...]:
    """The check sums of single bytes."""
    top, table = 1 << (bits - 1), []
    for value in range(256):
        word = value << (bits - 8)
        for _ in range(8):
            word = (word << 1) ^ (polynomial if word & top else 0)
        table.append(word & ((1 << bits) - 1))
    return tuple(table)


def append_zeros(crc: int, kind: tuple[int, int], count: int) -> int:
    """The check sum of some bytes whose check sum is `crc`, followed by `count` zero bytes.

    It is `crc` times x^(8 `count`), modulo the polynomial, which takes steps by the logarithm of `count`.
    """
    power, factor = 1, 1 << 8  # x^0, x^8
    while count:
        if count & 1:
            power = _multiply(power, factor, kind)
        factor = _multiply(factor, factor, kind)
        count >>= 1
    return _multiply(crc, power, kind)


def _multiply(first: int, second: int, kind: tuple[int, int]) -> int:
    """The product of two polynomials over two elements, modulo the polynomial of a check sum."""
    polynomial, bits = kind
    product = 0
    for place in reversed(range(bits)):
        product = (product << 1) ^ (polynomial | 1 << bits if product >> (bits - 1) & 1 else 0)
        if second >> place & 1:
            product ^= first
    return product
