"""One training loop for any stage: order, progress, saving, resuming, stopping.

The loop does not know what it trains; that is the stage's part. It counts progress in samples seen, gives the stage
batches that are a function of that number alone, reads the scalars of steps only now and then (so that the device never
waits), and writes checkpoints from which training continues bit for bit.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import math
import os
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from musika import checkpoint, console
from musika.checkpoint.locate import list_checkpoints
from musika.checkpoint.runs import FIGURE, RUN_FILE
from musika.errors import CheckpointError, MusikaError
from musika.files import FolderInUse, describe_error, format_path, lock_folder, open_replacement
from musika.training.feed import Feeder
from musika.training.interrupts import Interrupts
from musika.training.scalars import ScalarReports
from musika.training.stages.protocol import Log, Stage
from musika.training.watchdog import RATE, RolledBack, Watchdog

Tree = Any
INTERRUPTED = 130  # exit code
STATE = "state"  # stem of the file with the whole training state
BAD_REPORTS = 2  # reports in a row of losses that are not finite, after which training goes back


@dataclasses.dataclass(frozen=True)
class LoopSettings:
    """How long a run is, and how often it saves and reports."""

    bs: int  # samples in a batch
    totsamples: int  # samples in an epoch
    epochs: int
    save_every: int = 1  # epochs between checkpoints
    seed: int = 0
    minutes: float = 0.0  # after which the run saves and ends; 0 is never
    report_every: int = 50  # steps between two reports of the scalars, at most
    report_seconds: float = 2.0  # after which a report is due earlier
    ahead: int = 4  # batches made in advance
    threads: int = 1  # that make them
    notes: Mapping[str, Any] = dataclasses.field(default_factory=dict)  # for each checkpoint's "training"
    keep_states: int = 2  # newest checkpoints of a run that keep the whole state; older ones keep their weights

    @property
    def end(self) -> int:
        """Samples after which the run is over."""
        return self.epochs * self.totsamples


def run(
    stage: Stage,
    settings: LoopSettings,
    folder: Path,
    load_path: Path | None = None,
    log: Log | None = None,
    on_checkpoint: Callable[[Path], None] | None = None,
    record: Mapping[str, Any] | None = None,
) -> int:
    """Trains until the last epoch, the time limit, Ctrl-C, SIGTERM or SIGHUP; each time with a checkpoint at the end.

    Args:
        stage: networks and all that trains them.
        settings: how long, and how often to save and report.
        folder: the run's folder; checkpoints go to `folder/<samples seen>`.
        load_path: a checkpoint with a whole state to go on from.
        log: takes scalars and previews.
        on_checkpoint: called with each new checkpoint's folder while training goes on.
        record: what `run.json` in the run's folder says about it, plain JSON values; None leaves it as it is.

    Returns:
        Exit code: 0 when the run is over, 130 when it was interrupted.

    Raises:
        CheckpointError: another process trains in the folder, or has saved a newer checkpoint than the one to go on
            from; the state cannot be read; a checkpoint cannot be written.
        MusikaError: the losses are not finite, however often training went back to a good state and lowered the
            learning rate; or what a batch raised, after a last checkpoint.
    """
    folder = Path(folder)
    with lock_run(folder):
        _check_is_newest(folder, load_path)
        if record is not None:
            _write_record(folder, record)
        return _Run(stage, settings, folder, log, on_checkpoint).train(load_path)


@contextlib.contextmanager
def lock_run(folder: Path) -> Iterator[None]:
    """Keeps other processes from training in a run's folder; the system ends this with the process, however it ends.

    Raises:
        CheckpointError: another process trains there, or the folder cannot be made.
    """
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(lock_folder(folder))
        except FolderInUse:
            raise CheckpointError(
                f"another process is training in {format_path(folder)}: wait until it has ended, or end it first"
            ) from None
        except OSError as error:
            raise CheckpointError(
                f"{format_path(folder)} cannot be written to: {describe_error(error)}", about="save"
            ) from error
        yield


def _check_is_newest(folder: Path, load_path: Path | None) -> None:
    """Raises CheckpointError if a run is to go on from a checkpoint of its own that is not its last any more."""
    if load_path is None or load_path.resolve().parent != folder.resolve():
        return
    last = list_checkpoints(folder)[-1]
    if last.name != load_path.name:
        raise CheckpointError(
            f"{format_path(folder)} has the newer checkpoint {last.name} by now: start again to go on from that"
        )


def _write_record(folder: Path, record: Mapping[str, Any]) -> None:
    try:
        with open_replacement(folder / RUN_FILE) as file:
            file.write(f"{json.dumps(record, indent=2)}\n".encode())
    except OSError as error:
        raise CheckpointError(
            f"{format_path(folder)} cannot be written to: {describe_error(error)}", about="save"
        ) from error


class _Run:
    """One call of `run`."""

    def __init__(
        self,
        stage: Stage,
        settings: LoopSettings,
        folder: Path,
        log: Log | None,
        on_checkpoint: Callable[[Path], None] | None,
    ) -> None:
        self.stage, self.settings, self.folder = stage, settings, folder
        self.log, self.on_checkpoint = log, on_checkpoint
        self.position = 0  # samples seen
        self.saved = 0  # position that is on the disk, or where there is nothing to save yet
        self.start_time = time.monotonic()
        self.has_stepped = False  # the first step compiles
        self.reports = ScalarReports(settings.report_every, settings.report_seconds, _to_host)
        self.reported = 0  # position of the last report
        self.state: Tree = None
        self.watchdog: Watchdog

    def train(self, load_path: Path | None) -> int:
        self.state = self.stage.init_state(self.settings.seed)
        if load_path is not None:
            self.state, self.position = restore_state(self.state, load_path)
            self.saved = self.position
            rate = float(_to_host(_flatten(self.state)[RATE]))
            if rate != 1:
                console.say(f"learning rates are {rate:g} of their settings, since losses were not finite before")
        if self.position >= self.settings.end:
            console.say(f"all {self.settings.epochs} epochs are done: set a larger number of epochs to continue")
            return 0
        self.watchdog, self.reported = Watchdog(self.state, self.position), self.position
        with Interrupts() as interrupts:
            while not self._train_to_end(interrupts):
                pass
        if interrupts.requested:
            console.say("interrupted; to continue, train again and load this run's folder")
            return INTERRUPTED
        return 0

    def _train_to_end(self, interrupts: Interrupts) -> bool:
        """Trains to the end of the run; False when it has gone back to an earlier state instead."""
        try:
            with self._open_feeder() as batches:
                while self.position < self.settings.end and not self._must_end(interrupts):
                    self._train_epoch(batches, interrupts)
            if self.saved != self.position:
                self._save(last=True)
        except RolledBack:
            return False
        return True

    def _must_end(self, interrupts: Interrupts) -> bool:
        """Whether to end before the last epoch does."""
        limit = self.settings.minutes * 60
        return interrupts.requested or (limit > 0 and time.monotonic() - self.start_time >= limit)

    def _train_epoch(self, batches: Iterator[Tree], interrupts: Interrupts) -> None:
        """Trains to the end of the epoch, or until the run must end."""
        size = self.settings.totsamples
        epoch = self.position // size
        end = min((epoch + 1) * size, self.settings.end)
        if not self.has_stepped:
            console.say("preparing the first step, which takes a while")
            self._step(batches)  # outside the progress bar, whose speed it would spoil
            self.reported = self.position
            self.reports.restart_clock()
        with console.progress(
            max(0, end - self.position), "samples", f"epoch {epoch + 1}/{self.settings.epochs}"
        ) as bar:
            while self.position < end:
                if self._must_end(interrupts):
                    return
                self._step(batches)
                bar.status(self.reports.text)
                bar.advance(self.settings.bs)
        if (self.position // size) % self.settings.save_every == 0:
            self._save(last=self.position >= self.settings.end)

    def _step(self, batches: Iterator[Tree]) -> None:
        """One step, and a report of the scalars when it is due."""
        try:
            batch = next(batches)
        except Exception:
            self._save_before_failure()
            raise
        self.state, scalars = self.stage.step(self.state, batch)
        self.has_stepped = True
        self.position += self.settings.bs
        self.reports.add(scalars)
        if self.reports.is_due:
            self._report()

    def _save_before_failure(self) -> None:
        """Saves what would be lost by a failure of the data, which is raised afterwards."""
        try:
            if self.saved != self.position:
                self._save(last=True)
        except MusikaError as error:
            console.warn(str(error))

    def _report(self) -> None:
        """Shows and logs the losses; goes back to a good state if they are not finite."""
        seconds = (self.position - self.reported) * self.stage.sample_seconds
        values, self.reported = self.reports.report(seconds), self.position
        if not values:
            return
        if self.log is not None:
            self.log.write_scalars(self.position, values)
        if self.reports.bad_reports == 0:
            self.watchdog.record_finite(self.state, self.position)
        elif self.reports.bad_reports >= BAD_REPORTS:
            self._roll_back()

    def _roll_back(self) -> NoReturn:
        good = list_checkpoints(self.folder)
        kept = f"the last good checkpoint is {good[-1]}" if good else "there is no checkpoint yet"
        self.state, self.position = self.watchdog.roll_back(self.position, self.reports.text, kept)
        self.reports.bad_reports, self.reported = 0, self.position
        self.reports.report()
        raise RolledBack

    def _open_feeder(self) -> contextlib.closing[Feeder]:
        positions = range(self.position, self.settings.end, self.settings.bs)
        return contextlib.closing(Feeder(self.stage.make_batch, positions, self.settings.ahead, self.settings.threads))

    def _save(self, last: bool) -> None:
        """Writes a checkpoint folder: weights to use, the whole state, previews and their picture."""
        self._report()
        state = {path: _to_host(leaf) for path, leaf in _flatten(self.state).items()}
        if not all(np.isfinite(leaf).all() for leaf in state.values()):
            self._roll_back()
        state["position"] = np.asarray(self.position, np.int64)
        config, weights = self.stage.export_weights(self.state)
        seconds = round(time.monotonic() - self.start_time)
        training = {"stage": self.stage.name, "samples": self.position, "seconds_of_this_run": seconds}
        figures = self._measure()
        config = {**config, "training": {**self.settings.notes, **training, "figures": figures}}
        extra = self._render_previews()
        target = self.folder / _format_name(self.position)
        # weights to use are stored as they are shipped, in half precision; the state to resume from is exact
        checkpoint.write(target, config, {**weights, STATE: state}, half=set(weights), extra=extra)
        self.saved = self.position
        for old in list_checkpoints(self.folder)[: -self.settings.keep_states or None]:
            if old != target:
                checkpoint.drop(old, STATE)
        console.say(f"{self.position} samples: {self.reports.text or 'saved'} -> {target}")
        if self.log is not None:
            self.log.flush()
        if self.on_checkpoint is not None and not last:
            self.on_checkpoint(target)
        self.reports.restart_clock()

    def _measure(self) -> dict[str, float]:
        """The stage's figures, for the log and the checkpoint; none, and a warning, where measuring fails."""
        try:
            figures = {name: float(value) for name, value in self.stage.measure(self.state).items()}
        except Exception as error:  # as with the previews
            console.warn(f"no figures with this checkpoint: {type(error).__name__}: {error}")
            return {}
        figures = {name: value for name, value in figures.items() if math.isfinite(value)}
        if figures:
            console.say("  " + ", ".join(f"{name} {value:.3g}" for name, value in figures.items()))
            if self.log is not None:
                self.log.write_scalars(self.position, {f"{FIGURE}{name}": value for name, value in figures.items()})
        return figures

    def _render_previews(self) -> dict[str, bytes]:
        """Previews as FLAC files and one picture of all; none, and a warning, where that fails."""
        files: dict[str, bytes] = {}
        try:
            samples = [(name.replace(os.sep, "-"), sound) for name, sound in self.stage.render_previews(self.state)]
            if samples:
                from musika.training.samples import encode_samples

                rate = self.stage.sample_rate
                files, images = encode_samples(samples, rate)
                if self.log is not None:
                    for (name, waveform), image in zip(samples, images, strict=True):
                        self.log.write_sample(self.position, name, waveform, rate, image)
        except Exception as error:  # whatever it is, the weights are worth more than a preview
            console.warn(f"no samples with this checkpoint: {type(error).__name__}: {error}")
            files = {}
        return files


