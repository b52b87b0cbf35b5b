"""`musika test --watch RUN`: what the page of a training opens with."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from musika.cli import flags
from musika.cli import test as verb
from musika.cli.remedies import add_remedy
from musika.errors import UsageError
from tests.helpers import tiny


def write_run(folder: Path, checkpoint: Path | None) -> Path:
    """A run, with a checkpoint or without one."""
    folder.mkdir(parents=True)
    (folder / "run.json").write_text(json.dumps({"stage": "gan"}))
    if checkpoint is not None:
        (folder / "000000100").symlink_to(checkpoint, target_is_directory=True)
    return folder


@pytest.mark.parametrize(("held", "plays"), [("open", True), ("ae", False), (None, False)])
def test_a_run_is_played_where_it_makes_music(tmp_path: Path, held: str | None, plays: bool) -> None:
    tiny.write_checkpoints(tmp_path)
    run = write_run(tmp_path / "runs" / "run-1", None if held is None else tmp_path / held)
    options = flags.parse_test(["--watch", str(run)])
    first = verb._find_first(options)
    assert (first is not None and (first.path, first.is_run) == (run, True)) is plays
    defaults = verb._choose_defaults(options, first)
    assert (defaults.watched, defaults.runs_path) == (run, run.parent)


def test_a_folder_that_is_no_run_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        verb._find_first(flags.parse_test(["--watch", str(tmp_path)]))
    assert "is no training run; --watch names the folder of a run" in str(add_remedy(caught.value, "test"))
