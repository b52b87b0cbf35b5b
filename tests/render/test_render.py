"""The rule: what sounds at second t depends on (checkpoints, seed, settings, tracks, edits, t) alone."""

from __future__ import annotations

import dataclasses
import itertools
import json
import threading
import tracemalloc
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from musika import backend, render
from musika.errors import CheckpointError, MusikaError, UsageError
from musika.gan.noise import draw_rendering_noise
from musika.gan.rendering_coordinates import draw_rendering_coordinates
from musika.render import lanes
from tests.helpers import tiny

pytestmark = pytest.mark.backend

CONFIGS = {"small": tiny.SMALL, "large": tiny.LARGE}
WHOLE = 9_000  # samples of the fake codec: more than two groups of latents even of the large generator


@cache
def make_model(name: str) -> render.GeneratorModel:
    return tiny.make_model(CONFIGS[name])


@cache
def render_whole(name: str) -> np.ndarray:
    return make_model(name).piece(7).render_samples(0, WHOLE)


@cache
def make_stereo_model() -> render.GeneratorModel:
    return tiny.make_model(tiny.SMALL, tiny.make_stereo_codec())


@pytest.mark.parametrize("name", CONFIGS)
@settings(max_examples=12, deadline=None)
@given(spans=st.lists(st.tuples(st.integers(0, WHOLE), st.integers(0, WHOLE)), min_size=1, max_size=3))
def test_any_start_length_and_order_gives_the_same_samples(name: str, spans: list[tuple[int, int]]) -> None:
    for start, end in spans:
        first, count = min(start, end), abs(end - start)
        part = make_model(name).piece(7).render_samples(first, count)
        assert part.shape == (count, 2) and part.dtype == np.float32
        np.testing.assert_array_equal(part, render_whole(name)[first : first + count])


@settings(max_examples=4, deadline=None)
@given(start=st.integers(0, 500_000), count=st.integers(0, 300_000))
def test_the_same_with_a_real_codec(start: int, count: int) -> None:
    all_of_it = make_stereo_model().piece(3).render_samples(0, start + count)
    np.testing.assert_array_equal(make_stereo_model().piece(3).render_samples(start, count), all_of_it[start:])


@pytest.mark.parametrize("name", CONFIGS)
def test_it_is_what_the_networks_give_step_by_step(name: str) -> None:
    config, codec = CONFIGS[name], tiny.FakeCodec()
    layer, half = tiny.make_generator(config), config.half_window
    pieces = []
    for j in range(6):
        coordinates = draw_rendering_coordinates(config, 7, 2.0, j * half, half)[None]
        pieces.append(np.asarray(layer(coordinates, draw_rendering_noise(config, 7, j, 1)))[0])
    expected = codec.decode(np.concatenate(pieces))
    count = 6 * half * codec.hop_total - codec.context * codec.hop_total  # after that, what follows can be heard
    waveform = np.concatenate(list(make_model(name).piece(7).stream_without_levels(0, count)))
    np.testing.assert_allclose(waveform, expected[:count], atol=1e-5)


# one frame in four places, of the commit before pieces were values
BEFORE = {
    "small": [
        [0.18074989, -0.01458275],
        [0.20777713, -0.46064684],
        [-0.11626184, 0.57565439],
        [0.02343044, 0.63137627],
    ],
    "large": [[1.0, -0.22469497], [-0.19671068, -0.48591036], [-0.27947408, 0.10486545], [-0.25995934, -0.71153772]],
}


@pytest.mark.parametrize("name", CONFIGS)
def test_samples_before_level_control_are_what_they_always_were(name: str) -> None:
    waveform = np.concatenate(list(make_model(name).piece(7).stream_without_levels(0, WHOLE)))
    found = np.clip(waveform[[0, 1000, 4321, 8999]], -1, 1)
    np.testing.assert_allclose(found, BEFORE[name], atol=1e-4)


def test_the_real_codec_gives_what_it_always_gave() -> None:
    waveform = np.concatenate(list(make_stereo_model().piece(3).stream_without_levels(100_000, 200_000)))
    before = [[-0.07260428, -0.05951564], [-0.18684876, -0.14932831], [0.1060506, 0.0977331], [0.01607571, 0.00627503]]
    np.testing.assert_allclose(waveform[[0, 1000, 54321, 199_999]], before, atol=1e-3)


