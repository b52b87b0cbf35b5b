"""Routes of the tab Training: what runs have written. All of them only read."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import FileResponse, Response

from musika.config import MAX_SEED
from musika.serve.page.answers import answer_json, answer_with
from musika.serve.page.training_runs import SAMPLE_TYPES, RunFolder, describe_run
from musika.serve.page.training_scores import ExcerptWriter
from musika.serve.streams import query
from musika.serve.streams.score_json import describe_whole_score


def make_training_routes(runs: RunFolder) -> APIRouter:
    """Routes for the runs in a folder: /training lists them, /training/run is one, /training/sample a file of it, and
    /training/score notes that a composer's checkpoint writes."""
    router, writer = APIRouter(), ExcerptWriter()

    def read(request: Request, *names: str) -> list[str]:
        query.check_names(request.query_params, names)
        return [request.query_params.get(name, "") for name in names]

    @router.get("/training")
    def list_runs(request: Request) -> Response:
        """Names of the runs, the one that was started last first."""

        def describe() -> dict[str, Any]:
            read(request)
            return {"folder": runs.folder.name, "runs": runs.list_runs()}

        return answer_json(describe)

    @router.get("/training/run")
    def get_run(request: Request) -> Response:
        """Curves, figures, checkpoints and progress of ?run=."""
        return answer_json(lambda: describe_run(runs.read_run(*read(request, "run"))))

    @router.get("/training/sample")
    def get_sample(request: Request) -> Response:
        """The file ?sample= of ?checkpoint= of ?run=."""

        def send() -> Response:
            path: Path = runs.find_sample(*read(request, "run", "checkpoint", "sample"))
            return FileResponse(path, media_type=SAMPLE_TYPES[path.suffix])

        return answer_with(send)

    @router.get("/training/score")
    async def get_score(request: Request) -> Response:
        """Notes of the beginning of the piece of ?seed= that ?checkpoint= of ?run= writes, a composer's."""

        def write() -> dict[str, Any]:
            run, name, _ = read(request, "run", "checkpoint", "seed")
            seed = query.read_whole_number(request.query_params, "seed", 0, MAX_SEED)
            return describe_whole_score(writer.write(runs.find_checkpoint(run, name), seed))

        return await asyncio.to_thread(answer_json, write)

    return router
