"""Limits on how many requests are served at once."""

from __future__ import annotations

from typing import Any

from musika.errors import MusikaError


class ServerBusy(MusikaError):
    """There is no room for another request now."""


class Places:
    """A number of places, each for one request.

    Args:
        most: how many.
        what: they are for, in the plural.
        gauge: figure that says how many are taken.
    """

    def __init__(self, most: int, what: str, gauge: Any) -> None:
        self._most, self._what, self._gauge = most, what, gauge
        self._taken = 0

    def take(self) -> None:
        """Takes a place.

        Raises:
            ServerBusy: there is none.
        """
        if self._taken >= self._most:
            raise ServerBusy(f"there are {self._taken} {self._what}, and this server allows no more: try again later")
        self._taken += 1
        self._gauge.set(self._taken)

    def release(self) -> None:
        """Gives a place back."""
        self._taken -= 1
        self._gauge.set(self._taken)
