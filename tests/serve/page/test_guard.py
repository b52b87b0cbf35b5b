"""What the page refuses before anything of it is kept or opened."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from musika.serve.page.context import PageLimits
from musika.serve.page.guard import RequestGuard, measure_folder, names_address

LIMITS = PageLimits(upload_bytes=1 << 20, kept_upload_bytes=100, event_bytes=1 << 20)


def ask(
    folder: Path, path: str = "/gradio_api/queue/join", body: bytes = b"{}", parts: int = 1, **headers: str
) -> tuple[int, Any]:
    """Status and text of the guard's answer; 200 and the body that arrived where the request was passed on."""
    size = -(-len(body) // parts)
    waiting = [
        {"type": "http.request", "body": body[n * size : (n + 1) * size], "more_body": n + 1 < parts}
        for n in range(parts)
    ]
    sent: list[Any] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        arrived, more = b"", True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                await send({"type": "http.response.start", "status": 499, "headers": []})
                return
            arrived += message["body"]
            more = message["more_body"]
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": arrived})

    async def receive() -> Any:
        return waiting.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "method": "POST", "path": path, "headers": raw}
    asyncio.run(RequestGuard(application, LIMITS, folder)(scope, receive, send))
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent[1:])


@pytest.mark.parametrize("path", ["http://127.0.0.1/x", "https://example.org/a.wav", "ftp://a/b", "//a/b", " //a/b"])
def test_no_address_is_fetched(path: str, tmp_path: Path) -> None:
    file = {"path": path, "meta": {"_type": "gradio.FileData"}}
    status, text = ask(tmp_path, body=json.dumps({"data": [[{"x": file}]]}).encode())
    assert status == 422 and json.loads(text)["error"] == "files are taken by upload alone: no address is opened"


def test_other_events_pass_unchanged(tmp_path: Path) -> None:
    body = json.dumps({"data": [1, "http://in a text/", {"path": "/tmp/gradio/a.wav", "url": "http://own/"}]}).encode()
    assert ask(tmp_path, body=body, parts=3, sec_fetch_site="same-origin") == (200, body)
    assert not names_address(b"{") and not names_address(b"[" * 100_000)


def test_what_is_too_large_is_refused(tmp_path: Path) -> None:
    large = bytes((1 << 20) + 1)
    assert ask(tmp_path, body=large, parts=4)[0] == 413
    assert ask(tmp_path, content_length=str(1 << 21))[0] == 413
    assert ask(tmp_path, "/gradio_api/upload", content_length=str(1 << 21))[0] == 413
    assert ask(tmp_path, "/gradio_api/upload", body=large, parts=4) == (200, large)  # with what belongs to the form
    assert ask(tmp_path, "/gradio_api/upload", body=bytes(1 << 21), parts=4)[0] == 499
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b.wav").write_bytes(bytes(101))
    assert measure_folder(tmp_path) == 101
    assert ask(tmp_path, "/gradio_api/upload")[0] == 503


def test_pages_of_other_sites_are_refused(tmp_path: Path) -> None:
    assert ask(tmp_path, sec_fetch_site="cross-site")[0] == 403
