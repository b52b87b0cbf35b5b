"""Pages that run beside a training, each in a process of its own: TensorBoard and the preview. They end with it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from musika import console
from musika.serve import ports

BOARD_PORT = 6006
ROOT = Path(__file__).resolve().parents[2]  # from where `python -m musika` finds itself
# On Linux a page is told by the kernel when the training has gone, however it went. That is asked for in the new
# process and holds for the page that takes its place; between fork and exec it could deadlock beside other threads.
FOLLOWING = """
import ctypes, os, signal, sys
ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG
if os.getppid() == int(sys.argv[1]):
    os.execv(sys.argv[2], sys.argv[2:])
"""


class Alongside:
    """Processes that are started now and then and end together. None of them can stop the training."""

    def __init__(self) -> None:
        self._processes: dict[str, subprocess.Popen[str]] = {}
        self._ending = threading.Event()

    def __enter__(self) -> Alongside:
        return self

    def __exit__(self, *exception: object) -> None:
        self._ending.set()
        for process in self._processes.values():
            process.terminate()
        for process in self._processes.values():
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def board(self, folder: Path, host: str, port: int = BOARD_PORT) -> None:
        """TensorBoard on a folder of logs, at the next free port; its link is printed."""
        free = next(ports.free(host, port), None)
        if free is None:
            console.warn(f"TensorBoard is left out: no free port from {port} on")
            return
        words = ["-m", "tensorboard.main", "--logdir", str(folder), "--host", host, "--port", str(free)]
        if self._start("TensorBoard", words, shown=False):
            console.say(f"TensorBoard: http://{_reachable(host)}:{free}/")

    def preview(self, words: Sequence[str]) -> None:
        """The preview page, unless it runs already; it prints its own link.

        Args:
            words: flags of `musika test`.
        """
        if "preview page" not in self._processes:
            self._start("preview page", ["-m", "musika", "test", *words], shown=True)

    def _start(self, name: str, words: Sequence[str], shown: bool) -> bool:
        path = os.pathsep.join(part for part in (str(ROOT), os.environ.get("PYTHONPATH")) if part)
        try:
            # a session of its own, so that Ctrl-C in the terminal reaches the training alone
            process = subprocess.Popen(
                _command(words),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE if shown else subprocess.DEVNULL,
                stderr=subprocess.STDOUT if shown else subprocess.DEVNULL,
                text=True,
                errors="replace",
                env={**os.environ, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1"},
                start_new_session=True,
            )
        except OSError as error:
            console.warn(f"the {name} cannot be started: {error}")
            return False
        self._processes[name] = process
        if shown:
            threading.Thread(target=_pass_on, args=(process, self._ending), daemon=True).start()
        return True


def _command(words: Sequence[str]) -> list[str]:
    """What starts Python with these words, as a process that ends with this one where the system can do that."""
    python = [sys.executable, "-P"]  # what happens to lie in the current folder is not imported
    if sys.platform != "linux":
        return [*python, *words]
    return [*python, "-c", FOLLOWING, str(os.getpid()), *python, *words]


def _reachable(host: str) -> str:
    return "127.0.0.1" if host in ("0.0.0.0", "::") else host


def _pass_on(process: subprocess.Popen[str], ending: threading.Event) -> None:
    """Prints what a process says, line by line, until it is told to end."""
    assert process.stdout is not None
    for line in process.stdout:
        text = line.strip().removesuffix(" (Ctrl-C ends it)")
        if text and not ending.is_set():
            console.say(f"preview page: {text}")