@settings(max_examples=20, deadline=None)
@given(start=st.integers(0, 3_000), count=st.integers(0, 4_000), threads=st.integers(1, 4))
def test_blocks_that_are_decoded_at_the_same_time_give_the_same_samples(start: int, count: int, threads: int) -> None:
    with pytest.MonkeyPatch.context() as patch, ThreadPoolExecutor(threads) as pool:
        patch.setattr(lanes, "get_pool", lambda: pool)
        patch.setattr(lanes, "count_lanes", lambda: threads)
        part = make_model("small").piece(7).render_samples(start, count)
        endless = itertools.islice(make_model("small").piece(7).stream_samples(start), 3)
        streamed = np.concatenate([block.copy() for block in endless])
    np.testing.assert_array_equal(part, render_whole("small")[start : start + count])
    end = min(WHOLE, start + len(streamed))
    np.testing.assert_array_equal(streamed[: end - start], render_whole("small")[start:end])


def test_an_error_in_a_block_that_is_made_ahead_is_raised_and_ends_the_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    class Failing(tiny.FakeCodec):
        def decode_window_at(self, number: int, latents: np.ndarray, period: int = 0) -> np.ndarray:
            if number == 2 * lanes.count_windows(self):
                raise MusikaError("no memory")
            return super().decode_window_at(number, latents, period)

    with ThreadPoolExecutor(2) as pool:
        monkeypatch.setattr(lanes, "get_pool", lambda: pool)
        monkeypatch.setattr(lanes, "count_lanes", lambda: 2)
        blocks = tiny.make_model(tiny.SMALL, Failing()).piece(7).stream_without_levels(0)
        assert len([next(blocks), next(blocks)]) == 2
        with pytest.raises(MusikaError, match="no memory"):
            next(blocks)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("latents")]


def test_cores_are_shared_by_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lanes, "count_cores", lambda: 6)
    monkeypatch.setattr(lanes, "_sharing", [1])
    monkeypatch.setattr(backend, "count_threads", lambda: 1)
    assert lanes.count_lanes() == 6
    lanes.share_cores(2)
    assert lanes.count_lanes() == 3
    monkeypatch.setattr(backend, "count_threads", lambda: 6)
    assert lanes.count_lanes() == 1


def test_seconds_are_the_nearest_samples() -> None:
    part = make_model("small").piece(7).render(0.1004, 0.0016)
    np.testing.assert_array_equal(part, render_whole("small")[100:102])
    assert make_model("small").piece(7).render(1.0, 0.0).shape == (0, 2)


def test_stream_is_render_in_blocks() -> None:
    m = make_model("small")
    first = 0.333
    joined = np.concatenate(list(islice(m.piece(7).stream(first), 3)))
    np.testing.assert_array_equal(joined, m.piece(7).render_samples(333, len(joined)))
    ended = np.concatenate(list(m.piece(7).stream(first, seconds=2.0)))
    np.testing.assert_array_equal(ended, render_whole("small")[333:2333])


def test_an_hour_in_costs_what_the_beginning_costs() -> None:
    m = make_model("small")
    far = 100 * 3600 * m.sample_rate + 77
    made = []
    counted = dataclasses.replace(m, generate=lambda c, n: made.append(1) or m.generate(c, n))
    part = counted.piece(7).render_samples(far, 500)
    groups_far, _ = len(made), made.clear()
    group = m.make_latents(m.piece(7)).size * m.codec.hop_total
    counted.piece(7).render_samples(10 * group + far % group, 500)
    assert len(made) == groups_far
    np.testing.assert_array_equal(part[100:], m.piece(7).render_samples(far + 100, 400))


def test_other_seeds_and_truncations_sound_different() -> None:
    m = make_model("small")
    base = render_whole("small")[:2000]
    assert not np.array_equal(m.piece(8).render_samples(0, 2000), base)
    assert not np.array_equal(m.piece(7, truncation=0.5).render_samples(0, 2000), base)


