"""The pages beside a training: ports, ends, what they say."""

from __future__ import annotations

import contextlib
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from musika.cli import flags, train
from musika.cli.alongside import Alongside
from musika.serve import ports
from musika.training.board import BoardLog
from tests.helpers.train_runs import options

ROOT = Path(__file__).resolve().parents[2]


def test_a_taken_port_moves_to_the_next():
    with contextlib.closing(socket.socket()) as door:
        door.bind(("127.0.0.1", 0))
        door.listen()
        taken = door.getsockname()[1]
        assert next(ports.free("127.0.0.1", taken)) != taken


def test_pages_end_with_the_training_and_pass_on_what_they_say(monkeypatch, capsys):
    pages = Alongside()
    with pages:
        started = threading.Event()
        said = []
        monkeypatch.setattr("musika.console.say", lambda text: (said.append(text), started.set()))
        code = "import time; print('plays at http://x (Ctrl-C ends it)', flush=True); time.sleep(600)"
        assert pages._start("preview page", ["-c", code], shown=True)
        assert started.wait(60)
        process = pages._processes["preview page"]
        assert process.poll() is None
    assert said == ["preview page: plays at http://x"]
    assert process.poll() == -signal.SIGTERM


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not tell a process")
def test_pages_end_with_a_training_that_was_killed():
    code = "import sys, time\nfrom musika.cli.alongside import Alongside\npages = Alongside()\n"
    code += "words = ['-c', 'import time; print(1, flush=True); time.sleep(600)']\n"
    code += "pages._start('preview page', words, shown=True)\n"
    code += "print(pages._processes['preview page'].pid, flush=True)\ntime.sleep(600)"
    with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True) as training:
        assert training.stdout is not None
        lines = [training.stdout.readline(), training.stdout.readline()]
        assert "preview page: 1\n" in lines
        page = int(next(line for line in lines if "preview" not in line))
        training.kill()
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and running(page):
        time.sleep(0.05)
    assert not running(page)


def running(pid: int) -> bool:
    """Whether a process is there, and not merely waiting for somebody to ask how it ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_pages_do_not_import_from_the_current_folder(tmp_path, monkeypatch):
    (tmp_path / "json.py").write_text("raise SystemExit('not this one')")
    monkeypatch.chdir(tmp_path)
    with Alongside() as pages:
        assert pages._start("page", ["-m", "musika", "test", "--version"], shown=False)
        assert pages._processes["page"].wait(60) == 0


def test_a_page_that_cannot_start_stops_nothing(monkeypatch, capsys):
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with Alongside() as pages:
        pages.preview(["--load_path", "x"])
        pages.board(Path("logs"), "127.0.0.1")
    assert capsys.readouterr().err.count("cannot be started") == 2


def test_a_log_that_cannot_be_written_stops_nothing(tmp_path, capsys):
    (tmp_path / "file").write_bytes(b"")
    log = BoardLog(tmp_path / "file" / "log")
    log.scalars(1, {"loss": 1.0})
    log.flush()
    log.close()
    assert "no log" in capsys.readouterr().err


def test_the_preview_page_is_told_where_the_run_is(shipped, latents, tmp_path):
    chosen = options(shipped, latents, tmp_path, port=9000)
    parsed = flags.parse_test(train._page_flags(chosen, tmp_path))
    assert parsed.load_path == tmp_path and parsed.port == 9000 and parsed.cpu
