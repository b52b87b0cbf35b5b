"""One training loop for any stage: order, progress, saving, resuming, stopping.

What is trained is the stage's business. The loop counts progress in samples seen, hands the stage batches that are a
function of that number alone, looks at what a step returns only now and then (so that the device never waits), and
writes checkpoints from which training goes on bit for bit.
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
from musika.errors import CheckpointError, MusikaError
from musika.files import FolderInUse, describe_error, format_path, lock_folder, open_replacement
from musika.training.feed import Feeder, Interrupts, Looks
from musika.training.stages.protocol import Log, Stage
from musika.training.watchdog import RATE, Places, Retreat

Tree = Any
INTERRUPTED = 130  # exit code
RUN_FILE = "run.json"  # in a run's folder: how the run was started
STATE = "state"  # stem of the file with the whole training state
BAD_LOOKS = 2  # looks in a row at losses that are not finite, after which training goes back


@dataclasses.dataclass(frozen=True)
class Settings:
    """The course of a run."""

    bs: int  # samples in a batch
    totsamples: int  # samples in an epoch
    epochs: int
    save_every: int = 1  # epochs between checkpoints
    seed: int = 0
    minutes: float = 0.0  # after which the run saves and ends; 0 is never
    look_every: int = 50  # steps between two looks at the scalars, at most
    look_seconds: float = 2.0  # after which they are looked at sooner
    ahead: int = 4  # batches prepared in advance
    threads: int = 1  # that prepare them
    notes: Mapping[str, Any] = dataclasses.field(default_factory=dict)  # for each checkpoint's "training"
    keep_states: int = 2  # newest checkpoints of a run that keep the whole state; older ones keep their weights

    @property
    def end(self) -> int:
        """Samples after which the run is over."""
        return self.epochs * self.totsamples


def run(
    stage: Stage,
    settings: Settings,
    folder: Path,
    load_path: Path | None = None,
    log: Log | None = None,
    on_checkpoint: Callable[[Path], None] | None = None,
    record: Mapping[str, Any] | None = None,
) -> int:
    """Trains until the last epoch, the time limit, Ctrl-C, SIGTERM or SIGHUP; each time with a checkpoint at the end.

    Args:
        stage: what is trained.
        settings: for how long, in which steps.
        folder: the run's folder; checkpoints go to `folder/<samples seen>`.
        load_path: a checkpoint with a whole state to go on from.
        log: takes scalars and examples.
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
        settings: Settings,
        folder: Path,
        log: Log | None,
        on_checkpoint: Callable[[Path], None] | None,
    ) -> None:
        self.stage, self.settings, self.folder = stage, settings, folder
        self.log, self.on_checkpoint = log, on_checkpoint
        self.position = 0  # samples seen
        self.saved = 0  # position that is on the disk, or where there is nothing to save yet
        self.begun = time.monotonic()
        self.begun_steps = False  # whether there was a step, which compiles
        self.looks = Looks(settings.look_every, settings.look_seconds, _host)
        self.looked = 0  # position of the last look
        self.state: Tree = None
        self.places: Places

    def train(self, load_path: Path | None) -> int:
        self.state = self.stage.init(self.settings.seed)
        if load_path is not None:
            self.state, self.position = restored(self.state, load_path)
            self.saved = self.position
            rate = float(_host(_flatten(self.state)[RATE]))
            if rate != 1:
                console.say(f"learning rates are {rate:g} of what they are set to, since losses had not been finite")
        if self.position >= self.settings.end:
            console.say(f"all {self.settings.epochs} epochs are done already; a larger --epochs goes on")
            return 0
        self.places, self.looked = Places(self.state, self.position), self.position
        with Interrupts() as interrupts:
            while not self._trained(interrupts):
                pass
        if interrupts.asked:
            console.say("interrupted; the same command with --load_path goes on from there")
            return INTERRUPTED
        return 0

    def _trained(self, interrupts: Interrupts) -> bool:
        """To the end of the run; False when it has gone back to an earlier state instead."""
        try:
            with self._batches() as batches:
                while self.position < self.settings.end and not self._over(interrupts):
                    self._epoch(batches, interrupts)
            if self.saved != self.position:
                self._save(last=True)
        except Retreat:
            return False
        return True

    def _over(self, interrupts: Interrupts) -> bool:
        """Whether to leave before the last epoch ends."""
        limit = self.settings.minutes * 60
        return interrupts.asked or (limit > 0 and time.monotonic() - self.begun >= limit)

    def _epoch(self, batches: Iterator[Tree], interrupts: Interrupts) -> None:
        """To the end of the epoch, or to where the run is to be left."""
        size = self.settings.totsamples
        epoch = self.position // size
        end = min((epoch + 1) * size, self.settings.end)
        if not self.begun_steps:
            console.say("preparing the first step, which takes a while")
            self._step(batches)  # outside the bar, whose speed it would spoil
            self.looked = self.position
            self._rest()
        with console.progress(
            max(0, end - self.position), "samples", f"epoch {epoch + 1}/{self.settings.epochs}"
        ) as bar:
            while self.position < end:
                if self._over(interrupts):
                    return
                self._step(batches)
                bar.status(self.looks.text)
                bar.advance(self.settings.bs)
        if (self.position // size) % self.settings.save_every == 0:
            self._save(last=self.position >= self.settings.end)

    def _step(self, batches: Iterator[Tree]) -> None:
        """One step, and a look at the scalars when it is time."""
        try:
            batch = next(batches)
        except Exception:
            self._keep()
            raise
        self.state, scalars = self.stage.step(self.state, batch)
        self.begun_steps = True
        self.position += self.settings.bs
        self.looks.add(scalars)
        if self.looks.due:
            self._look()

    def _keep(self) -> None:
        """Saves what the data's failure, which is told afterwards, would lose."""
        try:
            if self.saved != self.position:
                self._save(last=True)
        except MusikaError as error:
            console.warn(str(error))

    def _look(self) -> None:
        """What the losses are by now, which is shown and logged; back to a good state if they are not finite."""
        seconds = (self.position - self.looked) * self.stage.sample_seconds
        values, self.looked = self.looks.take(seconds), self.position
        if not values:
            return
        if self.log is not None:
            self.log.write_scalars(self.position, values)
        if self.looks.bad == 0:
            self.places.passed(self.state, self.position)
        elif self.looks.bad >= BAD_LOOKS:
            self._go_back()

    def _rest(self) -> None:
        """Time that is not training's own does not count in its speed."""
        self.looks.last = time.monotonic()

    def _go_back(self) -> NoReturn:
        good = list_checkpoints(self.folder)
        kept = f"the last good checkpoint is {good[-1]}" if good else "there is no checkpoint yet"
        self.state, self.position = self.places.back(self.position, self.looks.text, kept)
        self.looks.bad, self.looked = 0, self.position
        self.looks.take()
        raise Retreat

    def _batches(self) -> contextlib.closing[Feeder]:
        positions = range(self.position, self.settings.end, self.settings.bs)
        return contextlib.closing(Feeder(self.stage.batch, positions, self.settings.ahead, self.settings.threads))

    def _save(self, last: bool) -> None:
        """One checkpoint folder: weights to use, the whole state, examples and their picture."""
        self._look()
        state = {path: _host(leaf) for path, leaf in _flatten(self.state).items()}
        if not all(np.isfinite(leaf).all() for leaf in state.values()):
            self._go_back()
        state["position"] = np.asarray(self.position, np.int64)
        config, weights = self.stage.weights(self.state)
        seconds = round(time.monotonic() - self.begun)
        training = {"stage": self.stage.name, "samples": self.position, "seconds_of_this_run": seconds}
        figures = self._figures()
        config = {**config, "training": {**self.settings.notes, **training, "figures": figures}}
        extra = self._examples()
        target = self.folder / _name(self.position)
        # weights to use are kept as they are shipped, in half precision; what training goes on from is kept exactly
        checkpoint.write(target, config, {**weights, STATE: state}, half=set(weights), extra=extra)
        self.saved = self.position
        for old in list_checkpoints(self.folder)[: -self.settings.keep_states or None]:
            if old != target:
                checkpoint.drop(old, STATE)
        console.say(f"{self.position} samples: {self.looks.text or 'saved'} -> {target}")
        if self.log is not None:
            self.log.flush()
        if self.on_checkpoint is not None and not last:
            self.on_checkpoint(target)
        self._rest()

    def _figures(self) -> dict[str, float]:
        """What the stage measures, for the log and the checkpoint; none where that fails, which is said."""
        try:
            found = {name: float(value) for name, value in self.stage.figures(self.state).items()}
        except Exception as error:  # as with the examples
            console.warn(f"no figures with this checkpoint: {type(error).__name__}: {error}")
            return {}
        found = {name: value for name, value in found.items() if math.isfinite(value)}
        if found:
            console.say("  " + ", ".join(f"{name} {value:.3g}" for name, value in found.items()))
            if self.log is not None:
                self.log.write_scalars(self.position, {f"validation/{name}": value for name, value in found.items()})
        return found

    def _examples(self) -> dict[str, bytes]:
        """Sample audio as FLAC and one picture of all; an example that fails is said and left out."""
        files: dict[str, bytes] = {}
        try:
            samples = [(name.replace(os.sep, "-"), sound) for name, sound in self.stage.preview(self.state)]
            if samples:
                from musika.training.samples import encode_samples

                rate = self.stage.sample_rate
                files, images = encode_samples(samples, rate)
                if self.log is not None:
                    for (name, waveform), image in zip(samples, images, strict=True):
                        self.log.write_sample(self.position, name, waveform, rate, image)
        except Exception as error:  # whatever it is, the weights are worth more than an example
            console.warn(f"no samples with this checkpoint: {type(error).__name__}: {error}")
            files = {}
        return files


def restored(state: Tree, folder: Path) -> tuple[Tree, int]:
    """The state and position that a checkpoint holds.

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


def _name(position: int) -> str:
    return f"{position:09d}"


def _flatten(tree: Tree) -> dict[str, Any]:
    from musika.training import optim  # imports Keras

    return optim.flatten(tree)


def _unflatten(like: Tree, arrays: Mapping[str, Any]) -> Tree:
    from musika.training import optim

    return optim.unflatten(like, arrays)


def _host(leaf: Any) -> np.ndarray:
    from musika import backend

    return backend.to_numpy(leaf)