def test_calls_at_the_same_time_do_not_disturb_each_other() -> None:
    found: dict[int, np.ndarray] = {}

    def work(start: int) -> None:
        found[start] = make_model("small").piece(7).render_samples(start, 1500)

    threads = [threading.Thread(target=work, args=(start,)) for start in (0, 700, 3000)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for start, part in found.items():
        np.testing.assert_array_equal(part, render_whole("small")[start : start + 1500])
    assert len(found) == 3


def test_memory_does_not_grow_with_length() -> None:
    def measure_peak(count: int) -> int:
        tracemalloc.start()
        for _ in make_model("small").piece(7).stream_samples(0, count):
            pass
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    measure_peak(2000)
    assert measure_peak(120_000) < 1.2 * measure_peak(30_000) + 50_000


class BrokenCodec(tiny.FakeCodec):
    def decode_window(self, latents: np.ndarray) -> np.ndarray:
        return np.full((len(latents), self.block * self.hop_total, 2), np.nan, np.float32)


def test_numbers_that_are_not_finite_are_an_error() -> None:
    with pytest.raises(CheckpointError, match="not finite"):
        tiny.make_model(tiny.SMALL, BrokenCodec()).piece(7).render_samples(0, 400)


@pytest.mark.parametrize(("first", "count"), [(-1, 10), (0, -1)])
def test_negative_spans_are_refused(first: int, count: int) -> None:
    with pytest.raises(UsageError):
        make_model("small").piece(7).render_samples(first, count)


def test_ahead_hands_on_errors_and_ends() -> None:
    def fail_after_one() -> Iterator[np.ndarray]:
        yield np.zeros((1, 2), np.float32)
        raise CheckpointError("no")

    blocks = render.prefetch(fail_after_one())
    assert next(blocks).shape == (1, 2)
    with pytest.raises(CheckpointError):
        next(blocks)
    assert list(render.prefetch([])) == []


def test_load_model_finds_the_codec_beside_the_generator(tmp_path: Path) -> None:
    folder = tiny.write_checkpoints(tmp_path)
    m = render.load_model(folder, sizes={"small": True, "base_channels": 4, "coorddepth": None})
    assert m.name == "open" and m.sample_rate == 44_100
    assert m.piece(1).render(0.0, 0.1).shape == (4410, 2)


def test_load_model_refuses_what_does_not_fit(tmp_path: Path) -> None:
    folder = tiny.write_checkpoints(tmp_path)
    with pytest.raises(UsageError, match="base_channels 5 contradicts"):
        render.load_model(folder, sizes={"base_channels": 5})
    with pytest.raises(UsageError, match="small False contradicts"):
        render.load_model(folder, sizes={"small": False})
    with pytest.raises(CheckpointError, match="nowhere"):
        render.load_model(tmp_path / "nowhere")
    described = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**described, "codec_identity": "another"}))
    with pytest.raises(CheckpointError, match="trained on latents of codec another"):
        render.load_model(folder, tmp_path / "ae")
    with pytest.raises(CheckpointError, match="trained on latents of codec another") as caught:
        render.load_model(folder)
    assert caught.value.about == "codec"


class LoudCodec(tiny.FakeCodec):
    def decode_window(self, latents: np.ndarray) -> np.ndarray:
        return 4 * super().decode_window(latents)


@settings(max_examples=10, deadline=None)
@given(first=st.integers(0, 30_000), count=st.integers(0, 3_000))
def test_levels_are_a_function_of_position_too(first: int, count: int) -> None:
    piece = render_loud()
    part = piece.render_samples(first, count)
    assert part.shape == (count, 2)
    np.testing.assert_array_equal(part, render_whole_loud()[first : first + count])


@cache
def render_loud() -> render.Piece:
    return tiny.make_model(tiny.SMALL, LoudCodec()).piece(7)


@cache
def render_whole_loud() -> np.ndarray:
    return render_loud().render_samples(0, 33_000)


def test_no_sample_is_beyond_the_ceiling() -> None:
    before = np.concatenate(list(render_loud().stream_without_levels(0, 33_000)))
    assert np.abs(before).max() > 2.0 and np.abs(render_whole_loud()).max() <= 10 ** (-1 / 20)


def test_the_output_gain_comes_before_the_limiter() -> None:
    m = make_model("small")
    quiet = dataclasses.replace(m, output_gain=0.01).piece(7)
    without = np.concatenate(list(quiet.stream_without_levels(0, 2000)))
    np.testing.assert_array_equal(quiet.render_samples(0, 2000), without * np.float32(0.01))


@pytest.mark.parametrize("gain", [0, -1.0, "loud", True, 1e9, float("nan")])
def test_an_output_gain_that_cannot_be(gain: object, tmp_path: Path) -> None:
    from musika.render.levels import parse_output_gain

    with pytest.raises(CheckpointError, match="output_gain"):
        parse_output_gain(tmp_path, {"output_gain": gain})
    assert parse_output_gain(tmp_path, {}) == 1.0


def test_a_checkpoint_plays_with_its_own_gain(tmp_path: Path) -> None:
    from musika import checkpoint

    folder = tiny.write_checkpoints(tmp_path)
    checkpoint.change_config(folder, {"output_gain": 0.5})
    checkpoint.verify(folder)
    assert render.load_model(folder).output_gain == 0.5
