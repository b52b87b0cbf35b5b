"""How models compute where nobody says it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from musika import backend, checkpoint, render
from musika.config import ANY_PUBLISHED
from tests.helpers import tiny


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.write_checkpoints(tmp_path_factory.mktemp("checkpoints"))


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tiny.write_checkpoints(tmp_path_factory.mktemp("published"))
    checkpoint.change_config(made, {"codec_identity": ANY_PUBLISHED})
    return made


@pytest.mark.parametrize("native", [True, False])
def test_decoders_and_published_networks_use_bfloat16_and_only_where_it_is_native(
    folder: Path, published: Path, native: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backend, "has_native_bfloat16", lambda: native)
    monkeypatch.setattr(backend, "has_accelerator", lambda: False)
    assert render.choose_computation(folder) == ("float32", False, "bfloat16" if native else "")
    assert render.choose_computation(published) == ("mixed_bfloat16" if native else "float32", False, "")
    for any_folder in (folder, published):
        assert render.choose_computation(any_folder, "False") == ("float32", False, "")
    assert render.choose_computation(folder, "True", "True") == ("mixed_bfloat16", True, "")


def test_a_decoder_in_bfloat16_is_near_one_in_float32(folder: Path) -> None:
    exact = render.load_model(folder).piece(1)
    near = render.load_model(folder, None, None, *render.Computation(decoder="bfloat16")).piece(1)
    np.testing.assert_array_equal(near.open_latents().get_span(0, 20), exact.open_latents().get_span(0, 20))
    one, two = exact.render(0.0, 1.0), near.render(0.0, 1.0)
    error = np.mean((one - two) ** 2) / np.mean(one**2)
    assert 0 < error < 0.02
    assert near.make_recipe(0.0, 1.0).machine.decoder == "bfloat16"


def test_the_processor_says_what_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    for text, native in (("flags : fpu avx512_bf16 sse", True), ("flags : fpu amx_bf16", True), ("flags : fpu", False)):
        monkeypatch.setattr(Path, "read_text", lambda self, errors, text=text: text)
        assert backend.has_native_bfloat16() is native
