"""The tab Make in a browser: pieces, downloads, restored controls, cancelling, and files that are no use."""

from __future__ import annotations

import dataclasses
import io
import json
import os
import threading
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from musika import audio, pictures
from musika.errors import MusikaError
from musika.render.recipe import read_recipe
from musika.serve.page import pieces
from musika.serve.page.context import PageLimits
from musika.serve.page.launch import serve_page
from musika.serve.page.pieces import PieceRequest
from tests.helpers.pages import write_page_library
from tests.serve.page import browser

LIMITS = PageLimits(upload_bytes=1 << 20, upload_seconds=20.0, seconds=60.0, pieces=4)
PANEL = "#musika-make"
STYLE_SEED = "#musika-make-style_seed :is(textarea, input)"
TOAST = "[data-testid=toast-body]"


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any]:
    return write_page_library(tmp_path_factory.mktemp("make"))


@pytest.fixture(scope="module")
def link(library: tuple[Any, Any]) -> Iterator[str]:
    with serve_page(*library, port=browser.PORT, limits=LIMITS) as address:
        yield address


@pytest.fixture
def tab(link: str, visit: browser.Visit) -> Any:
    opened = visit(link)
    opened.get_by_role("tab", name="Make").click()
    opened.wait_for_selector("#musika-make-make")
    return opened


def set_number(tab: Any, label: str, value: float) -> None:
    tab.locator(PANEL).get_by_label(label, exact=True).fill(str(value))
    tab.keyboard.press("Tab")


def get_value(element: str) -> str:
    """JavaScript for the value of a text box; "" where there is none."""
    return f"(document.querySelector('#{element} :is(textarea, input)')?.value ?? '')"


def read_ticket(tab: Any, number: int) -> str:
    """What the browser knows of a made piece; "" where there is none."""
    return str(tab.evaluate(get_value(f"musika-make-piece-{number}")))


def wait_for_piece(tab: Any, number: int) -> None:
    """Waits until a piece is in some column."""
    tab.wait_for_function(f"{get_value(f'musika-make-piece-{number}')}.length > 5")


def make(tab: Any, number: int) -> None:
    """Makes pieces and waits for the one in some column."""
    tab.click("#musika-make-make")
    wait_for_piece(tab, number)


def drop(tab: Any, place: str, name: str, content: bytes) -> None:
    """Gives a file to a component that takes one."""
    tab.locator(f"{place} input[type=file]").set_input_files({"name": name, "mimeType": "", "buffer": content})


def open_part(tab: Any, title: str) -> None:
    tab.locator(PANEL).get_by_role("button", name=title).click()


def test_a_download_renders_the_same_again_and_restores_the_controls(
    tab: Any, library: tuple[Any, Any], tmp_path: Path
) -> None:
    set_number(tab, "number input for Length", 2)
    set_number(tab, "number input for Pieces", 2)
    tab.locator(PANEL).get_by_label("A new seed each time").uncheck()
    set_number(tab, "Seed", 7)
    open_part(tab, "Sound")
    assert tab.input_value(STYLE_SEED) == "", "the seed chooses it"
    tab.fill(STYLE_SEED, "12")
    set_number(tab, "number input for Truncation", 1.5)
    make(tab, 2)
    assert '"seed": 8' in read_ticket(tab, 2) and '"style_seed": 12' in read_ticket(tab, 1)
    tab.locator("#musika-make-format-1").get_by_role("combobox", name="Format").click()
    tab.get_by_role("option", name="flac").click()
    with tab.expect_download() as waiting:
        tab.click("#musika-make-download-1")
    path = tmp_path / "song.flac"
    waiting.value.save_as(path)
    recipe = read_recipe(path)
    assert (recipe.seed, recipe.seconds, recipe.settings["truncation"]) == (7, 2.0, 1.5)
    library[0].get_model("open").piece(7, truncation=1.5, style_seed=12).save(tmp_path / "again.flac", 2.0)
    assert (tmp_path / "again.flac").read_bytes() == path.read_bytes()
    set_number(tab, "Seed", 1)
    tab.fill(STYLE_SEED, "")
    set_number(tab, "number input for Length", 30)
    open_part(tab, "Set all controls from a file")
    drop(tab, "#musika-make-file", "song.flac", path.read_bytes())
    tab.wait_for_function("document.querySelector('#musika-make-status').textContent.includes('song.flac')")
    values = [tab.locator(PANEL).get_by_label("Seed", exact=True).input_value(), tab.input_value(STYLE_SEED)]
    values += [
        tab.locator(PANEL).get_by_label(f"number input for {label}").input_value() for label in ("Length", "Truncation")
    ]
    assert values == ["7", "12", "2", "1.5"]
    assert list_uploads() == []
    entries = browser.wait_for_history(tab, 2)  # made pieces are remembered
    assert [entry["query"]["seconds"] for entry in entries] == [2, 2]
    assert "#tab=make&" in tab.evaluate("musika.history.list().then(([entry]) => musika.history.makeLink(entry))")


