"""A file whose decoder crashes, hangs or answers nonsense is one line, and no process is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from musika import audio
from musika.audio import process
from tests.helpers.audio_files import RATE, make_tones


def replace_worker(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    """Replaces the decoder by a program that misbehaves."""
    monkeypatch.setattr(process, "get_command", lambda: [sys.executable, "-c", code])


SEND_SOME = "import json, os, signal, struct, sys, time; out = sys.stdout.buffer; sys.stdin.readline(); " + (
    'head = json.dumps({"rate": 44100, "channels": 2, "order": "wave", "dtype": "<f4"}).encode(); '
    'out.write(b"H" + struct.pack("<I", len(head)) + head); out.write(b"S" + struct.pack("<I", 800) + bytes(800)); '
    "out.flush(); "
)


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("import os; os.abort()", "its decoder crashed (SIGABRT)"),
        (SEND_SOME + "os.kill(os.getpid(), signal.SIGSEGV)", "its decoder crashed (SIGSEGV)"),
        (SEND_SOME + "sys.exit(3)", "its decoder ended early (exit code 3)"),
        (SEND_SOME + "time.sleep(600)", "its decoder gave no samples for 1 s"),
        ("import time; time.sleep(600)", "its decoder gave no samples for 1 s"),
    ],
)
def test_a_decoder_that_crashes_or_hangs_is_one_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, code: str, reason: str
) -> None:
    audio.write(tmp_path / "a.wav", make_tones(0.1), RATE)
    replace_worker(monkeypatch, code)
    with pytest.raises(audio.FileError) as caught:
        list(audio.read_blocks(tmp_path / "a.wav", timeout=1.0 if "sleep" in code else 60.0))
    assert caught.value.reason == f"cannot be decoded: {reason}"


def test_an_answer_without_a_message_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    audio.write(tmp_path / "a.wav", make_tones(0.1), RATE)
    replace_worker(monkeypatch, "import sys, time; sys.stdout.write('x' * 100); sys.stdout.flush(); time.sleep(600)")
    with pytest.raises(audio.FileError, match="an invalid answer"):
        list(audio.read_blocks(tmp_path / "a.wav", timeout=30.0))


HEADER = b'{"rate": 44100, "channels": 2, "order": "wave", "dtype": "<f4"}'


@pytest.mark.parametrize(
    "messages",
    [
        [(b"H", b"[]")],
        [(b"H", b'{"rate": 1e999, "channels": 2, "order": "wave", "dtype": "<f4"}')],
        [(b"H", b'{"rate": 44100, "channels": 2, "order": "wave", "dtype": "O"}')],
        [(b"S", b"12345678")],
        [(b"E", b'{"error": 3}')],
        [(b"H", HEADER), (b"S", b"123")],
        [(b"H", HEADER), (b"H", HEADER)],
        [(b"H", HEADER), (b"E", b"\xff")],
    ],
)
def test_messages_that_make_no_sense_are_one_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, messages: list[tuple[bytes, bytes]]
) -> None:
    audio.write(tmp_path / "a.wav", make_tones(0.1), RATE)
    answer = b"".join(kind + len(content).to_bytes(4, "little") + content for kind, content in messages)
    replace_worker(
        monkeypatch, f"import sys, time; sys.stdout.buffer.write({answer!r}); sys.stdout.flush(); time.sleep(600)"
    )
    with pytest.raises(audio.FileError, match="an invalid answer"):
        list(audio.read_blocks(tmp_path / "a.wav", timeout=30.0))


def test_a_decoder_that_stops_is_ended(tmp_path: Path) -> None:
    """A worker that gives no more samples is ended."""
    audio.write(tmp_path / "a.flac", np.random.default_rng(0).normal(0, 0.1, (RATE * 60, 2)).astype(np.float32), RATE)
    with process.Decoder(tmp_path / "a.flac") as decoder:
        blocks = iter(decoder)
        next(blocks)
        decoder._timeout = 1.0  # from now on: to start may take longer
        os.killpg(decoder._process.pid, signal.SIGSTOP)
        with pytest.raises(audio.FileError, match="gave no samples for 1 s"):
            list(blocks)
    assert decoder._process.returncode == -signal.SIGKILL


def test_a_decoder_that_needs_too_much_memory_is_refused(tmp_path: Path) -> None:
    audio.write(tmp_path / "a.flac", make_tones(1), RATE)
    with pytest.raises(audio.FileError):
        list(audio.read_blocks(tmp_path / "a.flac", memory=30 << 20))
    assert len(audio.read(tmp_path / "a.flac")) == RATE


def test_no_process_is_left_when_reading_stops_early(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    audio.write(tmp_path / "a.wav", make_tones(20), RATE)
    started: list[subprocess.Popen[bytes]] = []

    class Recorded(subprocess.Popen):  # type: ignore[type-arg]
        def __init__(self, *words: object, **options: object) -> None:
            super().__init__(*words, **options)  # type: ignore[call-overload]
            started.append(self)

    monkeypatch.setattr(process.subprocess, "Popen", Recorded)
    stream = audio.read_blocks(tmp_path / "a.wav")
    next(stream)
    stream.close()  # type: ignore[attr-defined]
    assert len(started) == 1 and started[0].returncode is not None


def test_the_worker_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from musika.audio import process; "
        "process.get_command = lambda: [sys.executable, '-P', sys.argv[2]]; "
        "decoder = process.Decoder(Path(sys.argv[1])); print(decoder._process.pid, flush=True); time.sleep(600)"
    )
    audio.write(tmp_path / "a.wav", make_tones(60), RATE)
    script = str(Path(process.__file__).with_name("worker.py"))
    root = str(Path(process.__file__).parents[2])
    parent = subprocess.Popen(
        [sys.executable, "-c", code, tmp_path / "a.wav", script],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": root},
    )
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    parent.kill()
    parent.communicate()
    deadline = time.monotonic() + 30
    while _alive(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _alive(pid)


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def test_the_worker_starts_without_large_packages() -> None:
    script = Path(process.__file__).with_name("worker.py")
    code = (
        f"import runpy, sys; runpy.run_path({str(script)!r}); import soundfile; "
        "print(any(m in sys.modules for m in ('keras', 'tensorflow', 'jax', 'scipy', 'librosa', 'musika')))"
    )
    result = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "False"
