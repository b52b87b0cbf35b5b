"""The one place for what a person reads: lines, warnings, progress, errors and exit codes. Standard library only."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import sys
import threading
import time
import traceback
import weakref
from collections.abc import Callable, Iterator
from types import CodeType, FrameType
from typing import Any, BinaryIO, TextIO

from musika.errors import MusikaError
from musika.files import escape, is_writing

LINE_EVERY = 30.0  # seconds between two lines of progress without a terminal
INTERRUPTED = "interrupted"
PATIENCE = 0.02  # seconds until a signal that came at a bad time is looked at again
LOOK_AGAIN = 0.5  # seconds between looks at whether an interruption was lost
REQUIREMENTS = "pip install -r requirements.txt"


def say(text: str = "") -> None:
    """One line (or several) for the person who runs the command, on standard output."""
    _write(sys.stdout, text)


@contextlib.contextmanager
def take_stdout() -> Iterator[BinaryIO]:
    """Standard output for bytes, while all lines for the person go to standard error.

    When its reader leaves, writing raises BrokenPipeError; nothing more is then written to it.
    """
    descriptor = os.dup(sys.stdout.fileno())
    before, sys.stdout = sys.stdout, sys.stderr
    try:
        with open(descriptor, "wb", buffering=0) as file:
            yield file
    except BrokenPipeError:
        _discard(before)
        raise
    finally:
        sys.stdout = before


def warn(text: str) -> None:
    """One line on standard error that does not stop anything."""
    _write(sys.stderr, f"warning: {text}")


def fail(text: str) -> None:
    """One line on standard error about what could not be done."""
    _write(sys.stderr, f"error: {' '.join(text.split())}")


def prepare_streams() -> None:
    """Makes input and output usable whatever the process was started with. Must run before any file is opened.

    - A stream that is closed (`2>&-`, a service) becomes an empty one. Otherwise the next file that is opened gets its
      number, and lines that C libraries print end up in that file.
    - What the encoding of the output does not have is escaped, and ends nothing.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # it gets the lowest free number: this one
        if getattr(sys, name) is None:
            mode = "w" if number else "r"
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115 - as long as Python
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _write(stream: TextIO | None, text: str) -> None:
    """Prints lines at once. Work goes on where the stream is closed, or on a full disk, or its terminal has gone.

    Raises:
        BrokenPipeError: the reader of standard output has left, as `head` does; in the main thread only.
    """
    if stream is None:
        return
    line = escape(text, keep="\n\t") + "\n"
    try:
        try:
            stream.write(line)
        except UnicodeEncodeError:  # a stream that `prepare_streams` could not change
            stream.write(line.encode("ascii", "backslashreplace").decode("ascii"))
        stream.flush()
    except BrokenPipeError:
        if stream is not sys.stdout:
            _discard(stream)
        elif threading.current_thread() is threading.main_thread():
            _discard(stream)
            raise  # in another thread it would end nothing; the main thread meets it with its next line
    except OSError:
        _discard(stream)
    except ValueError:
        pass  # it has been closed


def _discard(stream: TextIO) -> None:
    """Lets everything that is still written to a stream go nowhere, so that Python does not fail on it at the end."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def run_guarded(action: Callable[[], int], verbose: bool, restore_stderr: Callable[[], object] | None = None) -> int:
    """Runs a command and turns whatever happens into an exit code and at most one line.

    Args:
        restore_stderr: is called before a line of a process that ends in the middle of an import.

    Returns:
        The action's own code; 2 for a MusikaError or a fault of the program; 130 when interrupted; 143 when asked to
        end (SIGTERM); 129 when the terminal was closed (SIGHUP); 141 when the reader of the output has left.
    """

    def say_interrupted() -> None:
        if restore_stderr is not None:
            restore_stderr()
        _write(sys.stderr, f"\n{INTERRUPTED}")

    try:
        with EndOnSignals(say_interrupted):
            return action()
    except MusikaError as error:
        if verbose:
            traceback.print_exc()
        fail(str(error))
        return 2
    except KeyboardInterrupt as interrupt:
        _write(sys.stderr, f"\n{INTERRUPTED}")
        return 128 + (interrupt.number if isinstance(interrupt, Terminated) else signal.SIGINT)
    except BrokenPipeError:
        _discard(sys.stdout)
        return 141
    except Exception as error:
        if verbose:
            traceback.print_exc()
        fail(_describe_fault(error, verbose))
        return 2


class Terminated(KeyboardInterrupt):
    """The process was asked to end, by Ctrl-C or otherwise: what has been begun is cleaned up.

    Attributes:
        number: of the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


