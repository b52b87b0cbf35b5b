"""What the tab Training reads: real logs and checkpoints, also half-written ones; the run stays as it was."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from musika.errors import UsageError
from musika.files import lock_folder
from musika.serve.page import training_runs
from musika.serve.page.training_logs import MOST_POINTS, Curve, RunLog
from musika.serve.page.training_routes import make_training_routes
from musika.serve.page.training_runs import RunFolder, choose_runs_folder, describe_run, measure_progress
from musika.serve.page.training_scores import SECONDS
from musika.serve.streams.score_json import parse_score
from musika.training.board import BoardLog
from tests.helpers.composers import write_composer

RECORD = {"stage": "performer", "train": {"epochs": 4, "totsamples": 100, "lr": 0.001}, "config": {}, "paths": {}}


def write_checkpoint(run: Path, position: int, **figures: float) -> Path:
    folder = run / f"{position:09d}"
    folder.mkdir(parents=True)
    training = {"stage": "performer", "samples": position, "figures": figures}
    (folder / "config.json").write_text(json.dumps({"kind": "performer", "training": training}))
    (folder / "validation-0-played.flac").write_bytes(b"fLaC")
    (folder / "weights.safetensors").write_bytes(b"weights")
    return folder


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """A folder with one run of three checkpoints, and its log."""
    run = tmp_path / "runs" / "performer-1"
    for position, f1 in ((100, 0.5), (200, 0.7), (300, 0.6)):
        write_checkpoint(run, position, note_f1=f1, loss=1 / position)
    (run / "run.json").write_text(json.dumps(RECORD))
    log = BoardLog(tmp_path / "runs" / "logs" / "performer-1")
    for position in range(10, 310, 10):
        log.write_scalars(position, {"loss": 1 / position, "audio_seconds_per_second": 5.0})
        if position % 100 == 0:
            log.write_scalars(position, {"validation/note_f1": 0.5})
            log.write_sample(position, "played", np.zeros((40_000, 2), np.float32), 44_100, None)
    log.close()
    return tmp_path / "runs"


def list_files(folder: Path) -> dict[str, tuple[int, int, int]]:
    found = [folder, *folder.rglob("*")]
    return {str(path): (path.stat().st_mtime_ns, path.stat().st_size, path.stat().st_mode) for path in found}


def test_a_run_is_read_with_curves_figures_and_its_best_checkpoint(runs: Path) -> None:
    folder = RunFolder(runs)
    assert folder.list_runs() == ["performer-1"]
    run = folder.read_run("performer-1")
    assert (run.stage, run.judge, run.more_is_better, run.best) == ("performer", "note_f1", True, "000000200")
    assert run.curves["loss"].positions == list(range(10, 310, 10))
    assert run.curves["loss"].values == pytest.approx([1 / position for position in range(10, 310, 10)], rel=1e-6)
    assert run.curves["validation/loss"].positions == [100, 200, 300]  # only the checkpoints say it
    assert [entry.samples for entry in run.checkpoints] == [("validation-0-played.flac",)] * 3
    assert (run.progress.position, run.progress.end) == (300, 400)
    assert json.loads(json.dumps(describe_run(run), allow_nan=False))["best"] == "000000200"


def test_only_checkpoints_that_were_measured_on_the_same_data_are_compared(tmp_path: Path) -> None:
    run = tmp_path / "performer-1"
    for position, f1, original in ((100, 0.9, 0.1), (200, 0.5, 0.6), (300, 0.4, 0.6)):
        write_checkpoint(run, position, note_f1=f1, note_f1_original=original)
    (run / "run.json").write_text(json.dumps(RECORD))
    found = RunFolder(tmp_path).read_run("performer-1")
    assert (found.best, found.compared) == ("000000200", 2)


def test_a_run_may_be_the_folder_itself_or_empty(runs: Path, tmp_path: Path) -> None:
    assert RunFolder(runs / "performer-1").list_runs() == ["performer-1"]
    assert RunFolder(tmp_path / "nothing").list_runs() == []
    (runs / "gan-2").mkdir()
    (runs / "gan-2" / "run.json").write_text("{half")
    run = RunFolder(runs).read_run("gan-2")
    assert (run.stage, run.checkpoints, run.best, run.progress.end) == ("", (), "", 0)
    with pytest.raises(UsageError):
        RunFolder(runs).read_run("../performer-1")


@pytest.mark.parametrize("cut", [3, 700, 1777, 90_000, -7])
def test_only_new_records_are_read_and_a_half_written_one_waits(runs: Path, cut: int) -> None:
    (path,) = (runs / "logs" / "performer-1").iterdir()
    whole = path.read_bytes()
    path.write_bytes(whole[:cut])
    log = RunLog(path.parent)
    before = {name: len(curve.positions) for name, curve in log.read().items()}
    assert log.read().keys() == before.keys() and sum(before.values()) <= 63
    path.write_bytes(whole)
    assert {name: curve.positions for name, curve in log.read().items()} == {
        "loss": list(range(10, 310, 10)),
        "audio_seconds_per_second": list(range(10, 310, 10)),
        "validation/note_f1": [100, 200, 300],
    }


@pytest.mark.parametrize("content", [b"", b"\0" * 40, b"\xff" * 4000, os.urandom(5000)])
def test_a_damaged_log_is_left_out(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "events.out.tfevents.1").write_bytes(content)
    assert RunLog(tmp_path).read() == {}
    assert RunLog(tmp_path / "missing").read() == {}


def test_a_training_that_went_back_replaces_what_it_wrote() -> None:
    curve = Curve()
    for position, value in ((10, 1.0), (20, 2.0), (30, float("nan")), (20, 4.0), (30, 5.0)):
        curve.add(position, value, position)
    assert (curve.positions, curve.values) == ([10, 20, 30], [1.0, 4.0, 5.0])


def test_a_long_curve_keeps_its_shape_and_its_last_point() -> None:
    curve = Curve()
    for position in range(3 * MOST_POINTS):
        curve.add(position, float(position), float(position))
    assert len(curve.positions) <= MOST_POINTS
    positions, values = curve.thin(50)
    assert len(positions) == len(values) == 50
    assert (positions[0], positions[-1], values[-1]) == (0, 3 * MOST_POINTS - 1, 3 * MOST_POINTS - 1)
    assert values == sorted(values)
    curve.add(10**9, float("inf"), 1.0)
    assert curve.thin(50)[1][-1] is None


def test_a_run_is_running_while_its_folder_is_locked(runs: Path) -> None:
    run = runs / "performer-1"
    if training_runs.is_locked(run) is None:
        pytest.skip("this system does not list its locks")
    with lock_folder(run):
        progress = RunFolder(runs).read_run("performer-1").progress
        assert progress.state == "running"
        assert progress.speed > 0 and progress.seconds_left is not None
    assert RunFolder(runs).read_run("performer-1").progress.state == "stopped"
    write_checkpoint(run, 400)
    assert RunFolder(runs).read_run("performer-1").progress.state == "ended"


def test_without_a_list_of_locks_a_log_that_is_fresh_means_running(runs: Path, monkeypatch) -> None:
    monkeypatch.setattr(training_runs, "LOCKS", runs / "missing")
    run = runs / "performer-1"
    summary = RunFolder(runs).read_run("performer-1")
    arguments = (run, RECORD, summary.checkpoints, summary.curves, 1000.0)
    os.utime(run / "run.json", (1000, 1000))
    os.utime(run / "000000300", (1000, 1000))
    assert measure_progress(*arguments, now=1010.0).state == "running"
    assert measure_progress(*arguments, now=10_000.0).state == "stopped"


def test_the_folder_of_runs_follows_from_the_checkpoint(runs: Path) -> None:
    assert choose_runs_folder(runs / "performer-1") == runs
    assert choose_runs_folder(runs / "performer-1" / "000000200") == runs
    assert choose_runs_folder(runs / "logs") == training_runs.DEFAULT_FOLDER


def test_nothing_of_a_run_changes_and_only_listed_samples_are_sent(runs: Path) -> None:
    before = list_files(runs)
    application = FastAPI()
    application.include_router(make_training_routes(RunFolder(runs)))
    client = TestClient(application)
    assert client.get("/training").json() == {"folder": "runs", "runs": ["performer-1"]}
    assert client.get("/training/run?run=performer-1").json()["progress"]["position"] == 300
    good = "/training/sample?run=performer-1&checkpoint=000000200&sample=validation-0-played.flac"
    answer = client.get(good)
    assert (answer.content, answer.headers["content-type"]) == (b"fLaC", "audio/flac")
    for bad in (
        "/training/run?run=..",
        "/training/run?ran=performer-1",
        "/training/sample?run=performer-1&checkpoint=000000200&sample=weights.safetensors",
        "/training/sample?run=performer-1&checkpoint=000000200&sample=../run.json",
        "/training/sample?run=performer-1&checkpoint=..&sample=run.json",
    ):
        answer = client.get(bad)
        assert answer.status_code == 422 and "\n" not in answer.json()["error"]
    assert list_files(runs) == before


def test_what_a_composer_writes_is_written_on_request(tmp_path: Path) -> None:
    run = tmp_path / "composer-1"
    write_composer(run / "000000100")
    (run / "run.json").write_text(json.dumps({**RECORD, "stage": "composer"}))
    before = list_files(tmp_path)
    application = FastAPI()
    application.include_router(make_training_routes(RunFolder(tmp_path)))
    client = TestClient(application)
    first, again = (client.get("/training/score?run=composer-1&checkpoint=000000100&seed=3").json() for _ in range(2))
    assert first == again and len(first["onsets"]) > 0 and first["seconds"] <= SECONDS + 1e-9
    assert len(parse_score(json.dumps(first).encode()).notes) == len(first["onsets"])
    for bad in ("checkpoint=000000101", "checkpoint=..", "checkpoint=000000100&seed=-1"):
        assert client.get(f"/training/score?run=composer-1&{bad}").status_code == 422
    assert list_files(tmp_path) == before
