"""The rule of rendering over several processes: any start, length, number of processes and order, the same samples."""

from __future__ import annotations

import functools
import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from musika import draws, render
from musika.errors import UsageError
from musika.render.lanes import Blocks
from tests.helpers import tiny
from tests.helpers.processes import ThreadWorkers

COUNT = 200  # random parts
WHOLE = 40_000  # samples


def load() -> render.Model:
    """In each process."""
    return tiny.make_model(tiny.SMALL)


@cache
def make_piece() -> render.Piece:
    return load().piece(7)


@pytest.fixture(scope="module")
def workers() -> Iterator[render.Workers]:
    with render.Workers(load, 2) as made:
        made.wait()
        yield made


def test_200_random_parts_in_any_order_by_one_process_or_two(workers: render.Workers) -> None:
    piece = make_piece()
    whole = piece.render_samples(0, WHOLE)
    drawn = draws.integers(0, "test/workers", 0, 3 * COUNT).reshape(COUNT, 3)  # start, length, processes: in no order
    for start, length, chosen in drawn:
        first = int(start % np.uint64(WHOLE))
        count = min(int(length % np.uint64(2_000)), WHOLE - first)
        blocks = piece.stream_samples(first, count, workers if chosen % np.uint64(2) else None)
        part = np.concatenate([np.zeros((0, 2), np.float32), *blocks])
        np.testing.assert_array_equal(part, whole[first : first + count])


def test_two_pieces_at_once_do_not_disturb_each_other(workers: render.Workers) -> None:
    pieces = make_piece(), make_piece().model.piece(8)
    streams = [piece.stream(0.0, 30.0, workers) for piece in pieces]
    blocks: list[list[np.ndarray]] = [[], []]
    for both in zip(*streams, strict=True):
        for place, block in zip(blocks, both, strict=True):
            place.append(block)
    for piece, found in zip(pieces, blocks, strict=True):
        np.testing.assert_array_equal(np.concatenate(found), piece.render(0.0, 30.0))


def test_a_stream_that_is_left_stops_the_processes(workers: render.Workers) -> None:
    stream = make_piece().stream(0.0, None, workers)
    next(stream)
    stream.close()
    assert len(make_piece().render(0.0, 0.1)) == 100


def test_the_other_process_decodes_too(workers: render.Workers, monkeypatch: pytest.MonkeyPatch) -> None:
    given = []
    submit = workers.submit_blocks

    def count_blocks(spans: list[np.ndarray], first: int, period: int) -> Future[Blocks]:
        given.extend(range(first, first + len(spans)))
        return submit(spans, first, period)

    monkeypatch.setattr(workers, "submit_blocks", count_blocks)
    piece = make_piece()
    heard = np.concatenate(list(piece.stream_samples(0, WHOLE, workers)))
    blocks = -(-WHOLE // render.count_block_samples(piece.model.codec))
    assert 0 < len(set(given)) == len(given) < blocks
    np.testing.assert_array_equal(heard, piece.render_samples(0, WHOLE))


def describe_process(model: render.Model, task: int) -> tuple[int, int]:
    time.sleep(0.05)
    return task, os.getpid()


def test_every_process_does_tasks_and_each_is_done_once(workers: render.Workers) -> None:
    results = list(workers.map(describe_process, list(range(8)), lambda task: describe_process(load(), task)))
    assert sorted(task for task, _ in results) == list(range(8))
    assert len({process for _, process in results}) == 2


def fail(model: render.Model, task: int) -> None:
    raise UsageError("no such style")


def test_an_error_in_another_process_is_raised_here(workers: render.Workers) -> None:
    with pytest.raises(UsageError, match="no such style"):
        list(workers.map(fail, [1, 2, 3], lambda task: time.sleep(0.2)))


def test_tasks_end_with_an_error_while_another_process_gets_one(
    workers: render.Workers, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    submit, submitting = workers._others.submit, threading.Event()

    def submit_slowly(*call: Any) -> Future[Any]:
        if threading.current_thread() is not threading.main_thread():
            submitting.set()
            time.sleep(0.3)
        return submit(*call)

    def fail_meanwhile(task: int) -> None:
        assert submitting.wait(60)
        raise UsageError("no such style")

    workers.wait()
    monkeypatch.setattr(workers._others, "submit", submit_slowly)
    with pytest.raises(UsageError, match="no such style"):
        list(workers.map(describe_process, [1, 2, 3, 4], fail_meanwhile))
    time.sleep(0.5)
    assert not caplog.records, "what is thrown in a thread is logged"


def end_the_process(model: render.Model, task: int) -> None:
    os._exit(task)


def test_a_process_that_ends_by_itself_is_one_line() -> None:
    with render.Workers(load, 2) as made:
        made.wait()
        with pytest.raises(UsageError, match="use fewer jobs") as caught:
            list(made.map(end_the_process, [3, 4], lambda task: time.sleep(0.5)))
        assert caught.value.about == "jobs"
        with pytest.raises(UsageError, match="use fewer jobs"):
            list(make_piece().stream_samples(0, WHOLE, made))


def load_nothing() -> render.Model:
    raise UsageError("no memory")


def test_a_process_that_cannot_load_the_model_does_nothing() -> None:
    with render.Workers(load_nothing, 2) as made:
        made.wait()
        heard = np.concatenate(list(make_piece().stream_samples(0, WHOLE, made)))
        assert list(made.map(end_the_process, [1, 2], lambda task: task)) == [1, 2]
    np.testing.assert_array_equal(heard, make_piece().render_samples(0, WHOLE))


def load_slowly(mark: Path) -> render.Model:
    (mark / "begun").touch()
    time.sleep(60)
    (mark / "done").touch()
    return load()


def test_nobody_waits_for_a_process_that_loads(tmp_path: Path) -> None:
    with render.Workers(functools.partial(load_slowly, tmp_path), 2) as made:
        heard = np.concatenate(list(make_piece().stream_samples(0, WHOLE, made)))
        assert list(made.map(end_the_process, [1, 2], lambda task: task)) == [1, 2]
        while not (tmp_path / "begun").exists():
            time.sleep(0.01)
    assert not (tmp_path / "done").exists() and not made.count_lanes()
    np.testing.assert_array_equal(heard, make_piece().render_samples(0, WHOLE))


@settings(max_examples=20, deadline=None)
@given(start=st.integers(0, 3_000), count=st.integers(0, 20_000), run=st.integers(1, 5))
def test_blocks_are_in_order_whatever_number_of_them_a_process_takes_at_once(start: int, count: int, run: int) -> None:
    piece = make_piece()
    with ThreadWorkers(load, run=run) as helpers:
        blocks = list(piece.stream_samples(start, count, helpers))
    part = np.concatenate([np.zeros((0, 2), np.float32), *blocks])
    np.testing.assert_array_equal(part, piece.render_samples(start, count))
