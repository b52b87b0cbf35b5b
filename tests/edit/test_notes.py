"""Continuing by notes: the recording is copied, what follows is a function of position, and mistakes are one line."""

from __future__ import annotations

import numpy as np
import pytest

import musika.edit as edit
from musika.edit import with_notes
from musika.edit.recording import Recording
from musika.errors import MusikaError, ScoreError, UsageError
from musika.metrics.notes import transcriber
from musika.score import Score
from tests.composer.test_continuing import make_heard
from tests.edit.test_edit import make_tones
from tests.helpers import tiny
from tests.helpers.editors import StandInEditor
from tests.render.test_composed import make_model

RATE = 1_470  # Hz; the codec of the model has 1000
LENGTH = 18_000


@pytest.fixture(autouse=True)
def heard(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A transcriber that hears the same notes in every recording; how much it was given, in seconds."""
    seconds: list[float] = []

    def hear(recording, network) -> Score:
        seconds.append(recording.seconds)
        return make_heard()

    monkeypatch.setattr(with_notes, "load_network", lambda: None)
    monkeypatch.setattr(with_notes, "hear_notes", hear)
    return seconds


def make_recording(channels: int = 2, length: int = LENGTH) -> Recording:
    return Recording(make_tones(length, RATE, channels), RATE)


@pytest.mark.parametrize("channels", [1, 2])
def test_the_recording_is_copied_and_music_follows(channels: int, heard: list[float]) -> None:
    recording = make_recording(channels)
    longer = edit.continue_(make_model(), recording, seconds=2.0, seed=3, notes=True)
    whole = longer.render()
    assert whole.shape == (LENGTH + 2 * RATE, channels) and heard[0] == pytest.approx(LENGTH / RATE, abs=1e-3)
    np.testing.assert_array_equal(whole[:LENGTH], recording.waveform)
    level = np.sqrt(np.mean(np.square(whole[LENGTH:])))
    assert 0.3 < level / np.sqrt(np.mean(np.square(recording.waveform))) < 3.0, "levels are matched"


def test_a_part_is_the_same_part_and_the_seed_decides() -> None:
    longer, other = (edit.continue_(make_model(), make_recording(), seconds=4.0, seed=s, notes=True) for s in (3, 4))
    whole = longer.render(12.0, 4.0)
    np.testing.assert_array_equal(longer.render(14.0, 1.0), whole[2 * RATE : 3 * RATE])
    assert np.mean(other.render(14.0, 1.0) != whole[2 * RATE : 3 * RATE]) > 0.5


def test_it_may_go_on_without_end_from_any_second(heard: list[float]) -> None:
    endless = edit.continue_(make_model(), make_recording(), seconds=None, at=12.0, before=11.0, notes=True)
    assert endless.open().length is None
    assert np.abs(endless.render(60.0, 1.0)).max() > 0
    assert heard[0] == pytest.approx(11.0, abs=1e-3)


def test_others_cannot(monkeypatch: pytest.MonkeyPatch) -> None:
    for editor in (StandInEditor(), tiny.make_model(tiny.SMALL)):
        with pytest.raises(UsageError, match=r"has no composer: .* such as checkpoints/piano"):
            edit.continue_(editor, make_recording(), notes=True).render()
    with pytest.raises(UsageError, match="s of sound to listen to"):
        edit.continue_(make_model(), make_recording(length=500), notes=True).render()
    with pytest.raises(UsageError, match="only silence"):
        edit.continue_(make_model(), Recording(np.zeros((LENGTH, 1), np.float32), RATE), notes=True).render()
    monkeypatch.setattr(with_notes, "load_network", transcriber.load_network)
    monkeypatch.setattr(transcriber, "find_model", lambda: None)
    with pytest.raises(MusikaError, match=r"transcriber that is not installed: pip install") as caught:
        edit.continue_(make_model(), make_recording(), notes=True).render()
    assert "\n" not in str(caught.value)


def test_pieces_of_an_opening_do_not_loop() -> None:
    opening = with_notes.make_opening(make_heard(), 12.0)
    piece = make_model().continue_notes(opening, 1, tempo="100", metre="4/4")
    with pytest.raises(UsageError, match="cannot play in a loop"):
        piece.make_loop(20.0)
    with pytest.raises(ScoreError, match="no notes are heard"):
        with_notes.make_opening(make_heard(), 500.0)


def test_the_edit_is_a_value_with_its_switch() -> None:
    value = edit.Continue(notes=True)
    assert edit.parse_edit(edit.describe_edit(value)) == value
    with pytest.raises(MusikaError, match="not true or false"):
        edit.parse_edit({"edit": "continue", "notes": 1})
