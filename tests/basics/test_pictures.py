"""Pictures of sound show what is there."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from musika import pictures

RATE = 44_100


def make_tone(frequency: float, seconds: float, side: int) -> np.ndarray:
    waveform = np.zeros((int(seconds * RATE), 2), np.float32)
    waveform[:, side] = 0.5 * np.sin(2 * np.pi * frequency * np.arange(len(waveform)) / RATE)
    return waveform


def test_higher_tones_are_further_up_and_left_is_above_right():
    picture = pictures.draw_spectrogram(make_tone(440.0, 1.0, 0), RATE).astype(int).sum(axis=2)
    assert picture[:128].max() > picture[130:].max()
    picture = pictures.draw_spectrogram(make_tone(440.0, 1.0, 1), RATE).astype(int).sum(axis=2)
    assert picture[130:].max() > picture[:128].max()
    rows = []
    for frequency in (200.0, 1000.0, 5000.0):
        left = pictures.draw_spectrogram(make_tone(frequency, 1.0, 0), RATE)[:128].astype(int).sum(axis=2)
        rows.append(int(left.mean(axis=1).argmax()))
    assert rows[0] > rows[1] > rows[2]


@pytest.mark.parametrize("samples", [0, 1, 44, 2047, 44_100])
def test_any_length_gives_a_picture(samples):
    picture = pictures.draw_spectrogram(np.zeros((samples, 2), np.float32), RATE)
    assert picture.dtype == np.uint8 and picture.shape[0] == 258 and picture.shape[1] >= 1 and picture.shape[2] == 3


def test_long_pieces_keep_the_same_width():
    for seconds in (10, 60):
        assert pictures.draw_spectrogram(make_tone(440.0, seconds, 0), RATE, width=200).shape == (258, 200, 3)


def test_values_that_are_not_finite_are_left_out():
    waveform = make_tone(440.0, 0.2, 0)
    waveform[100] = np.nan
    waveform[200] = np.inf
    assert pictures.draw_spectrogram(waveform, RATE).any()


def test_png_and_stacking():
    images = [np.full((4, width, 3), width, np.uint8) for width in (5, 9)]
    both = pictures.stack_images(images, gap=2)
    assert both.shape == (10, 9, 3) and (both[:4, :5] == 5).all() and (both[6:] == 9).all() and (both[4:6] == 255).all()
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(pictures.encode_png(both)))), both)
