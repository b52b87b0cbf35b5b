"""The tab Codec in a browser: the original and the reconstruction in step, with pictures and figures."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from musika.serve.page import codec_comparison
from tests.helpers import tiny
from tests.helpers.tones import ToneModel
from tests.serve.page import browser

CODEC = "musika-codec"


@pytest.fixture(scope="module")
def link() -> Iterator[str]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("musika.serve.page.tabs.codec.find_codecs", lambda first: {"tiny": Path("tiny")})
        patch.setattr(codec_comparison.CodecLibrary, "get_codec", lambda *_: tiny.make_stereo_codec())
        with browser.serve_models({"tones": ToneModel()}) as address:
            yield address


def test_what_is_missing_is_said(link: str, visit: browser.Visit) -> None:
    tab = visit(link)
    tab.get_by_role("tab", name="Edit").click()
    text = tab.inner_text("#musika-edit-missing")
    assert "No editor is installed" in text and "checkpoints/edit" in text and "Generators vary and blend." in text
    assert tab.locator("#musika-edit-task input:checked").input_value() == "vary"


def test_original_and_reconstruction_are_compared(link: str, visit: browser.Visit, tmp_path: Path) -> None:
    path = tmp_path / "noise.wav"
    soundfile.write(path, 0.1 * np.random.default_rng(1).normal(size=(44_100, 2)), 44_100)
    tab = visit(link)
    tab.get_by_role("tab", name="Codec").click()
    tab.set_input_files("#musika-codec-file input[type=file]", path)
    tab.wait_for_function(f"document.querySelector('{CODEC}').waveform?.duration > 0", timeout=60_000)
    assert tab.locator(f"{CODEC} [role=radio]").all_inner_texts() == ["Original", "Reconstruction"]
    assert tab.locator(f"{CODEC} img").count() == 2
    rows = tab.locator(f"{CODEC} tbody tr")
    assert rows.count() > 10 and rows.first.locator("td").all_inner_texts()[0] == "Spectrogram distance"
    assert not browser.find_faults(tab)
    tab.keyboard.press("x")
    tab.wait_for_function(f"document.querySelector('{CODEC} .musika-compare').dataset.selected === '1'")
    tab.get_by_label("equally loud").check()
    assert tab.evaluate(f"document.querySelector('{CODEC}').compare.matched")
    with tab.expect_download() as download:
        tab.click("#musika-codec-download")
    assert download.value.suggested_filename.startswith("noise-tiny-")
    assert len(soundfile.read(download.value.path())[0]) == 44_100
