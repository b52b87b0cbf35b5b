"""The decoder at the seam of a loop whose length is no multiple of its windows."""

from __future__ import annotations

import numpy as np
import pytest

from musika import checkpoint
from musika.codec.checkpoint import make_checkpoint
from musika.codec.load import load_codec
from musika.codec.seams import SeamWindow, find_seam_window
from musika.codec.stereo import StereoCodec
from tests.codec.test_codec import ADDING_UP, make_weights

pytestmark = pytest.mark.backend


@pytest.fixture(scope="module")
def codec(tmp_path_factory: pytest.TempPathFactory) -> StereoCodec:
    """Phases add up, in cells of 3 latents; windows have 6."""
    weights = make_weights(ADDING_UP)
    bias = weights["decoder"]["tuner/offset/bias"]  # frequencies that differ, and change from latent to latent
    weights["decoder"]["tuner/offset/bias"] = bias + np.random.default_rng(0).uniform(-1, 1, bias.shape).astype("f4")
    weights["decoder"]["tuner/offset/kernel"] *= 20
    folder = tmp_path_factory.mktemp("codec") / "ae"
    checkpoint.write(folder, *make_checkpoint(ADDING_UP, weights))
    return load_codec(folder)


@pytest.mark.parametrize("period", [27, 28, 32])
def test_the_last_window_goes_on_beyond_the_seam_as_the_first_begins(codec: StereoCodec, period: int) -> None:
    latents = np.random.default_rng(3).uniform(-1, 1, (period, codec.channels)).astype(np.float32)

    def decode(number: int, count: int = 1) -> np.ndarray:
        windows = [
            latents[np.arange(n * codec.block - codec.context, (n + 1) * codec.block + codec.context) % period]
            for n in range(number, number + count)
        ]
        return codec.decode_window_at(number, np.stack(windows), period)

    assert codec.loop_step == 1
    last, rest = divmod(period, codec.block)
    hops = codec.config.hop * 2  # the last window sees this far beyond the seam, whichever period it is
    beyond, begin = decode(last)[0, rest * codec.hop_total :][:hops], decode(0)[0, :hops]
    assert np.abs(begin).max() > 1e-3
    np.testing.assert_allclose(beyond, begin, atol=1e-3 * np.abs(begin).max())
    several = decode(0, last + 1)
    for number in (0, 1, last):
        np.testing.assert_allclose(several[number], decode(number)[0], atol=1e-5)


def test_windows_without_a_seam_are_as_ever(codec: StereoCodec) -> None:
    latents = np.random.default_rng(3).uniform(-1, 1, (1, codec.block + 2 * codec.context, codec.channels))
    plain = codec.decode_window(latents)
    size = latents.shape[1]
    np.testing.assert_array_equal(codec.decode_window_at(0, latents, 5 * codec.block), plain)
    assert find_seam_window(5, codec.block, codec.context, 6 * codec.block + size + 1) is None
    np.testing.assert_array_equal(codec.decode_window_at(5, latents, 6 * codec.block + size + 1), plain)


def test_cells_begin_with_the_loop() -> None:
    window = SeamWindow(first=20, size=20, period=28)  # latents 20 ... 27, 0 ... 11
    assert window.numbers[[0, 7, 8, 19]].tolist() == [20, 27, 0, 11]
    # a part of a cell, two cells, a short one before the seam, and cells from the seam on
    assert window.split_cells(3, 0, 20) == [(0, 1, 1), (1, 7, 3), (7, 8, 1), (8, 20, 3)]
