"""The HTTP interface: /stream, /render, /radio, /score, /scores, /settings, /health, /metrics, and a small page."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

from fastapi import FastAPI, Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from musika import __version__, console
from musika.errors import MusikaError, ScoreError, UsageError
from musika.serve.messages import hide_folders
from musika.serve.streams.counters import CONTENT_TYPE
from musika.serve.streams.files import ClientLeft
from musika.serve.streams.places import ServerBusy
from musika.serve.streams.service import NoSuchStream, StreamService

RETRY = "10"  # seconds after which a refused client should ask again
PAGE = Path(__file__).with_name("page.html")
METHODS = ["GET", "HEAD"]
STATUS: tuple[tuple[type[Exception], int], ...] = (  # the first that fits
    (NoSuchStream, 404),
    (ServerBusy, 503),
    (UsageError, 422),
    (ScoreError, 422),
    (ClientLeft, 499),  # nobody reads it
    (MusikaError, 500),
)


def make_application(service: StreamService, with_page: bool = True) -> FastAPI:
    """The application that serves one worker's requests.

    Args:
        service: does the work.
        with_page: whether `/` is the small page; without, something else is mounted there.
    """

    @contextlib.asynccontextmanager
    async def live(application: FastAPI) -> AsyncIterator[None]:
        del application
        yield
        await service.close()

    application = FastAPI(title="Musika", version=__version__, lifespan=live, docs_url=None, redoc_url=None)
    _add_music_routes(application, service)
    _add_score_routes(application, service)
    _add_status_routes(application, service)
    if with_page:
        _add_small_page(application)
    return application


async def answer(service: StreamService, route: str, make: Callable[[], Awaitable[Response]]) -> Response:
    """The response that `make` gives; an error becomes a status and one line. Both are counted under the route."""
    try:
        response = await make()
    except Exception as error:
        status = next((number for kind, number in STATUS if isinstance(error, kind)), None)
        text = hide_folders(str(error))
        if status is None:
            status, text = 500, f"a fault of the program: {type(error).__name__}"
            console.warn(f"{text}: {error}")
        headers = {"retry-after": RETRY} if status == 503 else {}
        response = JSONResponse({"error": text}, status, headers)
    service.counters.requests.labels(route, str(response.status_code)).inc()
    return response


def _add_music_routes(application: FastAPI, service: StreamService) -> None:
    @application.api_route("/stream.{kind}", methods=METHODS)
    async def stream(kind: str, request: Request) -> Response:
        """A piece for one listener: ?seed= &start= &seconds= &checkpoint=, and settings such as &truncation=."""
        return await answer(service, "stream", lambda: service.stream(kind, request.query_params))

    @application.api_route("/radio.{kind}", methods=METHODS)
    async def radio(kind: str, request: Request) -> Response:
        """The piece that everybody hears together: ?checkpoint=."""
        return await answer(service, "radio", lambda: service.radio(kind, request.query_params))

    @application.get("/render")
    async def render(request: Request) -> Response:
        """A file: ?seed= &start= &seconds= &format= &checkpoint=, and settings such as &truncation=."""
        return await answer(service, "render", lambda: service.render(request.query_params, request.is_disconnected))

    @application.get("/score")
    async def score(request: Request) -> Response:
        """The notes of a part of a piece: ?seed= &start= &seconds= &checkpoint=, and settings such as &tempo=."""
        return await answer(service, "score", lambda: service.score(request.query_params))

    @application.get("/settings")
    async def settings(request: Request) -> Response:
        """What a piece can be asked for: ?checkpoint=."""
        return await answer(service, "settings", lambda: service.describe_settings(request.query_params))


def _add_score_routes(application: FastAPI, service: StreamService) -> None:
    @application.post("/scores")
    async def add_score(request: Request) -> Response:
        """Keeps the score in the body, so that other requests can name it as &score=."""

        async def add() -> Response:
            kind = request.headers.get("content-type", "")
            return JSONResponse(await service.add_score(request.stream(), kind, request.query_params))

        return await answer(service, "scores", add)

    @application.get("/scores/{name}.mid")
    async def get_midi(name: str) -> Response:
        """The MIDI file of a score that was sent."""

        async def send() -> Response:
            headers = {"content-disposition": f'attachment; filename="{name[:24]}.mid"'}
            return Response(await service.get_midi(name), media_type="audio/midi", headers=headers)

        return await answer(service, "scores", send)


def _add_status_routes(application: FastAPI, service: StreamService) -> None:
    @application.get("/health")
    async def health() -> Response:
        """Whether music can be played, and with which checkpoints."""
        return JSONResponse({"status": "ok", "version": __version__, "checkpoints": service.library.names})

    @application.get("/metrics")
    async def metrics() -> Response:
        """Figures for Prometheus."""
        return Response(service.counters.format_all(), media_type=CONTENT_TYPE)


def _add_small_page(application: FastAPI) -> None:
    @application.get("/")
    async def page() -> Response:
        """A page with a player."""
        return HTMLResponse(PAGE.read_text(encoding="utf-8"))
