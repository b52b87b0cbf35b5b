"""Streams, radio and files over HTTP: a real server, real clients, and a model without networks."""

from __future__ import annotations

import asyncio
import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from musika import audio
from musika.errors import CheckpointError
from musika.serve.streams import radio, response, service
from musika.serve.streams.counters import Counters
from musika.serve.streams.production import Workshop
from musika.serve.streams.radio import Channel
from tests.helpers.steered import SteeredModel
from tests.helpers.stream_servers import ask, get_error, get_figures, run_server, wait_until
from tests.helpers.tones import RATE, ToneModel, TonePiece, compute_chord

needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with run_server({"tones": ToneModel(), "bells": ToneModel(name="bells")}, max_seconds=60.0) as port:
        yield port


def read_wav_stream(data: bytes) -> np.ndarray:
    """Samples of the beginning of a 16-bit WAV stream, int16 `[n, 2]`."""
    start = data.index(b"data") + 8
    return np.frombuffer(data[start : start + (len(data) - start) // 4 * 4], "<i2").reshape(-1, 2)


def test_a_stream_is_the_piece_from_any_second_on(port: int) -> None:
    with ask(port, "/stream.wav?seed=7&start=3600.5") as answer:
        assert (answer.status, answer.headers["content-type"]) == (200, "audio/wav")
        found = read_wav_stream(answer.read(200_000)) / 32768
    assert np.abs(found - compute_chord(7, round(3600.5 * RATE), len(found))).max() < 2 / 32768


def test_a_stream_of_a_stated_length_ends(port: int, tmp_path: Path) -> None:
    for kind in service.STREAM_KINDS:
        with ask(port, f"/stream.{kind}?seed=7&seconds=1.5") as answer:
            (tmp_path / f"a.{kind}").write_bytes(answer.read())
        assert 0 <= len(audio.read(tmp_path / f"a.{kind}")) - 1.5 * RATE < 4000
        assert audio.read_tags(tmp_path / f"a.{kind}")["title"] == ("tones 7",)


def test_a_stream_is_sent_as_fast_as_it_is_heard(port: int) -> None:
    """Ten seconds come at once; the rest takes as long as the music lasts."""
    second = 4 * RATE  # bytes
    with ask(port, "/stream.wav?seed=1") as answer:
        begun = time.monotonic()
        received = len(answer.read(9 * second))
        while time.monotonic() - begun < 1.5:
            received += len(answer.read1(1 << 16))
        assert received < (10 + time.monotonic() - begun + 1) * second


@needs_ffmpeg
@pytest.mark.parametrize("path", ["stream.wav", "stream.flac", "stream.mp3", "stream.ogg", "stream.opus", "radio.ogg"])
def test_ffmpeg_plays_what_is_sent(port: int, path: str) -> None:
    link = f"http://127.0.0.1:{port}/{path}"
    command = ["ffmpeg", "-v", "error", "-t", "2", "-i", link, "-f", "s16le", "-ac", "2", "-ar", str(RATE), "-"]
    result = subprocess.run(command, capture_output=True, check=True, timeout=60)
    sound = np.frombuffer(result.stdout, np.int16).reshape(-1, 2) / 32768
    assert abs(len(sound) - 2 * RATE) < 6000
    assert np.abs(np.abs(np.fft.rfft(sound[RATE // 2 :, 0])).argmax() / (len(sound) - RATE // 2) * RATE - 220) < 2


@needs_ffmpeg
def test_ffprobe_reads_radio_and_streams(port: int) -> None:
    command = ["ffprobe", "-v", "error", "-show_entries", "stream=codec_name,sample_rate,channels", "-of", "json"]
    kinds = {"mp3": ("mp3", "44100"), "ogg": ("vorbis", "44100"), "opus": ("opus", "48000")}
    lossless = {"wav": ("pcm_s16le", "44100"), "flac": ("flac", "44100")}
    links = [(f"radio.{kind}", kinds[kind]) for kind in kinds]
    links += [(f"stream.{kind}?seed=1", expected) for kind, expected in {**kinds, **lossless}.items()]
    for path, expected in links:
        link = f"http://127.0.0.1:{port}/{path}"
        result = subprocess.run([*command, link], capture_output=True, check=True, timeout=60)
        found = json.loads(result.stdout)["streams"][0]
        assert (found["codec_name"], found["sample_rate"], found["channels"]) == (*expected, 2)


@pytest.mark.parametrize(
    ("path", "status", "reason"),
    [
        ("/stream.wav?seed=-1", 422, "seed '-1': must be a whole number from 0 to 9223372036854775807"),
        ("/stream.wav?seed=9223372036854775808", 422, "must be a whole number from 0 to 9223372036854775807"),
        ("/stream.wav?seed=" + "9" * 5000, 422, "must be a whole number"),
        ("/stream.wav?style_seed=" + "9" * 400, 422, "must be a number"),
        ("/stream.wav?start=-0.1", 422, "start '-0.1': must be a number from 0 to 1e+09"),
        ("/stream.wav?start=nan", 422, "start 'nan': must be a number"),
        ("/stream.wav?start=1e400", 422, "start '1e400': must be a number"),
        ("/stream.wav?sed=1", 422, "there is no parameter 'sed'; did you mean seed?"),
        ("/stream.wav?truncation=0", 422, "truncation"),
        ("/stream.wav?truncation=x", 422, "truncation 'x': must be a number"),
        ("/stream.wav?checkpoint=..%2F..%2Fetc", 422, "there is no checkpoint 'etc': choose one of tones, bells"),
        ("/stream.xyz", 404, "there is no stream of kind 'xyz': choose one of wav, flac, mp3, ogg, opus"),
        ("/radio.wav", 404, "choose one of mp3, ogg, opus"),
        ("/radio.mp3?seed=1", 422, "there is no parameter 'seed'"),
        ("/render?seconds=61", 422, "seconds '61': must be a number from 0.01 to 60"),
        ("/render?format=exe", 422, "format 'exe': must be one of wav, flac, mp3, ogg, opus"),
    ],
)
def test_mistakes_are_refused_with_the_reason(port: int, path: str, status: int, reason: str) -> None:
    found, text = get_error(port, path)
    assert found == status and reason in text and len(text) < 200


def test_settings_and_checkpoints_of_a_request(port: int) -> None:
    with ask(port, "/stream.wav?seed=7&truncation=1.5&checkpoint=bells") as answer:
        assert answer.status == 200 and b"bells 7" in answer.read(300)


def test_a_file_is_the_one_that_generate_writes(port: int, tmp_path: Path) -> None:
    with ask(port, "/render?seed=7&start=2&seconds=3&format=flac") as answer:
        assert answer.headers["content-disposition"] == 'attachment; filename="tones-seed-7.flac"'
        data = answer.read()
        assert len(data) == int(answer.headers["content-length"])
    ToneModel().piece(7).save(tmp_path / "b.flac", 3, 2)
    assert data == (tmp_path / "b.flac").read_bytes()


def test_head_starts_nothing(port: int) -> None:
    before = get_figures(port)["musika_rendered_seconds_total"]
    for path in ("/stream.mp3?seed=1", "/radio.mp3"):
        with ask(port, path, "HEAD") as answer:
            assert (answer.status, answer.headers["content-type"], answer.read()) == (200, "audio/mpeg", b"")
    assert get_figures(port)["musika_rendered_seconds_total"] - before < 30


def test_health_and_page(port: int) -> None:
    with ask(port, "/health") as answer:
        assert json.loads(answer.read())["checkpoints"] == ["tones", "bells"]
    with ask(port, "/") as answer:
        assert b"radio.mp3" in answer.read() and answer.headers["content-type"].startswith("text/html")


def test_settings_of_pieces(port: int) -> None:
    with ask(port, "/settings?checkpoint=bells") as answer:
        found = json.loads(answer.read())
    assert (found["name"], found["sample_rate"], found["has_score"]) == ("bells", RATE, False)
    truncation = next(entry for entry in found["settings"] if entry["name"] == "truncation")
    assert (truncation["type"], truncation["default"], truncation["limits"]) == ("float", 2.0, {"above": 0, "high": 10})
    assert get_error(port, "/settings?checkpoint=none") == (
        422,
        "there is no checkpoint 'none': choose one of tones, bells",
    )


def test_notes_of_a_part_of_a_piece() -> None:
    with run_server({"steered": SteeredModel(), "tones": ToneModel()}) as port:
        with ask(port, "/score?seed=1&start=3600&seconds=3") as answer:
            found = json.loads(answer.read())
        assert found["onsets"] == [3600, 3601, 3602] and found["releases"] == [3600.8, 3601.8, 3602.8]
        assert found["pitches"] == [60, 61, 62] and not any(found["drums"])
        status, text = get_error(port, "/score?seed=1&checkpoint=tones")
        assert status == 422 and "music without notes" in text
        status, text = get_error(port, "/score?seed=1&seconds=301")
        assert status == 422 and "from 0.01 to 300" in text


def test_a_client_that_leaves_ends_its_stream() -> None:
    model = ToneModel(slowness=0.05)
    with run_server({"tones": model}) as port:
        with ask(port, "/stream.wav?seed=1") as answer:
            answer.read(1000)
            assert get_figures(port)["musika_streams"] == 1
        wait_until(lambda: get_figures(port)["musika_streams"] == 0)
        made = len(model.made)
        time.sleep(0.3)
        assert len(model.made) <= made + 1  # the block that was being made


def test_a_client_that_leaves_ends_the_making_of_its_file() -> None:
    model = ToneModel(slowness=0.05)
    with run_server({"tones": model}) as port:
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.sendall(b"GET /render?seconds=600 HTTP/1.1\r\nHost: a\r\n\r\n")
            wait_until(lambda: model.made)
        wait_until(lambda: get_figures(port)["musika_files"] == 0)
        made = len(model.made)
        time.sleep(0.3)
        assert len(model.made) <= made + 1 < 600


def test_there_are_only_so_many_streams() -> None:
    with run_server({"tones": ToneModel()}, max_streams=2, max_listeners=1, max_waiting=0) as port:
        with ask(port, "/stream.mp3") as first, ask(port, "/stream.ogg") as second, ask(port, "/radio.mp3") as third:
            assert first.read(100) and second.read(100) and third.read(100)
            assert get_error(port, "/stream.wav") == (
                503,
                "there are 2 streams, and this server allows no more: try again later",
            )
            assert get_error(port, "/radio.ogg")[0] == get_error(port, "/render")[0] == 503
        wait_until(lambda: get_figures(port)["musika_streams"] == 0)
        with ask(port, "/stream.mp3") as answer:
            assert answer.status == 200
        assert get_figures(port)['musika_requests_total{route="stream",status="503"}'] == 1


def test_a_reader_that_stops_for_ten_seconds_and_goes_on_misses_nothing() -> None:
    with (
        run_server({"tones": ToneModel()}) as port,
        ask(port, "/stream.wav?seed=3") as answer,
        ask(port, "/radio.mp3") as radio_answer,
    ):
        data = answer.read(50_000)
        heard = radio_answer.read(20_000)
        time.sleep(10)
        data += answer.read(2_500_000)
        heard += radio_answer.read(150_000)  # more than the burst that a new listener gets
        figures = get_figures(port)
    assert not figures.get('musika_dropped_total{route="radio"}') and len(heard) == 170_000
    found = read_wav_stream(data) / 32768
    assert np.abs(found - compute_chord(3, 0, len(found))).max() < 2 / 32768


def test_listeners_share_one_rendering_and_stalled_ones_are_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(radio, "KEPT", 6.0)
    monkeypatch.setattr(response, "PATIENCE", 1.0)
    model = ToneModel()
    with run_server({"tones": model}) as port:
        stalled = [socket.socket() for _ in range(3)]
        for client in stalled:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            client.connect(("127.0.0.1", port))
            client.sendall(b"GET /stream.wav HTTP/1.1\r\nHost: a\r\n\r\n")
        listeners = [ask(port, "/radio.mp3") for _ in range(12)]
        answers = [listener.__enter__() for listener in listeners]
        begun = time.monotonic()
        data = [answer.read(8_000) for answer in answers]
        wait_until(lambda: get_figures(port).get('musika_dropped_total{route="stream"}', 0) == 3)
        data = [first + answer.read(8_000) for first, answer in zip(data, answers, strict=True)]
        lasted = time.monotonic() - begun
        figures = get_figures(port)
        assert (figures["musika_radio_channels"], figures["musika_streams"]) == (1, 0)
        assert figures["musika_radio_listeners"] == 12
        assert len(set(data)) <= 3  # all began within a few parts, and hear the same
        radio_blocks = [number for number in model.made if number > 1000]
        assert len(radio_blocks) == len(set(radio_blocks)) < (lasted + 12) * RATE / (1 << 15)
        for listener in listeners:
            listener.__exit__(None, None, None)
        for client in stalled:
            client.close()


def test_the_radio_is_a_function_of_the_clock() -> None:
    """Two channels that know nothing of each other, as in two workers, play the same at the same time."""

    async def listen(at: float) -> np.ndarray:
        workshop = Workshop(Counters())
        begun = time.monotonic()
        channel = Channel(ToneModel().piece(5), workshop, {}, lambda: radio.EPOCH + at + time.monotonic() - begun)
        stream, data = channel.listen("wav"), b""
        while len(data) < 4 * RATE:
            data += await anext(stream)
        await stream.aclose()
        await channel.close()
        workshop.close()
        return read_wav_stream(data) / 32768

    for at in (1e7, 2.0):
        found = asyncio.run(listen(at))
        expected = compute_chord(5, max(0, round((at - radio.BURST) * RATE)), len(found) + RATE)
        late = int(np.abs(expected[: RATE + 1, None][:RATE] - found[0]).max(axis=(1, 2)).argmin())
        assert late < RATE / 2
        assert np.abs(found - expected[late : late + len(found)]).max() < 2 / 32768


@pytest.mark.parametrize("change", [-3600.0, 3600.0])
def test_a_radio_goes_on_when_its_clock_is_wrong(change: float) -> None:
    """A clock that stands before the radio's second 0, and is then put back or forward by an hour."""

    async def listen() -> float:
        counters = Counters()
        workshop = Workshop(counters)
        begun = time.monotonic()
        clock = lambda: 1000.0 + time.monotonic() - begun + change * (time.monotonic() > begun + 0.5)  # noqa: E731
        channel = Channel(ToneModel().piece(5), workshop, {}, clock)
        stream = channel.listen("wav")
        for _ in range(20):
            await anext(stream)
        await stream.aclose()
        await channel.close()
        workshop.close()
        return counters.jumps._value.get()

    assert asyncio.run(asyncio.wait_for(listen(), 20)) == 1


def test_a_radio_that_is_late_leaves_music_out() -> None:
    async def listen() -> float:
        counters = Counters()
        workshop = Workshop(counters)
        begun = time.monotonic()
        fast = lambda: radio.EPOCH + 100 + 200 * (time.monotonic() - begun)  # noqa: E731 - music lasts no time at all
        channel = Channel(ToneModel(slowness=0.03).piece(5), workshop, {}, fast)
        stream = channel.listen("wav")
        while not counters.jumps._value.get():
            await anext(stream)
        await stream.aclose()
        await channel.close()
        workshop.close()
        return counters.jumps._value.get()

    assert asyncio.run(asyncio.wait_for(listen(), 20)) >= 1


def test_a_channel_that_fails_ends_the_streams_of_its_listeners() -> None:
    class BrokenPiece(TonePiece):
        def stream_samples(self, first: int, count: int | None = None, workers: object = None) -> Iterator[np.ndarray]:
            raise CheckpointError("the weights are damaged")

    async def listen() -> None:
        workshop = Workshop(Counters())
        model = ToneModel()
        channel = Channel(BrokenPiece(model, 1, model.make_settings({})), workshop, {})
        with pytest.raises(CheckpointError, match="the weights are damaged"):
            await anext(channel.listen("mp3"))
        workshop.close()

    asyncio.run(listen())
