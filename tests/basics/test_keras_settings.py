"""Networks are the same whatever a person's keras.json sets for other programs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import keras
import numpy as np
import pytest

from musika import backend
from musika.codec import critic as codec_critic
from musika.gan.critic import Critic
from tests.codec import test_published_codec as published
from tests.helpers import tiny


@contextmanager
def odd_settings() -> Iterator[None]:
    """What keras.json can set: `image_data_format`, `floatx`, `epsilon`; and the policy that follows from it."""
    config = keras.config
    before = config.image_data_format(), config.floatx(), config.epsilon(), config.dtype_policy()
    config.set_image_data_format("channels_first")
    config.set_floatx("float16")
    config.set_epsilon(0.1)
    config.set_dtype_policy("float16")
    try:
        yield
    finally:
        config.set_image_data_format(before[0])
        config.set_floatx(before[1])
        config.set_epsilon(before[2])
        config.set_dtype_policy(before[3])


def compute_everything() -> dict[str, list[np.ndarray]]:
    """Outputs of every kind of network, for fixed inputs."""
    sound = (0.1 * np.random.default_rng(0).normal(size=(4096 * 8, 2))).astype(np.float32)
    windows = np.tanh(np.linspace(-2, 2, 2 * 128 * 4, dtype=np.float32)).reshape(2, 128, 4)
    codec, old = tiny.make_stereo_codec(), published.make_codec(noise=0.1)
    critics = codec_critic.Critics(4, name="critic", dtype="float32")
    codec_critic.initialise(critics, 1)
    outputs = {
        "generator": tiny.make_model(tiny.SMALL).piece(3).render(0.0, 3.0),
        "critic": Critic(tiny.SMALL)(backend.to_device(windows)),
        "encoder": codec.encode(sound),
        "decoder": codec.decode(windows[0]),
        "published encoder": old.encode(sound),
        "published decoder": old.decode(published.draw_latents(old.config, 32)),
        "critics of the codec": critics(codec_critic.compute_views(backend.to_device(sound.T[None]))),
    }
    return {name: [np.asarray(leaf) for leaf in keras.tree.flatten(output)] for name, output in outputs.items()}


@pytest.mark.backend
def test_networks_do_not_depend_on_the_settings_of_keras() -> None:
    expected = compute_everything()
    with odd_settings():
        found = compute_everything()
    for name, arrays in expected.items():
        for one, other in zip(arrays, found[name], strict=True):
            assert one.dtype == other.dtype == np.float32 and np.ptp(one) > 0, name
            np.testing.assert_allclose(other, one, rtol=1e-5, atol=1e-6, err_msg=name)
