"""Ports that a page can listen on."""

from __future__ import annotations

import socket
from collections.abc import Iterator

TRIED = 100


def free(host: str, first: int) -> Iterator[int]:
    """The ports from `first` on, `TRIED` at most, that nobody listens on at the moment in which each is given."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for port in range(first, min(first + TRIED, 65_536)):
        with socket.socket(family, socket.SOCK_STREAM) as door:
            door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                door.bind((host, port))
            except OSError:
                continue
        yield port
