"""A server on this machine that answers what huggingface_hub asks for, and can be told to misbehave.

It knows `HEAD` and `GET` of `/{repository}/resolve/{revision}/{file}`: large files (here: `.h5`) are redirected to
another address with their SHA-256 as linked etag, small ones come directly with git's hash of them; ranges are
honoured.
"""

from __future__ import annotations

import contextlib
import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

REVISION = "0123456789abcdef0123456789abcdef01234567"


class Server:
    """What the server holds, how it misbehaves, and what it was asked.

    Attributes:
        repositories: name to file name to bytes.
        cut: file name to numbers of bytes after which its next connections end.
        etags: file name to an etag that is not its own.
        statuses: file name to the status that a GET of it is answered with.
        ranges: whether ranges are honoured.
        pause: waits here, if it is an event, before the second half of a file.
        asked: method, path and Range header of every request.
    """

    def __init__(self) -> None:
        self.repositories: dict[str, dict[str, bytes]] = {}
        self.revision = REVISION
        self.cut: dict[str, list[int]] = {}
        self.etags: dict[str, str] = {}
        self.statuses: dict[str, int] = {}
        self.sizes: dict[str, int] = {}
        self.ranges = True
        self.pause: threading.Event | None = None
        self.reached = threading.Event()  # the pause has been
        self.asked: list[tuple[str, str, str | None]] = []
        self.headers: list[dict[str, str]] = []
        self.address = ""

    def list_downloads(self, name: str) -> list[str | None]:
        """The Range headers of all GETs of a file's bytes."""
        asked = [(path, span) for method, path, span in self.asked if method == "GET" and "/content/" in path]
        return [span for path, span in asked if path.endswith(f"/{name}")]


@contextlib.contextmanager
def serve() -> Iterator[Server]:
    """The server, on a free port, for the block."""
    held = Server()

    class Handler(_Handler):
        server_state = held

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        listening.daemon_threads = True
        held.address = f"http://127.0.0.1:{listening.server_address[1]}"
        thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield held
        finally:
            if held.pause is not None:
                held.pause.set()
            listening.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    server_state: Server
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None: ...

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def _answer(self) -> None:
        state = self.server_state
        state.asked.append((self.command, self.path, self.headers.get("Range")))
        state.headers.append({name.lower(): value for name, value in self.headers.items()})
        parts = self.path.strip("/").split("/")
        if len(parts) != 5 or parts[2] not in ("resolve", "content"):
            return self._send_plain(404)
        repository, revision, name = "/".join(parts[:2]), parts[3], parts[4]
        if repository not in state.repositories:
            return self._send_plain(401, {"X-Error-Code": "RepoNotFound", "X-Error-Message": "Repository not found"})
        if revision not in ("main", state.revision):
            return self._send_plain(404, {"X-Error-Code": "RevisionNotFound"})
        if name not in state.repositories[repository]:
            return self._send_plain(404, {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": state.revision})
        data = state.repositories[repository][name]
        if parts[2] == "resolve":
            return self._send_resolved(repository, name, data)
        return self._send_content(name, data)

    def _send_resolved(self, repository: str, name: str, data: bytes) -> None:
        state = self.server_state
        size = str(state.sizes.get(name, len(data)))
        if name.endswith(".h5"):
            headers = {"X-Linked-Etag": f'"{state.etags.get(name, hashlib.sha256(data).hexdigest())}"'}
            headers |= {"X-Linked-Size": size, "X-Repo-Commit": state.revision}
            headers |= {
                "Location": f"{state.address.replace('127.0.0.1', 'localhost')}/{repository}/content/main/{name}"
            }
            return self._send_plain(302, headers)
        etag = state.etags.get(name, hashlib.sha1(f"blob {len(data)}\0".encode() + data).hexdigest())
        headers = {"ETag": f'"{etag}"', "X-Repo-Commit": state.revision, "Content-Length": size}
        if self.command == "HEAD":
            return self._send_plain(200, headers)
        return self._send_content(name, data)

    def _send_plain(self, status: int, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for key, value in {"Content-Length": "0", **(headers or {})}.items():
            self.send_header(key, value)
        self.end_headers()

    def _send_content(self, name: str, data: bytes) -> None:
        state = self.server_state
        if name in state.statuses:
            return self._send_plain(state.statuses[name])
        start, span = 0, self.headers.get("Range")
        if span and state.ranges:
            start = int(span.removeprefix("bytes=").split("-")[0])
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        else:
            self.send_response(200)
        self.send_header("Content-Length", str(len(data) - start))
        self.end_headers()
        cut = state.cut.get(name)
        stop = start + cut.pop(0) if cut else len(data)
        half = min((start + len(data)) // 2, stop)
        self.wfile.write(data[start:half])
        self.wfile.flush()
        if state.pause is not None:
            state.reached.set()
            state.pause.wait(60)
        with contextlib.suppress(OSError):
            self.wfile.write(data[half:stop])
            self.wfile.flush()
        if stop < len(data):
            self.close_connection = True
