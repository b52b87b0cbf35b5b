"""What a process is started with (variables, folders, streams, signals) neither stops a verb nor changes its result."""

from __future__ import annotations

import gc
import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from musika import console, environment
from musika.__main__ import main
from musika.errors import UsageError
from tests.helpers import tiny

ROOT = Path(__file__).resolve().parents[2]
NOT_A_FOLDER = f"{os.devnull}/home"  # nobody can write here, not even root
CLOSED = ["bash", "-c", 'exec "$@" <&- >&- 2>&-', "bash"]  # runs a command with all its streams closed


def run_python(*words: object, before: list[str] | None = None, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*(before or []), sys.executable, *map(str, words)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), **variables},
        capture_output=True,
        text=True,
        timeout=300,
    )


# ------------------------------------------------------------------------------------------------ whole verbs


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, bytes]:
    """A tiny generator, and the file that `generate` makes with it in ordinary surroundings."""
    folder = tmp_path_factory.mktemp("ordinary")
    generator = tiny.write_checkpoints(folder / "checkpoints")
    words = ["--load_path", generator, "--save_path", folder / "out", "--seconds", "1", "--seed", "3"]
    assert run_python("musika_generate.py", *words).returncode == 0
    return generator, (folder / "out" / "open-seed-3.wav").read_bytes()


def test_settings_for_other_programs_change_nothing(expected: tuple[Path, bytes], tmp_path: Path) -> None:
    generator, sound = expected
    home = tmp_path / "home"
    (home / ".keras").mkdir(parents=True)
    settings = {"floatx": "none", "epsilon": 1, "image_data_format": "channels_first", "backend": "torch"}
    (home / ".keras" / "keras.json").write_text(json.dumps(settings))
    variables = {
        "HOME": str(home),
        "KERAS_HOME": str(home / ".keras"),
        "KERAS_BACKEND": "",
        "KERAS_NNX_ENABLED": "1",
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "MATPLOTLIBRC": NOT_A_FOLDER,
        "PYTHONIOENCODING": "ascii",
    }
    save = tmp_path / "é"
    words = ["musika_generate.py", "--load_path", generator, "--save_path", save, "--seconds", "1", "--seed", "3"]
    done = run_python(*words, **variables)
    assert (done.returncode, done.stderr) == (0, "")
    assert "\\xe9/open-seed-3.wav" in done.stdout
    assert (save / "open-seed-3.wav").read_bytes() == sound


def test_closed_streams_do_not_stop_the_work(expected: tuple[Path, bytes], tmp_path: Path) -> None:
    generator, sound = expected
    words = ["musika_generate.py", "--load_path", generator, "--save_path", tmp_path, "--seconds", "1", "--seed", "3"]
    assert run_python(*words, before=CLOSED).returncode == 0
    assert (tmp_path / "open-seed-3.wav").read_bytes() == sound
    assert run_python("musika_encode.py", "--files_path", tmp_path / "none", before=CLOSED).returncode == 2


def test_libraries_need_no_folder_of_the_user(tmp_path: Path) -> None:
    """Nor one of the library: Numba ends the import where it finds no place for what it compiles.

    A library of one function stands in for librosa, which would be compiled for half a minute.
    """
    library, temporary = tmp_path / "site" / "librosa", tmp_path / "temporary"
    library.mkdir(parents=True)
    temporary.mkdir()
    (library / "__init__.py").write_text(
        "import numba, platformdirs\n"
        "platformdirs.user_cache_dir('librosa')\n"  # as librosa does; without a home it raises
        "@numba.jit(cache=True)\ndef double(x):\n    return 2 * x\n"
    )
    (library / "__pycache__").write_bytes(b"")  # a file, so that there can be no such folder
    script = (
        "import os; from musika import environment; environment.prepare()\n"
        "import librosa; print(librosa.double(2), os.environ['NUMBA_CACHE_DIR'])\n"
        "import httpx; httpx.Client()"  # of downloads: it reads certificates
    )
    variables = {
        "HOME": "no home",
        "XDG_CACHE_HOME": "",
        "NUMBA_CACHE_DIR": NOT_A_FOLDER,
        "SSL_CERT_FILE": NOT_A_FOLDER,
    }
    path = os.pathsep.join([str(library.parent), str(ROOT)])
    done = run_python("-c", script, **variables, PYTHONPATH=path, TMPDIR=str(temporary))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"4 {temporary}") and list(temporary.iterdir()) == []


