"""Note onsets: on a network whose answer is known, and on the real transcriber where it is installed."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

from musika.errors import UsageError
from musika.metrics.notes import note_onsets, transcriber
from musika.metrics.notes.transcriber import FRAME, RATE, WINDOW, find_model, load_network, transcribe_onsets
from musika.score import Notes

SHARED = Path(__file__).resolve().parents[3] / "shared"
FRAMES = WINDOW // FRAME + 1


def make_notes(*pairs: tuple[float, int]) -> Notes:
    onsets, pitches = (np.array(column) for column in zip(*pairs, strict=True))
    order, zeros = np.argsort(onsets, kind="stable"), np.zeros(len(pairs))
    return Notes(onsets[order], onsets[order] + 0.1, pitches[order], zeros + 80, zeros, zeros)


class Listener:
    """A network that hears key 60 from each sample above 0.5 on, for as long as samples are above 0.1."""

    def __call__(self, window: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        assert window.shape == (1, WINDOW, 1) and window.dtype == np.float32
        samples = np.pad(window[0, :, 0], (0, FRAMES * FRAME - WINDOW)).reshape(FRAMES, FRAME)
        notes, onsets = np.zeros((FRAMES, 88)), np.zeros((FRAMES, 88))
        notes[:, 39], onsets[:, 39] = samples.max(axis=1) > 0.1, samples.max(axis=1)
        return notes, onsets


def make_waveform(*onsets: float, seconds: float = 8.0, length: float = 0.3) -> np.ndarray:
    waveform = np.zeros((round(seconds * RATE), 2), np.float32)
    for onset in onsets:
        start = round(onset * RATE)
        waveform[start : start + round(length * RATE)] = 0.2
        waveform[start : start + 2] = 0.9
    return waveform


def test_onsets_are_heard_in_every_window() -> None:
    times = [0.1, 1.9, 3.5, 5.7]  # windows begin every 1.64 s
    heard = transcribe_onsets(Listener(), make_waveform(*times), RATE)
    np.testing.assert_allclose(heard[:, 0], times, atol=0.02)
    assert set(heard[:, 1]) == {60.0}


def test_short_sounds_are_no_notes() -> None:
    assert len(transcribe_onsets(Listener(), make_waveform(1.0, length=0.05), RATE)) == 0
    assert len(transcribe_onsets(Listener(), make_waveform(1.0, length=0.2), RATE)) == 1
    assert transcribe_onsets(Listener(), np.zeros((RATE, 2), np.float32), RATE).shape == (0, 2)


def test_other_sample_rates() -> None:
    heard = transcribe_onsets(Listener(), np.repeat(make_waveform(2.0), 2, axis=0), 2 * RATE)
    np.testing.assert_allclose(heard[:, 0], [2.0], atol=0.02)


def test_figures_have_known_answers() -> None:
    waveform = make_waveform(1.0, 2.0, 3.0, 4.0)
    whole = note_onsets.evaluate(Listener(), make_notes((1, 60), (2, 60), (3, 60), (4, 60), (9, 60)), waveform, RATE)
    assert whole == {"note_f1": 1.0, "note_precision": 1.0, "note_recall": 1.0}  # the last one is beyond the end
    half = note_onsets.evaluate(Listener(), make_notes((1, 60), (2, 60), (1, 61)), waveform, RATE)
    assert half == pytest.approx({"note_f1": 4 / 7, "note_precision": 0.5, "note_recall": 2 / 3})
    none = note_onsets.evaluate(Listener(), make_notes((9, 60)), waveform, RATE)
    assert np.isnan(list(none.values())).all()


def test_one_lag_of_the_whole_piece_is_no_error_and_drums_do_not_count() -> None:
    waveform = make_waveform(1.08, 2.08, 3.08)
    notes = make_notes((1, 60), (2, 60), (3, 60), (3.5, 36))
    notes = notes.replace(is_drum=np.array([False, False, False, True]))
    assert note_onsets.evaluate(Listener(), notes, waveform, RATE)["note_f1"] == 1.0
    uneven = make_waveform(1.08, 2.0, 2.9)
    assert note_onsets.evaluate(Listener(), notes, uneven, RATE)["note_f1"] < 1.0


def test_each_onset_is_used_once() -> None:
    written, heard = np.array([[1.0, 60], [1.02, 60]]), np.array([[1.01, 60], [5.0, 60]])
    assert note_onsets.count_hits(written, heard) == 1


def test_a_missing_transcriber_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(transcriber, "find_model", lambda: None)
    with pytest.raises(UsageError, match=r"pip install --no-deps basic-pitch==0\.4\.0"):
        load_network()
    (tmp_path / "nmp.onnx").write_bytes(b"no network")
    with pytest.raises(UsageError, match=r"nmp\.onnx is not the transcriber's network"):
        load_network(tmp_path / "nmp.onnx")


def test_the_package_is_not_imported_to_find_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "basic_pitch"
    model = package / "saved_models" / "icassp_2022" / "nmp.onnx"
    model.parent.mkdir(parents=True)
    (package / "__init__.py").write_text("raise SystemExit('imported')")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "basic_pitch", raising=False)
    assert find_model() is None
    model.write_bytes(b"")
    assert find_model() == model and "basic_pitch" not in sys.modules


@pytest.mark.skipif(find_model() is None, reason="basic-pitch is not installed")
@pytest.mark.skipif(not (SHARED / "transcription.py").is_file(), reason="nothing to compare with")
def test_it_agrees_with_the_figures_that_targets_speak_of(tmp_path: Path) -> None:
    import soundfile

    spec = importlib.util.spec_from_file_location("transcription", SHARED / "transcription.py")
    assert spec is not None and spec.loader is not None
    theirs = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(theirs)
    audio = SHARED / "audio" / "train" / "piano-chopin-prelude-17-fluid.ogg"
    waveform, rate = soundfile.read(audio, dtype="float32", always_2d=True, frames=20 * 44_100)
    path = find_model()
    assert path is not None
    session = theirs.onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    ours = transcribe_onsets(load_network(), waveform, rate)
    expected = theirs.heard(session, waveform, rate)
    assert len(ours) > 20
    np.testing.assert_allclose(ours, expected)
    shifted = expected + np.array([0.03, 0])
    hits = max(theirs.matched(shifted + np.array([lag, 0]), expected) for lag in np.arange(-0.06, 0.101, 0.01))
    assert note_onsets.compare_onsets(shifted, expected)["note_recall"] == hits / len(shifted)
