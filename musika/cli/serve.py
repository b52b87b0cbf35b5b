"""`serve`: music over HTTP, as streams, radio and files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from musika import console
from musika.checkpoint import locate
from musika.cli.access import choose_auth
from musika.cli.flags import ServeOptions
from musika.errors import UsageError
from musika.files import format_path
from musika.serve import ports


def run(options: ServeOptions) -> int:
    """Serves until it is interrupted; returns 0.

    Raises:
        MusikaError: a checkpoint cannot be used; the host or the port cannot be listened on.
    """
    folders = _name_checkpoints((options.load_path, *options.also))
    next(ports.find_ports(options.host, options.port, 1))  # before anything is said about who can use it

    from musika.serve.streams.launch import serve_streams
    from musika.serve.streams.settings import StreamSettings

    settings = StreamSettings(
        checkpoints={name: str(folder) for name, folder in folders.items()},
        dec_path=None if options.dec_path is None else str(options.dec_path),
        seed=options.seed,
        options={"truncation": options.truncation},
        mixed_precision=options.mixed_precision,
        xla=options.xla,
        max_streams=options.max_streams,
        max_listeners=options.max_listeners,
        max_seconds=options.max_seconds,
        verbose=options.verbose,
        cpu=options.cpu,
        auth=choose_auth(options.auth, options.host),
    )
    if options.mcp and (options.workers > 1 or not options.page):
        raise UsageError("--mcp offers what the page makes: it needs --page True and one worker")
    extend = _make_page_mounter(options, folders) if options.page and options.workers == 1 else None
    if options.page and options.workers > 1:
        console.say("the page needs one worker: with several, / has a small page that plays the radio")
    serve_streams(settings, options.host, options.port, options.workers, extend)
    return 0


def _make_page_mounter(options: ServeOptions, folders: dict[str, Path]) -> Any:
    """What mounts the page on the application of the streams, with the checkpoints that the flags name."""
    from musika.serve.page.checkpoints import describe_checkpoint
    from musika.serve.page.context import PageDefaults
    from musika.serve.page.launch import mount_page
    from musika.serve.page.training_runs import choose_runs_folder

    entries = {name: describe_checkpoint(folder, name) for name, folder in folders.items()}
    known = {name: entry for name, entry in entries.items() if entry is not None}
    runs = options.runs_path or choose_runs_folder(options.load_path)
    seed = options.seed if "seed" in options.given else None
    defaults = PageDefaults(options.truncation, seed, runs, options.log_path)
    return lambda application, library: mount_page(application, library, known, defaults, mcp=options.mcp)


def _name_checkpoints(folders: tuple[Path, ...]) -> dict[str, Path]:
    """Checkpoint folders by their names.

    Raises:
        MusikaError: one cannot be used, or two have the same name.
    """
    named: dict[str, Path] = {}
    for folder in folders:
        locate.resolve_checkpoint(folder, "generator")  # first, as it is quick
        name = folder.resolve().name
        if name in named:
            raise UsageError(
                f"{format_path(named[name])} and {format_path(folder)} have the same name: requests need it"
            )
        named[name] = folder
    return named
