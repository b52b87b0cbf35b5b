"""Generating without end, to standard output, as loops, in several processes, and with a wanted loudness."""

from __future__ import annotations

import contextlib
import functools
import io
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from musika import console, render
from musika.cli import flags, generate, models, targets
from musika.errors import MusikaError
from musika.metrics.pair.loudness import measure_loudness
from tests.helpers import tiny
from tests.helpers.processes import ThreadWorkers

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.write_checkpoints(tmp_path_factory.mktemp("checkpoints"))


@pytest.fixture(scope="module")
def model(folder: Path) -> render.Model:
    return render.load_model(folder)


@pytest.fixture(autouse=True)
def load_once(model: render.Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "load_model", lambda options: model)


def make_options(folder: Path, save_path: Path | str, **values: object) -> flags.GenerateOptions:
    return flags.GenerateOptions(load_path=folder, save_path=Path(save_path), seed=7, **values)  # type: ignore[arg-type]


def test_styles_and_variation_reach_the_piece(folder: Path, model: render.Model, tmp_path: Path) -> None:
    chosen = {"styles": "0:00=12, 0:10=40", "variation": 0.5}
    generate.run(make_options(folder, tmp_path, seconds=1.0, start=8.0, **chosen))
    heard, _ = soundfile.read(tmp_path / "open-seed-7.wav", dtype="float32")
    np.testing.assert_allclose(heard, model.piece(7, **chosen).render(8.0, 1.0), atol=2.5 / 32768)


