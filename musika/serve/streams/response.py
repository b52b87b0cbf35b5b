"""The answer to a listener: bytes as they become ready, until either side has enough."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Mapping
from typing import Any

from starlette.responses import Response

from musika.serve.streams.protocol import ABORT

HEADERS = {"cache-control": "no-store", "accept-ranges": "none", "x-accel-buffering": "no"}
PATIENCE = 25.0  # seconds that a listener may take nothing


class LiveResponse(Response):
    """Sends what a generator gives.

    A listener that leaves ends the generator. So does one that takes nothing for `PATIENCE` seconds: its connection is
    cut, whatever it has not read.

    Args:
        chunks: bytes to send; closed at the end.
        media_type: of the stream.
        on_drop: called when a listener was too slow.
        on_end: called at the end, whatever happened.
        headers: more of them.
    """

    def __init__(
        self,
        chunks: AsyncGenerator[bytes, None],
        media_type: str,
        on_drop: Callable[[], None],
        on_end: Callable[[], None],
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(media_type=media_type, headers={**HEADERS, "content-length": "0", **(headers or {})})
        if not headers or "content-length" not in headers:
            del self.headers["content-length"]  # Response would have set it to 0
        self._chunks, self._on_drop, self._on_end = chunks, on_drop, on_end

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answers one request."""
        tasks = [asyncio.create_task(self._send_all(send, scope)), asyncio.create_task(_wait_for_end(receive))]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if tasks[0].done():
                tasks[0].result()
        except TimeoutError:
            self._on_drop()
            if abort := scope.get("state", {}).get(ABORT):
                abort()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            with contextlib.suppress(Exception):
                await self._chunks.aclose()
            self._on_end()

    async def _send_all(self, send: Any, scope: Any) -> None:
        """Sends until the generator ends.

        Raises:
            TimeoutError: the listener took nothing for too long.
        """
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        if scope["method"] != "HEAD":
            async for chunk in self._chunks:
                async with asyncio.timeout(PATIENCE):
                    await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _wait_for_end(receive: Any) -> None:
    """Returns when the client has left."""
    while (await receive())["type"] != "http.disconnect":
        pass
