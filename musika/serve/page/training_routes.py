"""Routes of the tab Training: what runs have written. All of them only read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import FileResponse, Response

from musika.serve.page.answers import answer_json, answer_with
from musika.serve.page.training_runs import SAMPLE_TYPES, RunFolder, describe_run
from musika.serve.streams import query


def make_training_routes(runs: RunFolder) -> APIRouter:
    """Routes for the runs in a folder: /training lists them, /training/run is one, /training/sample a file of it."""
    router = APIRouter()

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

    return router
