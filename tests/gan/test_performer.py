"""The performer's network: its context, its styles, its size, its checkpoint."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from musika import backend, checkpoint, draws
from musika.config import PerformerConfig
from musika.errors import CheckpointError, ConfigError
from musika.gan.performer import Performer
from musika.gan.performer_critic import PerformerCritic
from musika.gan.performer_load import describe_performer, load_performer

TINY = PerformerConfig(
    channels=4, tracks=("notes",), track_widths=(6,), width=8, dilations=(1, 2), styles=2, style_size=3
)


def make_performer(config: PerformerConfig = TINY) -> Performer:
    """A performer whose styles differ: modulations begin at zero."""
    network = Performer(config, seed=1)
    for variable in network.trainable_variables:
        if "modulation/kernel" in variable.path:
            variable.assign(draws.normal(2, variable.path, 0, tuple(variable.shape)))
    return network


def draw_tracks(length: int, config: PerformerConfig = TINY) -> np.ndarray:
    return draws.normal(0, "tracks", 0, (1, length, config.input_width))


def get_style(network: Performer, number: int) -> np.ndarray:
    return checkpoint.get_weights(network)["styles"][number][None]


def test_sizes_and_context():
    config = PerformerConfig(track_widths=(976, 1), styles=4)
    assert config.context == 30 and config.input_width == 977
    count = sum(int(np.prod(v.shape)) for v in Performer(config, seed=None).trainable_variables)
    assert 5e6 < count < 7e6


@pytest.mark.parametrize(
    "values",
    [{"kernel": 2}, {"tracks": ()}, {"tracks": ("notes", "notes")}, {"track_widths": (3,)}, {"track_widths": (0, 1)}],
)
def test_sizes_that_contradict_each_other_are_refused(values):
    with pytest.raises(ConfigError):
        PerformerConfig(**values)


@pytest.mark.backend
def test_an_output_depends_on_its_context_and_on_nothing_beyond():
    network, length, at = make_performer(), 24, 12
    style, tracks = get_style(network, 0), draw_tracks(length)
    before = backend.to_numpy(network(tracks, style))
    for distance in range(length - at):
        for place in (at - distance, at + distance):
            changed = tracks.copy()
            changed[:, place] += 1.0
            same = np.array_equal(backend.to_numpy(network(changed, style))[:, at], before[:, at])
            assert same == (distance > TINY.context), (distance, place)


def test_a_window_with_its_context_plays_what_the_whole_piece_plays():
    network, context = make_performer(), TINY.context
    style, tracks = get_style(network, 1), draw_tracks(40)
    whole = backend.to_numpy(network(tracks, style))
    window = backend.to_numpy(network(tracks[:, 10 - context : 22 + context], style))
    np.testing.assert_allclose(window[:, context:-context], whole[:, 10:22], atol=1e-5)


def test_styles_sound_the_same_before_training_and_differ_afterwards():
    tracks = draw_tracks(10)
    for network, differ in ((Performer(TINY, seed=1), False), (make_performer(), True)):
        first, second = (backend.to_numpy(network(tracks, get_style(network, n))) for n in (0, 1))
        assert np.allclose(first, second) != differ


def test_without_styles_none_is_read():
    network = Performer(dataclasses.replace(TINY, style_size=0), seed=1)
    assert "styles" not in checkpoint.get_weights(network)
    assert backend.to_numpy(network(draw_tracks(10))).shape == (1, 10, 4)


def test_noise_is_heard_where_there_is_some():
    network = Performer(dataclasses.replace(TINY, noise_size=2), seed=1)
    tracks, style = draw_tracks(10), get_style(network, 0)
    first, second = (backend.to_numpy(network(tracks, style, draws.normal(n, "noise", 0, (1, 10, 2)))) for n in (0, 1))
    assert not np.allclose(first, second)


def test_initial_weights_are_a_function_of_the_seed():
    first, again, other = (checkpoint.get_weights(Performer(TINY, seed=seed)) for seed in (1, 1, 2))
    assert all(np.array_equal(first[name], again[name]) for name in first)
    assert not np.array_equal(first["first/kernel"], other["first/kernel"])


def test_a_critic_scores_patches_of_latents_with_their_tracks():
    critic = PerformerCritic(TINY, width=8, window=16, seed=1)
    latents, tracks = draws.normal(0, "latents", 0, (2, 16, 4)), draws.normal(0, "tracks", 0, (2, 16, 6))
    scores = backend.to_numpy(critic(latents, tracks))
    assert scores.shape == (2, 16 + 7 + 1) and critic.score_weights.sum() == pytest.approx(3)
    others = backend.to_numpy(critic(latents, tracks + 1.0))
    assert not np.allclose(scores, others)


# ------------------------------------------------------------------------------------------------ checkpoints


def write_performer(folder, **changes):
    network = make_performer()
    config = describe_performer(TINY, "abc", ["hall", "studio"], seed=3) | changes
    checkpoint.write(folder, config, {"weights": checkpoint.get_weights(network)})
    return network


def test_a_checkpoint_is_read_as_it_was_written(tmp_path):
    network = write_performer(tmp_path / "piano")
    loaded = load_performer(tmp_path / "piano")
    assert (loaded.config, loaded.codec_identity, loaded.style_names) == (TINY, "abc", ("hall", "studio"))
    tracks, style = draw_tracks(10), get_style(network, 1)
    assert np.array_equal(backend.to_numpy(loaded.performer(tracks, style)), backend.to_numpy(network(tracks, style)))


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"config": None}, "no sizes"),
        ({"config": {"widht": 3}}, "no field 'widht'"),
        ({"config": {**TINY.to_dict(), "width": 16}}, "first/kernel"),
        ({"config": {**TINY.to_dict(), "track_widths": []}}, "track_widths"),
        ({"styles": ["hall"]}, "does not name 2 styles"),
        ({"codec_identity": ""}, "which codec"),
        ({"kind": "generator"}, "not a performer"),
    ],
)
def test_a_checkpoint_that_contradicts_itself_is_refused(tmp_path, changes, text):
    write_performer(tmp_path / "piano", **changes)
    with pytest.raises(CheckpointError, match=text):
        load_performer(tmp_path / "piano")
