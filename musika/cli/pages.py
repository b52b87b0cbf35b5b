"""Pages that run beside a training, each in a process of its own: TensorBoard and the preview. They end with it."""

from __future__ import annotations

import collections
import http.client
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from musika import console
from musika.errors import UsageError
from musika.serve import ports

BOARD_PORT = 6006
BOARD_PATIENCE = 300.0  # seconds that TensorBoard may take until it answers; it imports TensorFlow
BOARD_ADVICE = {"pkg_resources": 'pip install "setuptools<82" helps'}  # setuptools 82 has it no more
ENDING_PATIENCE = 15.0  # seconds; a page waits 5 for open connections, and then removes its files
ROOT = Path(__file__).resolve().parents[2]  # from where `python -m musika` finds itself
# On Linux the kernel tells a page when the training has gone, however it went. That is requested in the new process and
# holds for the page that takes its place; between fork and exec it could deadlock beside other threads.
FOLLOW_PARENT = """
import ctypes, os, signal, sys
ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG
if os.getppid() == int(sys.argv[1]):
    os.execv(sys.argv[2], sys.argv[2:])
"""


class Pages:
    """Processes that are started now and then and end together. None of them can stop the training."""

    def __init__(self) -> None:
        self._processes: dict[str, subprocess.Popen[str]] = {}
        self._readers: dict[str, threading.Thread] = {}
        self._ending = threading.Event()

    def __enter__(self) -> Pages:
        return self

    def __exit__(self, *exception: object) -> None:
        self._ending.set()
        for process in self._processes.values():
            process.terminate()
        for process in self._processes.values():
            try:
                process.wait(ENDING_PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def start_board(self, folder: Path, host: str, port: int = BOARD_PORT) -> None:
        """TensorBoard on a folder of logs, at the next free port. Its link is printed as soon as it answers.

        If it does not start, a warning says why.
        """
        try:
            free = next(ports.find_ports(host, port))
        except UsageError as error:
            console.warn(f"TensorBoard is left out: {error}")
            return
        words = ["--logdir", str(folder), "--host", ports.strip_brackets(host), "--port", str(free)]
        output: collections.deque[str] = collections.deque(maxlen=20)
        process = self._start_process("TensorBoard", ["-m", "tensorboard.main", *words], output.append)
        if process is not None:
            threading.Thread(target=self._report_board, args=(process, host, free, output), daemon=True).start()

    def start_preview(self, words: Sequence[str]) -> None:
        """The preview page, unless it runs already. What it says is printed, its link included.

        Args:
            words: flags of `musika test`.
        """
        if "preview page" not in self._processes:
            self._start_process("preview page", ["-m", "musika", "test", *words], self._print_preview_line)

    def _start_process(
        self, name: str, words: Sequence[str], on_line: Callable[[str], None]
    ) -> subprocess.Popen[str] | None:
        """Starts Python with these words; `on_line` gets each line that it prints, in a thread."""
        path = os.pathsep.join(part for part in (str(ROOT), os.environ.get("PYTHONPATH")) if part)
        try:
            # a session of its own, so that Ctrl-C in the terminal reaches the training alone
            process = subprocess.Popen(
                _make_command(words),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                encoding="utf-8",
                errors="replace",
                env={**os.environ, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8"},
                start_new_session=True,
            )
        except OSError as error:
            console.warn(f"the {name} cannot be started: {error}")
            return None
        self._processes[name] = process
        self._readers[name] = threading.Thread(target=_read_lines, args=(process, on_line), daemon=True)
        self._readers[name].start()
        return process

    def _report_board(self, process: subprocess.Popen[str], host: str, port: int, output: Sequence[str]) -> None:
        """Waits until TensorBoard answers and prints its link, or why there is none."""
        end = time.monotonic() + BOARD_PATIENCE
        reason = "it does not answer"
        while time.monotonic() < end:
            ended = process.poll() is not None
            if not ended and _answers(ports.get_reachable_host(host), port):
                console.say(f"TensorBoard: {ports.format_url(host, port)}")
                return
            if ended:
                self._readers["TensorBoard"].join(5)
                reason = _find_reason(output) or f"it ended with exit code {process.returncode}"
                break
            if self._ending.wait(0.5):
                return
        if not self._ending.is_set():
            console.warn(f"TensorBoard did not start, training goes on without it: {reason}")

    def _print_preview_line(self, line: str) -> None:
        text = line.removesuffix(" (Ctrl-C ends it)")
        if not self._ending.is_set():
            console.say(f"preview page: {text}")


def _make_command(words: Sequence[str]) -> list[str]:
    """What starts Python with these words, as a process that ends with this one where the system can do so."""
    python = [sys.executable, "-P"]  # what happens to lie in the current folder is not imported
    if sys.platform != "linux":
        return [*python, *words]
    return [*python, "-c", FOLLOW_PARENT, str(os.getpid()), *python, *words]


def _read_lines(process: subprocess.Popen[str], on_line: Callable[[str], None]) -> None:
    """Passes on what a process prints, line by line, until it ends."""
    assert process.stdout is not None
    for line in process.stdout:
        if text := line.strip():
            on_line(text)


def _answers(host: str, port: int) -> bool:
    """Whether a server answers there; it is asked directly, whatever proxies there are."""
    connection = http.client.HTTPConnection(host, port, timeout=5)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _find_reason(output: Sequence[str]) -> str:
    """The last line that a process printed, with advice where there is some; "" where it printed nothing."""
    line = output[-1] if output else ""
    return next((f"{line}; {advice}" for word, advice in BOARD_ADVICE.items() if word in line), line)
