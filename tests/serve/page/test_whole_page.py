"""The page as a whole in a browser: links, history, keyboard, small screens, screen readers, and what it refuses."""

from __future__ import annotations

import json
import re
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from musika.serve.page.context import PageDefaults
from tests.helpers.steered import SteeredModel
from tests.helpers.tones import ToneModel
from tests.serve.page import browser

PLAY = "musika-radio .musika-primary"
SMALL = {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def link() -> Iterator[str]:
    models = {"steered": SteeredModel(), "tones": ToneModel()}
    with browser.serve_models(models, defaults=PageDefaults(truncation=1.5, seed=12)) as address:
        yield address


def test_the_page_opens_with_what_it_was_started_with(link: str, visit: browser.Visit) -> None:
    tab = visit(link)
    tab.wait_for_function("document.querySelector('musika-radio').form.values.truncation === 1.5")
    assert tab.get_by_label("Seed", exact=True).input_value() == "12"


def play(tab: Any) -> None:
    tab.click(PLAY)
    tab.wait_for_function("musika.player.state === 'playing'")


def test_a_link_restores_every_control(link: str, visit: browser.Visit) -> None:
    tab = visit(f"{link}#tab=radio&checkpoint=tones&seed=77&start=3723&truncation=2.5&style_seed=4&unknown=<b>")
    tab.wait_for_function("document.querySelector('musika-radio').checkpoint === 'tones'")
    tab.wait_for_function("document.querySelector('musika-radio').form.values.truncation === 2.5")
    assert tab.get_by_label("Seed", exact=True).input_value() == "77"
    assert tab.get_by_label("Time", exact=True).input_value() == "1:02:03"
    assert tab.get_by_label("Style seed").input_value() == "4"
    assert tab.input_value("#musika-checkpoint input") == "tones"
    play(tab)
    assert tab.evaluate("musika.player.position") >= 3723
    made = tab.evaluate("musika.links.make(musika.radio.element.values)")
    values = dict(part.split("=") for part in made.partition("#")[2].split("&"))
    assert values.pop("start").startswith("372")
    assert values == {"tab": "radio", "checkpoint": "tones", "seed": "77", "truncation": "2.5", "style_seed": "4"}


def test_a_link_opens_its_tab(link: str, visit: browser.Visit) -> None:
    tab = visit(f"{link}#tab=make&checkpoint=tones")
    tab.wait_for_selector('button[role=tab][aria-selected=true]:has-text("Make")')
    assert tab.input_value("#musika-checkpoint input") == "tones"


def test_the_history_stays_and_can_be_renamed_exported_and_deleted(
    link: str, visit: browser.Visit, tmp_path: Path
) -> None:
    tab = visit(link)
    tab.get_by_label("Seed", exact=True).fill("5")
    tab.get_by_label("Seed", exact=True).press("Enter")
    tab.wait_for_function("musika.player.state === 'playing'")
    tab.evaluate("musika.radio.element.remember()")  # as it does after some seconds
    tab.wait_for_selector("musika-history li")
    tab.evaluate("musika.history.add({title: 'a/file', kind: 'make', file: new Blob(['RIFF']), name: 'x.wav'})")
    tab.evaluate("musika.history.add({title: '<img src=x onerror=fail()>', kind: 'make', query: {seed: 1}})")
    tab.get_by_label("Name of steered 5").fill("rain")
    tab.get_by_label("Name of steered 5").press("Enter")
    tab.wait_for_selector("[aria-label='Play rain'], [aria-label='▶ rain']")
    browser.open_page(tab, link)
    tab.reload()
    tab.wait_for_function("document.querySelectorAll('musika-history li').length === 3")
    with tab.expect_download() as download:
        tab.get_by_role("button", name="Export as zip").click()
    download.value.save_as(tmp_path / "history.zip")
    with zipfile.ZipFile(tmp_path / "history.zip") as archive:
        assert archive.testzip() is None
        assert sorted(archive.namelist()) == ["history.json", "x.wav"] and archive.read("x.wav") == b"RIFF"
        described = json.loads(archive.read("history.json"))
    assert [entry["title"] for entry in described] == ["<img src=x onerror=fail()>", "a/file", "rain"]
    assert described[2]["query"] == {"checkpoint": "steered", "seed": "5", "settings": {"truncation": 1.5}}
    tab.get_by_label("▶ rain").click()
    tab.wait_for_function("musika.player.state === 'playing' && musika.player.piece.seed === '5'")
    tab.get_by_label("Delete rain").click()
    tab.wait_for_function("document.querySelectorAll('musika-history li').length === 2")


def test_a_piece_of_the_history_restores_its_checkpoint(link: str, visit: browser.Visit) -> None:
    tab = visit(link)
    query = "{checkpoint: 'tones', seed: '8', settings: {truncation: 3}}"
    tab.evaluate(f"musika.history.add({{title: 'bells', kind: 'radio', query: {query}}})")
    tab.get_by_label("▶ bells").click()
    tab.wait_for_function("musika.player.state === 'playing' && musika.player.piece.checkpoint === 'tones'")
    tab.wait_for_function("document.querySelector('#musika-checkpoint input').value === 'tones'")
    tab.wait_for_function("document.querySelector('musika-radio').form.values.truncation === 3")
    assert tab.evaluate("[musika.player.piece.seed, musika.player.piece.settings.truncation]") == ["8", 3]


def test_a_value_of_a_link_that_cannot_be_is_told(link: str, visit: browser.Visit) -> None:
    tab = visit(f"{link}#checkpoint=tones&seed=x&truncation=80")
    tab.wait_for_selector("musika-radio .musika-refusal")
    assert tab.text_content("musika-radio .musika-refusal") == "truncation 80 cannot be: 10 is used"
    assert tab.get_by_label("Seed", exact=True).input_value().isdigit()


def test_the_keyboard_plays_and_leaves_text_fields_alone(link: str, visit: browser.Visit) -> None:
    tab = visit(link)
    press = tab.keyboard.press
    press("k")
    tab.wait_for_function("musika.player.state === 'playing'")
    seed = tab.evaluate("musika.player.piece.seed")
    press("ArrowRight")
    press("l")
    tab.wait_for_function("musika.player.state === 'playing' && musika.player.position > 20")
    press("0")
    tab.wait_for_function("musika.player.position < 10")
    press("n")
    tab.wait_for_function(f"musika.player.piece.seed !== '{seed}' && musika.player.state === 'playing'")
    press("Space")
    assert tab.evaluate("musika.player.state") == "paused"
    tab.get_by_label("Styles").focus()
    tab.keyboard.type("k n 0")
    assert tab.get_by_label("Styles").input_value() == "k n 0"
    assert tab.evaluate("musika.player.state") == "paused"
    tab.get_by_label("Styles").fill("")
    tab.evaluate("document.activeElement.blur()")
    tab.locator("button[role=tab]:visible", has_text="Make").click()
    tab.evaluate("document.activeElement.blur()")
    press("n")  # belongs to Radio
    press("k")
    tab.wait_for_function("musika.player.state === 'playing'")
    assert tab.evaluate("musika.player.piece.seed") != seed
    press("k")
    tab.evaluate("musika.keyboard.on = false")
    press("k")
    assert tab.evaluate("musika.player.state") == "paused"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_small_screens_and_screen_readers(link: str, visit: browser.Visit, scheme: str) -> None:
    """No horizontal scrolling at 390 pixels, and axe-core finds no serious fault in any tab."""
    from axe_playwright_python.sync_playwright import Axe

    tab = visit(link, viewport=SMALL, color_scheme=scheme)
    names = tab.evaluate("[...document.querySelectorAll('button[role=tab]')].map((tab) => tab.textContent.trim())")
    assert {"Radio", "Make"} <= set(names)
    play(tab)
    wide = dict(viewport={"width": 1280, "height": 900}, color_scheme=scheme)
    large = visit(link, **wide)
    faults = []
    for name in dict.fromkeys(names):
        large.locator("button[role=tab]:visible", has_text=re.compile(f"^\\s*{re.escape(name)}\\s*$")).first.click()
        large.set_viewport_size(SMALL)
        large.wait_for_timeout(200)
        assert large.evaluate("document.documentElement.scrollWidth") <= 390, name
        large.set_viewport_size(wide["viewport"])
        for fault in Axe().run(large).response["violations"]:
            if fault["impact"] in ("serious", "critical"):
                faults += [f"{name}: {fault['id']}: {node['html'][:200]}" for node in fault["nodes"]]
    assert not faults, "\n".join(dict.fromkeys(faults))


def test_headers_and_files_of_others(link: str, tmp_path: Path) -> None:
    """Nothing outside of the page's own folder is served, and no address is fetched."""
    secret = tmp_path / "secret.txt"
    secret.write_text("secret")
    with urllib.request.urlopen(link, timeout=30) as answer:
        headers = answer.headers
    assert "default-src 'self'" in headers["content-security-policy"]
    assert "frame-ancestors 'self'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff" and headers["referrer-policy"] == "same-origin"
    for path in (
        f"gradio_api/file={secret}",
        "gradio_api/file=/etc/passwd",
        "gradio_api/file=http://127.0.0.1:1/x",
        "gradio_api/file=../../etc/passwd",
        "gradio_api/file=README.md",
        "gradio_api/proxy=http://127.0.0.1:1/x",
        "musika/../launch.py",
        "musika/%2e%2e/launch.py",
    ):
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(link + path, timeout=30)
        assert refused.value.code in (400, 403, 404), path
