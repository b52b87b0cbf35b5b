"""The pages beside a training: TensorBoard and the preview start, report and end; none stops the training."""

from __future__ import annotations

import dataclasses
import queue
import re
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from types import SimpleNamespace

import pytest

from musika.cli import flags, train
from musika.cli.pages import Pages
from musika.config import CodecTrainConfig, GanTrainConfig
from musika.training.board import BoardLog
from musika.training.setup import PreparedTraining
from tests.helpers.train_runs import options

ROOT = Path(__file__).resolve().parents[2]


def watch_console(monkeypatch) -> queue.Queue[str]:
    """What is said or warned of from now on."""
    lines: queue.Queue[str] = queue.Queue()
    monkeypatch.setattr("musika.console.say", lines.put)
    monkeypatch.setattr("musika.console.warn", lambda text: lines.put(f"warning: {text}"))
    return lines


def put_module(monkeypatch, folder: Path, code: str) -> None:
    """Makes `python -m tensorboard.main` run this code, in processes that are started from now on."""
    (folder / "tensorboard").mkdir(parents=True)
    (folder / "tensorboard" / "__init__.py").write_text("")
    (folder / "tensorboard" / "main.py").write_text(code)
    monkeypatch.setenv("PYTHONPATH", str(folder))


def test_pages_end_with_the_training_and_what_they_print_is_shown(monkeypatch):
    lines = watch_console(monkeypatch)
    code = "import time; print('plays at http://x (Ctrl-C ends it)', flush=True); time.sleep(600)"
    with Pages() as pages:
        process = pages._start_process("preview page", ["-c", code], pages._print_preview_line)
        assert process is not None
        assert lines.get(timeout=60) == "preview page: plays at http://x"
        assert process.poll() is None
    assert process.poll() == -signal.SIGTERM
    assert lines.empty()


def test_the_link_to_tensorboard_is_printed_when_it_answers(monkeypatch, tmp_path):
    """The real one, behind a proxy that it is not to be asked through."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    BoardLog(tmp_path / "run").close()
    lines = watch_console(monkeypatch)
    with Pages() as pages:
        pages.start_board(tmp_path, "127.0.0.1", 16_006)
        line = lines.get(timeout=300)
        link = re.fullmatch(r"TensorBoard: (http://127\.0\.0\.1:\d+/)", line)
        assert link, line
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(link[1], timeout=30) as reply:
            assert b"TensorBoard" in reply.read()
    assert lines.empty()


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("import missing_package", "No module named 'missing_package'"),
        ("raise ModuleNotFoundError('No module named pkg_resources')", 'pip install "setuptools<82" helps'),
        ("raise SystemExit(3)", "it ended with exit code 3"),
    ],
)
def test_tensorboard_that_does_not_start_is_a_warning_with_the_reason(monkeypatch, tmp_path, code, reason):
    put_module(monkeypatch, tmp_path / "site", code)
    lines = watch_console(monkeypatch)
    with Pages() as pages:
        pages.start_board(tmp_path, "127.0.0.1", 16_006)
        line = lines.get(timeout=60)
    assert line.startswith("warning: TensorBoard did not start, training goes on without it: ") and reason in line
    assert lines.empty()


def test_tensorboard_that_never_answers_has_no_link(monkeypatch, tmp_path):
    put_module(monkeypatch, tmp_path / "site", "import time; time.sleep(600)")
    monkeypatch.setattr("musika.cli.pages.BOARD_PATIENCE", 1.0)
    lines = watch_console(monkeypatch)
    with Pages() as pages:
        pages.start_board(tmp_path, "127.0.0.1", 16_006)
        assert lines.get(timeout=60).endswith("it does not answer")
    assert lines.empty()


def test_tensorboard_on_a_wrong_host_is_left_out(monkeypatch, tmp_path):
    lines = watch_console(monkeypatch)
    with Pages() as pages:
        pages.start_board(tmp_path, "192.0.2.1")
        assert not pages._processes
    assert lines.get_nowait().startswith("warning: TensorBoard is left out: cannot listen on 192.0.2.1")


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not tell a process")
def test_pages_end_with_a_training_that_was_killed():
    code = "import sys, time\nfrom musika.cli.pages import Pages\npages = Pages()\n"
    code += "words = ['-c', 'import time; print(1, flush=True); time.sleep(600)']\n"
    code += "pages._start_process('preview page', words, pages._print_preview_line)\n"
    code += "print(pages._processes['preview page'].pid, flush=True)\ntime.sleep(600)"
    with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True) as training:
        assert training.stdout is not None
        lines = [training.stdout.readline(), training.stdout.readline()]
        assert "preview page: 1\n" in lines
        page = int(next(line for line in lines if "preview" not in line))
        training.kill()
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and is_running(page):
        time.sleep(0.05)
    assert not is_running(page)


def is_running(pid: int) -> bool:
    """Whether a process is there, and not merely waiting for somebody to ask how it ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_pages_do_not_import_from_the_current_folder(tmp_path, monkeypatch):
    (tmp_path / "json.py").write_text("raise SystemExit('not this one')")
    monkeypatch.chdir(tmp_path)
    with Pages() as pages:
        process = pages._start_process("page", ["-m", "musika", "test", "--version"], lambda line: None)
        assert process is not None and process.wait(60) == 0


