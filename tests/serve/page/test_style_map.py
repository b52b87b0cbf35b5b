"""Maps of styles and of seeds: a function of the model, drawn in the background, cancelled at once."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from musika.composer.plan import Plan
from musika.render import Model
from musika.serve.page import map_jobs, style_map
from musika.serve.page.map_jobs import MapMaker
from musika.serve.page.style_map import (
    PointMap,
    draw_seed_map,
    draw_style_map,
    find_components,
    fit_ridge,
    generate_styles,
)
from musika.serve.page.style_routes import make_style_routes
from musika.serve.streams.library import Library
from musika.serve.streams.query import QueryError
from tests.helpers import tiny
from tests.render.test_composed import make_model as make_composed_model
from tests.render.test_performing import make_model as make_performer_model

COUNT, FITTED, DECODED = 24, 16, 8


@pytest.fixture(scope="module")
def model() -> Model:
    return tiny.make_model(tiny.SMALL)


def draw_small(model: Model, report=lambda *_: None) -> PointMap:
    return draw_style_map(model, report, COUNT, FITTED, DECODED)


def test_styles_are_what_pieces_of_these_styles_sound_like(model: Model) -> None:
    latents = list(generate_styles(model, 5))
    assert len(latents) == 5
    piece = model.piece(style_map.PIECE, style_seed=3)
    expected = piece.open_latents().get_span(0, model.config.half_window)
    # noise of two half-windows at once: only the coordinates of the second one differ from those of a piece
    np.testing.assert_allclose(latents[3], expected, atol=1e-5)


def test_a_map_is_the_same_every_time_and_grows(model: Model) -> None:
    seen: list[PointMap] = []
    steps = []

    def report(done: int, total: int, newer: PointMap | None) -> None:
        steps.append((done, total))
        if newer is not None:
            seen.append(newer)

    found = draw_small(model, report)
    again = draw_small(model)
    assert steps[-1] == (COUNT + DECODED, COUNT + DECODED)
    assert [len(each.numbers) for each in seen] == [FITTED, COUNT]
    np.testing.assert_array_equal(seen[0].places, found.places[:FITTED])
    np.testing.assert_array_equal(seen[0].colours, found.colours[:FITTED])
    for name in ("numbers", "places", "colours"):
        np.testing.assert_array_equal(getattr(found, name), getattr(again, name))
    assert np.abs(found.places).max() <= 1 and found.places.std(axis=0).min() > 0.1
    assert found.colours.min() >= 0 and found.colours.max() <= 1
    assert found.kind == "styles" and "%" in found.note


def test_components_and_ridge_regression_find_what_was_put_in() -> None:
    random = np.random.default_rng(0)
    hidden = random.normal(size=(200, 2)) * (5, 2)
    rows = hidden @ random.normal(size=(2, 12)) + 0.01 * random.normal(size=(200, 12))
    basis, shares = find_components(rows - rows.mean(axis=0), 4)
    np.testing.assert_allclose(basis @ basis.T, np.eye(4), atol=1e-9)
    assert shares[:2].sum() > 0.99
    values = np.stack([hidden[:, 0] - 3, 2 * hidden[:, 1]], axis=1)
    estimated = fit_ridge(rows[:50], values[:50], rows)
    assert np.corrcoef(estimated[50:, 0], values[50:, 0])[0, 1] > 0.99
    assert np.corrcoef(estimated[50:, 1], values[50:, 1])[0, 1] > 0.99


def test_a_tone_has_its_loudness_and_brightness() -> None:
    time_axis = np.arange(44_100) / 44_100
    tone = np.repeat(np.sin(2 * np.pi * 1024 * time_axis)[:, None], 2, axis=1)
    loudness, brightness = style_map.measure_sound(tone, 44_100)
    assert loudness == pytest.approx(-3.01, abs=0.01)
    assert brightness == pytest.approx(10.0, abs=0.01)
    assert style_map.measure_sound(np.zeros((100, 2)), 44_100) == (-100.0, 0.0)


def test_seeds_lie_where_their_pieces_are_planned() -> None:
    model = make_composed_model()
    found = draw_seed_map(model, lambda *_: None, 40)
    frames = [Plan(seed, model.settings_kind(), 0.016).frame for seed in range(40)]
    tempi = np.array([frame.tempo for frame in frames])
    assert found.kind == "seeds" and len(found.labels) == 40
    np.testing.assert_allclose(np.corrcoef(found.places[:, 0], tempi)[0, 1], 1.0)
    assert found.places.min() == -1 and found.places.max() == 1
    assert all((colour == 1) == (frame.mode == 0) for colour, frame in zip(found.colours[:, 1], frames, strict=True))


def wait_for(maker: MapMaker, name: str, *states: str) -> map_jobs.MapJob:
    end = time.monotonic() + 30
    while time.monotonic() < end:
        job = maker.get_job(name)
        assert job is not None
        if job.state in states:
            return job
        time.sleep(0.01)
    raise AssertionError(f"{job.state} instead of {states}")


@pytest.fixture
def maker(model: Model, monkeypatch) -> MapMaker:
    monkeypatch.setattr(map_jobs, "draw_map", draw_small)
    models = {"tiny": model, "piano": make_performer_model()}
    return MapMaker(Library(tuple(models), models.__getitem__))


def test_a_map_is_drawn_once(maker: MapMaker, monkeypatch) -> None:
    maker.start("tiny")
    first = wait_for(maker, "tiny", "done").map
    monkeypatch.setattr(map_jobs, "draw_map", lambda *_: pytest.fail("drawn again"))
    maker.start("tiny")
    assert wait_for(maker, "tiny", "done").map is first


def test_a_performer_has_no_map_and_an_unknown_checkpoint_is_refused(maker: MapMaker) -> None:
    maker.start("piano")
    assert "no map" in wait_for(maker, "piano", "none").message
    with pytest.raises(QueryError, match="tiny"):
        maker.start("other")


def test_a_map_ends_when_it_is_stopped_and_when_nobody_asks_for_it(maker: MapMaker, monkeypatch) -> None:
    begun = threading.Event()

    def draw_slowly(model: Model, report) -> PointMap:
        while True:
            report(1, 1000, None)
            begun.set()
            time.sleep(0.005)

    monkeypatch.setattr(map_jobs, "draw_map", draw_slowly)
    maker.start("tiny")
    assert begun.wait(10)
    maker.cancel("tiny")
    assert wait_for(maker, "tiny", "cancelled").map is None
    monkeypatch.setattr(map_jobs, "UNWATCHED", 0.05)
    job = maker.start("tiny")
    end = time.monotonic() + 10
    while job.state == "working" and time.monotonic() < end:
        time.sleep(0.05)  # nobody asks
    assert job.state == "cancelled"


def test_the_routes_tell_the_map_and_draw_pictures(model: Model, monkeypatch) -> None:
    monkeypatch.setattr(map_jobs, "draw_map", draw_small)
    application = FastAPI()
    routes = make_style_routes(Library(("tiny",), lambda _: model))
    application.include_router(routes.router)
    client = TestClient(application)
    assert client.get("/map?checkpoint=tiny").json() == {"state": "idle"}
    client.post("/map?checkpoint=tiny")
    wait_for(routes.maker, "tiny", "done")
    told = client.get("/map?checkpoint=tiny").json()
    assert told["state"] == "done" and len(told["map"]["numbers"]) == COUNT
    assert "map" not in client.get(f"/map?checkpoint=tiny&have={COUNT}").json()
    picture = client.get("/map/picture?checkpoint=tiny&number=5&seed=1")
    assert picture.content.startswith(b"\x89PNG") and picture.headers["content-type"] == "image/png"
    assert client.get("/map/picture?checkpoint=tiny&number=6&seed=1").content != picture.content
    for bad in ("/map?checkpoint=none", "/map/picture?number=-1", "/map?checkpoints=tiny"):
        answer = client.post(bad) if "none" in bad else client.get(bad)
        assert answer.status_code == 422 and answer.json()["error"]
