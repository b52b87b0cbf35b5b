"""Musika folders as they are: the reference's, and others in its format; sizes, names, flags, fine-tuning, mistakes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from musika import backend, checkpoint, config, render
from musika.checkpoint.published import musika_folder
from musika.checkpoint.published.hdf5 import Weights
from musika.cli import train
from musika.codec import load as codec_load
from musika.codec.published.weights import list_weight_shapes
from musika.config import ANY_PUBLISHED, GanTrainConfig, GeneratorConfig, PublishedCodecConfig
from musika.errors import CheckpointError, ConfigError, LatentsError, UsageError
from musika.gan import load as gan_load
from musika.gan.critic import Critic
from musika.gan.generator import generate_windows
from musika.training.stages.gan import GanStage, Start
from tests.helpers import keras2, reference, tiny
from tests.helpers.train_runs import only_run, options, write_latents

CLOSE = 1e-5  # of each tensor's largest magnitude
# for hop 64, latent depth 32
OTHER = GeneratorConfig(
    channels=64, coordinate_depth=8, base_channels=4, small=False, critic_fields=()
)  # for hop 64, latent depth 32


@pytest.fixture(scope="module")
def musika(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`gan` and, beside it, `musika_ae`: tiny networks that fit each other, as Musika leaves them."""
    folder = tmp_path_factory.mktemp("musika")
    keras2.write_gan(folder / "gan")
    keras2.write_codec(folder / "musika_ae")
    return folder


# ------------------------------------------------------------------------------------------------ the reference


@reference.needs_reference
@pytest.mark.backend
@pytest.mark.parametrize("size", reference.SIZES)
def test_reference_generator_end_to_end(size: str) -> None:
    loaded = gan_load.load_generator(reference.FOLDER / size)
    assert (loaded.config, loaded.codec_identity) == (reference.make_config(size), ANY_PUBLISHED)
    t = reference.read_tensors(size)
    found = backend.compile(lambda x: generate_windows(loaded.generator, x))(t["train_crops"][1])
    assert reference.measure_distance(found, t["gen_ema_out"][:, 0]) < CLOSE


@reference.needs_reference
@pytest.mark.backend
@pytest.mark.parametrize("size", reference.SIZES)
def test_reference_generator_with_noise_end_to_end(size: str, tmp_path: Path) -> None:
    shutil.copyfile(reference.FOLDER / size / "gen_ema_noisy.h5", tmp_path / "gen_ema.h5")
    loaded, t = gan_load.load_generator(tmp_path), reference.read_tensors(size)
    lengths = loaded.generator.noise_lengths
    noise = [t[f"noisy_gen_ema_noise_{n:02d}"][:, 0] for n in range(len(lengths))]
    found = backend.compile(lambda x, noise: generate_windows(loaded.generator, x, noise))(t["noisy_gen_ema_in"], noise)
    assert reference.measure_distance(found, t["noisy_gen_ema_out0"][:, 0]) < CLOSE


@reference.needs_reference
@pytest.mark.backend
@pytest.mark.parametrize("size", reference.SIZES)
def test_reference_critic_and_raw_generator(size: str) -> None:
    folder, t = reference.FOLDER / size, reference.read_tensors(size)
    critic = reference.assign_weights(
        Critic(reference.make_config(size), seed=None), musika_folder.read_critic(folder) or {}
    )
    assert reference.measure_distance(backend.compile(critic.call)(t["real"][:, 0]), t["critic_real"]) < CLOSE
    raw = musika_folder.read_raw_generator(folder) or {}
    assert all(np.array_equal(array, raw[name]) for name, array in reference.read_our_weights(size, "gen").items())
    assert musika_folder.read_penalty_weight(folder) == 0.75


@reference.needs_reference
@pytest.mark.parametrize("size", reference.SIZES)
def test_every_reference_file_reads_as_h5py_reads_it(size: str) -> None:
    paths = sorted((reference.FOLDER / size).glob("*.h5"))
    assert len(paths) == 10
    for path in paths:
        with Weights(path) as file:
            found = {f"{e.layer}/{e.weight}": a for e, a in zip(file.entries, file.read_arrays(), strict=True)}
        for name, array in reference.read_weights(size, path.stem).items():
            own = found.pop("/".join((name.split("/")[0], name.split("/")[-1])))
            assert np.array_equal(own[0] if own.ndim == 4 else own, array), f"{path.name}: {name}"
        assert not found


@reference.needs_reference
@pytest.mark.parametrize("size", reference.SIZES)
def test_reference_codec_is_named_and_sized(size: str) -> None:
    told = json.loads((reference.FOLDER / size / "config.json").read_text())
    sizes, arrays = musika_folder.read_codec(reference.FOLDER / size)
    assert sizes == PublishedCodecConfig(hop=told["hop"], latent_depth=told["latdepth"])
    shapes = list_weight_shapes(sizes)
    assert {name: array.shape for name, array in arrays.items()} == shapes


# ------------------------------------------------------------------------------------------------ a third configuration


