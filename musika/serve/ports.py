"""Where a page can listen: addresses of this computer, free ports, and the links to them."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterator
from typing import Any

from musika.errors import UsageError
from musika.files import describe_error

TRIED = 100
LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # how a browser on this computer reaches "all addresses"
OTHER_PORT_HELPS = (errno.EADDRINUSE, errno.EACCES, errno.EPERM)


def find_ports(host: str, first: int, tried: int = TRIED) -> Iterator[int]:
    """The ports from `first` on that nobody listens on at the moment in which each is given.

    Args:
        host: a name or an address of this computer, IPv4 or IPv6.
        first: the lowest port, from 1 on.
        tried: how many are looked at.

    Raises:
        UsageError: the host is none of this computer (about "host"), or there is no further port (about "port").
    """
    family, address = _resolve(host)
    last = min(first + tried, 65_536) - 1
    reason = "it is in use" if first == last else "all are in use"
    for port in range(first, last + 1):
        with socket.socket(family, socket.SOCK_STREAM) as listener:
            if os.name == "posix":  # elsewhere it would share the port with whoever has it
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                listener.bind((address[0], port, *address[2:]))
            except OSError as error:
                if error.errno in OTHER_PORT_HELPS:
                    reason = reason if error.errno == errno.EADDRINUSE else describe_error(error)
                    continue
                reason = describe_error(error)
                if error.errno == errno.EADDRNOTAVAIL:
                    reason = "it is not an address of this computer"
                raise UsageError(f"cannot listen on {host}: {reason}", about="host") from error
        yield port
    which = f"port {first}" if first == last else f"ports {first} to {last}"
    raise UsageError(f"cannot listen on {host}, {which}: {reason}", about="port")


def open_listener(host: str, first: int) -> tuple[socket.socket, int]:
    """A socket that listens on the first free port from `first` on, and that port.

    Raises:
        UsageError: as `find_ports` says.
    """
    family, address = _resolve(host)
    for port in find_ports(host, first):
        listener = socket.socket(family, socket.SOCK_STREAM)
        try:
            if os.name == "posix":
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((address[0], port, *address[2:]))
            listener.listen(1024)
        except OSError:
            listener.close()  # taken in the meantime
            continue
        return listener, port
    raise AssertionError("find_ports raises where there is none")


def format_url(host: str, port: int) -> str:
    """The link that a browser on this computer opens: `http://127.0.0.1:7860/`, `http://[::1]:7860/`."""
    name = get_reachable_host(host)
    return f"http://[{name.replace('%', '%25')}]:{port}/" if ":" in name else f"http://{name}:{port}/"


def get_reachable_host(host: str) -> str:
    """The address at which this computer reaches a server of its own that listens on `host`."""
    name = strip_brackets(host)
    return LOOPBACK.get(name, name)


def strip_brackets(host: str) -> str:
    """`::1` of `[::1]`, as it stands in links."""
    return host[1:-1] if host.startswith("[") and host.endswith("]") else host


def _resolve(host: str) -> tuple[socket.AddressFamily, tuple[Any, ...]]:
    """Family and socket address of a host; IPv4 where a name has both."""
    try:
        found = socket.getaddrinfo(strip_brackets(host), None, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        reason = describe_error(error) if isinstance(error, OSError) else "not a name of a computer"
        raise UsageError(f"cannot listen on {host}: {reason}", about="host") from error
    family, _, _, _, address = min(found, key=lambda entry: entry[0] != socket.AF_INET)
    return family, address
