"""Notes that can be edited, maps and times: the scripts alone, without a server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from musika.serve.page.scripts import STATIC

SCRIPTS = ("canvas.js", "roll.js", "roll_notes.js", "map.js", "answers.js")


@pytest.fixture(scope="module")
def tab(chromium: Any) -> Iterator[Any]:
    page = chromium.new_page()
    page.evaluate("window.musika = {}")
    for name in SCRIPTS:
        page.add_script_tag(path=STATIC / name)
    yield page
    page.close()


def run(tab: Any, code: str) -> Any:
    """What code returns that has `notes`: two notes, of which the second is selected."""
    begin = """const notes = new musika.RollNotes();
      notes.add({start: 1, length: 0.5, pitch: 60, velocity: 80});
      notes.add({start: 2.1, length: 0.26, pitch: 127, velocity: 80});
      const show = () => notes.list.map((note) => [note.start, note.length, note.pitch, note.velocity]);"""
    return tab.evaluate(f"(() => {{ {begin} {code} }})()")


def test_selected_notes_move_together_and_stay_in_range(tab: Any) -> None:
    found = run(tab, "notes.select(() => true); notes.move(-5, 3); return show()")
    assert found == [[0, 0.5, 60, 80], [pytest.approx(1.1), 0.26, 127, 80]]
    assert run(tab, "notes.strengthen(100); notes.resize(-9); return show()[1]") == [2.1, 0.02, 127, 127]


def test_a_drag_is_one_step_of_undo(tab: Any) -> None:
    code = "notes.begin(); for (const by of [0.1, 0.2, 0.4]) notes.move(by, -1); notes.finish(); const moved = show();"
    code += "notes.undo(); const undone = show(); notes.redo(); return [moved, undone, show()]"
    moved, undone, redone = run(tab, code)
    assert moved[1][:3] == [pytest.approx(2.5), 0.26, 126] and moved == redone
    assert undone[1][:3] == [2.1, 0.26, 127]
    assert run(tab, "notes.begin(); notes.finish(); notes.undo(); return show().length") == 1  # no empty step


def test_notes_are_quantised_and_removed(tab: Any) -> None:
    assert run(tab, "notes.quantise(0.25); return show()[1].slice(0, 2)") == [2, 0.25]
    assert run(tab, "notes.select(() => false); notes.quantise(1); return show().map((note) => note[0])") == [1, 2]
    assert run(tab, "notes.remove(); return [notes.list.length, notes.canUndo, notes.canRedo]") == [1, True, False]
    assert run(tab, "notes.replace([]); notes.undo(); return notes.list.length") == 2


def test_the_roll_finds_notes_where_it_draws_them(tab: Any) -> None:
    tab.set_content("<canvas style='width: 400px; height: 300px'></canvas>")
    code = """() => {
      const roll = new musika.Roll(document.querySelector("canvas"), {label: "Notes"});
      const notes = [0, 1, 2, 3].map((k) => ({start: k, length: 0.9, pitch: 60 + 7 * k, velocity: 80}));
      roll.setNotes(notes);
      roll.setView({start: 0.5, seconds: 5});
      const places = notes.map((note) => [roll.toX(note.start + 0.5), roll.toY(note.pitch) + roll.rowHeight / 2]);
      const found = places.map(([x, y]) => notes.indexOf(roll.findNote(x, y)));
      const pitches = places.map(([, y]) => roll.toPitch(y));
      const times = places.map(([x]) => roll.toSeconds(x));
      roll.close();
      return [found, pitches, times, roll.range];
    }"""
    found, pitches, times, visible = tab.evaluate(code)
    assert found == [0, 1, 2, 3] and pitches == [60, 67, 74, 81]
    assert times == pytest.approx([0.5, 1.5, 2.5, 3.5])
    assert visible["low"] <= 60 and visible["high"] >= 81 and visible["high"] - visible["low"] >= 24


def test_neighbours_on_a_map_lie_in_the_direction_of_the_key(tab: Any) -> None:
    tab.set_content("<canvas style='width: 400px; height: 400px'></canvas>")
    code = """() => {
      const map = new musika.PointMap(document.querySelector("canvas"));
      const places = [[0, 0], [0.2, 0.02], [-0.3, 0], [0.02, 0.4], [0, -0.5], [0.9, 0.9]];
      const numbers = [10, 11, 12, 13, 14, 15];
      map.setPoints({numbers, places, colours: places.map(() => [0.5, 0.5]), labels: []});
      map.chosen = 0;
      const found = [[1, 0], [-1, 0], [0, 1], [0, -1]].map(([right, up]) => map.findNeighbour(right, up));
      map.zoom(4, {x: 0.2, y: 0.02});
      const near = map.findNearest(map.toPixels({x: 0.2, y: 0.02}), 5);
      map.fit();
      return [found, near, map.view.zoom];
    }"""
    assert tab.evaluate(code) == [[1, 2, 3, 4], 1, 1]


def test_times_and_numbers_are_written_as_people_do(tab: Any) -> None:
    assert tab.evaluate("[0, 65, 7265].map((seconds) => musika.formatTime(seconds))") == ["0:00", "1:05", "2:01:05"]
    assert tab.evaluate("musika.formatTime(59.996, 2)") == "1:00.00"
    assert tab.evaluate("[60, 61, 21].map(musika.nameKey)") == ["C4", "C#4", "A0"]
    assert tab.evaluate("[40, 3600, 90000].map(musika.formatDuration)") == ["40 s", "60 min", "25 h 0 min"]
    assert tab.evaluate("[0.123456, 12000, 1234.56].map(musika.formatNumber)") == ["0.123", "12,000", "1,235"]
