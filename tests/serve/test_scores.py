"""Scores that clients send: MIDI files and JSON in, streams, files and MIDI out, and what is refused."""

from __future__ import annotations

import dataclasses
import http.client
import json
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from musika.errors import ScoreError
from musika.score import read_score
from musika.serve.streams import scores
from musika.serve.streams.description import list_instruments
from musika.serve.streams.query import QueryError
from musika.serve.streams.score_json import describe_whole_score, parse_score
from musika.serve.streams.scores import ScoreStore, encode_midi, read_upload
from musika.tracks import get_family
from tests.helpers.scores import make_score
from tests.helpers.stream_servers import ask, get_error, run_server
from tests.render.test_composed import make_model

JSON = st.recursive(st.none() | st.floats() | st.text(), st.lists)
NOTES = {
    "onsets": [0.5, 0.0],
    "releases": [1.5, 0.5],
    "pitches": [60, 64],
    "velocities": [90, 70],
    "programs": [0, 0],
    "drums": [False, False],
    "pedals": {"times": [0, 2], "values": [1, 0], "programs": [0, 0]},
    "tempo": 90,
}


def test_a_score_is_the_same_after_json_and_back() -> None:
    score = make_score(4)
    again = parse_score(json.dumps(describe_whole_score(score)).encode())
    for name in ("onsets", "releases", "pitches", "velocities", "programs", "is_drum"):
        np.testing.assert_allclose(getattr(again.notes, name), getattr(score.notes, name), atol=2e-4)
    np.testing.assert_allclose(again.pedals.times, score.pedals.times, atol=1e-4)
    assert 60 / again.tempo.seconds_per_beat[0] == pytest.approx(60 / score.tempo.seconds_per_beat[0], rel=1e-3)


def test_drawn_notes_are_sorted_and_keep_their_pedals() -> None:
    score = parse_score(json.dumps(NOTES).encode())
    assert score.notes.pitches.tolist() == [64, 60]
    assert score.pedals.values.tolist() == [1, 0] and score.tempo.seconds_per_beat[0] == pytest.approx(60 / 90)


@pytest.mark.parametrize(
    "change",
    [
        {name: [] for name in ("onsets", "releases", "pitches", "velocities", "programs", "drums")},
        {"onsets": "many"},
        {"onsets": [0.0]},
        {"drums": [False, "no"]},
        {"onsets": [-1, 0]},
        {"pitches": [200, 60]},
        {"velocities": [0, 60]},
        {"programs": [128, 0]},
        {"releases": [99_999, 1]},
        {"onsets": [float("nan"), 0]},
        {"onsets": [0.0] * 60_000},
        {"onsets": [0, 10**400]},
        {"pedals": [1]},
        {"pedals": {"times": [0], "values": [7], "programs": [0]}},
        {"pedals": {"times": [0]}},
        {"tempo": 0},
        {"tempo": "fast"},
        {"metre": [4, 3]},
    ],
)
def test_notes_that_cannot_be_are_one_line(change: dict[str, object]) -> None:
    with pytest.raises(ScoreError) as caught:
        parse_score(json.dumps({**NOTES, **change}).encode())
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 200


@settings(max_examples=60)
@given(st.binary(max_size=200) | JSON.map(lambda value: json.dumps({"onsets": value}).encode()))
def test_any_bytes_are_a_score_or_an_error(data: bytes) -> None:
    for kind in ("application/json", "audio/midi"):
        try:
            assert len(read_upload(data, kind).notes)
        except ScoreError as error:
            assert "\n" not in str(error)


def test_a_store_names_scores_by_content_and_gives_old_ones_up(tmp_path: Path, monkeypatch) -> None:
    now = [1e9]
    store = ScoreStore(tmp_path, lambda: now[0])
    first, second = make_score(2, 60), make_score(2, 62)
    name = store.add(first)
    assert name == store.add(first) != store.add(second)
    np.testing.assert_array_equal(ScoreStore(tmp_path).get(name).notes.pitches, first.notes.pitches)
    now[0] += scores.LONGEST_UNUSED / 2
    other = ScoreStore(tmp_path, lambda: now[0])
    other.get(name)  # used again
    now[0] += scores.LONGEST_UNUSED * 0.6
    third = other.add(make_score(2, 64))
    assert sorted(path.stem for path in tmp_path.iterdir()) == sorted([name, third])
    monkeypatch.setattr(scores, "KEPT", 2)
    now[0] += 1
    other.add(make_score(2, 65))
    assert len(list(tmp_path.iterdir())) == 2
    for bad in (name, "../" + name, "x" * 24, ""):
        if bad != name or not (tmp_path / f"{name}.score").exists():
            with pytest.raises(QueryError, match="send the notes again"):
                store.get(bad)


