"""Processes that call functions: results, errors, and ends of all kinds at any time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path

import pytest

from musika.render.processes import ProcessEndedError, Processes

ROOT = Path(__file__).resolve().parents[2]


def load() -> int:
    return 100


def add(value: int, number: int) -> int:
    return value + number


def fail(value: int) -> None:
    raise ValueError("too large")


def make_what_cannot_be_sent(value: int) -> object:
    return lambda: value


def get_process(value: int) -> int:
    return os.getpid()


def send_much(value: int) -> bytes:
    return bytes(50_000_000)


def kill_itself(value: int) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def write_slowly(value: int, path: Path) -> None:
    try:
        path.touch()
        time.sleep(60)
    finally:
        path.unlink()


def wait_for(path: Path) -> None:
    while not path.exists():
        time.sleep(0.01)


@pytest.fixture
def processes() -> Iterator[Processes]:
    made = Processes(load, 2)
    yield made
    made.end()


def test_results_and_errors_come_back(processes: Processes) -> None:
    assert [future.result() for future in [processes.submit(add, number) for number in range(9)]] == [*range(100, 109)]
    with pytest.raises(ValueError, match="too large"):
        processes.submit(fail).result()
    with pytest.raises(RuntimeError, match="function"):
        processes.submit(make_what_cannot_be_sent).result()
    with pytest.raises(Exception, match="lambda"):
        processes.submit(lambda value: value).result()
    assert processes.submit(add, 1).result() == 101
    processes.wait()
    assert processes.count_loaded() == 2


def test_a_process_that_is_killed_holds_nobody_up(processes: Processes) -> None:
    """Also one that is killed while it sends, which holds a lock in Python's own pool."""
    sent = processes.submit(send_much)
    victim = processes.submit(get_process)
    os.kill(victim.result(), signal.SIGKILL)
    results: list[Future[bytes]] = [sent]
    with pytest.raises(ProcessEndedError):
        for _ in range(100):
            results.append(processes.submit(send_much))
            results[-1].result()
    with pytest.raises(ProcessEndedError):
        processes.submit(add, 1)


def test_what_waits_fails_with_the_process_that_ends() -> None:
    processes = Processes(load, 1)
    ended, waiting = processes.submit(kill_itself), processes.submit(add, 1)
    for future in (ended, waiting):
        with pytest.raises(ProcessEndedError):
            future.result()
    processes.end()


def test_the_end_lets_a_process_remove_what_it_writes(tmp_path: Path) -> None:
    processes = Processes(load, 1)
    writing, waiting = processes.submit(write_slowly, tmp_path / "part"), processes.submit(add, 1)
    wait_for(tmp_path / "part")
    processes.end()
    assert not (tmp_path / "part").exists() and waiting.cancelled()
    with pytest.raises(ProcessEndedError):
        writing.result()
    with pytest.raises(ProcessEndedError):
        processes.submit(add, 1)


def test_processes_that_cannot_end_are_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as those that compute in C code for a long time. A process that is stopped handles no signal, either."""
    processes = Processes(load, 2)
    processes.wait()
    for process in processes._processes:
        os.kill(process.pid or 0, signal.SIGSTOP)
    monkeypatch.setattr("musika.render.processes.GRACE", 0.2)
    processes.end()
    for process in processes._processes:
        process.join()
        assert process.exitcode == -signal.SIGKILL


def test_what_waits_may_ask_for_more_when_it_fails() -> None:
    processes = Processes(load, 1)
    ended, waiting, refused = processes.submit(kill_itself), processes.submit(add, 1), Future[bool]()

    def ask_for_more(failed: Future[int]) -> None:
        with pytest.raises(ProcessEndedError):
            processes.submit(add, 2)
        refused.set_result(True)

    waiting.add_done_callback(ask_for_more)
    assert refused.result(60)
    for future in (ended, waiting):
        with pytest.raises(ProcessEndedError):
            future.result()
    processes.end()


def load_nothing() -> int:
    raise ValueError("no memory")


def test_nobody_waits_where_no_process_can_load() -> None:
    processes = Processes(load_nothing, 2)
    try:
        with pytest.raises(ProcessEndedError):  # at once, or when the last one has failed
            processes.submit(add, 1).result(60)
        with pytest.raises(ProcessEndedError):
            processes.submit(add, 1)
        assert processes.count_loaded() == 0
    finally:
        processes.end()


PARENT = """
import os, pathlib, sys
from tests.render.test_processes import Processes, get_process, load, wait_for, write_slowly
processes, folder = Processes(load, 1), pathlib.Path(sys.argv[1])
print(processes.submit(get_process).result(), flush=True)
processes.submit(write_slowly, folder / "part")
wait_for(folder / "part")
os._exit(0)
"""


def test_a_process_ends_with_its_parent(tmp_path: Path) -> None:
    command = [sys.executable, "-c", PARENT, str(tmp_path)]
    number = int(subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, timeout=60, check=True).stdout)
    with pytest.raises(ProcessLookupError):
        for _ in range(1000):
            os.kill(number, 0)
            time.sleep(0.01)
