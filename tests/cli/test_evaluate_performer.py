"""`evaluate --performer`: a table of what is heard, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from musika.__main__ import main
from musika.cli import evaluate_performer
from musika.codec.load import load_codec
from tests.cli.test_play import refuse, write_song
from tests.helpers import tiny


@pytest.fixture(scope="module")
def performer(shipped: Path) -> Path:
    return tiny.write_performer(shipped / "measured", load_codec(shipped / "ae").identity)


def hear_nothing(window: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A transcriber's network."""
    return np.zeros((172, 88)), np.zeros((172, 88))


def test_each_file_has_its_figures(performer: Path, tmp_path: Path, capsys, monkeypatch) -> None:
    monkeypatch.setattr(evaluate_performer, "load_network", lambda: hear_nothing)
    midi, out = tmp_path / "midi", tmp_path / "out"
    midi.mkdir()
    write_song(midi / "one.mid")
    write_song(midi / "drums.mid", 40, drums=True)
    words = ["--performer", str(performer), "--midi_path", str(midi), "--save_path", str(out), "--seconds", "2"]
    assert main("evaluate", words) == 1
    said = capsys.readouterr().out
    assert "one.mid" in said and "drums.mid: the score has no notes" in said and "note F1" in said
    figures = json.loads((out / "evaluation.json").read_text())
    assert figures["mean"]["note_f1"] == figures["files"][0]["note_recall"] == 0
    assert figures["mean"]["velocity_correlation"] is None and len(figures["failed"]) == 1


def test_flags_that_do_not_go_together(performer: Path, shipped: Path, tmp_path: Path, capsys) -> None:
    words = ["--performer", performer]
    assert "--midi_path" in refuse(capsys, "evaluate", *words)
    words += ["--midi_path", tmp_path]
    assert "does not go with --performer" in refuse(capsys, "evaluate", *words, "--generated", tmp_path)
    assert "does not go with --performer" in refuse(capsys, "evaluate", *words, "--pictures", False)
    assert "no MIDI files" in refuse(capsys, "evaluate", *words)
