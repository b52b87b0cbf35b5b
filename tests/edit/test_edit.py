"""Edits: nothing changes outside the gaps, joins are smooth, every sample is a function of its position."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import cache
from itertools import islice

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import musika.edit as edit
from musika.edit.apply import AppliedEdit
from musika.edit.joining import CEILING, KNEE, soften_peaks
from musika.edit.recording import Recording
from musika.edit.sounds import LatentsAhead
from musika.edit.untouched import find_untouched
from musika.errors import ConfigError, UsageError
from musika.render import Sound, prefetch, read_in_blocks
from tests.helpers import tiny
from tests.helpers.editors import StandInEditor, make_generator_model

RATE = 1000  # Hz, of the stand-in's codec
LENGTH = 4_037  # samples: no whole number of latents
OTHER_LENGTH = 3_000


def make_tones(length: int = LENGTH, rate: int = RATE, channels: int = 2, seed: int = 0) -> np.ndarray:
    """Tones and a little noise, `[length, channels]`."""
    time, draw = np.arange(length) / rate, np.random.default_rng(seed)
    tones = 0.3 * np.sin(2 * np.pi * (41 + 7 * seed) * time) + 0.2 * np.sin(2 * np.pi * 97 * time)
    waves = tones[:, None] * np.linspace(1, 0.6, channels) + 0.01 * draw.normal(size=(length, channels))
    return waves.astype(np.float32)


def make_recording(**options) -> Recording:
    return Recording(make_tones(**options), options.get("rate", RATE))


def make_other() -> Recording:
    return make_recording(length=OTHER_LENGTH, seed=1)


EDITS = {
    "fill": lambda editor, sound: edit.fill(editor, sound, [(0.7, 0.9), (1.5, 2.4), (3.9, None)], seed=1),
    "continue": lambda editor, sound: edit.continue_(editor, sound, seconds=1.5, seed=1),
    "vary": lambda editor, sound: edit.vary(editor, sound, strength=0.6, seed=1),
    "vary spans": lambda editor, sound: edit.vary(editor, sound, strength=0.6, spans="1-2", seed=1),
    "blend": lambda editor, sound: edit.blend(editor, sound, make_other(), ratio=0.4, seed=1),
    "blend over": lambda editor, sound: edit.blend(editor, sound, make_other(), over=1.0, seed=1),
}


@cache
def render_edit(name: str, rate: int = RATE, channels: int = 2) -> np.ndarray:
    recording = Recording(make_tones(rate=rate, channels=channels), rate)
    return EDITS[name](StandInEditor(), recording).render()


def test_nothing_changes_outside_the_gaps() -> None:
    original, filled = make_tones(), render_edit("fill")
    assert filled.shape == original.shape
    outside = np.ones(LENGTH, bool)
    for begin, end in ((700, 900), (1500, 2400), (3900, LENGTH)):
        outside[begin:end] = False
        assert np.mean(filled[begin:end] != original[begin:end]) > 0.9
    np.testing.assert_array_equal(filled[outside], original[outside])


def test_what_is_in_a_gap_does_not_matter() -> None:
    other = make_tones()
    other[700:900], other[1500:2400], other[3900:] = 0.9, -0.9, 0.0
    np.testing.assert_array_equal(EDITS["fill"](StandInEditor(), Recording(other, RATE)).render(), render_edit("fill"))


@pytest.mark.parametrize("rate", [RATE, 1_470])
def test_continuing_copies_what_is_there_and_adds_exactly_what_was_asked(rate: int) -> None:
    original, longer = make_tones(rate=rate), render_edit("continue", rate)
    assert len(longer) == LENGTH + round(1.5 * rate)
    np.testing.assert_array_equal(longer[:LENGTH], original)
    assert np.sqrt(np.mean(longer[LENGTH:] ** 2)) > 0.05


def test_a_continuation_is_the_beginning_of_a_longer_one_and_of_one_without_end() -> None:
    editor, fade = StandInEditor(), round(0.005 * RATE)
    short = edit.continue_(editor, make_recording(), seconds=0.5, seed=1).render()
    endless = edit.continue_(editor, make_recording(), seconds=None, seed=1)
    np.testing.assert_array_equal(endless.render(seconds=4.537)[: len(short) - fade], short[:-fade])
    blocks = np.concatenate(list(islice(endless.stream(), 2)))
    np.testing.assert_array_equal(endless.render(seconds=len(blocks) / RATE), blocks)
    with pytest.raises(UsageError, match="without end"):
        endless.render()


@pytest.mark.parametrize("name", EDITS)
@settings(max_examples=12, deadline=None)
@given(places=st.lists(st.tuples(st.integers(0, 6_000), st.integers(0, 2_000)), min_size=1, max_size=3))
def test_whole_parts_and_any_order_give_the_same_samples(name: str, places: list[tuple[int, int]]) -> None:
    whole = render_edit(name)
    sound = EDITS[name](StandInEditor(), make_recording()).open()
    assert sound.length == len(whole)
    for first, count in places:
        first = min(first, len(whole))
        part = sound.read(first, min(count, len(whole) - first))
        np.testing.assert_array_equal(part, whole[first : first + count])


@pytest.mark.parametrize("name", EDITS)
@pytest.mark.parametrize(("rate", "channels"), [(1_470, 2), (RATE, 1)])
def test_recordings_keep_their_rate_and_their_channels(name: str, rate: int, channels: int) -> None:
    edited = EDITS[name](StandInEditor(), make_recording(length=6_000, rate=rate, channels=channels))
    whole = edited.render()
    assert whole.shape[1] == channels and len(whole) == edited.open().length and np.isfinite(whole).all()
    sound = edited.open()
    np.testing.assert_array_equal(sound.read(900, 1_100), whole[900:2_000])


def test_the_seed_decides_and_nothing_else_does() -> None:
    one, same, other = (edit.fill(StandInEditor(), make_tones(), "1-2", s, RATE) for s in (5, 5, 6))
    np.testing.assert_array_equal(one, same)
    assert np.mean(one[1050:1950] != other[1050:1950]) > 0.9


def test_edits_compose_and_taking_one_away_undoes_it() -> None:
    editor = StandInEditor()
    first = edit.fill(editor, make_recording(), "0.5-1", seed=1)
    both = edit.continue_(editor, first, seconds=1.0, seed=2)
    np.testing.assert_array_equal(both.render()[:LENGTH], first.render())
    np.testing.assert_array_equal(both.undo().render(), first.render())
    np.testing.assert_array_equal(
        both.undo(0).render(), edit.continue_(editor, make_recording(), seconds=1.0, seed=2).render()
    )
    np.testing.assert_array_equal(both.undo().undo().render(), make_tones())
    with pytest.raises(UsageError, match="no edit"):
        make_recording().undo()


def test_pieces_carry_edits_too() -> None:
    editor, model = StandInEditor(), tiny.make_model(tiny.SMALL)
    piece = model.piece(7)
    filled = edit.fill(editor, piece, [(1.0, 1.5)], seed=3)
    plain, whole = piece.render(0, 4), filled.render(0, 4)
    np.testing.assert_array_equal(whole[:1000], plain[:1000])
    np.testing.assert_array_equal(whole[1500:], plain[1500:])
    assert np.mean(whole[1000:1500] != plain[1000:1500]) > 0.9
    np.testing.assert_array_equal(filled.render(1.2, 0.5), whole[1200:1700])
    np.testing.assert_array_equal(dataclasses.replace(filled, edits=()).render(0, 4), plain)
    gone_on = edit.continue_(editor, piece, seconds=1.0, at=2.0).render(0, 3)
    np.testing.assert_array_equal(gone_on[:2000], plain[:2000])
    with pytest.raises(UsageError, match="no end"):
        edit.continue_(editor, piece).render(0, 1)
    with pytest.raises(UsageError, match=r"ends after 3\.000 s"):
        edit.continue_(editor, piece, seconds=1.0, at=2.0).render(0, 4)


def test_a_passage_copies_what_is_before_and_after() -> None:
    one, two, whole = make_tones(), make_tones(OTHER_LENGTH, seed=1), render_edit("blend over")
    assert len(whole) == LENGTH + OTHER_LENGTH - RATE
    np.testing.assert_array_equal(whole[: LENGTH - RATE], one[: LENGTH - RATE])
    np.testing.assert_array_equal(whole[LENGTH:], two[RATE:])


def test_strength_and_ratio_go_from_one_end_to_the_other() -> None:
    editor, one, two = StandInEditor(), make_tones(), make_tones(seed=1)
    inside = slice(10, -10)  # what begins and ends with the sound fades
    np.testing.assert_allclose(edit.vary(editor, one, 0.0, sample_rate=RATE)[inside], one[inside], atol=1e-6)
    distances = [np.mean(np.abs(edit.vary(editor, one, s, sample_rate=RATE) - one)) for s in (0.3, 1.0)]
    assert distances[0] < distances[1]
    for ratio, sound in ((0.0, one), (1.0, two)):
        np.testing.assert_allclose(
            edit.blend(editor, one, two, ratio, sample_rate=RATE)[inside], sound[inside], atol=1e-6
        )


def test_each_step_sees_those_before_it_and_the_last_ones_see_both_sides() -> None:
    editor = StandInEditor()
    edit.fill(editor, make_recording(), "1-2").render()
    first, last = editor.seen_detail[0], editor.seen_detail[-1]
    reach, step = editor.reach, editor.step
    unknown = int(2 + 1000 / 16 + 2)  # latents: the gap and those that its silence touches
    assert first[:reach].all() and not first[reach:].any()
    assert last[-reach:].all() and last[reach] == 0.0
    made = len(editor.seen_detail)
    assert made == -(-unknown // step), "every latent is made once"
    once = [detail for detail in editor.seen_detail if detail[reach - 1] == 0.0]
    assert len(once) == -(-editor.longest // step) - 1, "the last steps are made at once"


def test_what_is_listened_to_can_be_limited() -> None:
    editor = StandInEditor()
    edit.continue_(editor, make_recording(), seconds=0.1, before=0.08).render()
    assert editor.seen_detail[0][: editor.reach].sum() == 80 // 16


@pytest.mark.parametrize(
    ("apply", "message"),
    [
        (lambda e, r: edit.fill(e, r, [(1, 2), (1.5, 3)]), "spans 1-2 and 1.5-3 overlap"),
        (lambda e, r: edit.fill(e, r, [(2, 3), (0, 1)]), "out of order"),
        (lambda e, r: edit.fill(e, r, [(2, 2)]), "empty"),
        (lambda e, r: edit.fill(e, r, []), "needs a gap"),
        (lambda e, r: edit.fill(e, r, [(-1, 2)]), "before the sound"),
        (lambda e, r: edit.fill(e, r, [(3, 5)]), "outside the sound, which is 4.037 s long"),
        (lambda e, r: edit.fill(e, r, [(5, None)]), "outside the sound"),
        (lambda e, r: edit.fill(e, r, [(1, 1.001)]), "too short"),
        (lambda e, r: edit.fill(e, r, [(0, None)]), "0.00 s of sound to listen to"),
        (lambda e, r: edit.fill(e, r, [(0, float("nan"))]), "not a finite number"),
        (lambda e, r: edit.continue_(e, r, before=5.0), "there are 4.037 s before the end"),
        (lambda e, r: edit.continue_(e, r, at=5.0), "before second 5"),
        (lambda e, r: edit.continue_(e, r, seconds=0.0), "more than 0"),
        (lambda e, r: edit.continue_(e, Recording(make_tones(100), RATE)), "0.10 s of sound"),
        (lambda e, r: edit.continue_(e, Recording(0 * make_tones(), RATE)), "only silence"),
        (lambda e, r: edit.vary(e, r, 1.5), "at most 1"),
        (lambda e, r: edit.vary(e, Recording(0 * make_tones(), RATE)), "only silence"),
        (lambda e, r: edit.blend(e, r, make_recording(length=2_000), over=3.0), "does not fit"),
        (lambda e, r: edit.blend(e, r, Recording(0 * make_tones(2_000), RATE)), "only silence"),
        (lambda e, r: Recording(np.zeros((4, 3), np.float32), RATE), "shape"),
        (lambda e, r: Recording(np.full((4, 1), np.nan, np.float32), RATE), "finite"),
    ],
)
def test_what_makes_no_sense_is_one_line(apply, message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        apply(StandInEditor(), make_recording()).render()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "spans"),
    [
        ("3.5-7,20-24", ((3.5, 7.0), (20.0, 24.0))),
        ("3-5,6-7,20-100", ((3.0, 5.0), (6.0, 7.0), (20.0, 100.0))),
        (" 1:20-1:35.5 , 2:00- ", ((80.0, 95.5), (120.0, None))),
        ("-.5", ((0.0, 0.5),)),
    ],
)
def test_spans_are_read(text: str, spans: tuple) -> None:
    assert edit.parse_spans(text) == spans


@pytest.mark.parametrize(
    "text", ["", "-", "3", "3-2", "a-b", "1-2-3", "1-2,", "1-2;3-4", "nan-inf", "1e3-2e3", "2-,3-4"]
)
def test_what_is_no_span_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        edit.parse_spans(text)


@pytest.mark.parametrize(
    "value",
    [
        edit.Fill(spans=((1.5, 2.0), (3.0, None)), seed=4),
        edit.Continue(seconds=None, before=10.0),
        edit.Vary(strength=0.25, spans=((0.0, 1.0),)),
        edit.Blend(ratio=0.25, over=None, seed=2**40),
    ],
)
def test_edits_are_values_in_json_and_back(value: edit.Edit) -> None:
    assert edit.parse_edit(json.loads(json.dumps(edit.describe_edit(value)))) == value
    assert hash(value) == hash(dataclasses.replace(value))


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"edit": "cut"},
        {"edit": "vary", "strength": "1"},
        {"edit": "vary", "x": 1},
        {"edit": "fill", "spans": [[1]]},
    ],
)
def test_json_that_is_no_edit_is_refused(values: dict) -> None:
    with pytest.raises(ConfigError):
        edit.parse_edit(values)


def test_what_is_untouched_is_counted() -> None:
    original, filled = make_tones(), render_edit("fill")
    assert find_untouched(original, filled, RATE) == [(0.0, 0.7), (0.9, 1.5), (2.4, 3.9)]
    assert find_untouched(original, render_edit("continue"), RATE) == [(0.0, LENGTH / RATE)]
    assert find_untouched(original, -original, RATE) == find_untouched(original, original[:, :1], RATE) == []


def test_a_search_for_coordinates_can_be_stopped() -> None:
    class Stop(Exception):
        pass

    shares: list[float | None] = []

    def stop(share: float | None) -> None:
        shares.append(share)
        if len(shares) > 3:
            raise Stop

    applied = AppliedEdit(edit.Vary(), make_generator_model(), on_step=stop)
    with pytest.raises(Stop):
        make_recording().add(applied).render()
    assert len(shares) == 4 and shares[0] == 0.0 and shares == sorted(shares)


def test_a_search_says_how_far_it_is_and_looks_only_at_what_is_made(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("musika.edit.coordinates.STEPS", 2)
    model, sound = make_generator_model(), make_recording(length=40_000)

    def list_shares(edited: Recording) -> list[float | None]:
        shares: list[float | None] = []
        edited.save(tmp_path / "edited.wav", on_step=shares.append)
        assert shares == sorted(shares) and shares[0] == 0.0 and 0.8 < shares[-1] < 1.0
        return shares

    whole, part = (list_shares(edit.vary(model, sound, spans=spans)) for spans in ((), "20-21"))
    assert len(part) < len(whole) / 2
    assert len(list_shares(edit.blend(model, sound, make_other(), over=0.5))) < len(whole)


def test_an_edit_of_a_part_is_searched_for_wherever_the_part_lies(monkeypatch) -> None:
    monkeypatch.setattr("musika.edit.coordinates.STEPS", 2)
    monkeypatch.setattr("musika.edit.with_generator.AROUND", 0.2)
    sound = edit.vary(make_generator_model(), make_recording(length=40_000), spans="30-30.5", seed=3)
    whole = sound.render()
    np.testing.assert_array_equal(sound.open().read(30_100, 300), whole[30_100:30_400])
    changed = np.flatnonzero((whole != make_tones(length=40_000)).any(axis=1))
    assert 30_000 <= changed[0] <= changed[-1] < 30_500 and np.isfinite(whole).all()


def test_what_a_reader_of_blocks_raises_ends_saving_and_leaves_no_file(tmp_path) -> None:
    seen: list[int] = []

    def stop(block: np.ndarray) -> None:
        seen.append(len(block))
        raise KeyboardInterrupt

    path = tmp_path / "long.wav"
    with pytest.raises(KeyboardInterrupt):
        make_recording(length=200_000).save(path, on_block=stop)
    assert len(seen) == 1 and not list(tmp_path.iterdir())


def test_work_on_the_next_block_ends_when_the_reader_leaves() -> None:
    stop, left = threading.Event(), threading.Event()

    def make_blocks() -> Iterator[np.ndarray]:
        yield np.zeros((1, 2), np.float32)
        assert stop.wait(30)
        left.set()
        raise RuntimeError  # nobody sees it

    blocks = prefetch(make_blocks(), stop)
    next(blocks)
    blocks.close()
    assert left.is_set()


def test_latents_ahead_are_the_same_and_come_from_one_thread() -> None:
    asked: list[tuple[int, int]] = []
    threads = set()

    class Numbers:
        channels = 1

        def get_span(self, start: int, stop: int) -> np.ndarray:
            asked.append((start, stop))
            threads.add(threading.get_ident())
            return np.arange(start, stop, dtype=np.float32)[:, None]

    ahead = LatentsAhead(Numbers(), 4, 12)
    for start in (0, 4, 8, 2, 40):
        np.testing.assert_array_equal(ahead.get_span(start, start + 6)[:, 0], np.arange(start, start + 6))
    assert asked == [(0, 6), (4, 10), (8, 14), (2, 8), (6, 12), (40, 46)]
    assert len(threads) == 1 and threading.get_ident() not in threads


def test_leaving_a_stream_ends_an_edit(monkeypatch) -> None:
    calls: list[float | None] = []
    applied = AppliedEdit(edit.Fill(spans=((0.5, 0.9), (2.0, 3.9))), StandInEditor(), on_step=calls.append)
    stream = make_recording().add(applied).stream()
    next(stream)
    stream.close()
    before = len(calls)
    assert before and not [thread for thread in threading.enumerate() if thread.name.startswith("render")]


def test_a_blend_needs_its_second_sound() -> None:
    sound: Sound = make_recording().open()
    with pytest.raises(UsageError, match="second sound"):
        AppliedEdit(edit.Blend(), StandInEditor()).apply(sound)
    with pytest.raises(UsageError, match="not all from 0 on"):
        list(read_in_blocks(sound, -1, 5))


def test_importing_musika_is_enough() -> None:
    words = [
        sys.executable,
        "-c",
        "import musika; print(musika.edit.fill.__name__, 'keras' in __import__('sys').modules)",
    ]
    assert subprocess.run(words, capture_output=True, text=True, check=True).stdout == "fill False\n"


def test_what_was_made_never_clips() -> None:
    samples = np.linspace(-3.0, 3.0, 601, dtype=np.float32)
    soft = soften_peaks(samples)
    assert np.abs(soft).max() < CEILING + 1e-6 and (np.diff(soft) >= 0.0).all()
    quiet = np.abs(samples) <= KNEE
    np.testing.assert_array_equal(soft[quiet], samples[quiet])
