"""All random numbers of the project: pure functions of (seed, purpose, index), the same on every backend.

Raw integers come from NumPy's Philox 4x64 generator, whose stream NumPy promises not to change. NumPy's own
distributions carry no such promise, so the few lines that turn integers into uniform and normal numbers are here.

`seed` and `purpose` ("anchor", "noise/3", "training/crop") make the key, `index` the upper half of the counter. The
lower half counts the 2^128 blocks of one draw, so draws of different (seed, purpose, index) never share a number,
however long they are; and a longer draw of the same three begins with the shorter one.
"""

from __future__ import annotations

import hashlib
import math

import numpy as np

from musika.config import require

_WORD = 2**64


def integers(seed: int, purpose: str, index: int, count: int) -> np.ndarray:
    """`count` raw 64-bit integers, uint64 `[count]`.

    Args:
        seed: any integer.
        purpose: what the numbers are for; different purposes have different numbers.
        index: which draw of that purpose, 0 to 2^128 - 1: an anchor's, a sample's or a step's number.

    Raises:
        ConfigError: index or count out of range.
    """
    require(0 <= index < _WORD**2, f"index {index} of a draw is not in 0..2^128-1")
    require(count >= 0, f"count {count} of a draw is negative")
    key = hashlib.blake2b(f"{int(seed)}/{purpose}".encode(), digest_size=16).digest()
    counter = np.array([0, 0, index % _WORD, index // _WORD], np.uint64)  # least significant word first
    return np.random.Philox(key=np.frombuffer(key, "<u8").astype(np.uint64), counter=counter).random_raw(count)


def uniform(seed: int, purpose: str, index: int, shape: tuple[int, ...]) -> np.ndarray:
    """Uniform in [0, 1), float32: multiples of 2^-24, never 1."""
    return _to_unit_interval(integers(seed, purpose, index, math.prod(shape))).reshape(shape)


def normal(seed: int, purpose: str, index: int, shape: tuple[int, ...]) -> np.ndarray:
    """Standard normal, float32, within ±8.3."""
    return _invert_normal(_center(integers(seed, purpose, index, math.prod(shape)))).astype(np.float32).reshape(shape)


def truncated_normal(seed: int, purpose: str, index: int, shape: tuple[int, ...], bound: float) -> np.ndarray:
    """Standard normal, given that it lies in [-bound, bound], float32.

    With a smaller bound, each number of the same draw is nearer to zero and has the same sign.

    Raises:
        ConfigError: a bound that is not positive.
    """
    require(bound > 0, f"bound {bound} of a truncated normal is not positive")
    inside = math.erf(bound / math.sqrt(2.0))  # the probability of [-bound, bound]
    numbers = _invert_normal(inside * _center(integers(seed, purpose, index, math.prod(shape))))
    limit = np.float32(bound)
    if limit > bound:
        limit = np.nextafter(limit, np.float32(0))
    return np.clip(numbers.astype(np.float32), -limit, limit).reshape(shape)


def _to_unit_interval(raw: np.ndarray) -> np.ndarray:
    """Uniform in [0, 1), float32: the upper 24 bits, which float32 holds exactly."""
    return (raw >> np.uint64(40)).astype(np.float32) * np.float32(2.0**-24)


def _center(raw: np.ndarray) -> np.ndarray:
    """Uniform in (-1/2, 1/2), float64, symmetric: neither the ends nor 0 occur."""
    return ((raw >> np.uint64(12)).astype(np.float64) + 0.5) * 2.0**-52 - 0.5


# M. J. Wichura, Algorithm AS 241: The percentage points of the normal distribution, Applied Statistics 37 (1988),
# routine PPND16, relative accuracy 1e-16. Numerator and denominator, highest power first.
_CENTRE = (
    (2509.0809287301226727, 33430.575583588128105, 67265.770927008700853, 45921.953931549871457,
     13731.693765509461125, 1971.5909503065514427, 133.14166789178437745, 3.387132872796366608),
    (5226.495278852854561, 28729.085735721942674, 39307.89580009271061, 21213.794301586595867,
     5394.1960214247511077, 687.1870074920579083, 42.313330701600911252, 1.0),
)  # fmt: skip
_SHOULDER = (
    (7.7454501427834140764e-4, 0.0227238449892691845833, 0.24178072517745061177, 1.27045825245236838258,
     3.64784832476320460504, 5.7694972214606914055, 4.6303378461565452959, 1.42343711074968357734),
    (1.05075007164441684324e-9, 5.475938084995344946e-4, 0.0151986665636164571966, 0.14810397642748007459,
     0.68976733498510000455, 1.6763848301838038494, 2.05319162663775882187, 1.0),
)  # fmt: skip
_TAIL = (
    (2.01033439929228813265e-7, 2.71155556874348757815e-5, 0.0012426609473880784386, 0.026532189526576123093,
     0.29656057182850489123, 1.7848265399172913358, 5.4637849111641143699, 6.6579046435011037772),
    (2.04426310338993978564e-15, 1.4215117583164458887e-7, 1.8463183175100546818e-5, 7.868691311456132591e-4,
     0.0148753612908506148525, 0.13692988092273580531, 0.59983220655588793769, 1.0),
)  # fmt: skip


def _evaluate_ratio(coefficients: tuple[tuple[float, ...], tuple[float, ...]], x: np.ndarray) -> np.ndarray:
    """Quotient of two polynomials, by Horner's scheme."""
    above, below = np.full_like(x, coefficients[0][0]), np.full_like(x, coefficients[1][0])
    for a, b in zip(coefficients[0][1:], coefficients[1][1:], strict=True):
        above, below = above * x + a, below * x + b
    return above / below


def _invert_normal(q: np.ndarray) -> np.ndarray:
    """The number below which a standard normal lies with probability 1/2 + q, for q in (-1/2, 1/2); float64."""
    centre = q * _evaluate_ratio(_CENTRE, 0.180625 - q * q)
    distance = np.sqrt(-np.log(0.5 - np.abs(q)))
    tail = np.where(distance <= 5.0, _evaluate_ratio(_SHOULDER, distance - 1.6), _evaluate_ratio(_TAIL, distance - 5.0))
    return np.where(np.abs(q) <= 0.425, centre, np.copysign(tail, q))
