"""The one place for what a person reads: lines, warnings, progress, errors; and silence from everybody else."""

from __future__ import annotations

import contextlib
import importlib.machinery
import logging
import os
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from types import ModuleType
from typing import Any

from musika.errors import MusikaError

FRAMEWORKS = ("tensorflow", "jax", "jaxlib")
LINE_EVERY = 30.0  # seconds between two lines of progress without a terminal


def say(text: str = "") -> None:
    """One line (or several) for the person who runs the command, on standard output."""
    print(text, flush=True)


def warn(text: str) -> None:
    """One line on standard error that does not stop anything."""
    print(f"warning: {text}", file=sys.stderr, flush=True)


def fail(text: str) -> None:
    """One line on standard error about what could not be done."""
    print(f"error: {' '.join(text.split())}", file=sys.stderr, flush=True)


def run_guarded(action: Callable[[], int], verbose: bool) -> int:
    """Runs a command and turns whatever happens into an exit code and at most one line.

    Returns:
        The action's own code; 2 for a MusikaError or a fault of the program, 130 when interrupted, 141 when the reader
        of the output has gone.
    """
    try:
        return action()
    except MusikaError as error:
        if verbose:
            traceback.print_exc()
        fail(str(error))
        return 2
    except KeyboardInterrupt:
        print("\ninterrupted", file=sys.stderr, flush=True)
        return 130
    except BrokenPipeError:
        # whoever read our output has left; Python must not try to flush into the closed pipe again
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except Exception as error:
        if verbose:
            traceback.print_exc()
        what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        fail(f"a fault of the program ({_shortened(what)})" + ("" if verbose else "; --verbose shows the traceback"))
        return 2


def _shortened(text: str, limit: int = 300) -> str:
    line = " ".join(text.split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


class Progress:
    """How far a task is; made by `progress`."""

    def __init__(self, total: float | None, unit: str, label: str) -> None:
        self.total, self.unit, self.label = total, unit, label
        self.done = 0.0
        self._begun = self._said = time.monotonic()
        self._next_share = 0.1
        self._bar: Any = None
        if sys.stderr.isatty():
            import tqdm  # type: ignore[import-untyped]

            times = "[{elapsed}<{remaining}, {rate_noinv_fmt}{postfix}]"
            form = "{desc}: {percentage:3.0f}% {bar} {n:.0f}/{total:.0f} {unit} " + times
            form_of_known = form if total else None
            self._bar = tqdm.tqdm(
                total=total, unit=unit, desc=label, bar_format=form_of_known, leave=False, dynamic_ncols=True
            )

    def advance(self, amount: float = 1) -> None:
        """Says that `amount` more units are done."""
        self.done += amount
        if self._bar is not None:
            left = amount if self._bar.total is None else self._bar.total - self._bar.n
            self._bar.update(min(amount, left))  # beyond its end a bar no longer knows its total
        else:
            self._line()

    def note(self, text: str) -> None:
        """`say`, above the bar."""
        if self._bar is not None:
            self._bar.write(text, file=sys.stdout)
        else:
            say(text)

    def status(self, text: str) -> None:
        """A few words behind the bar, such as a loss or a speed; a terminal alone shows them at once."""
        if self._bar is not None:
            self._bar.set_postfix_str(text, refresh=False)

    @property
    def rate(self) -> float:
        """Units a second so far."""
        return self.done / max(time.monotonic() - self._begun, 1e-9)

    def close(self) -> None:
        """Takes the bar away."""
        if self._bar is not None:
            self._bar.close()

    def _line(self) -> None:
        """Without a terminal: a line at each tenth, and at least every so often, but none for what is over at once."""
        now = time.monotonic()
        share = self.done / self.total if self.total else 0.0
        late = now - self._said >= LINE_EVERY
        if not late and (share < self._next_share or share >= 1 or now - self._said < 1):
            return
        self._next_share, self._said = int(share * 10 + 1) / 10, now
        whole = f" of {self.total:.0f}" if self.total is not None else ""
        part = f" ({share:.0%})" if self.total else ""
        speed = f"{self.rate:.3g} {self.unit}/s"
        print(f"{self.label}: {self.done:.0f}{whole} {self.unit}{part}, {speed}", file=sys.stderr, flush=True)


@contextlib.contextmanager
def progress(total: float | None, unit: str, label: str) -> Iterator[Progress]:
    """`with progress(60, "s", "generate") as bar: bar.advance(1.5)`; total None where the end is not known."""
    bar = Progress(total, unit, label)
    try:
        yield bar
    finally:
        bar.close()


def hide_gpus() -> None:
    """Leaves the process with its processor alone; must run before a framework is imported."""
    os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
    os.environ["JAX_PLATFORMS"] = "cpu"


def quiet_frameworks(verbose: bool) -> None:
    """Chooses Keras's backend and silences what frameworks print; must run before they are imported."""
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    if not any(isinstance(finder, _FrameworkImport) for finder in sys.meta_path):
        sys.meta_path.insert(0, _FrameworkImport(hush=not verbose))
    if verbose:
        return
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    os.environ["GRPC_VERBOSITY"] = "ERROR"
    os.environ.setdefault("HF_HUB_VERBOSITY", "error")
    warnings.filterwarnings("ignore")
    for name in ("tensorflow", "absl", "jax", "jax._src.xla_bridge", "httpx", "asyncio", "matplotlib", "tensorboard"):
        logging.getLogger(name).setLevel(logging.ERROR)


class _FrameworkImport:
    """Finds frameworks as usual, but makes their import quiet and short.

    Their C++ parts print lines on standard error at start-up (about CUDA, about processor features) before any setting
    is read. And while Keras is imported, it would load scikit-learn, and TensorFlow would load JAX, where those happen
    to be installed: for wrappers that are not used here, and for a quarter of the time until the first sound.
    """

    def __init__(self, hush: bool) -> None:
        self.hush = hush
        self.withheld: tuple[str, ...] = ()  # answered as if they were not installed, for the moment

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name in self.withheld:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        if name == "keras" or (name in FRAMEWORKS and self.hush):
            spec = importlib.machinery.PathFinder.find_spec(name, path, target)
            if spec is not None and spec.loader is not None:
                self._wrap(name, spec.loader)
            return spec
        return None

    def _wrap(self, name: str, loader: Any) -> None:
        execute = loader.exec_module

        def exec_module(module: ModuleType) -> None:
            if name == "keras":
                others = ("sklearn",) if os.environ["KERAS_BACKEND"] != "tensorflow" else ("sklearn", "jax")
                self.withheld = tuple(other for other in others if other not in sys.modules)
            try:
                with silence_stderr() if self.hush else contextlib.nullcontext():
                    execute(module)
            finally:
                if name == "keras":
                    self.withheld = ()

        loader.exec_module = exec_module


@contextlib.contextmanager
def silence_stderr() -> Iterator[None]:
    """Standard error of this process, C++ included, goes nowhere; after an exception, what was held back is shown."""
    try:
        descriptor = sys.stderr.fileno()
        kept = os.dup(descriptor)
    except (OSError, ValueError, AttributeError):
        yield  # there is no real standard error to hush
        return
    with tempfile.TemporaryFile() as held:
        sys.stderr.flush()
        os.dup2(held.fileno(), descriptor)
        try:
            yield
        except BaseException:
            os.dup2(kept, descriptor)
            held.seek(0)
            os.write(descriptor, held.read())
            raise
        finally:
            os.dup2(kept, descriptor)
            os.close(kept)