def test_a_link_to_a_made_piece_sets_all_controls(link: str, visit: browser.Visit) -> None:
    first = visit(f"{link}#tab=make&checkpoint=piano&seed=7", permissions=["clipboard-read", "clipboard-write"])
    ticket = json.dumps(dataclasses.asdict(PieceRequest("open", 12, 3.5, 2.0, {"truncation": 1.5, "style_seed": 4})))
    assert "clipboard" in first.evaluate("ticket => musika.make.copyLink(ticket)", ticket)
    opened = visit(first.evaluate("navigator.clipboard.readText()"))
    opened.wait_for_function("document.querySelector('#musika-make-status').textContent.includes('as in the link')")
    assert opened.input_value("#musika-checkpoint input") == "open"
    for part in ("Sound", "Start, loop, loudness and fades"):
        open_part(opened, part)
    assert opened.input_value(STYLE_SEED) == "4"
    expected = {"Seed": "12", "Start": "2", "number input for Length": "3.5"}
    for label, value in {**expected, "number input for Truncation": "1.5"}.items():
        assert opened.locator(PANEL).get_by_label(label, exact=True).input_value() == value, label
    assert not opened.locator(PANEL).get_by_label("A new seed each time").is_checked()


def test_a_link_with_a_value_that_cannot_be_says_so(link: str, visit: browser.Visit) -> None:
    tab = visit(f"{link}#tab=make&checkpoint=open&seed=7&seconds=1000")
    said = tab.locator(TOAST).first.text_content()  # waits until it is there
    assert "seconds '1000': must be a number from 0.1 to 60" in said


def test_what_a_link_cannot_carry_is_said(tab: Any) -> None:
    ticket = json.dumps(dataclasses.asdict(PieceRequest("piano", 1, inputs=({"kind": "melody"},))))
    assert "cannot carry the melody" in tab.evaluate("ticket => musika.make.copyLink(ticket)", ticket)


def list_uploads() -> list[str]:
    """Files that a browser sent and that are still there."""
    folder = Path(os.environ["GRADIO_TEMP_DIR"])
    made = set(pieces.FORMATS) | {"png", "webp", "svg"}  # copies of what the page made
    return [
        path.name
        for path in folder.rglob("*")
        if path.is_file() and not ("-seed-" in path.name or path.suffix[1:] in made - {"wav", "flac"})
    ]


def test_words_show_what_they_mean_and_similar_pieces_follow(tab: Any) -> None:
    tab.locator("#musika-checkpoint input").click()
    tab.get_by_role("option", name="piano").click()
    tab.locator("#musika-make-words :is(textarea, input)").fill("slow piano in A minor")
    tab.get_by_role("button", name="Read the words").click()
    tab.wait_for_function(f"{get_value('musika-make-key')} === 'A minor'")
    assert "A minor" in tab.text_content("#musika-make-note")
    assert tab.locator("#musika-make-tempo").is_visible(), "the group with the fields has opened"
    assert not tab.locator("#musika-make-styles").is_visible()  # a setting that this checkpoint has not
    set_number(tab, "number input for Length", 2)
    make(tab, 1)
    assert '"key": "A minor"' in read_ticket(tab, 1)
    tab.get_by_role("button", name="More like this").first.click()
    wait_for_piece(tab, 2)
    assert '"style_seed"' in read_ticket(tab, 2)
    tab.wait_for_function("document.querySelector('#musika-make-status').textContent.includes('like seed')")