def test_a_loop_has_the_nearest_length_and_a_line_says_so(
    folder: Path, model: render.Model, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    generate.run(make_options(folder, tmp_path, seconds=7.0, loop=True))
    info = soundfile.info(tmp_path / "open-seed-7-loop.wav")
    assert info.frames == 64 * 4096
    assert "the loop is 5.944 s long, the nearest to 7 s that can loop" in capsys.readouterr().out


def test_loudness_and_fades(folder: Path, tmp_path: Path) -> None:
    generate.run(make_options(folder, tmp_path, seconds=4.0, loudness=-30.0, fade_out=1.0))
    heard, rate = soundfile.read(tmp_path / "open-seed-7.wav", dtype="float32")
    assert measure_loudness(heard[: 3 * rate], rate) == pytest.approx(-30, abs=1.0)
    assert np.abs(heard[-100:]).max() < 0.001


def test_a_loudness_that_peaks_leave_no_room_for_is_said(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    generate.run(make_options(folder, tmp_path, seconds=4.0, loudness=-5.0))
    heard, rate = soundfile.read(tmp_path / "open-seed-7.wav", dtype="float32")
    said = capsys.readouterr().out
    assert f"it has {measure_loudness(heard, rate):.1f} LUFS: its peaks leave no room for -5" in said
    generate.run(make_options(folder, tmp_path, seconds=4.0, loudness=-30.0))
    assert "leave no room" not in capsys.readouterr().out


def test_music_without_end_is_written_in_hours(
    folder: Path, model: render.Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generate, "HOUR", 1.0)
    written: list[str] = []
    write = generate.write_piece

    def write_three(*inputs: object) -> object:
        if len(written) == 3:
            raise KeyboardInterrupt
        file = write(*inputs)  # type: ignore[arg-type]
        written.append(file.path.name)
        return file

    monkeypatch.setattr(generate, "write_piece", write_three)
    with pytest.raises(KeyboardInterrupt):
        generate.run(make_options(folder, tmp_path, seconds=float("inf"), start=3599.0))
    assert written == [f"open-seed-7-from-{time}.wav" for time in ("59-59", "1-00-00", "1-00-01")]
    joined = np.concatenate([soundfile.read(tmp_path / name, dtype="float32")[0] for name in written])
    np.testing.assert_allclose(joined, model.piece(7).render(3599.0, 3.0), atol=2.5 / 32768)


class Pipe(io.BytesIO):
    """Standard output whose reader leaves after some bytes; it takes a few bytes at once."""

    limit = 10**9

    def write(self, data: object) -> int:
        if self.tell() > self.limit:
            raise BrokenPipeError
        return super().write(bytes(data)[:100_000])  # type: ignore[call-overload]


@pytest.fixture
def pipe(monkeypatch: pytest.MonkeyPatch) -> Pipe:
    made = Pipe()

    @contextlib.contextmanager
    def take() -> Iterator[Pipe]:
        yield made

    monkeypatch.setattr(console, "take_stdout", take)
    return made


def test_raw_samples_to_standard_output(folder: Path, model: render.Model, pipe: Pipe) -> None:
    assert generate.run(make_options(folder, "-", seconds=2.0, format="raw")) == 0
    samples = np.frombuffer(pipe.getvalue(), "<i2").reshape(-1, 2) / 32768
    np.testing.assert_allclose(samples, model.piece(7).render(0.0, 2.0), atol=2.5 / 32768)


@pytest.mark.parametrize("form", ["wav", "mp3"])
def test_other_formats_to_standard_output(folder: Path, pipe: Pipe, form: str) -> None:
    assert generate.run(make_options(folder, "-", seconds=2.0, format=form)) == 0
    heard, rate = soundfile.read(io.BytesIO(pipe.getvalue()))
    assert rate == 44_100 and abs(len(heard) - 2 * rate) < 0.1 * rate


def test_several_processes_write_to_standard_output(
    folder: Path, model: render.Model, pipe: Pipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    helpers = ThreadWorkers(lambda: model)
    monkeypatch.setattr(render, "Workers", lambda load, count: helpers)
    assert generate.run(make_options(folder, "-", seconds=30.0, format="raw", jobs=3)) == 0
    samples = np.frombuffer(pipe.getvalue(), "<i2").reshape(-1, 2) / 32768
    np.testing.assert_allclose(samples, model.piece(7).render(0.0, 30.0), atol=2.5 / 32768)
    assert helpers.given


def test_a_reader_that_leaves_ends_music_without_end(folder: Path, pipe: Pipe) -> None:
    pipe.limit = 1_000_000
    assert generate.run(make_options(folder, "-", seconds=float("inf"))) == 0
    assert len(pipe.getvalue()) > pipe.limit


def test_a_closed_pipe_in_a_shell_ends_well(folder: Path, model: render.Model) -> None:
    words = ["--load_path", str(folder), "--seed", "7", "--seconds", "inf", "--save_path", "-", "--format", "raw"]
    words += ["--mixed_precision", "False", "--xla", "False"]  # as the model that it is compared with
    process = subprocess.Popen(
        [sys.executable, "musika_generate.py", *words], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None and process.stderr is not None
    data = process.stdout.read(500_000)
    time.sleep(1)  # a reader that stops and goes on
    data += process.stdout.read(1_000_000)
    expected = model.piece(7).render_samples(0, 375_000)
    np.testing.assert_allclose(np.frombuffer(data, "<i2").reshape(-1, 2) / 32768, expected, atol=2.5 / 32768)
    process.stdout.close()
    shown = process.stderr.read().decode()
    assert process.wait(timeout=60) == 0
    assert shown.strip() == "open, seed 7, 44100 Hz, raw"


def load_tiny(folder: str) -> render.Model:
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    return render.load_model(Path(folder))


def test_processes_give_the_same_samples(folder: Path, model: render.Model, tmp_path: Path) -> None:
    piece = model.piece(7)
    with render.Workers(functools.partial(load_tiny, str(folder)), 2) as workers:
        for first, count in ((0, 1_400_000), (777_777, 1000), (5, 0)):
            blocks = [np.zeros((0, 2), np.float32), *piece.stream_samples(first, count, workers)]
            np.testing.assert_array_equal(np.concatenate(blocks), piece.render_samples(first, count))
        loop = piece.make_loop(5.0)
        joined = np.concatenate(list(loop.stream(0.0, 8.0, workers)))
        np.testing.assert_array_equal(joined, loop.render(0.0, 8.0))
        options = make_options(folder, tmp_path, seconds=0.5, num_samples=2, jobs=2)
        generate._generate(options, generate.steering.read_steering(options), 7, workers)
    for number in (7, 8):
        heard, _ = soundfile.read(tmp_path / f"open-seed-{number}.wav", dtype="float32")
        np.testing.assert_allclose(heard, model.piece(number).render(0.0, 0.5), atol=2.5 / 32768)


@pytest.mark.parametrize(
    ("values", "part"),
    [
        ({"seconds": float("inf"), "loudness": -14.0}, "has no end"),
        ({"seconds": float("inf"), "num_samples": 2}, "is for one piece"),
        ({"save_path": "-", "num_samples": 2}, "is for one piece"),
        ({"save_path": "-", "score": True}, "leave out --score"),
        ({"save_path": "-", "format": "raw", "bits": "24"}, "raw samples have 16 bits"),
        ({"format": "raw"}, "add --save_path -"),
        ({"loop": True, "start": 5.0}, "leave out --start"),
        ({"styles": "0:00=x"}, "not the number of a style"),
        ({"styles": "3", "style_seed": 4}, "leave out one"),
        ({"seconds": 1e9}, "at most 360000"),
    ],
)
def test_what_does_not_go_together(folder: Path, tmp_path: Path, values: dict[str, object], part: str) -> None:
    values = {"save_path": tmp_path, **values}
    with pytest.raises(MusikaError, match=part):
        generate.run(make_options(folder, values.pop("save_path"), **values))  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), ("1:30", 90), ("7:00:00.5", 25_200.5), ("inf", float("inf"))]
)
def test_times_are_typed_as_people_write_them(text: str, seconds: float) -> None:
    assert flags.parse_generate(["--seconds", text]).seconds == seconds


@pytest.mark.parametrize("text", ["1:2:3:4", "-5", "soon", "inf"])
def test_times_that_cannot_be(text: str) -> None:
    with pytest.raises(MusikaError, match="--start"):
        flags.parse_generate(["--start", text])


def test_the_name_of_standard_output_is_a_dash() -> None:
    assert flags.parse_generate(["--save_path", "-"]).save_path == targets.STDOUT
