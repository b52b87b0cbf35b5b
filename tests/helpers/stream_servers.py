"""A stream server in a thread, and clients of it that speak plain HTTP."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator

import uvicorn

from musika.render import Model
from musika.serve.streams.application import make_application
from musika.serve.streams.library import Library
from musika.serve.streams.protocol import StreamProtocol
from musika.serve.streams.service import StreamService
from musika.serve.streams.settings import StreamSettings


@contextlib.contextmanager
def run_server(models: dict[str, Model], **settings: object) -> Iterator[int]:
    """Serves models by name while the block runs; gives the port."""
    chosen = StreamSettings(checkpoints=dict.fromkeys(models, ""), **settings)
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", 0))
        server = None

        def run() -> None:
            nonlocal server
            service = StreamService(chosen, Library(tuple(models), models.__getitem__))
            config = uvicorn.Config(
                make_application(service), http=StreamProtocol, log_config=None, timeout_graceful_shutdown=1
            )
            server = uvicorn.Server(config)
            server.run([listener])

        thread = threading.Thread(target=run)
        thread.start()
        wait_until(lambda: server is not None and server.started)
        try:
            yield listener.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join()


@contextlib.contextmanager
def ask(port: int, path: str, method: str = "GET") -> Iterator[http.client.HTTPResponse]:
    """Sends a request and gives the response, of which as much can be read as is wanted."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request(method, path)
        yield connection.getresponse()
    finally:
        connection.close()


def get_error(port: int, path: str) -> tuple[int, str]:
    """Status and text of a refusal."""
    with ask(port, path) as response:
        return response.status, json.loads(response.read())["error"]


def get_figures(port: int) -> dict[str, float]:
    """What /metrics says, by name and labels."""
    with ask(port, "/metrics") as response:
        lines = response.read().decode().splitlines()
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))}


def wait_until(holds: Callable[[], object], seconds: float = 20.0) -> None:
    """Waits until something holds, and fails if it never does."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)
