"""`test`: a page in the browser to listen to checkpoints."""

from __future__ import annotations

import dataclasses
import threading

from musika import console, render
from musika.checkpoint import locate
from musika.cli import models
from musika.cli.access import choose_auth
from musika.cli.flags import TestOptions
from musika.errors import UsageError
from musika.files import format_path
from musika.serve import ports


def run(options: TestOptions) -> int:
    """Serves the page until it is interrupted.

    Raises:
        MusikaError: the checkpoint cannot be used; the host cannot be listened on, or no port is free.
        KeyboardInterrupt: Ctrl-C, or the process is asked to end.
    """
    next(ports.find_ports(options.host, options.port))  # first, as it is quick: an error of host or port
    auth = choose_auth(options.auth, options.host, options.share_gradio)
    locate.resolve_checkpoint(options.load_path, "generator")
    from musika.serve.page.checkpoints import CheckpointEntry, describe_checkpoint, find_checkpoints, put_first
    from musika.serve.page.context import PageDefaults
    from musika.serve.page.launch import make_library, serve_page
    from musika.serve.page.training_runs import choose_runs_folder

    first = describe_checkpoint(locate.resolve_folder(options.load_path))
    if first is None:
        raise UsageError(f"{format_path(options.load_path)} makes no music: choose a generator", about="generator")

    def load(entry: CheckpointEntry) -> render.Model:
        if entry == first:
            return models.load_model(dataclasses.replace(options, load_path=entry.path))
        return models.load_other_model(options, entry.path)

    checkpoints = put_first(first, find_checkpoints())
    library = make_library(checkpoints, load)
    name = library.get_model(library.default).name  # now, so that a mistake is reported before a page opens
    runs = options.runs_path or choose_runs_folder(first.path)
    defaults = PageDefaults(options.truncation, options.seed, runs, options.log_path)
    page = serve_page(
        library,
        checkpoints,
        defaults,
        options.host,
        options.port,
        options.share_gradio,
        auth=auth,
        mcp=options.mcp,
    )
    with page as link:
        console.say(f"{name} plays at {link} (Ctrl-C ends it)")
        threading.Event().wait()
    return 0
