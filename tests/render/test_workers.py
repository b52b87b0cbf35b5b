"""The rule of rendering over several processes: any start, length, number of processes and order, the same samples."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import numpy as np
import pytest

from musika import draws, render
from musika.errors import UsageError
from tests.helpers import tiny

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


def end_the_process(model: render.Model, task: int) -> None:
    import os

    os._exit(task)


def test_a_process_that_ends_by_itself_is_one_line() -> None:
    with render.Workers(load, 1) as made, pytest.raises(UsageError, match="use fewer jobs") as caught:
        list(made.map(end_the_process, [3]))
    assert caught.value.about == "jobs"
