"""Serves the page: one application of the stream routes, the page's own files, and Gradio at `/`."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import secrets
import tempfile
import threading
from collections.abc import Callable, Hashable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from musika import console
from musika.errors import UsageError
from musika.render import Model
from musika.serve import ports
from musika.serve.access import require_password
from musika.serve.isolation import isolate_page
from musika.serve.messages import name_checkpoint
from musika.serve.page.checkpoints import CheckpointEntry, find_version
from musika.serve.page.context import DEFAULTS, LIMITS, PageContext, PageDefaults, PageLimits
from musika.serve.page.recent_files import RecentFiles
from musika.serve.page.routes import add_routes
from musika.serve.page.scripts import ROUTE, STATIC, list_static_files
from musika.serve.streams.library import Library
from musika.serve.streams.settings import StreamSettings

if TYPE_CHECKING:
    from fastapi import FastAPI

MAX_STREAMS = 24  # of single listeners at once: open tabs of the page
GRACE = 2  # seconds that open connections keep when the page ends
PATIENCE = 60.0  # seconds that the server may take to start


def make_library(
    entries: Mapping[str, CheckpointEntry], load: Callable[[CheckpointEntry], Model], kept: int = 4
) -> Library:
    """A library of checkpoints; of a run it has the newest one.

    Args:
        entries: by name, the default first.
        load: loads one.
        kept: models in memory at once.
    """

    def load_named(name: str) -> Model:
        with name_checkpoint(entries[name].path):
            return load(entries[name])

    def find_named_version(name: str) -> Hashable:
        with name_checkpoint(entries[name].path):
            return find_version(entries[name])

    return Library(tuple(entries), load_named, find_named_version, kept)


@contextlib.contextmanager
def mount_page(
    application: FastAPI,
    library: Library,
    checkpoints: Mapping[str, CheckpointEntry],
    defaults: PageDefaults = DEFAULTS,
    limits: PageLimits = LIMITS,
    mcp: bool = False,
) -> Iterator[None]:
    """Mounts the page on the application of the stream routes, at `/`. At the end, its files are removed.

    Gradio keeps its queue in the process, so this works in one process only (docs/design/page.md).

    Args:
        application: without a page of its own.
        library: models.
        checkpoints: what is known about them.
        defaults: of controls.
        limits: of requests.
        mcp: whether the page's functions are tools for assistants, too.

    Raises:
        UsageError: the package for that is not installed (about "mcp").
    """
    if mcp and importlib.util.find_spec("mcp") is None:
        raise UsageError("tools for assistants need the package mcp: pip install 'gradio[mcp]'", about="mcp")
    with tempfile.TemporaryDirectory(prefix="musika-page-", ignore_cleanup_errors=True) as folder:
        uploads = Path(folder) / "gradio"  # and copies of files for the browser
        os.environ["GRADIO_TEMP_DIR"] = str(uploads)
        files = Path(folder) / "files"
        files.mkdir()
        context = PageContext(library, checkpoints, RecentFiles(files), limits, defaults)
        with add_routes(application, context):
            page = _mount(application, context, uploads, mcp)
            try:
                yield
            finally:
                page.close(verbose=False)


def _mount(application: FastAPI, context: PageContext, uploads: Path, mcp: bool) -> Any:
    """Adds the page's files, the page and the headers; returns the page."""
    import gradio
    from starlette.staticfiles import StaticFiles

    from musika.serve.page.application import build_page
    from musika.serve.page.guard import RequestGuard
    from musika.serve.page.security import SecurityHeaders
    from musika.serve.page.theme import make_theme

    page = build_page(context)
    application.mount(f"/{ROUTE}", StaticFiles(directory=STATIC), "static")
    gradio.mount_gradio_app(
        application,
        page,
        "/",
        theme=make_theme(),
        head=list_static_files(),
        footer_links=["api"],
        run_history=False,
        max_file_size=context.limits.upload_bytes,
        ssr_mode=False,
        pwa=False,
        mcp_server=mcp,
    )
    application.add_middleware(RequestGuard, limits=context.limits, folder=uploads)
    application.add_middleware(SecurityHeaders)
    return page


@contextlib.contextmanager
def serve_page(
    library: Library,
    checkpoints: Mapping[str, CheckpointEntry],
    defaults: PageDefaults = DEFAULTS,
    host: str = "127.0.0.1",
    port: int = 7860,
    share: bool = False,
    limits: PageLimits = LIMITS,
    auth: str | None = None,
    mcp: bool = False,
) -> Iterator[str]:
    """Serves the page while the block runs and gives its link; its files are gone afterwards.

    Args:
        library: models.
        checkpoints: what is known about them.
        defaults: of controls.
        host: name or address of this computer that is listened on.
        port: the lowest one; a port that is in use is passed over.
        share: also publish the page through gradio.live.
        limits: of requests.
        auth: `user:password` that every request must have; None lets everybody in.
        mcp: whether the page's functions are tools for assistants, too.

    Raises:
        UsageError: the host cannot be listened on (about "host"), no port is free (about "port"), or what `mount_page`
            says.
    """
    from musika.serve.streams.application import make_application
    from musika.serve.streams.service import StreamService

    settings = StreamSettings(dict.fromkeys(library.names, ""), max_streams=MAX_STREAMS)
    with isolate_page(host, share):
        application = make_application(StreamService(settings, library), with_page=False)
        with mount_page(application, library, checkpoints, defaults, limits, mcp):
            require_password(application, auth)
            with (
                _run_in_thread(application, host, port) as found,
                _publish(host, found) if share else contextlib.nullcontext() as public,
            ):
                yield public or ports.format_url(host, found)


@contextlib.contextmanager
def _run_in_thread(application: FastAPI, host: str, port: int) -> Iterator[int]:
    """Runs uvicorn in a thread while the block runs; gives the port."""
    import uvicorn

    from musika.serve.streams.protocol import StreamProtocol

    listener, found = ports.open_listener(host, port)
    config = uvicorn.Config(
        application,
        http=StreamProtocol,
        ws="none",
        log_config=None,
        log_level="critical",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listener],), name="page", daemon=True)
    with contextlib.closing(listener):
        thread.start()
        try:
            while thread.is_alive() and not server.started:
                thread.join(0.02)
            yield found
        finally:
            server.should_exit = True
            thread.join(PATIENCE)


@contextlib.contextmanager
def _publish(host: str, port: int) -> Iterator[str | None]:
    """Publishes the page while the block runs; gives its link at gradio.live, or None, with a warning why."""
    from gradio import networking, tunneling

    try:
        token = secrets.token_urlsafe(32)
        link = networking.setup_tunnel(ports.get_reachable_host(host), port, token, None, None)
    except Exception:
        console.warn("gradio.live cannot be reached: the page is not published")
        yield None
        return
    try:
        yield "https://" + str(link).partition("://")[2]
    finally:
        for tunnel in tunneling.CURRENT_TUNNELS:
            tunnel.kill()
