"""`test`: a page in the browser to listen to checkpoints, or to watch a training."""

from __future__ import annotations

import dataclasses
import threading
from typing import TYPE_CHECKING

from musika import console, render
from musika.checkpoint import locate
from musika.cli import models
from musika.cli.access import choose_auth
from musika.cli.flags import TestOptions
from musika.errors import CheckpointError, UsageError
from musika.files import format_path
from musika.serve import ports

if TYPE_CHECKING:
    from musika.serve.page.checkpoints import CheckpointEntry
    from musika.serve.page.context import PageDefaults


def run(options: TestOptions) -> int:
    """Serves the page until it is interrupted.

    Raises:
        MusikaError: the checkpoint or the run cannot be used; the host cannot be listened on, or no port is free.
        KeyboardInterrupt: Ctrl-C, or the process is asked to end.
    """
    next(ports.find_ports(options.host, options.port))  # first, as it is quick: an error of host or port
    auth = choose_auth(options.auth, options.host, options.share_gradio)
    if options.watch is None:
        locate.resolve_checkpoint(options.load_path, "generator")
    from musika.serve.page.checkpoints import find_checkpoints, order_checkpoints
    from musika.serve.page.launch import make_library, serve_page

    first = _find_first(options)

    def load(entry: CheckpointEntry) -> render.Model:
        if entry == first:
            return models.load_model(dataclasses.replace(options, load_path=entry.path))
        return models.load_other_model(options, entry.path)

    others = find_checkpoints()
    checkpoints = order_checkpoints(first, order_checkpoints(others.get(options.load_path.name), others))
    library = make_library(checkpoints, load)
    if options.watch is not None:
        told = f"the run {format_path(options.watch.resolve().name)} is shown at"
    else:
        assert first is not None
        told = f"{library.get_model(first.name).name} plays at"  # loaded now, so that a mistake is reported at once
    page = serve_page(
        library,
        checkpoints,
        _choose_defaults(options, first),
        options.host,
        options.port,
        options.share_gradio,
        auth=auth,
        mcp=options.mcp,
    )
    with page as link:
        console.say(f"{told} {link} (Ctrl-C ends it)")
        threading.Event().wait()
    return 0


def _find_first(options: TestOptions) -> CheckpointEntry | None:
    """The checkpoint that the flags name; None where a run is watched that makes no music, or not yet.

    Raises:
        MusikaError: there is none, or what is watched is no run.
    """
    from musika.serve.page.checkpoints import describe_checkpoint
    from musika.serve.page.training_runs import is_run

    if options.watch is None:
        first = describe_checkpoint(locate.resolve_folder(options.load_path))
        if first is None:
            raise UsageError(f"{format_path(options.load_path)} makes no music: choose a generator", about="generator")
        return first
    if not is_run(options.watch):
        raise UsageError(f"{format_path(options.watch)} is no training run", about="run")
    try:
        return describe_checkpoint(options.watch)
    except CheckpointError:  # its progress can be seen all the same
        return None


def _choose_defaults(options: TestOptions, first: CheckpointEntry | None) -> PageDefaults:
    """What the page opens with."""
    from musika.serve.page.context import PageDefaults
    from musika.serve.page.training_runs import choose_runs_folder

    shown = options.watch or (options.load_path if first is None else first.path)
    runs = options.runs_path or choose_runs_folder(shown)
    return PageDefaults(options.truncation, options.seed, runs, options.log_path, options.watch)
