"""Readers of pieces between two requests: the same samples as without them, and bounded."""

from __future__ import annotations

import numpy as np

from musika.serve.streams.open_pieces import OpenPieces, PieceReader
from tests.helpers.tones import ToneModel, compute_chord


def read(reader: PieceReader, count: int) -> np.ndarray:
    return np.concatenate(list(reader.read_parts(1000, count)))


def test_requests_that_follow_each_other_decode_nothing_twice() -> None:
    model, opened = ToneModel(), OpenPieces()
    piece = model.piece(3)
    position, found = 500, []
    for count in (12_345, 40_000, 7, 60_000):
        reader = opened.take(model.piece(3), position)
        found.append(read(reader, count))
        opened.keep(reader)
        position += count
    np.testing.assert_array_equal(np.concatenate(found), compute_chord(3, 500, position - 500))
    assert sorted(model.made) == sorted(set(model.made))
    np.testing.assert_array_equal(read(opened.take(piece, 500), 100), compute_chord(3, 500, 100))  # a new one


def test_a_reader_is_given_away_once_and_only_some_are_kept() -> None:
    model, opened = ToneModel(), OpenPieces(most=2)
    readers = [PieceReader(model.piece(seed), 0) for seed in range(3)]
    for reader in readers:
        opened.keep(reader)
    assert opened.take(readers[0].piece, 0) is not readers[0]
    assert opened.take(readers[2].piece, 0) is readers[2]
    assert opened.take(readers[2].piece, 0) is not readers[2]
    old = OpenPieces(patience=0.0)
    old.keep(readers[1])
    assert old.take(readers[1].piece, 0) is not readers[1]


def test_other_settings_are_another_piece() -> None:
    model, opened = ToneModel(), OpenPieces()
    reader = PieceReader(model.piece(1, truncation=1.0), 0)
    opened.keep(reader)
    assert opened.take(model.piece(1, truncation=2.0), 0) is not reader
    assert opened.take(model.piece(1, truncation=1.0), 0) is reader
