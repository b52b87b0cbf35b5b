"""The tabs Styles, Play notes and Training in a browser."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from musika.config import GeneratorSettings
from musika.render import Model
from musika.score import read_score
from musika.serve.page import map_jobs
from musika.serve.page.context import PageDefaults
from musika.serve.page.style_map import draw_seed_map, draw_style_map
from tests.helpers import tiny
from tests.helpers.scores import make_score
from tests.render.test_composed import make_model as make_composed_model
from tests.serve.page import browser
from tests.serve.page.test_training_runs import list_files

STYLES, NOTES, TRAINING = "musika-styles", "musika-notes", "musika-training"


class AudibleCodec(tiny.FakeCodec):
    """The tiny codec, at a rate that browsers play."""

    hop_total, sample_rate = 256, 16_000


def draw_small_map(model: Model, report: Any) -> Any:
    if model.name == "composed":
        return draw_seed_map(model, report, 30)
    return draw_style_map(model, report, 24, 16, 8)


@pytest.fixture(scope="module")
def link(trained: Path) -> Iterator[str]:
    """A page with a generator, a composer, and a real run of two steps."""
    models = {
        "tiny": dataclasses.replace(tiny.make_model(tiny.SMALL, AudibleCodec()), name="tiny"),
        "composed": dataclasses.replace(make_composed_model(), codec=AudibleCodec(), name="composed"),
    }
    patch = pytest.MonkeyPatch()
    patch.setattr(map_jobs, "draw_map", draw_small_map)
    defaults = PageDefaults(runs_path=trained.parent)
    try:
        with browser.serve_models(models, {"composed": "composed"}, defaults=defaults) as address:
            yield address
    finally:
        patch.undo()


def open_tab(tab: Any, name: str) -> None:
    tab.get_by_role("tab", name=name, exact=True).click()


def read_pixel(tab: Any, index: int) -> tuple[float, float]:
    """Where a point of the map is on the screen, once the map is scrolled to."""
    canvas = tab.locator(f"{STYLES} canvas")
    canvas.evaluate("canvas => canvas.scrollIntoView({block: 'center', behavior: 'instant'})")
    box = canvas.bounding_box()
    x, y = tab.evaluate(f"(({{map}}) => map.toPixels(map.points[{index}]))(document.querySelector('{STYLES}'))")
    return box["x"] + x, box["y"] + y


def test_a_click_on_the_map_plays_and_a_line_is_a_timeline(link: str, visit: browser.Visit) -> None:
    tab = visit(link)
    open_tab(tab, "Styles")
    tab.wait_for_function(f"document.querySelector('{STYLES}').map.points.length === 24")
    tab.mouse.click(*read_pixel(tab, 5))
    tab.wait_for_function("musika.player.state === 'playing'")
    assert tab.evaluate("String(musika.player.piece.settings.style_seed)") == "5"
    tab.wait_for_function(f"document.querySelector('{STYLES} li img').naturalWidth === 160")
    tab.keyboard.press("ArrowLeft")
    tab.keyboard.press("Enter")
    tab.wait_for_function("musika.player.piece.settings.style_seed !== 5")
    chosen = tab.evaluate("musika.player.piece.settings.style_seed")
    assert tab.evaluate(f"document.querySelector('{STYLES}').map.getPoint().number") == chosen

    tab.get_by_role("button", name="Draw a line").click()
    for index in (3, 9, 17):
        tab.mouse.click(*read_pixel(tab, index))
    text = tab.get_by_label("Timeline of styles").input_value()
    assert text == '--styles "0:00=3, 1:00=9, 2:00=17"'
    tab.get_by_label("Seconds from the first style to the last").fill("40")
    assert '"0:00=3, 0:20=9, 0:40=17"' in tab.get_by_label("Timeline of styles").input_value()
    tab.get_by_role("button", name="Clear", exact=True).locator("visible=true").click()
    tab.mouse.move(*read_pixel(tab, 3))
    tab.mouse.down()
    tab.mouse.move(*read_pixel(tab, 9), steps=8)
    tab.mouse.up()
    drawn = tab.get_by_label("Timeline of styles").input_value().removeprefix('--styles "').removesuffix('"')
    points = GeneratorSettings(styles=drawn).style_points
    assert points[0] == (0.0, 3) and points[-1] == (40.0, 9)
    tab.get_by_role("button", name="Play the line").click()
    tab.wait_for_function("musika.player.state === 'playing' && musika.player.piece.settings.styles")
    assert tab.evaluate("musika.player.piece.settings.styles") == drawn
    assert not (faults := browser.find_faults(tab)), faults


def test_a_composer_has_a_map_of_its_pieces(link: str, visit: browser.Visit) -> None:
    tab = visit(f"{link}#checkpoint=composed")
    tab.wait_for_function("musika.page.checkpoint === 'composed'")
    open_tab(tab, "Styles")
    tab.wait_for_function(f"document.querySelector('{STYLES}').map.points.length === 30")
    assert not tab.get_by_role("button", name="Draw a line").is_visible()
    assert "tempo" in tab.text_content(STYLES)
    tab.mouse.click(*read_pixel(tab, 7))
    tab.wait_for_function("musika.player.state === 'playing'")
    assert tab.evaluate("String(musika.player.piece.seed)") == "7"


def count_notes(tab: Any) -> int:
    return tab.evaluate(f"document.querySelector('{NOTES}').notes.list.length")


def wait_for_sound(tab: Any) -> None:
    tab.wait_for_function("musika.player.state === 'playing' && musika.player.measure().peaks[0] > -90")


def test_a_midi_file_is_played_and_downloaded(link: str, visit: browser.Visit, tmp_path: Path) -> None:
    score = make_score(2)
    score.save(tmp_path / "a.mid")
    tab = visit(link)
    open_tab(tab, "Play notes")
    tab.get_by_label("MIDI file").set_input_files(tmp_path / "a.mid")
    tab.wait_for_function(f"document.querySelector('{NOTES}').notes.list.length === {len(score.notes)}")
    tab.locator(f"{NOTES} .musika-primary").click()
    wait_for_sound(tab)
    with tab.expect_download() as download:
        tab.get_by_role("button", name="Download MIDI").click()
    download.value.save_as(tmp_path / "b.mid")
    assert read_score(tmp_path / "b.mid").notes.pitches.tolist() == score.notes.pitches.tolist()
    with tab.expect_download() as download:
        tab.get_by_role("button", name="Download audio").click()
    download.value.save_as(tmp_path / "b.flac")
    assert (tmp_path / "b.flac").read_bytes().startswith(b"fLaC")
    tab.get_by_role("button", name="Compare", exact=True).locator("visible=true").click()
    tab.wait_for_function(f"document.querySelector('{NOTES}').comparison?.sources[0]?.buffer")
    tab.evaluate(f"document.querySelector('{NOTES}').comparison.select(1)")
    tab.wait_for_function(f"document.querySelector('{NOTES}').comparison.sources[1].buffer")
    names = tab.evaluate(f"document.querySelector('{NOTES}').comparison.sources.map((source) => source.name)")
    assert len(set(names)) == 2 and all(name.startswith("composed") for name in names)
    (tmp_path / "bad.mid").write_bytes(b"MThd and nothing")
    tab.get_by_label("MIDI file").set_input_files(tmp_path / "bad.mid")
    tab.wait_for_function(f"document.querySelector('{NOTES} [role=status]').textContent.includes('no MIDI file')")
    assert count_notes(tab) == len(score.notes)
    assert not (faults := browser.find_faults(tab)), faults


def test_notes_are_drawn_with_mouse_and_keys_and_heard(link: str, visit: browser.Visit) -> None:
    tab = visit(link)
    open_tab(tab, "Play notes")
    canvas = tab.locator(f"{NOTES} canvas")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    x, y = box["x"] + 0.3 * box["width"], box["y"] + 0.5 * box["height"]
    tab.mouse.move(x, y)
    tab.mouse.down()
    tab.mouse.move(x + 120, y, steps=4)
    tab.mouse.up()
    (note,) = tab.evaluate(f"document.querySelector('{NOTES}').notes.list")
    assert note["length"] > 0.5 and note["start"] % 0.25 == 0
    press = tab.keyboard.press
    press("ArrowUp")
    press("Shift+ArrowRight")
    press("+")
    (moved,) = tab.evaluate(f"document.querySelector('{NOTES}').notes.list")
    assert (moved["pitch"], moved["velocity"]) == (note["pitch"] + 1, note["velocity"] + 8)
    assert moved["length"] == pytest.approx(note["length"] + 0.25)
    press("Escape")
    press("ArrowRight")
    press("Enter")
    assert count_notes(tab) == 2
    press("Control+z")
    assert count_notes(tab) == 1
    press("Control+Shift+z")
    assert count_notes(tab) == 2
    press("Space")
    wait_for_sound(tab)
    press("Control+a")
    press("Delete")
    assert count_notes(tab) == 0


def test_what_a_midi_file_plays_is_kept_and_played_again(link: str, visit: browser.Visit, tmp_path: Path) -> None:
    tab = visit(link)
    open_tab(tab, "Play notes")
    make_score().save(tmp_path / "my song.mid")
    tab.set_input_files(f"{NOTES} input[type=file]", tmp_path / "my song.mid")
    tab.wait_for_function(f"document.querySelector('{NOTES}').notes.list.length > 0")
    count = count_notes(tab)
    tab.locator(f"{NOTES} .musika-primary").click()
    (entry,) = browser.wait_for_history(tab, 1)
    assert (entry["kind"], entry["name"], entry["title"]) == ("notes", "my song.mid", "my song, composed 0")
    assert not tab.evaluate("musika.history.list().then(([entry]) => musika.history.hasLink(entry))")
    tab.reload()
    browser.open_page(tab, link)
    tab.get_by_role("button", name="▶ my song").click()
    tab.wait_for_function("['playing', 'ended'].includes(musika.player.state)")
    assert count_notes(tab) == count and tab.evaluate("Boolean(musika.player.piece.settings.score)")


def test_a_real_run_is_shown_and_stays_as_it_was(link: str, visit: browser.Visit, trained: Path) -> None:
    before = list_files(trained)
    tab = visit(link)
    open_tab(tab, "Training")
    tab.wait_for_selector(f"{TRAINING} table")
    assert tab.locator(f"{TRAINING} select").first.input_value() == trained.name
    assert "generator, ended" in tab.text_content(f"{TRAINING} [role=status]")
    assert tab.locator(f"{TRAINING} svg").count() > 3
    assert tab.locator(f"{TRAINING} section tbody tr").count() == 1
    tab.evaluate(f"document.querySelector('{TRAINING} audio').load()")
    tab.evaluate(f"document.querySelector('{TRAINING} audio').play()")
    tab.wait_for_function(f"document.querySelector('{TRAINING} audio').duration > 0")
    assert not (faults := browser.find_faults(tab)), faults
    tab.evaluate(f"document.querySelector('{TRAINING} audio').pause()")
    tab.get_by_role("button", name="A/B comparison").click()
    tab.wait_for_function(f"document.querySelector('{TRAINING}').comparison?.sources[0]?.buffer")
    assert list_files(trained) == before


def test_a_watched_codec_run_is_what_the_page_opens_on(visit: browser.Visit, tmp_path: Path) -> None:
    """There is no checkpoint that makes music, which is said; the run's codec is the one to compare with."""
    run = tmp_path / "codec-1"
    tiny.write_checkpoints(tmp_path / "made")
    write_codec_run(tmp_path / "made" / "ae", run)
    with browser.serve_models({}, defaults=PageDefaults(runs_path=tmp_path, watched=run)) as address:
        before = list_files(run)
        tab = visit(address, wait=False)
        tab.wait_for_selector('button[role=tab][aria-selected=true]:has-text("Training")')
        tab.wait_for_selector(f"{TRAINING} table")
        assert tab.text_content(f"{TRAINING} [role=status]").startswith("codec, stopped")
        assert "log mel" in tab.inner_text(f"{TRAINING} table") and tab.locator(f"{TRAINING} audio").count() == 2
        open_tab(tab, "Codec")
        assert tab.input_value("#musika-codec-name input") == "codec-1"
        open_tab(tab, "Radio")
        assert tab.get_by_text("No checkpoint here makes music by itself.").is_visible()
        assert list_files(run) == before


def write_codec_run(codec: Path, run: Path) -> None:
    """A run of two checkpoints, which both are a codec's."""
    for position, distance in ((100, 0.5), (200, 0.4)):
        folder = run / f"{position:09d}"
        shutil.copytree(codec, folder)
        config = json.loads((folder / "config.json").read_text())
        config["training"] = {"stage": "codec", "samples": position, "figures": {"log_mel": distance}}
        (folder / "config.json").write_text(json.dumps(config))
        for what in ("decoded", "original"):
            (folder / f"validation-0-{what}.flac").write_bytes(b"fLaC")
    record = {"stage": "codec", "train": {"epochs": 4, "totsamples": 100}}
    (run / "run.json").write_text(json.dumps(record))
