"""`test`: a page in the browser to listen to a checkpoint."""

from __future__ import annotations

import dataclasses
import signal
import threading
from pathlib import Path
from types import FrameType

from musika import console, render
from musika.checkpoint import locate
from musika.cli import models
from musika.cli.flags import TestOptions


def run(options: TestOptions) -> int:
    """Serves the page until it is interrupted.

    Raises:
        MusikaError: the checkpoint cannot be used, or no port is free.
        KeyboardInterrupt: Ctrl-C, or the process was asked to end.
    """
    from musika.serve.page import Source, served

    def load(folder: Path) -> render.Model:
        return models.load_model(dataclasses.replace(options, load_path=folder))

    source = Source(lambda: locate.resolve_checkpoint(options.load_path), load)
    name = source.model().name  # now, so that a mistake is told before a page opens
    signal.signal(signal.SIGTERM, _end)
    with served(source, options.truncation, options.seed, options.host, options.port, options.share_gradio) as address:
        console.say(f"{name} plays at {address} (Ctrl-C ends it)")
        threading.Event().wait()
    return 0


def _end(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
