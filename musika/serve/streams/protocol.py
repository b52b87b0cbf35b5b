"""The connections of the server: each holds little for a slow client, and can be cut."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

SEND_BUFFER = 1 << 16  # bytes that the system holds for one client; it doubles them
ABORT = "abort"  # name of the function in a request's state that cuts its connection


class StreamProtocol(H11Protocol):
    """HTTP/1.1 as uvicorn has it.

    A client that stops reading would keep its connection for as long as it likes, with megabytes in the buffers of the
    system. Here the buffer is small, and the request knows how to cut the connection without waiting for the client.
    """

    def connection_made(self, transport: Any) -> None:
        """Sets the size of the buffer, and gives every request of this connection its `abort`."""
        connection = transport.get_extra_info("socket")
        if connection is not None:
            with contextlib.suppress(OSError):
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        if isinstance(transport, asyncio.Transport):
            self.app_state = {**self.app_state, ABORT: transport.abort}
        super().connection_made(transport)
