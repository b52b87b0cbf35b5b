"""The page's own routes, beside those of the streams: maps of styles, and training runs."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from musika.serve.page.context import PageContext

if TYPE_CHECKING:
    from fastapi import FastAPI


@contextlib.contextmanager
def add_routes(application: FastAPI, context: PageContext) -> Iterator[None]:
    """Adds the routes to an application; at the end, what works behind them is stopped."""
    from musika.serve.page.style_routes import make_style_routes
    from musika.serve.page.training_routes import make_training_routes
    from musika.serve.page.training_runs import RunFolder

    styles = make_style_routes(context.library)
    application.include_router(styles.router)
    application.include_router(make_training_routes(RunFolder(context.defaults.runs_path, context.defaults.log_path)))
    try:
        yield
    finally:
        styles.maker.close()
