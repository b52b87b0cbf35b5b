"""`test`: a page in the browser to listen to a checkpoint."""

from __future__ import annotations

import dataclasses
import threading
from pathlib import Path

from musika import console, render
from musika.checkpoint import locate
from musika.cli import models
from musika.cli.flags import TestOptions
from musika.serve import ports


def run(options: TestOptions) -> int:
    """Serves the page until it is interrupted.

    Raises:
        MusikaError: the checkpoint cannot be used; the host cannot be listened on, or no port is free.
        KeyboardInterrupt: Ctrl-C, or the process is asked to end.
    """
    next(ports.find_ports(options.host, options.port))  # first, as it is quick: an error of host or port
    from musika.serve.page import ModelSource, serve_page

    def load(folder: Path) -> render.Model:
        return models.load_model(dataclasses.replace(options, load_path=folder))

    source = ModelSource(lambda: locate.resolve_checkpoint(options.load_path, "generator"), load)
    name = source.get_model().name  # now, so that a mistake is reported before a page opens
    page = serve_page(source, options.truncation, options.seed, options.host, options.port, options.share_gradio)
    with page as link:
        console.say(f"{name} plays at {link} (Ctrl-C ends it)")
        threading.Event().wait()
    return 0
