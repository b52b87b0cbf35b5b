"""Answers of the page's own routes: plain JSON, and one line for each mistake."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.responses import JSONResponse, Response

from musika import console
from musika.errors import MusikaError, ScoreError, UsageError
from musika.serve.messages import hide_folders
from musika.serve.streams.places import ServerBusy

STATUS: tuple[tuple[type[Exception], int], ...] = ((ServerBusy, 503), (UsageError, 422), (ScoreError, 422))
OTHER = 500


def answer_with(make: Callable[[], Response]) -> Response:
    """The response that `make` returns; an error of a person becomes one line of JSON."""
    try:
        return make()
    except MusikaError as error:
        status = next((number for kind, number in STATUS if isinstance(error, kind)), OTHER)
        return JSONResponse({"error": hide_folders(str(error))}, status)
    except Exception as error:
        text = f"a fault of the program: {type(error).__name__}"
        console.warn(f"{text}: {error}")
        return JSONResponse({"error": text}, OTHER)


def answer_json(make: Callable[[], Any]) -> Response:
    """The JSON of what `make` returns, which no cache keeps; errors as `answer_with` says."""
    return answer_with(lambda: JSONResponse(make(), headers={"cache-control": "no-store"}))