def test_cancelling_stops_the_work_within_a_second(tab: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    reported = [0.0]
    begun = threading.Event()

    def work(context: Any, request: Any, report: Any) -> Any:
        for step in range(1200):
            report(step / 1200)
            reported[0] = time.monotonic()
            begun.set()
            time.sleep(0.05)
        raise MusikaError("it was not stopped")

    monkeypatch.setattr(pieces, "make_piece", work)
    tab.click("#musika-make-make")
    tab.wait_for_selector("#musika-make-status progress")
    assert begun.is_set()
    pressed = time.monotonic()
    tab.click("#musika-make-cancel")
    tab.wait_for_function("document.querySelector('#musika-make-status').textContent.includes('Cancelled')")
    time.sleep(1.0)
    assert reported[0] - pressed < 1.0


def make_flac(seconds: float, rate: int = 8000) -> bytes:
    return audio.encode((np.zeros((60 * rate, 1), np.float32) for _ in range(int(seconds / 60))), rate, ".flac")


def make_zip() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.wav", bytes(1 << 24))
    return file.getvalue()


def test_files_that_are_no_use_get_one_line_and_do_not_stay(tab: Any) -> None:
    tab.locator("#musika-checkpoint input").click()
    tab.get_by_role("option", name="piano").click()
    open_part(tab, "Melody to accompany")
    tab.wait_for_selector("#musika-make-melody input[type=file]", state="attached")
    open_part(tab, "Set all controls from a file")
    noise = np.random.default_rng(0).normal(0, 0.1, (20_000, 2)).astype(np.float32)
    torn = audio.encode(noise, 44_100, ".flac")
    image = pictures.encode_png(np.zeros((8, 8, 3), np.uint8))
    bad: list[tuple[str, str, bytes, str]] = [
        ("file", "empty.flac", b"", "empty"),
        ("file", "text.wav", b"this is no sound at all", "text.wav"),
        ("file", "picture.flac", image, "picture.flac"),
        ("file", "archive.wav", make_zip(), "archive.wav"),
        ("file", "../../evil.wav", b"RIFF....WAVE", "evil.wav"),
        ("file", "plain.wav", audio.encode(noise, 44_100, ".wav"), "plain.wav has no recipe"),
        ("melody", "torn.flac", torn[: len(torn) // 2], "torn.flac"),
        ("melody", "long.flac", make_flac(7200), "longer than 20 seconds"),
        ("melody", "notes.mid", b"MThd\0\0\0\6\0\1\0\1\0\0MTrk", "notes.mid"),
        ("file", "large.wav", bytes((1 << 20) + (1 << 17)), "large"),
    ]
    for place, name, content, part in bad:
        drop(tab, f"#musika-make-{place}", name, content)
        line = tab.locator(TOAST).filter(has_text=part).first
        line.wait_for()
        text = line.inner_text()
        assert "Traceback" not in text and os.environ["GRADIO_TEMP_DIR"] not in text, text
        about = ("", "Error", "\N{MULTIPLICATION SIGN}")  # a heading and a button
        assert len([row for row in text.splitlines() if row.strip() not in about]) == 1, text
        assert list_uploads() == [], name
        if part != "large":
            clear = tab.locator(f"#musika-make-{place}").get_by_label("Clear")
            if clear.count():
                clear.first.click()
                tab.wait_for_selector(f"#musika-make-{place} input[type=file]", state="attached")
        for close in tab.get_by_test_id("toast-close").all():
            close.click()


def test_it_fits_a_narrow_screen(link: str, visit: browser.Visit) -> None:
    narrow = visit(link, viewport={"width": 390, "height": 800}, color_scheme="dark")
    narrow.get_by_role("tab", name="Make").click()
    narrow.wait_for_selector("#musika-make-make")
    assert narrow.evaluate("document.documentElement.scrollWidth") <= 390
