"""What the page refuses before Gradio sees it: bodies that are too large, addresses to fetch, requests of other pages.

Gradio would fetch a file whose "path" in an event is a web address. Nothing that a browser names is fetched here: files
come by upload alone.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

from starlette.responses import JSONResponse

from musika.serve.page.context import PageLimits

UPLOADS = ("/upload", "/process_recording")  # ends of the paths that take files
FORM = 1 << 16  # bytes of an upload beside its files
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class RequestGuard:
    """An ASGI application in front of another one.

    Args:
        application: the other one.
        limits: of requests.
        folder: where uploads are kept.
    """

    def __init__(self, application: Any, limits: PageLimits, folder: Path) -> None:
        self._application, self._limits, self._folder = application, limits, folder

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Passes a request on, or refuses it with one line."""
        if scope["type"] != "http" or scope["method"] not in ("POST", "PUT", "PATCH"):
            await self._application(scope, receive, send)
            return
        headers = {name.lower(): value for name, value in scope["headers"]}
        is_upload = scope["path"].rstrip("/").endswith(UPLOADS)
        most = self._limits.upload_bytes + FORM if is_upload else self._limits.event_bytes
        length = headers.get(b"content-length", b"")
        if headers.get(b"sec-fetch-site", b"") in (b"cross-site", b"same-site"):
            await _refuse(403, "this comes from a page of another site", scope, receive, send)
        elif length.isdigit() and int(length) > most:
            await _refuse(413, f"this is too large: at most {most >> 20} MiB are taken", scope, receive, send)
        elif is_upload and measure_folder(self._folder) > self._limits.kept_upload_bytes:
            await _refuse(503, "too many files have been sent: try again in an hour", scope, receive, send)
        elif is_upload:
            await self._application(scope, _limit(receive, most), send)
        else:
            await self._pass_event(scope, receive, send, most)

    async def _pass_event(self, scope: Message, receive: Receive, send: Send, most: int) -> None:
        """Passes an event on, after its body has been read and looked through."""
        body = b""
        more = True
        while more:
            message = await receive()
            if message["type"] != "http.request":
                return  # the client has left
            body += message.get("body", b"")
            more = message.get("more_body", False)
            if len(body) > most:
                await _refuse(413, f"this is too large: at most {most >> 20} MiB are taken", scope, receive, send)
                return
        if names_address(body):
            await _refuse(422, "files are taken by upload alone: no address is opened", scope, receive, send)
            return
        waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive_again() -> Message:
            return waiting.pop() if waiting else await receive()

        await self._application(scope, receive_again, send)


def names_address(body: bytes) -> bool:
    """Whether a JSON text has an object whose "path" is an address instead of a file that was sent."""
    try:
        values = [json.loads(body)]
    except (ValueError, RecursionError):
        return False  # Gradio refuses it
    while values:
        value = values.pop()
        if isinstance(value, dict):
            path = value.get("path")
            if isinstance(path, str) and ("://" in path or path.lstrip().startswith("//")):
                return True
            values.extend(value.values())
        elif isinstance(value, list):
            values.extend(value)
    return False


def measure_folder(folder: Path) -> int:
    """Bytes of all files in a folder and below it."""
    try:
        return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    except OSError:  # one is being removed
        return 0


def _limit(receive: Receive, most: int) -> Receive:
    """The same messages; a body that is longer than it said ends as if the client had left."""
    received = 0

    async def receive_some() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        return message if received <= most else {"type": "http.disconnect"}

    return receive_some


async def _refuse(status: int, text: str, scope: Message, receive: Receive, send: Send) -> None:
    await JSONResponse({"error": text, "detail": text}, status)(scope, receive, send)