def test_a_configuration_of_its_own(tmp_path: Path) -> None:
    """Hop 64, latent depth 32 and another width: sizes come from the shapes, weights in the right places."""
    keras2.write_gan(tmp_path / "gan", OTHER)
    keras2.write_codec(tmp_path / "codec", hop=64, depth=32)
    sizes, weights = musika_folder.read_generator(tmp_path / "gan")
    assert sizes == OTHER
    layers = keras2.make_generator(OTHER)
    assert np.array_equal(weights["stage_2/up/kernel"], layers["2c"]["kernel"][0])
    assert np.array_equal(weights["stage_1/shortcut/kernel"], layers["res1c"]["kernel"][0, 0])
    assert np.array_equal(weights["last_modulation/noise_weight"], layers["8r"]["noise_weight"])
    sizes, weights = musika_folder.read_codec(tmp_path / "codec")
    shapes = list_weight_shapes(PublishedCodecConfig(hop=64, latent_depth=32))
    assert sizes == PublishedCodecConfig(hop=64, latent_depth=32)
    assert {name: array.shape for name, array in weights.items()} == shapes
    stored = [layer["kernel"] for layer in keras2.make_codec(64, 32)["dec"].values() if "kernel" in layer]
    assert np.array_equal(weights["dec/phase_0/kernel"], stored[8][0])  # the ninth kernel of the file
    loaded = gan_load.load_generator(tmp_path / "gan")
    render.check_codec(tmp_path, loaded.codec_identity, 64, tmp_path, codec_load.read_info(tmp_path / "codec"))


@pytest.mark.parametrize(
    "storage", [{"fixed": False}, {"compression": "gzip"}, {"chunks": True}, {"compression": "gzip", "fixed": False}]
)
def test_other_ways_of_storing_the_same(storage: dict, tmp_path: Path) -> None:
    keras2.write_gan(tmp_path / "plain")
    keras2.write_gan(tmp_path / "other")
    (tmp_path / "other" / "gen_ema.h5").write_bytes(keras2.encode_h5(keras2.make_generator(), **storage))
    plain, other = (musika_folder.read_generator(tmp_path / name) for name in ("plain", "other"))
    assert plain[0] == other[0]
    assert all(np.array_equal(array, other[1][name]) for name, array in plain[1].items())


def test_renders_with_the_codec_beside_it(musika: Path) -> None:
    model = render.load_model(musika / "gan")
    first = model.piece(3).render(0.0, 0.02)
    again = render.load_model(musika / "gan", musika / "musika_ae").piece(3).render(0.0, 0.02)
    assert model.codec.kind == "musika" and np.array_equal(first, again)
    assert np.abs(first).max() > 0


# ------------------------------------------------------------------------------------------------ flags and codecs


@pytest.mark.parametrize(
    ("sizes", "part"),
    [
        ({"small": False}, "small False contradicts"),
        ({"base_channels": 128}, "base_channels 128 contradicts"),
        ({"coorddepth": 64}, "coorddepth 64 contradicts"),
        ({"hop": 256}, "hop 256 contradicts"),
        ({"latdepth": 64}, "latdepth 64 contradicts"),
        ({"shape": 100}, "shape 100 is not a multiple of window 64"),
    ],
)
def test_contradicting_flags(sizes: dict, part: str, musika: Path) -> None:
    with pytest.raises(UsageError, match=part) as caught:
        render.load_model(musika / "gan", sizes=sizes)
    assert "\n" not in str(caught.value)


def test_flags_that_agree_or_say_what_weights_do_not(musika: Path) -> None:
    said = {"small": True, "base_channels": 2, "hop": 8, "latdepth": 2, "shape": 64, "window": 32, "mu_rescale": -20.0}
    codec = render.load_model(musika / "gan", sizes=said).codec
    plain = codec_load.load_codec(musika / "musika_ae")
    assert codec.identity != plain.identity  # other levels are other latents
    assert codec_load.read_info(musika / "musika_ae", {"window": 32}).identity == plain.identity
    other = codec_load.load_codec(musika / "musika_ae", sizes={"window": 96, "shape": 192})
    assert (
        other.block % 6 == 0 and other.decode(np.zeros((7, other.channels), np.float32)).shape[0] == 7 * other.hop_total
    )


def test_flags_of_published_codecs_on_another(tmp_path: Path) -> None:
    folder = tiny.write_checkpoints(tmp_path)
    for sizes in ({"hop": 256}, {"shape": 128}, {"latdepth": 64}):
        with pytest.raises(UsageError, match="does not belong to the codec"):
            render.load_model(folder, sizes=sizes)
    hop, depth = tiny.STEREO.hop, tiny.STEREO.channels // 2
    assert render.load_model(folder, sizes={"hop": hop, "latdepth": depth}).codec.kind == "stereo"


def test_the_wrong_codec(musika: Path, tmp_path: Path) -> None:
    ours = tiny.write_checkpoints(tmp_path)
    deeper = keras2.write_codec(tmp_path / "deeper", depth=3)
    for generator, codec, part in (
        (musika / "gan", ours.parent / "ae", "was trained on latents of the published codec"),
        (musika / "gan", deeper, "makes latents of 4 numbers"),
        (ours, musika / "musika_ae", "was trained on latents of codec"),
        (musika / "gan", musika / "gan", "holds a Musika generator, no codec"),
        (musika / "musika_ae", None, "holds a Musika codec, no generator"),
    ):
        with pytest.raises(CheckpointError, match=part) as caught:
            render.load_model(generator, codec)
        assert "\n" not in str(caught.value)


