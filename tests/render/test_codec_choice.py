"""Which codec plays a generator: the one that is named, or a decoder of its own, or the one beside it."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from musika import checkpoint, render
from musika.codec import encoder
from musika.codec.checkpoint import make_checkpoint, read_weights
from tests.helpers import tiny


def change_decoder(codec: Path, target: Path) -> Path:
    """The same codec with a louder decoder: another sound for the same latents."""
    config, weights = read_weights(codec)
    decoder = {name: array * np.float32(1.1) for name, array in weights["decoder"].items()}
    written, arrays = make_checkpoint(config, {**weights, "decoder": decoder})
    checkpoint.write(target, written, arrays)
    return target


def test_a_decoder_of_its_own_is_used_before_the_codec_beside_it(tmp_path: Path) -> None:
    generator = tiny.write_checkpoints(tmp_path)
    before = render.load_model(generator).piece(7).render(0.0, 0.5)
    own = change_decoder(tmp_path / "ae", generator / "ae")
    identity = str(checkpoint.read_config(tmp_path / "ae")["codec_identity"])
    assert checkpoint.read_config(own)["codec_identity"] == identity  # the encoder decides it
    assert render.find_codec(generator, None, identity).samefile(own)
    after = render.load_model(generator).piece(7).render(0.0, 0.5)
    assert not np.array_equal(after, before)
    named = render.load_model(generator, tmp_path / "ae").piece(7).render(0.0, 0.5)
    np.testing.assert_array_equal(named, before)


def test_a_codec_of_other_latents_in_the_folder_is_left_alone(tmp_path: Path) -> None:
    generator = tiny.write_checkpoints(tmp_path)
    identity = str(checkpoint.read_config(tmp_path / "ae")["codec_identity"])
    config, weights = read_weights(tmp_path / "ae")
    encoder = {name: array * np.float32(1.1) for name, array in weights["encoder"].items()}
    written, arrays = make_checkpoint(config, {**weights, "encoder": encoder})
    checkpoint.write(generator / "ae", written, arrays)
    assert render.find_codec(generator, None, identity).samefile(tmp_path / "ae")
    shutil.rmtree(tmp_path / "ae")
    assert render.find_codec(generator, None, identity).samefile(generator / "ae")  # loading then says what is wrong


def test_rendering_needs_no_encoder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    built = []

    class CountedEncoder(encoder.Encoder):
        def build(self, shape: tuple[int | None, ...] | None = None) -> None:
            built.append(self.name)
            super().build(shape)

    monkeypatch.setattr(encoder, "Encoder", CountedEncoder)
    model = render.load_model(tiny.write_checkpoints(tmp_path))
    built.clear()  # one was written
    waveform = model.piece(7).render(0.0, 0.5)
    assert not built
    latents = model.codec.encode(waveform)
    assert built == ["encoder"] and latents.shape[1] == model.codec.channels
