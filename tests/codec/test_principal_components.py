"""First weights from principal components: a codec of few components recovers spectra that have few."""

import numpy as np
import pytest

from musika import backend, checkpoint
from musika.codec.decoder import Decoder, compute_head_powers
from musika.codec.encoder import Encoder
from musika.codec.features import compute_features_of_powers
from musika.codec.principal_components import fit_principal_components
from tests.codec.test_codec import TINY, make_weights

pytestmark = pytest.mark.backend


def make_smooth_powers(crops: int, seed: int) -> np.ndarray:
    """Powers `[crops, 4, frames, K]` whose logarithms have three slowly moving components."""
    rng = np.random.default_rng(seed)
    shapes = np.random.default_rng(99).standard_normal((3, 4, TINY.bins)).cumsum(axis=-1) / 8
    moves = rng.standard_normal((crops, 3, 4)).repeat(8, axis=-1)  # constant over a latent's frames and the next one's
    return np.exp(np.einsum("cmt,mpk->cptk", moves, shapes)).astype(np.float32)


def code_powers(weights: dict[str, dict[str, np.ndarray]], powers: np.ndarray) -> np.ndarray:
    """Log powers of left and right that encoder and decoder give, `[crops, 2, frames, K]`."""
    encoder, decoder = Encoder(TINY, name="encoder"), Decoder(TINY, name="decoder")
    for part, network in (("encoder", encoder), ("decoder", decoder)):
        network.build()
        checkpoint.assign(network, weights[part])
    planes = decoder(encoder(compute_features_of_powers(TINY, backend.to_device(powers))))
    return np.log(backend.to_numpy(compute_head_powers(TINY, planes))[:, :2])


def test_what_is_linear_is_recovered_at_once() -> None:
    fitted = fit_principal_components(TINY, make_weights(TINY), make_smooth_powers(64, 0))
    fresh = make_smooth_powers(16, 1)
    target = np.log(fresh[:, :2])
    spread = np.abs(target - target.mean(axis=(0, 2), keepdims=True)).mean()
    error = np.abs(code_powers(fitted, fresh) - target).mean()
    untrained = np.abs(code_powers(make_weights(TINY), fresh) - target).mean()
    assert error < 0.35 * spread < untrained


def test_latents_are_spread_evenly() -> None:
    powers = make_smooth_powers(64, 0)
    fitted = fit_principal_components(TINY, make_weights(TINY), powers)
    encoder = Encoder(TINY, name="encoder")
    encoder.build()
    checkpoint.assign(encoder, fitted["encoder"])
    latents = backend.to_numpy(encoder(compute_features_of_powers(TINY, backend.to_device(powers))))
    deviations = np.sort(latents.std(axis=(0, 1)))[::-1]
    # signs of components are arbitrary, so processors differ in what the residual blocks add
    assert np.all((deviations[:3] > 0.3) & (deviations[:3] < 0.9))


def test_only_the_linear_path_changes() -> None:
    before = make_weights(TINY)
    after = fit_principal_components(TINY, before, make_smooth_powers(8, 0))
    for part, arrays in before.items():
        assert {name: a.shape for name, a in after[part].items()} == {name: a.shape for name, a in arrays.items()}
        for name, array in arrays.items():
            if "block" in name:
                np.testing.assert_array_equal(after[part][name], array)