def test_a_folder_of_its_own_is_removed() -> None:
    store = ScoreStore()
    folder = store._folder
    store.add(make_score(2))
    store.close()
    assert not folder.exists()


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with run_server({"composed": make_model()}) as port:
        yield port


def send(port: int, data: bytes, kind: str = "application/json", path: str = "/scores") -> tuple[int, dict]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("POST", path, data, {"content-type": kind})
    answer = connection.getresponse()
    body = json.loads(answer.read())
    connection.close()
    return answer.status, body


def read_samples(port: int, path: str) -> np.ndarray:
    """Samples of a 16-bit WAV file or stream, `[n, 2]`."""
    with ask(port, path) as answer:
        data = answer.read()
        assert answer.status == 200, data
    return np.frombuffer(data[data.index(b"data") + 8 :], "<i2").reshape(-1, 2) / 32768


def test_a_score_is_played_as_from_python(port: int) -> None:
    status, told = send(port, json.dumps(NOTES).encode(), path="/scores?checkpoint=composed")
    assert status == 200 and told["remarks"] == [] and len(told["onsets"]) == 2
    piece = make_model().play(parse_score(json.dumps(NOTES).encode()), 3, style=2)
    expected = piece.render(0.0, piece.duration)
    query = f"score={told['score']}&seed=3&style=2"
    whole = read_samples(port, f"/stream.wav?{query}")
    assert len(whole) == len(expected)
    assert np.abs(whole - expected).max() < 2 / 32768
    part = read_samples(port, f"/stream.wav?{query}&start=1.5")
    assert np.abs(part - expected[1500:]).max() < 2 / 32768
    file = read_samples(port, f"/render?{query}")
    assert len(file) == len(expected)


def test_a_midi_file_is_played_and_comes_back(port: int, tmp_path: Path) -> None:
    score = make_score(2)
    status, told = send(port, score.save(tmp_path / "a.mid").read_bytes(), "audio/midi")
    assert status == 200
    with ask(port, f"/scores/{told['score']}.mid") as answer:
        assert answer.headers["content-type"].startswith("audio/midi")
        (tmp_path / "b.mid").write_bytes(answer.read())
    np.testing.assert_array_equal(read_score(tmp_path / "b.mid").notes.pitches, score.notes.pitches)
    assert encode_midi(score).startswith(b"MThd")


def test_what_is_refused_is_one_line(port: int) -> None:
    for data, kind in (
        (b"{", "application/json"),
        (b"MThd", "audio/midi"),
        (b"RIFF", "audio/midi"),
        (json.dumps(NOTES).encode(), "text/html"),
        (b"MThd" + os.urandom(5 << 20), "audio/midi"),
    ):
        status, told = send(port, data, kind)
        assert status == 422 and "\n" not in told["error"]
    status, told = send(port, json.dumps(NOTES).encode())
    name = told["score"]
    for path in (
        "/stream.wav?score=none",
        f"/stream.wav?score={name}&start=1000",
        f"/stream.wav?score={name}&tempo=90",
        f"/stream.wav?score={name}&style=99",
        "/scores/none.mid",
    ):
        assert get_error(port, path)[0] == 422


def test_instruments_are_those_that_a_performer_plays() -> None:
    model = make_model()
    assert list_instruments(model) == [{"name": "piano", "program": 0, "drum": False}]
    tracks = ("notes/piano", "notes/strings", "notes/drums", "loudness")
    config = dataclasses.replace(model.config, tracks=tracks, track_widths=(976, 976, 976, 1))
    found = list_instruments(dataclasses.replace(model, config=config))
    assert [(each["name"], each["drum"]) for each in found] == [("piano", False), ("strings", False), ("drums", True)]
    assert get_family(found[1]["program"]) == "strings"