# ---------------------------------------------------------------------------------------------- KERAS_BACKEND


@pytest.mark.parametrize("name", ["torch", "openvino", "numpy", "nonsense", "TensorFlow", " jax"])
def test_a_backend_that_is_not_supported_is_one_line(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_BACKEND", name)
    with pytest.raises(UsageError, match="tensorflow or jax; set it to one"):
        environment.choose_backend()


@pytest.mark.parametrize(("name", "other"), [("jax", "tensorflow"), ("tensorflow", "jax")])
def test_a_backend_that_is_not_installed_is_one_line(name: str, other: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_BACKEND", name)
    monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setattr(environment.importlib.util, "find_spec", lambda found: object() if found == other else None)
    with pytest.raises(UsageError, match=f"{name} is not installed; run pip install .* or set KERAS_BACKEND={other}"):
        environment.choose_backend()


def test_an_empty_backend_is_tensorflow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "")
    assert environment.choose_backend() == os.environ["KERAS_BACKEND"] == "tensorflow"


def test_verbs_refuse_a_backend_before_they_begin(tmp_path: Path) -> None:
    done = run_python("musika_generate.py", "--save_path", tmp_path / "out", KERAS_BACKEND="torch")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert "KERAS_BACKEND=torch" in done.stderr and not (tmp_path / "out").exists()


# ------------------------------------------------------------------------------------------------- the console


def test_a_missing_package_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    def need() -> int:
        raise ModuleNotFoundError("No module named 'gradio.themes'", name="gradio.themes")

    assert console.run_guarded(need, verbose=False) == 2
    assert "package gradio is not installed: run pip install" in capsys.readouterr().err


def test_what_does_not_show_is_escaped(capsys: pytest.CaptureFixture[str]) -> None:
    console.say("é \udcff \x1b[31m\rx\ny\tz")
    console.say("\udcc3\udca9 \ud800")  # UTF-8 in an ASCII locale; half a character
    assert capsys.readouterr().out == "é \\xff \\x1b[31m\\rx\ny\tz\n\\udcc3\\udca9 \\ud800\n"


def test_a_stream_without_the_letters_gets_escapes(monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="ascii", errors="strict"))
    console.say("é")
    assert written.getvalue() == b"\\xe9\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux has a file that is always full")
def test_output_that_cannot_be_written_stops_nothing() -> None:
    script = (
        "import sys; from musika import console as c\n"
        "c.prepare_streams()\n"
        "sys.exit(c.run_guarded(lambda: c.say('x') or c.warn('y') or c.say('z') or 1, False))"
    )
    for command in ('exec "$@" >/dev/full 2>&1', '"$@" 2> >(exec 0<&-); exit $?', 'exec "$@" >&- 2>/dev/full'):
        done = run_python("-c", script, before=["bash", "-c", command, "bash"])
        assert (done.returncode, done.stderr) == (1, ""), command


def test_a_reader_that_left_is_noticed_in_the_main_thread() -> None:
    script = (
        "import os, sys, threading; from musika import console as c\n"
        "reader, writer = os.pipe(); os.dup2(writer, 1); os.close(reader)\n"
        "thread = threading.Thread(target=c.say, args=('x',)); thread.start(); thread.join()\n"
        "sys.exit(c.run_guarded(lambda: c.say('y') or 0, False))"
    )
    done = run_python("-c", script)
    assert (done.returncode, done.stderr) == (141, "")


def test_closed_streams_are_not_taken_by_files(tmp_path: Path) -> None:
    script = (
        "import os, sys, subprocess; from musika import console as c\n"
        "c.prepare_streams()\n"
        f"file = open({str(tmp_path / 'song')!r}, 'w'); file.write('music'); file.flush()\n"
        "c.say('a'); c.warn('b'); os.write(1, b'c'); os.write(2, b'd'); print('e', file=sys.stderr)\n"
        "subprocess.run([sys.executable, '-c', 'print(1)'], check=True)\n"
        "assert file.fileno() > 2 and sys.stdin.read() == ''"
    )
    assert run_python("-c", script, before=CLOSED).returncode == 0
    assert (tmp_path / "song").read_text() == "music"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 130)])
