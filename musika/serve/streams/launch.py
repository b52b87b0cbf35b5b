"""Starts the stream server: one process, or several that share a port."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from musika import console, environment, render
from musika.checkpoint import locate
from musika.errors import MusikaError
from musika.serve import ports
from musika.serve.access import require_password
from musika.serve.messages import name_checkpoint
from musika.serve.streams.counters import FOLDER
from musika.serve.streams.library import Library
from musika.serve.streams.settings import VARIABLE, StreamSettings

if TYPE_CHECKING:
    from fastapi import FastAPI

FACTORY = "musika.serve.streams.launch:make_worker"
GRACE = 2  # seconds that listeners keep their stream when the server is asked to end
SPARE_CONNECTIONS = 100  # beside those of listeners


def serve_streams(
    settings: StreamSettings,
    host: str,
    port: int,
    workers: int,
    extend: Callable[[FastAPI, Library], contextlib.AbstractContextManager[None]] | None = None,
) -> None:
    """Serves until the process is interrupted or asked to end.

    Args:
        settings: of every worker.
        host: name or address of this computer that is listened on.
        port: exactly this one.
        workers: processes that share the port; each loads its models.
        extend: mounts a larger page on the application of a single worker; None serves the small one.

    Raises:
        MusikaError: a checkpoint cannot be used, the host or the port cannot be listened on.
    """
    next(ports.find_ports(host, port, 1))
    for name in settings.checkpoints:
        locate.resolve_checkpoint(settings.get_folder(name), "generator")
    _allow_many_files(_count_connections(settings))
    link = ports.format_url(host, port)
    with _share_figures(workers), _share_scores(settings, workers) as settings:
        if workers > 1:
            os.environ[VARIABLE] = settings.to_json()
            console.say(f"{workers} workers start at {link} (Ctrl-C ends them)")
            _run(FACTORY, settings, host, port, workers)
            return
        library = _make_library(settings)
        model = library.get_model(library.default)
        application = _make_application(settings, library, with_page=not extend)
        with contextlib.nullcontext() if extend is None else extend(application, library):
            require_password(application, settings.auth)
            console.say(f"{model.name} plays at {link}, {link}radio.mp3 and {link}stream.mp3?seed=1 (Ctrl-C ends it)")
            _run(application, settings, host, port, 1)


def make_worker() -> FastAPI:
    """The application of one of several workers, which find their settings in the environment."""
    settings = StreamSettings.from_json(os.environ[VARIABLE])
    environment.prepare(settings.verbose, settings.cpu)
    if not settings.verbose:
        _silence()
    library = _make_library(settings)
    try:
        library.get_model(library.default)
    except MusikaError as error:
        console.fail(str(error))
        sys.exit(2)
    console.say(f"worker {os.getpid()} is ready")
    application = _make_application(settings, library)
    require_password(application, settings.auth)
    return application


def _make_library(settings: StreamSettings) -> Library:
    """The models of the server's checkpoints. Messages about them do not say where they lie."""

    def load(name: str) -> render.Model:
        with name_checkpoint(settings.get_folder(name)):
            return load_model(settings, name)

    return Library(tuple(settings.checkpoints), load)


def load_model(settings: StreamSettings, name: str) -> render.Model:
    """The model of one of the server's checkpoints, ready: its networks are compiled, so that listeners do not wait.

    Raises:
        MusikaError: it cannot be loaded.
    """
    codec = settings.get_codec_folder()
    folder = locate.resolve_checkpoint(settings.get_folder(name), "generator")
    environment.prepare_rendering()
    how = render.choose_computation(folder, settings.mixed_precision, settings.xla)
    model = render.load_model(folder, codec, None, *how)
    next(model.piece(settings.seed).stream_samples(0))
    return model


def _make_application(settings: StreamSettings, library: Library, with_page: bool = True) -> FastAPI:
    from musika.serve.streams.application import make_application
    from musika.serve.streams.service import StreamService

    return make_application(StreamService(settings, library), with_page)


def _run(application: Any, settings: StreamSettings, host: str, port: int, workers: int) -> None:
    """Runs uvicorn, quietly."""
    import uvicorn

    from musika.serve.streams.protocol import StreamProtocol

    if not settings.verbose:
        _silence()
    uvicorn.run(
        application,
        factory=workers > 1,
        host=ports.strip_brackets(host),
        port=port,
        workers=workers,
        http=StreamProtocol,
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        limit_concurrency=_count_connections(settings),
        timeout_graceful_shutdown=GRACE,
    )


def _silence() -> None:
    """uvicorn says nothing: what a person has to know is said here, in plain words."""
    logging.getLogger("uvicorn").setLevel(logging.CRITICAL)


def _count_connections(settings: StreamSettings) -> int:
    return settings.max_listeners + settings.max_streams + SPARE_CONNECTIONS


def _allow_many_files(count: int) -> None:
    """Raises the number of connections that the system allows this process, as far as it may be raised."""
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = count + SPARE_CONNECTIONS
        if soft != resource.RLIM_INFINITY and soft < wanted:
            most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


@contextlib.contextmanager
def _share_figures(workers: int) -> Iterator[None]:
    """A folder in which several workers keep their figures, so that each of them can answer for all."""
    if workers < 2:
        yield
        return
    with tempfile.TemporaryDirectory(prefix="musika-figures-", ignore_cleanup_errors=True) as folder:
        os.environ[FOLDER] = folder
        try:
            yield
        finally:
            del os.environ[FOLDER]


@contextlib.contextmanager
def _share_scores(settings: StreamSettings, workers: int) -> Iterator[StreamSettings]:
    """The settings with a folder in which several workers keep scores, so that each of them can play all."""
    if workers < 2:
        yield settings
        return
    with tempfile.TemporaryDirectory(prefix="musika-scores-", ignore_cleanup_errors=True) as folder:
        yield dataclasses.replace(settings, score_folder=folder)
