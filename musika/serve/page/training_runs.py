"""What training runs have written, for the page: read only, and whatever is missing or half-written is left out.

A run is a folder with `run.json` and checkpoints. Nothing here locks, writes or removes anything, so a training cannot
notice that it is watched.
"""

from __future__ import annotations

import dataclasses
import json
import math
import os
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from musika import checkpoint
from musika.checkpoint.locate import list_checkpoints
from musika.checkpoint.runs import FIGURE, RUN_FILE, THROUGHPUT
from musika.errors import UsageError
from musika.serve.page.training_logs import Curve, RunLog

DEFAULT_FOLDER = Path("checkpoints")
MAX_RUNS = 100  # newest ones that are listed
MAX_CHECKPOINTS = 500
MAX_JSON = 1 << 20  # bytes of run.json
POINTS = 300  # of a curve that is sent
RECENT = 600.0  # seconds of a log that the speed is measured over
SILENCE = 180.0  # seconds after which a run without a lock that can be seen counts as stopped
LOCKS = Path("/proc/locks")  # Linux: which files and folders are locked
SAMPLE_TYPES = {".flac": "audio/flac", ".png": "image/png", ".mid": "audio/midi"}
# the figure that says which checkpoint is best, by stage, and whether more is better; the first that is there counts
JUDGES: Mapping[str, tuple[tuple[str, bool], ...]] = {
    "gan": (("frechet_clips", False), ("frechet_latents", False)),
    "codec": (("log_mel", False),),
    "performer": (("note_f1", True), ("loss", False)),
    "edit": (("loss", False),),
    "composer": (("nats_per_note", False),),
}


@dataclasses.dataclass(frozen=True)
class CheckpointSummary:
    """A checkpoint of a run.

    Attributes:
        name: of its folder.
        position: examples seen.
        figures: that were measured when it was written.
        samples: names of its audio, MIDI and picture files.
    """

    name: str
    position: int
    figures: Mapping[str, float]
    samples: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Progress:
    """How far a run is.

    Attributes:
        state: "running", "ended" or "stopped" before its end.
        position: examples seen.
        end: examples after which the run is over; 0 where it does not say.
        speed: examples a second, lately; 0 where nothing is known.
        seconds_left: None where nothing is known.
        updated: seconds since 1970 of the last sign of life.
    """

    state: str
    position: int
    end: int
    speed: float
    seconds_left: float | None
    updated: float


@dataclasses.dataclass(frozen=True)
class RunSummary:
    """A run.

    Attributes:
        name: of its folder.
        stage: what it trains; "" where it does not say.
        progress: how far it is.
        checkpoints: oldest first.
        judge: the figure that says which checkpoint is best; "" where there is none.
        more_is_better: of that figure.
        best: name of the best checkpoint; "" where there is none.
        compared: how many checkpoints it is the best of.
        curves: of losses, figures and throughput, by name.
        settings: hyperparameters of the training.
    """

    name: str
    stage: str
    progress: Progress
    checkpoints: tuple[CheckpointSummary, ...]
    judge: str
    more_is_better: bool
    best: str
    compared: int
    curves: Mapping[str, Curve]
    settings: Mapping[str, Any]


class RunFolder:
    """The runs in a folder, or the one run that the folder is.

    Args:
        folder: what trainings write to.
        log_folder: where their logs are; None looks where the run says, and beside it.
    """

    def __init__(self, folder: Path, log_folder: Path | None = None) -> None:
        self.folder, self.log_folder = folder, log_folder
        self._logs: dict[str, RunLog] = {}
        self._lock = threading.Lock()

    def list_runs(self) -> list[str]:
        """Names of the runs, the one that was started last first."""
        return [path.name for path in self._find_runs()]

    def read_run(self, name: str) -> RunSummary:
        """Everything about one run.

        Raises:
            UsageError: there is no such run.
        """
        run = self._get_run(name)
        record = read_record(run)
        stage = record.get("stage")
        stage = stage if isinstance(stage, str) else ""
        checkpoints = tuple(map(summarize_checkpoint, list_checkpoints(run)[-MAX_CHECKPOINTS:]))
        log = self._get_log(run, record)
        curves = add_figures(log.read(), checkpoints)
        judge, more_is_better = choose_judge(stage, checkpoints)
        settings = record.get("train")
        return RunSummary(
            name=name,
            stage=stage,
            progress=measure_progress(run, record, checkpoints, curves, log.last_time),
            checkpoints=checkpoints,
            judge=judge,
            more_is_better=more_is_better,
            best=find_best(checkpoints, judge, more_is_better),
            compared=sum(has_same_data(entry, checkpoints[-1]) for entry in checkpoints),
            curves=curves,
            settings=settings if isinstance(settings, dict) else {},
        )

    def find_sample(self, run: str, checkpoint_name: str, sample: str) -> Path:
        """The path of a sample of a checkpoint. Only names that were listed are found.

        Raises:
            UsageError: there is none of that name.
        """
        folder = self.find_checkpoint(run, checkpoint_name)
        if sample in list_samples(folder):
            return folder / sample
        raise UsageError("there is no such sample: the checkpoint may have been removed")

    def find_checkpoint(self, run: str, name: str) -> Path:
        """The folder of a checkpoint of a run.

        Raises:
            UsageError: there is none of that name.
        """
        for folder in list_checkpoints(self._get_run(run)):
            if folder.name == name:
                return folder
        raise UsageError("there is no such checkpoint: it may have been removed")

    def _find_runs(self) -> list[Path]:
        runs = [path for path in (self.folder, *self._list_folders()) if is_run(path)]
        return sorted(runs, key=lambda path: (_find_time(path / RUN_FILE), path.name), reverse=True)[:MAX_RUNS]

    def _list_folders(self) -> list[Path]:
        try:
            return [path for path in self.folder.iterdir() if path.is_dir()]
        except OSError:
            return []

    def _get_run(self, name: str) -> Path:
        for path in self._find_runs():
            if path.name == name:
                return path
        raise UsageError("there is no such training run: it may have been removed")

    def _get_log(self, run: Path, record: Mapping[str, Any]) -> RunLog:
        with self._lock:
            log = self._logs.get(run.name)
            if log is None or not log.folder.is_dir():
                log = self._logs[run.name] = RunLog(find_log(run, record, self.log_folder))
            return log


