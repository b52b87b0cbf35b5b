"""Draws maps of checkpoints in the background, one at a time, and keeps the latest."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections import OrderedDict
from collections.abc import Hashable

from musika import console
from musika.errors import MusikaError
from musika.render import Model
from musika.serve.messages import hide_folders
from musika.serve.page.style_map import PointMap, draw_map, find_map_problem
from musika.serve.streams.library import Library
from musika.serve.streams.query import QueryError

KEPT = 4  # maps
REST = 0.5  # pause after each step, relative to the step: music that plays meanwhile comes first
LONGEST_REST = 0.5  # seconds
UNWATCHED = 30.0  # seconds after which a map that nobody asks for is given up


class Cancelled(Exception):
    """Nobody wants the map any more."""


@dataclasses.dataclass
class MapJob:
    """A map that is being drawn, or was.

    Attributes:
        state: "working", "done", "failed", "cancelled" or "none", where the checkpoint has no map.
        done: steps.
        total: steps; 0 while the model is being loaded.
        map: the map, or what there is of it.
        message: why there is none.
    """

    state: str = "working"
    done: int = 0
    total: int = 0
    map: PointMap | None = None
    message: str = ""
    asked: float = dataclasses.field(default_factory=time.monotonic)
    ending: bool = False


class MapMaker:
    """Maps by the names of checkpoints.

    Args:
        library: models.
    """

    def __init__(self, library: Library) -> None:
        self._library = library
        self._jobs: dict[str, MapJob] = {}
        self._maps: OrderedDict[Hashable, PointMap] = OrderedDict()  # by identity
        self._changed = threading.Lock()
        self._drawing = threading.Lock()

    def start(self, name: str) -> MapJob:
        """Begins to draw the map of a checkpoint, unless it is being drawn. One that is known is there at once.

        Raises:
            QueryError: there is no checkpoint of that name.
        """
        if name not in self._library.names:
            raise QueryError(self._library.describe_missing(name))
        with self._changed:
            job = self._jobs.get(name)
            if job is None or job.state != "working":
                job = self._jobs[name] = MapJob(map=None if job is None else job.map)
                threading.Thread(target=self._draw_map, args=(name, job), name="map", daemon=True).start()
            job.asked = time.monotonic()
            return job

    def get_job(self, name: str) -> MapJob | None:
        """The map of a checkpoint, if it was asked for. Asking keeps the work going."""
        with self._changed:
            job = self._jobs.get(name)
            if job is not None:
                job.asked = time.monotonic()
            return job

    def cancel(self, name: str) -> None:
        """Stops drawing the map of a checkpoint, within one step."""
        with self._changed:
            job = self._jobs.get(name)
            if job is not None and job.state == "working":
                job.ending = True

    def close(self) -> None:
        """Stops everything."""
        with self._changed:
            for job in self._jobs.values():
                job.ending = True

    def _draw_map(self, name: str, job: MapJob) -> None:
        try:
            with self._drawing:
                self._check(job)
                model = self._library.get_model(name)
                problem = find_map_problem(model)
                if problem:
                    job.message, job.state = problem, "none"
                    return
                job.map = self._draw(model, job)
            job.state = "done"
        except Cancelled:
            job.state = "cancelled"
        except MusikaError as error:
            job.message, job.state = hide_folders(str(error)), "failed"
        except Exception as error:
            job.message, job.state = f"a fault of the program: {type(error).__name__}", "failed"
            console.warn(f"the map of {name} was given up: {type(error).__name__}: {error}")

    def _draw(self, model: Model, job: MapJob) -> PointMap:
        identity = find_identity(model)
        if identity in self._maps:
            self._maps.move_to_end(identity)
            return self._maps[identity]
        last = time.perf_counter()

        def report(done: int, total: int, newer: PointMap | None) -> None:
            nonlocal last
            self._check(job)
            job.done, job.total, job.map = done, total, newer or job.map
            time.sleep(min(LONGEST_REST, REST * (time.perf_counter() - last)))
            last = time.perf_counter()

        found = self._maps[identity] = draw_map(model, report)
        while len(self._maps) > KEPT:
            self._maps.popitem(last=False)
        return found

    def _check(self, job: MapJob) -> None:
        """Raises Cancelled if nobody wants the map any more."""
        if job.ending or time.monotonic() - job.asked > UNWATCHED:
            raise Cancelled


def find_identity(model: Model) -> Hashable:
    """What a map is kept by: the hash of the checkpoint's files, or of a model that was made in memory, itself."""
    return id(model) if model.origin is None else (model.origin.identity, model.origin.codec)