def restore_state(state: Tree, folder: Path) -> tuple[Tree, int]:
    """Reads the state and position of a checkpoint.

    Args:
        state: a state of the same structure and shapes.
        folder: the checkpoint.

    Raises:
        CheckpointError: it has none, or one of another structure.
    """
    template = _flatten(state)
    expected = {path: tuple(np.shape(leaf)) for path, leaf in template.items()}
    if RATE not in checkpoint.read_shapes(folder, STATE):  # written before there was one
        expected.pop(RATE, None)
    arrays = checkpoint.read(folder, STATE, {**expected, "position": ()})
    arrays = {path: leaf for path, leaf in template.items() if path not in arrays} | arrays
    position = int(arrays.pop("position"))
    for path, leaf in template.items():
        if arrays[path].dtype != np.dtype(str(leaf.dtype)):
            raise CheckpointError(f"{folder}: {path!r} of the state is {arrays[path].dtype} and not {leaf.dtype}")
    if position < 0:
        raise CheckpointError(f"{folder}: position {position} is negative")
    return _unflatten(state, arrays), position


def _format_name(position: int) -> str:
    return f"{position:09d}"


def _flatten(tree: Tree) -> dict[str, Any]:
    from musika.training import optim  # imports Keras

    return optim.flatten(tree)


def _unflatten(like: Tree, arrays: Mapping[str, Any]) -> Tree:
    from musika.training import optim

    return optim.unflatten(like, arrays)


def _to_host(leaf: Any) -> np.ndarray:
    from musika import backend

    return backend.to_numpy(leaf)