def choose_runs_folder(path: Path) -> Path:
    """The folder of runs for a page that plays a checkpoint: that of its run, or where trainings write by default."""
    folder = path.resolve()
    run = next((candidate for candidate in (folder, folder.parent) if is_run(candidate)), None)
    return DEFAULT_FOLDER if run is None else run.parent


def is_run(path: Path) -> bool:
    """Whether a folder is that of a training run."""
    return (path / RUN_FILE).is_file()


def read_record(run: Path) -> dict[str, Any]:
    """What `run.json` says; nothing where it cannot be read."""
    try:
        with open(run / RUN_FILE, "rb") as file:
            data = file.read(MAX_JSON + 1)
        record = json.loads(data) if len(data) <= MAX_JSON else {}
    except (OSError, ValueError, RecursionError):
        return {}
    return record if isinstance(record, dict) else {}


def summarize_checkpoint(folder: Path) -> CheckpointSummary:
    """What a checkpoint says about itself; its files are not compared with their checksums."""
    try:
        with open(folder / checkpoint.CONFIG, "rb") as file:
            config = json.loads(file.read(checkpoint.folder.MAX_JSON))
        training = config["training"]
        figures = {str(name): float(value) for name, value in training.get("figures", {}).items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        figures = {}
    figures = {name: value for name, value in figures.items() if math.isfinite(value)}
    return CheckpointSummary(folder.name, int(folder.name), figures, list_samples(folder))


def list_samples(folder: Path) -> tuple[str, ...]:
    """Names of the files of a checkpoint that a browser can show, sorted."""
    try:
        names = sorted(os.listdir(folder))
    except OSError:  # it is being replaced
        return ()
    return tuple(name for name in names if Path(name).suffix in SAMPLE_TYPES)


def add_figures(curves: Mapping[str, Curve], checkpoints: tuple[CheckpointSummary, ...]) -> dict[str, Curve]:
    """The curves of a log, and those of the figures that only the checkpoints tell."""
    found = dict(curves)
    names = dict.fromkeys(name for entry in checkpoints for name in entry.figures)
    for name in names:
        if f"{FIGURE}{name}" in found:
            continue
        curve = found[f"{FIGURE}{name}"] = Curve()
        for entry in checkpoints:
            if name in entry.figures:
                curve.add(entry.position, entry.figures[name], 0.0)
    return found


def choose_judge(stage: str, checkpoints: tuple[CheckpointSummary, ...]) -> tuple[str, bool]:
    """The figure that says which checkpoint is best, and whether more is better; ("", False) where there is none."""
    for name, more_is_better in JUDGES.get(stage, ()):
        if any(name in entry.figures for entry in checkpoints):
            return name, more_is_better
    return "", False


def find_best(checkpoints: tuple[CheckpointSummary, ...], judge: str, more_is_better: bool) -> str:
    """Name of the best checkpoint by a figure; of equal ones the first. "" where none has the figure.

    Only checkpoints that were measured on the same data as the newest one are compared.
    """
    measured = [entry for entry in checkpoints if judge in entry.figures]
    scored = [(entry.figures[judge], entry.name) for entry in measured if has_same_data(entry, measured[-1])]
    if not scored:
        return ""
    best = max if more_is_better else min
    return best(scored, key=lambda item: item[0])[1]


def has_same_data(first: CheckpointSummary, second: CheckpointSummary) -> bool:
    """Whether two checkpoints were measured on the same data: figures of the data itself do not differ."""
    names = {name for entry in (first, second) for name in entry.figures if is_of_data(name)}
    unknown = math.nan
    return all(
        math.isclose(first.figures.get(name, unknown), second.figures.get(name, unknown), rel_tol=1e-3, abs_tol=1e-6)
        for name in names
    )


def is_of_data(name: str) -> bool:
    """Whether a figure is of the data that checkpoints are measured on, and not of a checkpoint."""
    return name.startswith("real_") or name.endswith(("_original", "_halves", "_repeated", "_repeated_end"))


def measure_progress(
    run: Path,
    record: Mapping[str, Any],
    checkpoints: tuple[CheckpointSummary, ...],
    curves: Mapping[str, Curve],
    last_time: float,
    now: float | None = None,
) -> Progress:
    """How far a run is, from what it has written.

    Args:
        last_time: seconds since 1970 of the newest point of its log; 0 where there is none.
        now: None takes the clock.
    """
    now = time.time() if now is None else now
    logged = max((curve.positions[-1] for curve in curves.values()), default=0)
    saved = checkpoints[-1].position if checkpoints else 0
    position, end = max(logged, saved), _find_end(record)
    updated = max(last_time, _find_time(run / RUN_FILE), _find_time(run / checkpoints[-1].name) if checkpoints else 0.0)
    locked = is_locked(run)
    is_running = now - updated < SILENCE if locked is None else locked
    state = "running" if is_running else "ended" if end and position >= end else "stopped"
    speed = measure_speed(curves)
    left = (end - position) / speed if state == "running" and speed > 0 and end > position else None
    return Progress(state, position, end, speed, left, updated)


def measure_speed(curves: Mapping[str, Curve]) -> float:
    """Examples a second over the last minutes of a log, pauses for checkpoints included; 0 where nothing is known."""
    losses = [curve for name, curve in curves.items() if "/" not in name and len(curve.times) > 1]
    if not losses:
        return 0.0
    curve = max(losses, key=lambda entry: entry.times[-1])
    first = next(k for k, moment in enumerate(curve.times) if moment >= curve.times[-1] - RECENT)
    first = min(first, len(curve.times) - 2)
    seconds = curve.times[-1] - curve.times[first]
    return (curve.positions[-1] - curve.positions[first]) / seconds if seconds > 0 else 0.0


def is_locked(run: Path) -> bool | None:
    """Whether a process trains in a folder; None where the system does not say.

    The locks are looked up in the kernel's list. Trying the lock could make a training fail that starts just then.
    """
    try:
        status = run.stat()
        lines = LOCKS.read_text("ascii", "replace").splitlines()
    except OSError:
        return None
    place = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}:{status.st_ino}"
    return any(f" {place} " in line and "FLOCK" in line and "->" not in line for line in lines)


