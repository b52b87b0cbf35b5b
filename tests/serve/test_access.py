"""A user and a password for everything that is served."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import MutableMapping
from typing import Any

import pytest

from musika.cli import access as choice
from musika.errors import UsageError
from musika.serve import access
from musika.serve.access import BasicAuthentication, Credentials
from musika.serve.streams.settings import StreamSettings


def encode(text: str) -> bytes:
    return b"Basic " + base64.b64encode(text.encode())


def ask(header: bytes | None, kind: str = "http", method: str = "GET") -> list[MutableMapping[str, Any]]:
    """What an application behind the password `me:long one:ü` answers to a request."""
    sent: list[MutableMapping[str, Any]] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    headers = [] if header is None else [(b"Authorization", header)]
    scope = {"type": kind, "method": method, "headers": headers, "path": "/stream.wav"}
    guarded = BasicAuthentication(application, Credentials.parse("me:long one:ü"))
    asyncio.run(guarded(scope, None, send))  # type: ignore[arg-type]
    return sent


@pytest.fixture(autouse=True)
def without_delay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access, "DELAY", 0.0)


def test_only_the_right_user_and_password_pass() -> None:
    assert ask(encode("me:long one:ü"))[0]["status"] == 200
    assert ask(b"basic " + base64.b64encode("me:long one:ü".encode()))[0]["status"] == 200
    wrong = [None, b"", b"Basic", b"Basic ", b"Basic !!!", b"Bearer abc", b"Basic " + b"A" * 100_000, b"\xff"]
    wrong += [
        encode(text) for text in ("me:long one", "me:", ":", "ME:long one:ü", "me:long one:ü ", "me\0:long one:ü")
    ]
    for header in wrong:
        start, body = ask(header)
        assert start["status"] == 401 and b"password" in body["body"]
        assert dict(start["headers"])[b"www-authenticate"] == access.CHALLENGE


def test_a_head_request_has_no_body_and_other_connections_are_closed() -> None:
    assert ask(None, method="HEAD")[1]["body"] == b""
    assert ask(None, kind="websocket") == []
    assert ask(None, kind="lifespan")[0]["status"] == 200


@pytest.mark.parametrize("text", ["", "me", "me:", ":word", "me:abc", "me:" + "x" * 300])
def test_what_is_no_user_and_password_is_refused_without_showing_it(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        Credentials.parse(text)
    assert caught.value.about == "auth" and (len(text) < 6 or text not in str(caught.value))


def test_the_password_is_not_shown() -> None:
    assert "secret" not in repr(Credentials.parse("me:secret"))
    assert "secret" not in repr(StreamSettings({}, auth="me:secret"))
    assert StreamSettings.from_json(StreamSettings({}, auth="me:secret").to_json()).auth == "me:secret"


@pytest.mark.parametrize(
    ("flag", "variable", "host", "shared", "chosen", "warning"),
    [
        (None, "", "127.0.0.1", False, None, ""),
        (None, "", "::1", False, None, ""),
        (None, "", "localhost", False, None, ""),
        (None, "", "0.0.0.0", False, None, "everybody in your network"),
        (None, "", "127.0.0.1", True, None, "everybody who has the link"),
        ("me:secret", "", "127.0.0.1", True, "me:secret", ""),
        ("me:secret", "", "192.168.1.2", False, "me:secret", "without encryption"),
        (None, "you:secret", "127.0.0.1", False, "you:secret", ""),
        ("me:secret", "you:secret", "[::1]", False, "me:secret", ""),
    ],
)
def test_a_warning_says_who_else_can_use_the_server(
    flag: str | None,
    variable: str,
    host: str,
    shared: bool,
    chosen: str | None,
    warning: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv(choice.VARIABLE, variable)
    assert choice.choose_auth(flag, host, shared) == chosen
    said = capsys.readouterr().err
    assert warning in said and bool(said) == bool(warning) and "secret" not in said


def test_a_wrong_flag_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    from musika.__main__ import main

    assert main("test", ["--auth", "just-a-name"]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "--auth" in said and "just-a-name" not in said
