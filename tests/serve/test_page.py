"""The preview page: what it refuses, what it keeps, and the real server with a real client."""

from __future__ import annotations

import os
import re
import select
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import soundfile

from musika import render
from musika.errors import CheckpointError, UsageError
from musika.serve import page
from tests.helpers import tiny

ROOT = Path(__file__).resolve().parents[2]


def source() -> page.Source:
    return page.Source(lambda: Path("."), lambda _: tiny.model(tiny.SMALL))


def test_an_answer_is_a_file_of_the_right_length_and_a_picture(tmp_path: Path) -> None:
    path, picture, seed = page.answer(source(), page.Shelf(tmp_path), 2.5, 2.0, 7, False)
    waveform, rate = soundfile.read(path, always_2d=True)
    assert (waveform.shape, rate, seed) == ((2500, 2), 1000, 7)
    assert picture.dtype == np.uint8 and picture.ndim == 3 and picture.shape[2] == 3
    expected = render.render(tiny.model(tiny.SMALL), 7, 0.0, 2.5)
    np.testing.assert_allclose(waveform, expected, atol=2.5 / 32768)


def test_a_drawn_seed_is_told(tmp_path: Path) -> None:
    shelf = page.Shelf(tmp_path)
    path, _, seed = page.answer(source(), shelf, 0.5, 2.0, 7, True)
    again, _, same = page.answer(source(), page.Shelf(tmp_path / "again"), 0.5, 2.0, seed, False)
    assert seed == same and Path(path).name == Path(again).name
    assert Path(path).read_bytes() == Path(again).read_bytes()


@pytest.mark.parametrize(
    ("seconds", "truncation", "seed", "part"),
    [
        (0, 2.0, 1, "length"),
        (1e9, 2.0, 1, "300"),
        (float("nan"), 2.0, 1, "length"),
        (None, 2.0, 1, "length"),
        ("3", 2.0, 1, "length"),
        (1.0, 0, 1, "truncation"),
        (1.0, 2.0, -1, "seed"),
        (1.0, 2.0, None, "seed"),
    ],
)
def test_values_out_of_range_are_refused(
    seconds: object, truncation: object, seed: object, part: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=part):
        page.answer(source(), page.Shelf(tmp_path), seconds, truncation, seed, False)
    assert list(tmp_path.iterdir()) == []


def test_the_shelf_keeps_only_the_latest(tmp_path: Path) -> None:
    shelf = page.Shelf(tmp_path, room=3)
    for number in range(6):
        path = shelf.add(f"{number}.wav", np.zeros((10, 2), np.float32), 1000)
        os.utime(path, (number + 1, number + 1))
    assert sorted(file.name for file in tmp_path.iterdir()) == ["3.wav", "4.wav", "5.wav"]


def test_a_newer_checkpoint_is_loaded_and_a_missing_one_told(tmp_path: Path) -> None:
    loaded = []

    def load(folder: Path) -> render.Model:
        loaded.append(folder.name)
        if folder.name == "3":
            raise CheckpointError("torn")
        return tiny.model(tiny.SMALL)

    now = ["1"]
    watched = page.Source(lambda: tmp_path / now[0], load)
    watched.model()
    watched.model()
    now[0] = "2"
    watched.model()
    assert loaded == ["1", "2"]
    now[0] = "3"
    with pytest.raises(CheckpointError):
        watched.model()


@contextmanager
def taken_port() -> Iterator[int]:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        yield holder.getsockname()[1]


@contextmanager
def page_of(folder: Path, port: int) -> Iterator[tuple[subprocess.Popen[str], str]]:
    words = [sys.executable, "musika_test.py", "--load_path", str(folder), "--port", str(port), "--seed", "5"]
    with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            ready, _, _ = select.select([process.stdout], [], [], 120)
            line = process.stdout.readline() if ready else ""
            found = re.search(r"http://\S+", line)
            if found is None:
                process.kill()
                raise AssertionError(f"no address in {line!r}: {process.communicate()}")
            yield process, found[0]
        finally:
            if process.poll() is None:
                process.kill()


def test_the_page_from_start_to_ctrl_c(tmp_path: Path) -> None:
    from gradio_client import Client

    folder = tiny.write_checkpoints(tmp_path)
    with taken_port() as port, page_of(folder, port) as (process, address):
        assert int(address.rstrip("/").rsplit(":", 1)[1]) > port
        assert "127.0.0.1" in address
        with urllib.request.urlopen(address, timeout=30) as reply:
            html = reply.read().decode()
        assert "fonts.googleapis.com" not in html
        client = Client(address, verbose=False, analytics_enabled=False, download_files=str(tmp_path / "got"))
        sound, picture, seed = client.predict(1.5, 2.0, 11, False, api_name="/render")
        assert (soundfile.info(sound).frames, soundfile.info(sound).channels, seed) == (66_150, 2, 11)
        assert Path(picture).stat().st_size > 100
        with pytest.raises(Exception, match="length in seconds"):
            client.predict(1e6, 2.0, 11, False, api_name="/render")
        (folder / "config.json").write_text("{")
        os.utime(folder, (1, 1))
        with pytest.raises(Exception, match=r"config\.json") as caught:
            client.predict(1.5, 2.0, 11, False, api_name="/render")
        assert "Traceback" not in str(caught.value)
        client.close()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert err.strip() == "interrupted" and out.strip() == ""


def test_a_missing_checkpoint_is_told_before_anything_is_served(tmp_path: Path) -> None:
    words = [sys.executable, "musika_test.py", "--load_path", str(tmp_path / "none")]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert "none" in done.stderr