class EndOnSignals:
    """Ctrl-C, SIGTERM and SIGHUP raise `Terminated` in the main thread, once, so that no unfinished files are left.

    Not where C code would print the exception or make another of it. In the middle of an import, the process ends at
    once if it writes no file, and after the import if it does. In a function that libsndfile calls, it ends afterwards.
    An exception that is lost nevertheless, such as one that is raised while an object is freed, is raised again.

    Args:
        say: is called before the process ends at once.
    """

    def __init__(self, say: Callable[[], object] | None = None) -> None:
        self._say = say
        self._before: dict[int, Any] = {}  # number of a signal -> its handler
        self._raised: weakref.ref[Terminated] | None = None
        self._has_timer = False
        self._report_lost = sys.unraisablehook

    def __enter__(self) -> None:
        if threading.current_thread() is threading.main_thread():
            for name in ("SIGINT", "SIGTERM", "SIGHUP"):
                number = getattr(signal, name, None)  # Windows has no SIGHUP
                usual = signal.default_int_handler if name == "SIGINT" else signal.SIG_DFL
                if number is not None and signal.getsignal(number) is usual:  # `nohup` ignores SIGHUP
                    self._before[number] = signal.signal(number, self._end)
        if self._before:
            sys.unraisablehook = self._skip_lost

    def __exit__(self, *error: object) -> None:
        if self._has_timer:
            signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in self._before.items():
            signal.signal(number, handler)
        if self._before:
            sys.unraisablehook = self._report_lost

    def _end(self, number: int, frame: FrameType | None) -> None:
        is_importing = _is_importing(frame)
        if is_importing and not is_writing():
            if self._say is not None:
                self._say()
            os._exit(128 + number)
        if (is_importing or _is_called_by_libsndfile(frame)) and hasattr(signal, "setitimer"):
            self._start_timer(lambda _, now: self._end(number, now), PATIENCE)
            return
        for other in self._before:
            signal.signal(other, signal.SIG_IGN)  # cleaning up is not to be interrupted by the next one
        if hasattr(signal, "setitimer"):
            self._start_timer(lambda _, now: self._look_again(number, now), LOOK_AGAIN, LOOK_AGAIN)
        raise self._make_exception(number)  # no variable here holds it: it is gone once nobody handles it

    def _start_timer(self, action: Callable[[int, FrameType | None], None], delay: float, interval: float = 0) -> None:
        """Calls `action` after a delay, and then at each interval if there is one. It is the only timer."""
        self._has_timer = True
        signal.signal(signal.SIGALRM, action)
        signal.setitimer(signal.ITIMER_REAL, delay, interval)

    def _make_exception(self, number: int) -> Terminated:
        exception = Terminated(number)
        self._raised = weakref.ref(exception)
        return exception

    def _look_again(self, number: int, frame: FrameType | None) -> None:
        if self._raised is not None and self._raised() is None:
            self._end(number, frame)

    def _skip_lost(self, lost: Any) -> None:
        if not isinstance(lost.exc_value, Terminated):  # which is no fault, and will be raised again
            self._report_lost(lost)


def _is_importing(frame: FrameType | None) -> bool:
    """Whether a module is being imported, somewhere below what runs now."""
    return any(code.co_filename.startswith("<frozen importlib") for code in _list_codes(frame))


def _is_called_by_libsndfile(frame: FrameType | None) -> bool:
    """Whether what runs now reads or writes for libsndfile, in a function that the package soundfile gives it."""
    return any(
        code.co_name.startswith("vio_") and code.co_filename.endswith("soundfile.py") for code in _list_codes(frame)
    )


