"""Routes of the tab Styles: the map of a checkpoint, drawn in the background, and small pictures of its styles."""

from __future__ import annotations

import asyncio
import dataclasses
import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from musika import pictures
from musika.config import MAX_SEED
from musika.render import Model
from musika.render.generator import GeneratorModel
from musika.serve.page.answers import answer_json, answer_with
from musika.serve.page.map_jobs import MapJob, MapMaker, find_identity
from musika.serve.streams import query
from musika.serve.streams.library import Library
from musika.serve.streams.places import ServerBusy

PICTURED = 6.0  # seconds of a piece that a picture shows
HEIGHT, WIDTH = 40, 160  # pixels of one channel
MAX_NUMBER = MAX_SEED
KEPT_PICTURES = 300
MAX_WAITING = 12  # pictures that are asked for at once


class PictureMaker:
    """Spectrograms of the beginnings of pieces, one made at a time; the latest are kept.

    Args:
        library: models.
    """

    def __init__(self, library: Library) -> None:
        self._library = library
        self._kept: OrderedDict[Hashable, bytes] = OrderedDict()
        self._one = threading.Lock()
        self._waiting = 0

    def make(self, name: str, number: int, seed: int) -> bytes:
        """The PNG picture of a style of a generator, or of a seed of a composer.

        Args:
            name: of the checkpoint.
            number: of the style; of a composer, the seed.
            seed: of the piece that the style plays.

        Raises:
            ServerBusy: too many are asked for.
            MusikaError: the checkpoint cannot be used.
        """
        if self._waiting >= MAX_WAITING:
            raise ServerBusy("too many pictures are being made: try again later")
        self._waiting += 1
        try:
            with self._one:
                return self._make(name, number, seed)
        finally:
            self._waiting -= 1

    def _make(self, name: str, number: int, seed: int) -> bytes:
        model = self._library.get_model(name)
        key = (find_identity(model), number, seed)
        if key not in self._kept:
            self._kept[key] = draw_piece(model, number, seed)
            if len(self._kept) > KEPT_PICTURES:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return self._kept[key]


def draw_piece(model: Model, number: int, seed: int) -> bytes:
    """The PNG picture of the beginning of a piece; arguments as of `PictureMaker.make`."""
    is_generator = isinstance(model, GeneratorModel)
    piece = model.piece(seed, style_seed=number) if is_generator else model.piece(number)
    waveform = piece.render(0.0, PICTURED)
    mono = waveform.mean(axis=1, keepdims=True).repeat(2, axis=1)
    return pictures.encode_png(pictures.draw_spectrogram(mono, model.sample_rate, HEIGHT, WIDTH)[:HEIGHT])


def describe_job(job: MapJob | None, have: int) -> dict[str, Any]:
    """What a browser is told about a map.

    Args:
        have: points that the browser has; the map is only sent where there are more.
    """
    if job is None:
        return {"state": "idle"}
    told = {"state": job.state, "done": job.done, "total": job.total, "message": job.message}
    if job.map is not None and len(job.map.numbers) != have:
        told["map"] = job.map.describe()
    return told


@dataclasses.dataclass(frozen=True)
class StyleRoutes:
    """The routes, and what works behind them.

    Attributes:
        router: to include in an application.
        maker: draws maps; `close` it at the end.
    """

    router: APIRouter
    maker: MapMaker


def make_style_routes(library: Library) -> StyleRoutes:
    """Routes for the models of a library: /map (GET: how far it is; POST: begin; DELETE: stop) and /map/picture."""
    router, maker, painter = APIRouter(), MapMaker(library), PictureMaker(library)

    def read_name(request: Request, *own: str) -> str:
        query.check_names(request.query_params, ("checkpoint", *own))
        return request.query_params.get("checkpoint", library.default)

    @router.post("/map")
    def start_map(request: Request) -> Response:
        """Begins to draw the map of ?checkpoint=."""
        return answer_json(lambda: describe_job(maker.start(read_name(request)), -1))

    @router.get("/map")
    def get_map(request: Request) -> Response:
        """How far the map of ?checkpoint= is, and the map where it has more points than ?have=."""

        def describe() -> dict[str, Any]:
            have = query.read_whole_number(request.query_params, "have", 0, MAX_NUMBER)
            return describe_job(maker.get_job(read_name(request, "have")), have)

        return answer_json(describe)

    @router.delete("/map")
    def stop_map(request: Request) -> Response:
        """Stops drawing the map of ?checkpoint=."""

        def stop() -> dict[str, Any]:
            name = read_name(request)
            maker.cancel(name)
            return describe_job(maker.get_job(name), -1)

        return answer_json(stop)

    @router.get("/map/picture")
    async def get_picture(request: Request) -> Response:
        """A spectrogram of ?number=, a style (played by ?seed=) or a seed of ?checkpoint=."""
        values = request.query_params

        def draw() -> Response:
            name = read_name(request, "number", "seed")
            number = query.read_whole_number(values, "number", 0, MAX_NUMBER)
            seed = query.read_whole_number(values, "seed", 0, MAX_NUMBER)
            data = painter.make(name, number, seed)
            return Response(data, media_type="image/png", headers={"cache-control": "max-age=600"})

        return await asyncio.to_thread(answer_with, draw)

    return StyleRoutes(router, maker)