def test_a_process_that_is_asked_to_end_cleans_up(
    number: int, code: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    partial = tmp_path / "partial"

    def work() -> int:
        partial.touch()
        try:
            os.kill(os.getpid(), number)
            signal.pause()
        finally:
            if number != signal.SIGINT:
                os.kill(os.getpid(), signal.SIGTERM)  # another one does not interrupt the cleaning
            partial.unlink()
        return 0

    handlers = [signal.getsignal(other) for other in (signal.SIGTERM, signal.SIGHUP)]
    assert console.run_guarded(work, verbose=False) == code
    assert not partial.exists() and "interrupted" in capsys.readouterr().err
    assert [signal.getsignal(other) for other in (signal.SIGTERM, signal.SIGHUP)] == handlers


def test_a_hang_up_that_is_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as `nohup` does
    try:
        assert console.run_guarded(lambda: os.kill(os.getpid(), signal.SIGHUP) or 0, verbose=False) == 0
    finally:
        signal.signal(signal.SIGHUP, before)


def test_temporary_files_go_to_memory_or_are_an_error_of_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def find_none() -> str:
        raise FileNotFoundError("No usable temporary directory found")

    monkeypatch.setenv("TMPDIR", NOT_A_FOLDER)
    monkeypatch.setattr(environment.tempfile, "tempdir", None)
    with monkeypatch.context() as patch:
        patch.setattr(environment.tempfile, "gettempdir", find_none)
        patch.setattr(environment, "MEMORY", Path(NOT_A_FOLDER))
        with pytest.raises(UsageError, match="set TMPDIR"):
            environment.choose_temporary_folder()
        patch.setattr(environment, "MEMORY", tmp_path)
        environment.choose_temporary_folder()
    assert environment.tempfile.gettempdir() == os.environ["TMPDIR"] == str(tmp_path)


def test_main_prepares_streams(monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stderr", io.TextIOWrapper(written, encoding="ascii", errors="strict"))
    assert main("generate", ["--nonsense-é"]) == 2
    assert sys.stderr.errors == "backslashreplace" and b"--nonsense-\\xe9" in written.getvalue()


# ------------------------------------------------------------------------------------------------ rendering


@pytest.mark.parametrize(("before", "after"), [(None, "1"), ("3", "3")])
def test_rendering_uses_one_thread_an_operation_unless_told(
    before: str | None, after: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MALLOC_ARENA_MAX", "8")  # the heaps of this process stay as they are
    monkeypatch.setenv(environment.THREADS, before or "")
    if before is None:
        monkeypatch.delenv(environment.THREADS)
    monkeypatch.setitem(sys.modules, "tensorflow", object())  # it runs already
    environment.prepare_rendering()
    assert os.environ.get(environment.THREADS) == before
    monkeypatch.delitem(sys.modules, "tensorflow", raising=False)
    environment.prepare_rendering()
    assert os.environ[environment.THREADS] == after
    monkeypatch.setenv(environment.THREADS, "")  # so that what was set is taken back after the test


@pytest.mark.skipif(sys.platform != "linux", reason="heaps are glibc's")
def test_python_looks_for_no_unused_objects_during_an_import() -> None:
    frozen = gc.get_freeze_count()
    try:
        with environment.pause_collection():
            assert not gc.isenabled()
            with environment.pause_collection():  # TensorFlow, which Keras imports
                pass
            assert not gc.isenabled() and gc.get_freeze_count() == frozen
        assert gc.isenabled() and gc.get_freeze_count() > frozen
    finally:
        gc.unfreeze()


def test_who_switched_collection_off_keeps_it_off() -> None:
    gc.disable()
    try:
        with environment.pause_collection():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_rendering_uses_one_heap(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    class Library:
        def mallopt(self, option: int, value: int) -> None:
            calls.append((option, value))

    monkeypatch.delenv("MALLOC_ARENA_MAX", raising=False)
    monkeypatch.setenv(environment.THREADS, "1")
    monkeypatch.delitem(sys.modules, "tensorflow", raising=False)
    monkeypatch.setattr(environment.ctypes, "CDLL", lambda name: Library())
    environment.prepare_rendering()
    assert calls == [(environment.M_ARENA_MAX, 1)]
    monkeypatch.setattr(environment.ctypes, "CDLL", lambda name: object())  # another C library
    environment.prepare_rendering()