def _list_codes(frame: FrameType | None) -> Iterator[CodeType]:
    """The code of what runs now, and of what called it."""
    while frame is not None:
        yield frame.f_code
        frame = frame.f_back


def _describe_fault(error: Exception, verbose: bool) -> str:
    """One line about an exception that no part of Musika foresees."""
    if isinstance(error, ModuleNotFoundError) and error.name and not error.name.startswith("musika"):
        return f"the Python package {error.name.split('.')[0]} is not installed: run {REQUIREMENTS}"
    what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return f"a fault of the program ({_shorten(what)})" + ("" if verbose else "; --verbose shows the traceback")


def _shorten(text: str, limit: int = 300) -> str:
    line = " ".join(text.split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


class Progress:
    """How far a task is; made by `progress`.

    Args:
        total: amount of the whole task; None where it is not known.
        unit: of amounts, such as "s" or "files".
        label: name of the task.
    """

    def __init__(self, total: float | None, unit: str, label: str) -> None:
        self.total, self.unit, self.label = total, unit, escape(label)
        self.done = 0.0
        self._start = self._last_line = time.monotonic()
        self._next_share = 0.1
        self._bar = _make_bar(total, unit, self.label) if _is_terminal(sys.stderr) else None

    def advance(self, amount: float = 1) -> None:
        """Says that `amount` more units are done."""
        self.done += amount
        if self._bar is not None:
            left = amount if self._bar.total is None else self._bar.total - self._bar.n
            self._bar.update(min(amount, left))  # beyond its end a bar no longer knows its total
        else:
            self._write_line()

    def note(self, text: str) -> None:
        """`say`, above the bar."""
        if self._bar is not None:
            with self._bar.external_write_mode(file=sys.stdout):
                say(text)
        else:
            say(text)

    def status(self, text: str) -> None:
        """A few words behind the bar, such as a loss or a speed; without a terminal they are not shown."""
        if self._bar is not None:
            self._bar.set_postfix_str(escape(text), refresh=False)

    def close(self) -> None:
        """Removes the bar."""
        if self._bar is not None:
            self._bar.close()

    def _write_line(self) -> None:
        """Without a terminal: a line at each tenth and every 30 s, but none for tasks that end within a second."""
        now = time.monotonic()
        share = self.done / self.total if self.total else 0.0
        late = now - self._last_line >= LINE_EVERY
        if not late and (share < self._next_share or share >= 1 or now - self._last_line < 1):
            return
        self._next_share, self._last_line = int(share * 10 + 1) / 10, now
        whole = f" of {self.total:.0f}" if self.total is not None else ""
        part = f" ({share:.0%})" if self.total else ""
        speed = f"{self.done / max(now - self._start, 1e-9):.3g} {self.unit}/s"
        _write(sys.stderr, f"{self.label}: {self.done:.0f}{whole} {self.unit}{part}, {speed}")


def _is_terminal(stream: TextIO | None) -> bool:
    return stream is not None and not stream.closed and stream.isatty()


def _make_bar(total: float | None, unit: str, label: str) -> Any:
    """A bar of tqdm; None, so that there are lines instead, where one of tqdm's own environment variables is wrong."""
    import tqdm  # type: ignore[import-untyped]

    times = "[{elapsed}<{remaining}, {rate_noinv_fmt}{postfix}]"
    form = "{desc}: {percentage:3.0f}% {bar} {n:.0f}/{total:.0f} {unit} " + times
    form_of_known = form if total else None
    try:
        return tqdm.tqdm(total=total, unit=unit, desc=label, bar_format=form_of_known, leave=False, dynamic_ncols=True)
    except (TypeError, ValueError):
        return None


@contextlib.contextmanager
def progress(total: float | None, unit: str, label: str) -> Iterator[Progress]:
    """`with progress(60, "s", "generate") as bar: bar.advance(1.5)`; total None where the end is not known."""
    bar = Progress(total, unit, label)
    try:
        yield bar
    finally:
        bar.close()