def test_same_codec() -> None:
    assert config.is_same_codec(ANY_PUBLISHED, "a", "musika") and not config.is_same_codec(ANY_PUBLISHED, "a", "stereo")
    assert config.is_same_codec("a", "a", "stereo") and not config.is_same_codec("a", "b", "musika")


def test_what_is_a_musika_folder(musika: Path, tmp_path: Path) -> None:
    generator, codec = musika / "gan", musika / "musika_ae"
    assert musika_folder.is_musika_folder(generator) and musika_folder.holds_generator(generator)
    assert musika_folder.is_musika_folder(codec) and not musika_folder.holds_generator(codec)
    assert not musika_folder.is_musika_folder(tmp_path) and not musika_folder.is_musika_folder(tmp_path / "nothing")
    assert not musika_folder.is_musika_folder(tiny.write_checkpoints(tmp_path))


# ------------------------------------------------------------------------------------------------ fine-tuning


def test_start_of_training() -> None:
    """The generator's own weights, its average, the critic and the adaptive weight each come to their place."""
    stage = GanStage(tiny.SMALL, GanTrainConfig(bs=2, totsamples=4, whitening=0.0), None, "fake")
    plain = stage.init_state(0)
    average = {name: array + 1 for name, array in plain["generator"].items()}
    state = GanStage(
        tiny.SMALL,
        GanTrainConfig(bs=2, totsamples=4, whitening=0.0),
        None,
        "fake",
        start=Start(plain["generator"], None, average, 0.25),
    ).init_state(0)
    assert state["penalty_weight"] == 0.25
    for name, array in plain["generator"].items():
        assert np.array_equal(state["average"][name], average[name])
        assert np.array_equal(state["generator"][name], array)


def test_fine_tunes_a_musika_folder(musika: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = shutil.copytree(musika / "gan", tmp_path / "gan")
    shutil.copytree(musika / "musika_ae", tmp_path / "musika_ae")
    for name in ("opt_dec.npy", "opt_disc.npy"):
        (folder / name).write_bytes(b"a pickle that nobody reads")
    codec = codec_load.load_codec(tmp_path / "musika_ae")
    latents = write_latents(tmp_path / "latents", codec.identity)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    default = {"dec_path": None}  # not given: the codec beside the generator is taken
    assert train.run(options(tmp_path, latents, tmp_path / "save", load_path=folder, **default)) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "with its critic and fresh optimizers" in said
    saved = only_run(tmp_path / "save") / "000000004"
    assert checkpoint.read_config(saved)["codec_identity"] == codec.identity
    average = musika_folder.read_generator(folder)[1]["start/kernel"]
    moved = np.abs(checkpoint.read(saved)["start/kernel"] - average).max()
    assert 0 < moved < 1e-2  # two steps from the averaged weights
    assert before == {path.name: path.read_bytes() for path in folder.iterdir()}


def test_fine_tunes_without_a_critic(musika: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    values = list_flags_without_critic(musika, tmp_path)
    latents = write_latents(tmp_path / "latents", codec_load.read_info(musika / "musika_ae").identity)
    assert train.run(options(tmp_path, latents, tmp_path / "save", **values)) == 0
    assert "a fresh critic and fresh optimizers" in " ".join(capsys.readouterr().out.split())


def test_fine_tuning_that_cannot_be(musika: Path, tmp_path: Path) -> None:
    values = list_flags_without_critic(musika, tmp_path)
    latents = write_latents(tmp_path / "latents", codec_load.read_info(musika / "musika_ae").identity)
    other = write_latents(tmp_path / "other", "0123456789abcdef")
    ours = tiny.write_checkpoints(tmp_path / "ours")
    for kind, part, folder, change in (
        (LatentsError, "were made by codec 0123456789abcdef", other, {}),
        (ConfigError, "base_channels 3 is odd", latents, {"base_channels": 3}),
        (UsageError, "coorddepth 5 contradicts", latents, {"coordinate_depth": 5}),
        (UsageError, "hop 256 contradicts", latents, {"hop": 256}),
        (CheckpointError, "on latents of the published codec", latents, {"dec_path": ours.parent / "ae"}),
        (UsageError, "is a Musika folder", latents, {"stage": "codec"}),
    ):
        with pytest.raises(kind, match=part):
            train.run(options(tmp_path, folder, tmp_path / "save", **{**values, **change}))
    assert not (tmp_path / "save").exists()


def list_flags_without_critic(musika: Path, tmp_path: Path) -> dict:
    """Flags of fine-tuning a folder with nothing but `gen_ema.h5`."""
    folder = tmp_path / "gan"
    folder.mkdir()
    shutil.copyfile(musika / "gan" / "gen_ema.h5", folder / "gen_ema.h5")
    return {"load_path": folder, "dec_path": musika / "musika_ae"}
