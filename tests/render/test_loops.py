"""Loops: the music begins again without a seam, and is a function of position as ever."""

from __future__ import annotations

import dataclasses
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from musika import draws, render
from musika.codec.published.codec import PublishedCodec
from musika.codec.published.weights import list_weight_shapes
from musika.config import GeneratorConfig, PublishedCodecConfig
from musika.errors import UsageError
from tests.helpers import tiny


def make_published_codec() -> PublishedCodec:
    """With random weights and noise, whose pieces of latents must go around as well."""
    config = PublishedCodecConfig(hop=32, latent_depth=4, block=8)
    shapes = list_weight_shapes(config)
    weights = {name: 0.2 * draws.normal(0, name, 0, shape) for name, shape in shapes.items()}
    return PublishedCodec(config, weights, "noisy")


@cache
def make_loop(kind: str) -> render.Piece:
    if kind == "published":
        codec = make_published_codec()
        assert codec.noisy
        model = tiny.make_model(GeneratorConfig(codec.channels, 4, 4, small=True), codec)
    else:
        model = tiny.make_model(tiny.SMALL, tiny.make_stereo_codec() if kind == "stereo" else None)
    return model.piece(3).make_loop(0.1)


def count_samples(piece: render.Piece) -> int:
    return piece.loop * piece.model.codec.hop_total


KINDS = ("fake", "stereo", "published")


@pytest.mark.parametrize("kind", KINDS)
def test_the_second_turn_is_the_first(kind: str) -> None:
    piece = make_loop(kind)
    size = count_samples(piece)
    turns = piece.render_samples(0, 2 * size)
    np.testing.assert_array_equal(turns[:size], turns[size:])
    np.testing.assert_array_equal(piece.render_samples(5 * size - 50, 100), turns[size - 50 : size + 50])


@pytest.mark.parametrize("kind", KINDS)
def test_the_seam_is_like_any_other_place(kind: str) -> None:
    """Moved by half a turn, so that the seam lies inside: a decoder gives the same music, within rounding."""
    piece = make_loop(kind)
    size, codec, latents = count_samples(piece), piece.model.codec, piece.open_latents()
    turn = np.concatenate(list(piece.stream_without_levels(0, size)))
    shift = piece.loop // 2
    moved = latents.get_span(shift - codec.context, shift + piece.loop + codec.context)
    windows = range(piece.loop // codec.block)
    spans = [moved[w * codec.block : (w + 1) * codec.block + 2 * codec.context] for w in windows]
    first = shift // codec.block
    decoded = np.concatenate([codec.decode_window_at(first + w, spans[w][None], piece.loop)[0] for w in windows])
    np.testing.assert_allclose(np.roll(turn, -size // 2, axis=0), decoded, atol=2e-3)


def test_a_loop_begins_in_the_middle_of_a_half_window() -> None:
    piece = make_loop("fake")
    source = piece.model.make_latents(piece)
    np.testing.assert_array_equal(piece.open_latents().get_span(0, 32), source.get_span(32, 64))
    np.testing.assert_array_equal(piece.open_latents().get_span(-8, 0), source.get_span(24, 32))


def test_styles_of_a_loop_keep_their_times() -> None:
    model = tiny.make_model(tiny.SMALL)
    piece = model.piece(3, styles="0:00=1, 0:02=2").make_loop(4.1)  # a latent lasts 0.016 s, the loop 256 of them
    places = model.make_latents(piece).coordinates.compute(0, 256)[:, 4:]
    begin, later = (model.make_latents(model.piece(3, style_seed=k)).coordinates.compute(0, 1)[0, 4:] for k in (1, 2))
    np.testing.assert_allclose(places[32], begin, atol=0.05)
    np.testing.assert_allclose(places[32 + 125], later, atol=0.05)


@settings(max_examples=15, deadline=None)
@given(first=st.integers(0, 60_000), count=st.integers(0, 3000))
def test_a_loop_is_a_function_of_position(first: int, count: int) -> None:
    piece = make_loop("fake")
    size = count_samples(piece)
    around = piece.render_samples(0, size)[np.arange(first, first + count) % size]
    np.testing.assert_array_equal(piece.render_samples(first, count), around)


@pytest.mark.parametrize(("seconds", "latents"), [(0.001, 64), (1.0, 64), (1.6, 128), (60.0, 3776)])
def test_the_length_is_the_nearest_that_can_loop(seconds: float, latents: int) -> None:
    piece = tiny.make_model(tiny.SMALL).piece(1).make_loop(seconds)
    assert piece.loop == latents
    assert piece.loop_seconds == pytest.approx(latents * 16 / 1000)
    assert dataclasses.replace(piece, loop=0) == tiny_piece(piece)


def tiny_piece(piece: render.Piece) -> render.Piece:
    return piece.model.piece(1)


def test_what_cannot_loop_says_so() -> None:
    class Endless(render.GeneratorModel):
        loop_step = 0

    made = tiny.make_model(tiny.SMALL)
    model = Endless(config=made.config, generate=made.generate, codec=made.codec, name="endless")
    with pytest.raises(UsageError, match="endless cannot play in a loop"):
        model.piece(1).make_loop(10.0)
