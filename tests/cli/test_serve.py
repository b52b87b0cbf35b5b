"""`musika serve`: two workers behind one port with a real model, and each mistake that a person can make."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from musika import audio
from musika.__main__ import main
from tests.helpers import tiny
from tests.helpers.stream_servers import ask, get_figures, wait_until

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.write_checkpoints(tmp_path_factory.mktemp("checkpoints"))


def find_free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@contextmanager
def start_server(*words: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "musika", "serve", "--cpu", *words]
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def answers(port: int) -> bool:
    try:
        with ask(port, "/health") as answer:
            return answer.status == 200
    except OSError:
        return False


def test_two_workers_serve_one_port_until_they_are_asked_to_end(checkpoint: Path, tmp_path: Path) -> None:
    port = find_free_port()
    with start_server("--load_path", str(checkpoint), "--port", str(port), "--workers", "2") as server:
        wait_until(lambda: answers(port), 90)
        for number in range(4):
            with ask(port, f"/render?seed={number}&seconds=0.5&format=flac") as answer:
                (tmp_path / "a.flac").write_bytes(answer.read())
                assert answer.status == 200 and len(audio.read(tmp_path / "a.flac")) == 22_050
        with ask(port, "/radio.mp3") as answer:
            assert len(answer.read(2000)) == 2000
            assert (
                sum(
                    get_figures(port)[f'musika_requests_total{{route="{name}",status="200"}}']
                    for name in ("render", "radio")
                )
                == 5
            )
        server.send_signal(signal.SIGTERM)
        said, _ = server.communicate(timeout=30)
    assert server.returncode == 0
    lines = said.splitlines()
    assert lines[0] == "the page needs one worker: with several, / has a small page that plays the radio"
    assert lines[1] == f"2 workers start at http://127.0.0.1:{port}/ (Ctrl-C ends them)"
    assert all(line.startswith("worker ") and line.endswith(" is ready") for line in lines[2:])


def test_a_port_that_is_in_use_is_one_line(checkpoint: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        assert main("serve", ["--load_path", str(checkpoint), "--port", str(port)]) == 2
    expected = f"error: cannot listen on 127.0.0.1, port {port}: it is in use; --port names another port\n"
    assert capsys.readouterr().err == expected


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--load_path", "nowhere"], "nowhere"),
        (["--also", "nowhere"], "nowhere"),
        (["--host", "192.0.2.1"], "not an address of this computer; --host names another address"),
        (["--workers", "0"], "--workers 0: must be"),
    ],
)
def test_mistakes_are_one_line(
    words: list[str], reason: str, checkpoint: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main("serve", ["--load_path", str(checkpoint), *words]) == 2
    said = capsys.readouterr().err.splitlines()
    assert reason in said[-1] and sum(line.startswith("error: ") for line in said) == 1


def test_two_checkpoints_of_one_name(checkpoint: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main("serve", ["--load_path", str(checkpoint), "--also", str(checkpoint)]) == 2
    assert "have the same name" in capsys.readouterr().err