def test_a_page_that_cannot_start_stops_nothing(monkeypatch, capsys):
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with Pages() as pages:
        pages.start_preview(["--load_path", "x"])
        pages.start_board(Path("logs"), "127.0.0.1")
    assert capsys.readouterr().err.count("cannot be started") == 2


def test_a_log_that_cannot_be_written_stops_nothing(tmp_path, capsys):
    (tmp_path / "file").write_bytes(b"")
    log = BoardLog(tmp_path / "file" / "log")
    log.write_scalars(1, {"loss": 1.0})
    log.flush()
    log.close()
    assert "no log" in capsys.readouterr().err


def test_the_preview_page_shows_the_run(shipped, latents, tmp_path):
    chosen = options(shipped, latents, tmp_path, port=9000)
    words = train.list_page_flags(chosen, tmp_path, shipped / "ae", {"truncation": 1.5})
    parsed = flags.parse_test(words)
    assert parsed.watch == tmp_path and parsed.port == 9000 and parsed.cpu
    assert parsed.truncation == 1.5 and parsed.dec_path == (shipped / "ae").resolve()
    assert parsed.log_path == chosen.log_path.resolve()
    of_composer = flags.parse_test(train.list_page_flags(chosen, tmp_path, None, {"lr": 0.1}))
    assert of_composer.watch == tmp_path and of_composer.dec_path is None and "truncation" not in of_composer.given


@pytest.mark.parametrize("stage", ["gan", "codec", "performer", "edit", "composer"])
def test_every_training_opens_the_page_at_its_first_checkpoint(monkeypatch, shipped, latents, tmp_path, stage):
    chosen = options(shipped, latents, tmp_path, gradio=True)
    opened: list[list[str]] = []
    monkeypatch.setattr(Pages, "start_preview", lambda self, words: opened.append(list(words)))

    def run(prepared, log, on_checkpoint):
        if on_checkpoint is not None:
            on_checkpoint(tmp_path / "run" / "000000001")
        return 0

    monkeypatch.setattr(train, "run_training", run)
    made = SimpleNamespace(name=stage)
    config = GanTrainConfig() if stage == "gan" else CodecTrainConfig()
    prepared = PreparedTraining(made, config, None, tmp_path / "run", None, None, {})
    assert train._run_with_pages(chosen, prepared) == 0
    assert [words[:2] for words in opened] == [["--watch", str(tmp_path / "run")]]
    assert train._run_with_pages(dataclasses.replace(chosen, gradio=False), prepared) == 0 and len(opened) == 1
