"""Who may use a server: a user and a password for everything that it serves, by HTTP Basic.

Browsers and programs know this scheme: they send the credentials with every request, also with streams and files. The
password travels as it is, so beyond one computer it needs TLS, from a proxy in front.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import dataclasses
import hashlib
import hmac
import ipaddress
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from musika.errors import UsageError
from musika.serve.ports import strip_brackets

DELAY = 0.5  # seconds before a wrong password is answered, so that guessing takes long
SHORTEST = 4  # characters of a password
LONGEST = 256  # characters of user and password together
REFUSAL = b'{"error": "this server asks for a user and a password"}'
CHALLENGE = b'Basic realm="Musika", charset="UTF-8"'

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


@dataclasses.dataclass(frozen=True)
class Credentials:
    """A user and a password, of which only a hash is kept.

    Attributes:
        digest: of both.
    """

    digest: bytes = dataclasses.field(repr=False)

    @classmethod
    def parse(cls, text: str) -> Credentials:
        """The credentials of `user:password`.

        Raises:
            UsageError: it is none of that (about "auth"); the text is not in the message.
        """
        user, _, password = text.partition(":")
        if not user or len(password) < SHORTEST:
            raise UsageError(f"say user:password, with {SHORTEST} characters or more in the password", about="auth")
        if len(text) > LONGEST:
            raise UsageError(f"user and password are too long: at most {LONGEST} characters", about="auth")
        return cls(_hash(text.encode("utf-8", "surrogateescape")))

    def match(self, given: bytes) -> bool:
        """Whether these bytes are `user:password`; how long that takes says nothing about them."""
        return hmac.compare_digest(self.digest, _hash(given))


def _hash(given: bytes) -> bytes:
    return hashlib.sha256(given).digest()


class BasicAuthentication:
    """An ASGI application that lets only those requests through to another one that have the credentials.

    Args:
        application: the other one.
        credentials: that requests must have.
    """

    def __init__(self, application: Any, credentials: Credentials) -> None:
        self._application, self._credentials = application, credentials

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Passes a request on, or answers 401."""
        if scope["type"] == "lifespan" or self._is_allowed(scope):
            await self._application(scope, receive, send)
        elif scope["type"] == "http":
            await _refuse(scope, send)

    def _is_allowed(self, scope: MutableMapping[str, Any]) -> bool:
        given = read_header(scope)
        return given is not None and self._credentials.match(given)


def require_password(application: Any, auth: str | None) -> None:
    """Puts the password in front of everything that an application has by now; it must not run yet.

    Args:
        application: of Starlette or FastAPI.
        auth: `user:password`; None lets everybody in.

    Raises:
        UsageError: it is no user and password.
    """
    if auth is not None:
        application.add_middleware(BasicAuthentication, credentials=Credentials.parse(auth))


def read_header(scope: MutableMapping[str, Any]) -> bytes | None:
    """`user:password` as a request has it; None where it has none."""
    for name, value in scope.get("headers", ()):
        if name.lower() == b"authorization":
            scheme, _, encoded = value.partition(b" ")
            if scheme.lower() != b"basic" or len(encoded) > 8 * LONGEST:
                return None
            try:
                return base64.b64decode(encoded.strip(), validate=True)
            except (binascii.Error, ValueError):
                return None
    return None


async def _refuse(scope: MutableMapping[str, Any], send: Send) -> None:
    """Answers that a user and a password are needed; a wrong one is answered late."""
    if read_header(scope) is not None:
        await asyncio.sleep(DELAY)
    headers = [
        (b"www-authenticate", CHALLENGE),
        (b"content-type", b"application/json"),
        (b"content-length", str(len(REFUSAL)).encode()),
        (b"cache-control", b"no-store"),
    ]
    await send({"type": "http.response.start", "status": 401, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope.get("method") == "HEAD" else REFUSAL})


def is_loopback(host: str) -> bool:
    """Whether only this computer can reach a server that listens on `host`."""
    name = strip_brackets(host)
    try:
        return ipaddress.ip_address(name.partition("%")[0]).is_loopback
    except ValueError:
        return name == "localhost"
