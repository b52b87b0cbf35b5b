"""The tab Edit in a browser: a gap is marked and filled, before and after are heard in step, edits are taken away."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from musika.gan.editor_load import KIND as EDITOR
from tests.helpers.editors import StandInEditor
from tests.helpers.tones import ToneModel
from tests.serve.page import browser

RATE = 8_000
SECONDS = 6
EDIT = "musika-editor"
COMPARE = f"{EDIT} .musika-compare"


class NamedEditor(StandInEditor):
    """An editor as models are: it says what it was loaded from."""

    origin = None


class SlowEditor(NamedEditor):
    """An editor that takes its time; it counts its steps."""

    steps = 0

    def make_window(self, *values: Any) -> np.ndarray:
        SlowEditor.steps += 1
        time.sleep(0.05)
        return super().make_window(*values)


@pytest.fixture(scope="module")
def link() -> Iterator[str]:
    models: dict[str, Any] = {"tones": ToneModel(), "edit": NamedEditor(), "slow": SlowEditor()}
    with browser.serve_models(models, {"edit": EDITOR, "slow": EDITOR}) as address:
        yield address


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("recordings") / "my song.wav"
    seconds = np.arange(SECONDS * RATE) / RATE
    tone = 0.4 * np.sin(2 * np.pi * 220 * seconds) * (0.6 + 0.4 * np.sin(2 * np.pi * 0.5 * seconds))
    soundfile.write(path, np.stack([tone, 0.7 * tone], axis=1), RATE)
    return path


def open_recording(visit: browser.Visit, link: str, path: Path, **options: Any) -> Any:
    tab = visit(link, **options)
    tab.get_by_role("tab", name="Edit").click()
    tab.set_input_files("#musika-edit-file input[type=file]", path)
    tab.wait_for_function(f"document.querySelector('{EDIT}').waveform?.duration > 0")
    return tab


def drag(tab: Any, start: float, end: float) -> None:
    """Drags over the waveform, from and to shares of its width."""
    canvas = tab.locator(f"{EDIT} canvas")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    height = box["y"] + 80
    tab.mouse.move(box["x"] + start * box["width"], height)
    tab.mouse.down()
    tab.mouse.move(box["x"] + 0.5 * (start + end) * box["width"], height)
    tab.mouse.move(box["x"] + end * box["width"], height)
    tab.mouse.up()


def read_spans(tab: Any) -> Any:
    return json.loads(tab.get_attribute(f"{EDIT} .musika-waveform", "data-spans"))


def make(tab: Any) -> None:
    """Presses Make and waits for what comes of it."""
    tab.click("#musika-edit-make")
    tab.wait_for_function(
        f"document.querySelector('{EDIT}').results.length === 2 || document.querySelector('.toast-body')"
    )
    assert not tab.locator(".toast-body").all_inner_texts()


def get_choices(tab: Any) -> list[str]:
    return tab.locator(f"{EDIT} [role=radio]").all_inner_texts()


def test_a_gap_is_marked_filled_kept_and_taken_away(link: str, visit: browser.Visit, recording: Path) -> None:
    tab = open_recording(visit, link, recording)
    drag(tab, 0.25, 0.5)
    ((start, end),) = read_spans(tab)
    assert start == pytest.approx(0.25 * SECONDS, abs=0.05) and end == pytest.approx(0.5 * SECONDS, abs=0.05)
    assert tab.input_value("#musika-edit-spans textarea, #musika-edit-spans input") == f"{start:g}-{end:g}"
    make(tab)
    assert get_choices(tab) == ["Original", "New A", "New B"]
    said = tab.text_content(f"{EDIT} .musika-untouched")
    assert said.startswith(f"Untouched, sample for sample: 0.00-{start:.2f} s, {end:.2f}-6.00 s (75.")
    assert not browser.find_faults(tab)
    tab.click(f"{EDIT} .musika-keep")
    assert get_choices(tab) == ["Original", "Edited"]
    assert tab.locator(f"{EDIT} li span").all_inner_texts() == [f"fill {start:g}-{end:g}, seed 0"]
    assert len(browser.wait_for_history(tab, 1)) == 1
    (entry,) = tab.evaluate("musika.history.list().then((entries) => entries.map((e) => [e.title, e.file.size]))")
    assert entry[0] == f"my song: fill {start:g}-{end:g}, seed 0" and entry[1] > 1000
    # a second edit, and then the first one is undone
    tab.locator("#musika-edit-task").get_by_text("continue").click()
    tab.fill("#musika-edit-seconds input", "2")
    make(tab)
    tab.click(f"{EDIT} .musika-keep")
    tab.wait_for_function(f"document.querySelector('{EDIT}').waveform.duration > 7.9")
    tab.get_by_label("Undo edit 1").click()
    tab.wait_for_function(f"document.querySelectorAll('{EDIT} li').length === 1")
    assert tab.locator(f"{EDIT} li span").all_inner_texts() == ["continue seconds 2, seed 0"]
    assert "0.00-6.00 s" in tab.text_content(f"{EDIT} .musika-untouched") or "whole recording" in tab.text_content(
        f"{EDIT} .musika-untouched"
    )
    with tab.expect_download() as download:
        tab.click("#musika-edit-download")
    saved = soundfile.read(download.value.path(), dtype="float32")[0]
    original = soundfile.read(recording, dtype="float32")[0]
    assert download.value.suggested_filename.startswith("my song-continue-") and len(saved) == 8 * RATE
    np.testing.assert_array_equal(saved[: len(original)], original)


def test_cancel_stops_the_work(link: str, visit: browser.Visit, recording: Path) -> None:
    tab = open_recording(visit, link, recording)
    tab.locator("#musika-edit-task").get_by_text("continue").click()
    tab.click("#musika-edit-checkpoint input")
    tab.get_by_role("option", name="slow").click()
    tab.click("#musika-edit-make")
    tab.wait_for_function("document.querySelector('#musika-edit-status').innerText.startsWith('Working')")
    while not SlowEditor.steps:
        tab.wait_for_timeout(20)
    tab.click("#musika-edit-cancel")
    tab.wait_for_function("document.querySelector('#musika-edit-status').innerText.startsWith('Cancelled')")
    tab.wait_for_timeout(500)
    steps = SlowEditor.steps
    tab.wait_for_timeout(500)
    assert SlowEditor.steps == steps < 600
    assert get_choices(tab) == ["Original"]


def test_the_switch_keeps_the_position(link: str, visit: browser.Visit, recording: Path) -> None:
    tab = open_recording(visit, link, recording)
    tab.fill("#musika-edit-spans textarea, #musika-edit-spans input", "1-2")
    tab.keyboard.press("Tab")
    tab.wait_for_function(f"document.querySelector('{EDIT} .musika-waveform').dataset.spans === '[[1,2]]'")
    make(tab)
    tab.focus(f"{EDIT} canvas")
    tab.keyboard.press("Home")
    tab.keyboard.press("x")
    tab.wait_for_function(f"document.querySelector('{COMPARE}').dataset.selected === '2'")
    tab.focus(f"{EDIT} .musika-play")
    tab.keyboard.press("Space")
    tab.wait_for_function(f"document.querySelector('{EDIT}').compare.position > 0.3")
    nodes = f"document.querySelector('{EDIT}').compare.sources.map(source => !!source.node)"
    before, after = tab.evaluate(
        f"""async () => {{
          const compare = document.querySelector('{EDIT}').compare;
          await Promise.all(compare.sources.map((source, number) => compare._load(number)));
          const before = compare.position, time = performance.now();
          await compare.select(0);
          return [before + (performance.now() - time) / 1000, compare.position];
        }}"""
    )
    assert after == pytest.approx(before, abs=0.1)
    tab.keyboard.press("2")
    tab.wait_for_function(f"document.querySelector('{COMPARE}').dataset.selected === '1'")
    assert tab.evaluate(nodes) == [True, True, True], "all sounds run in step"
    tab.get_by_label("repeat around the gap").check()
    tab.evaluate(f"document.querySelector('{EDIT}').compare.seek(3.9)")  # 2 s after the gap, it begins again
    tab.wait_for_function(f"document.querySelector('{EDIT}').compare.position < 1")
    tab.focus(f"{EDIT} .musika-play")
    tab.keyboard.press("Space")
    tab.wait_for_function(f"document.querySelector('{COMPARE}').dataset.state === 'paused'")


def test_spans_are_changed_by_keyboard_and_touch(link: str, visit: browser.Visit, recording: Path) -> None:
    tab = open_recording(visit, link, recording)
    tab.set_viewport_size({"width": 390, "height": 844})
    drag(tab, 0.2, 0.4)
    drag(tab, 0.6, 0.8)
    (first, second) = read_spans(tab)
    tab.get_by_label("End of gap 1", exact=True).focus()
    tab.keyboard.press("ArrowRight")
    assert read_spans(tab)[0][1] == pytest.approx(first[1] + 0.1, abs=1e-3)
    tab.get_by_label("Move gap 2", exact=True).focus()
    tab.keyboard.press("Shift+ArrowLeft")
    assert read_spans(tab)[1] == pytest.approx([second[0] - 0.01, second[1] - 0.01], abs=1e-3)
    tab.keyboard.press("Delete")
    assert len(read_spans(tab)) == 1
    tab.focus(f"{EDIT} canvas")
    tab.keyboard.press("+")
    assert tab.evaluate(f"document.querySelector('{EDIT}').waveform.zoom") == 2
    tab.get_by_label("Show all").click()
    assert tab.evaluate(f"document.querySelector('{EDIT}').waveform.zoom") == 1
    tab.get_by_label("Remove gap 1", exact=True).click()
    assert read_spans(tab) == [] and tab.input_value("#musika-edit-spans textarea, #musika-edit-spans input") == ""
    assert tab.evaluate("document.documentElement.scrollWidth") == 390


def test_what_cannot_be_read_or_made_is_one_line(link: str, visit: browser.Visit, recording: Path, tmp_path) -> None:
    tab = visit(link)
    tab.get_by_role("tab", name="Edit").click()
    toast = ".toast-body"
    for name, content in (("empty.wav", b""), ("text.mp3", b"hello"), ("torn.flac", b"fLaC" + bytes(60))):
        (tmp_path / name).write_bytes(content)
        tab.set_input_files("#musika-edit-file input[type=file]", tmp_path / name)
        tab.wait_for_function(f"[...document.querySelectorAll('{toast}')].some(e => e.innerText.includes('{name}'))")
        text = tab.locator(toast).filter(has_text=name).first.inner_text()
        assert "Traceback" not in text and "/" not in text.replace("and/or", "")
        tab.get_by_label("Clear").first.click()
    tab.set_input_files("#musika-edit-file input[type=file]", recording)
    tab.wait_for_function(f"document.querySelector('{EDIT}').waveform?.duration > 0")
    tab.fill("#musika-edit-spans textarea, #musika-edit-spans input", "5-90")
    tab.click("#musika-edit-make")
    tab.wait_for_function(
        f"[...document.querySelectorAll('{toast}')].some(e => e.innerText.includes('outside the sound'))"
    )


def test_a_program_edits_as_people_do(link: str, recording: Path, tmp_path: Path) -> None:
    from gradio_client import Client, handle_file

    client = Client(link, verbose=False, analytics_enabled=False, download_files=str(tmp_path))
    told, _ = client.predict(handle_file(str(recording)), api_name="/open_recording")
    edited = {"base": told["base"], "title": told["title"], "steps": []}
    settings = {"seconds": 0, "before": 0, "at": 0, "notes": False, "strength": 0.5, "ratio": 0.5, "over": 0}
    values = {"checkpoint": "edit", "task": "fill", "spans": "1-2", **settings, "seed": 3, "count": 1, "other": None}
    _, results, _ = client.predict(edited=edited, **values, api_name="/make_edit")
    edited = {**edited, "steps": results[0]["steps"]}
    path = client.predict(edited=edited, extension="flac", api_name="/save_edits")
    saved, original = (soundfile.read(file, dtype="float32")[0] for file in (path, recording))
    outside = np.r_[0:RATE, 2 * RATE : SECONDS * RATE]
    np.testing.assert_array_equal(saved[outside], original[outside])
    with pytest.raises(Exception, match="outside the sound"):
        client.predict(edited=edited, **{**values, "spans": "1-99"}, api_name="/make_edit")
    client.close()