def find_log(run: Path, record: Mapping[str, Any], log_folder: Path | None = None) -> Path:
    """The folder of a run's log: the one that is named, that the run says, or one of the usual places."""
    said = record.get("log_path")
    choices = [log_folder / run.name] if log_folder is not None else []
    choices += [Path(said)] if isinstance(said, str) and said else []
    choices += [run.parent / "logs" / run.name, run.parent.parent / "logs" / run.name, Path("logs") / run.name]
    return next((path for path in choices if path.is_dir()), choices[0])


def describe_run(summary: RunSummary) -> dict[str, Any]:
    """A run as plain JSON values, its curves thinned."""
    described = {
        field.name: getattr(summary, field.name) for field in dataclasses.fields(summary) if field.name != "curves"
    }
    described["progress"] = dataclasses.asdict(summary.progress)
    described["checkpoints"] = [dataclasses.asdict(entry) for entry in summary.checkpoints]
    described["curves"] = [
        {"name": name, "kind": _sort_curve(name), "positions": positions, "values": values}
        for name, (positions, values) in ((name, curve.thin(POINTS)) for name, curve in summary.curves.items())
    ]
    return described


def _sort_curve(name: str) -> str:
    """What a curve is: "figure" of a checkpoint, "speed", or "loss"."""
    if name == THROUGHPUT:
        return "speed"
    return "figure" if name.startswith(FIGURE) else "loss"


def _find_end(record: Mapping[str, Any]) -> int:
    train = record.get("train")
    if not isinstance(train, dict):
        return 0
    epochs, size = train.get("epochs"), train.get("totsamples")
    return epochs * size if isinstance(epochs, int) and isinstance(size, int) and min(epochs, size) > 0 else 0


def _find_time(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
