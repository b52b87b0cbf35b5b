"""Critics of decoded sound: what they see, and that they can learn."""

import keras
import librosa
import numpy as np
import pytest

from musika import backend, checkpoint
from musika.codec import critic
from musika.training import optim
from musika.training.stages.networks import call_with_weights
from tests.helpers.training_audio import make_tones


@pytest.mark.backend
def test_critics_have_a_gradient_everywhere() -> None:
    """Of their own weights and of the sound, silence included; and one step down it is better."""
    critics = critic.Critics(4, name="critic")
    critic.initialise(critics, 0)
    weights = backend.to_device(checkpoint.get_weights(critics))
    real = np.stack([make_tones(0.1, seed).T for seed in (1, 2)]).astype(np.float32)
    made = np.stack([real[0] * 0, real[1][:, ::-1]])

    def judge(weights: dict, waveform: np.ndarray) -> tuple:
        return call_with_weights(critics, weights, critic.compute_views(waveform))

    def loss_of_critics(weights: dict) -> tuple:
        return critic.compute_critic_loss(judge(weights, real)[0], judge(weights, made)[0]), 0

    def loss_of_codec(waveform: np.ndarray) -> tuple:
        (scores, features), (_, real_features) = judge(weights, waveform), judge(weights, real)
        return critic.compute_adversarial_loss(scores) + critic.compute_feature_matching_loss(
            real_features, features
        ), 0

    for loss_of, start in ((loss_of_critics, weights), (loss_of_codec, backend.to_device(made))):
        sloped = backend.compile(lambda x, f=loss_of: backend.value_and_gradient(f, x))
        before, _, slope = sloped(start)
        norm = optim.compute_global_norm(slope)
        assert all(np.isfinite(backend.to_numpy(leaf)).all() for leaf in keras.tree.flatten(slope))
        assert 0 < float(norm) < np.inf
        after, _, _ = sloped(keras.tree.map_structure(lambda x, g, n=norm: x - 1e-3 * g / n, start, slope))
        assert float(after) < float(before)


@pytest.mark.backend
def test_views_of_critics_are_compressed_spectra() -> None:
    waveform = np.stack([make_tones(0.4, 1).T[0], make_tones(0.4, 2).T[0]])[None].astype(np.float32)
    seen = [backend.to_numpy(view) for view in critic.compute_views(waveform)]
    assert [view.shape[2:] for view in seen] == [
        (w // 2 // critic.PATCH, 8 * critic.PATCH) for w, _ in critic.RESOLUTIONS
    ]
    planes = seen[0].reshape(*seen[0].shape[:3], critic.PLANES, critic.PATCH)
    spectrum = librosa.stft(waveform[0, 0], n_fft=2048, hop_length=512, center=False)[:-1] * 4 / 2048
    expected = spectrum * (np.abs(spectrum) ** 2 + critic.POWER_FLOOR) ** -0.35
    left = (planes[0, :, :, 0] + 1j * planes[0, :, :, 4]).reshape(len(planes[0]), -1)
    np.testing.assert_allclose(left, expected.T, atol=2e-4)
