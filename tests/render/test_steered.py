"""What is asked of composed pieces is exact in their scores, whatever the network writes; and seeking stays exact."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from musika.__main__ import main
from musika.cli import generate
from musika.codec.load import load_codec
from musika.composer.piece import Melody, make_melody
from musika.config.musical import parse_progression
from musika.errors import ScoreError, UsageError
from musika.render import Piece
from musika.score import Score, read_score
from tests.helpers import tiny
from tests.helpers.composers import write_composer
from tests.helpers.scores import make_score
from tests.render.test_composed import make_model

GRID = 1 / 12  # beats


def measure_grid(score: Score) -> float:
    """The largest distance of an onset from the grid of 1/12 beat, in beats."""
    return float(np.abs(score.beats / GRID - np.rint(score.beats / GRID)).max()) * GRID


def measure_chords(score: Score, text: str, bar: int) -> float:
    """Share of the beats with notes on which most of what sounds belongs to the chord."""
    chords, notes = parse_progression(text), score.notes
    begins, ends = score.tempo.to_beats(notes.onsets), score.tempo.to_beats(notes.releases)
    held = []
    for beat in range(int(ends.max())):
        sounds = (begins <= beat + 0.5) & (ends > beat + 0.01)
        if sounds.any():
            allowed = chords.get_chord(beat, Fraction(bar)).pitch_classes
            held.append(np.mean(np.isin(notes.pitches[sounds] % 12, list(allowed))) > 0.5)
    return float(np.mean(held))


@pytest.mark.parametrize("tempo", ["124", "71.5", "0:00=90, 1:00=120", "0:10=60, 0:10=150"])
def test_the_tempo_is_exact(tempo: str) -> None:
    piece = make_model().piece(3, tempo=tempo, touch=0.0)
    for start in (0.0, 3600.0):
        score = piece.score(start, 60.0)
        assert len(score.notes) > 20
        wanted = piece.settings.tempo_value.get_value(start + 30.0)
        at = np.searchsorted(score.tempo.seconds, 30.0, side="right") - 1
        assert 60 / score.tempo.seconds_per_beat[max(at, 0)] == pytest.approx(wanted, rel=0.01)
        # notes wait 4 ms for nothing but the touch; at 150 beats a minute these are 0.01 beats
        assert measure_grid(score) < 0.012 + 1e-3


def test_one_tempo_is_one_number_in_the_file(tmp_path: Path) -> None:
    score = read_score(make_model().piece(3, tempo=124).score(0, 30).save(tmp_path / "piece.mid"))
    assert len(score.tempo.seconds_per_beat) == 1
    assert 60 / score.tempo.seconds_per_beat[0] == pytest.approx(124, rel=1e-6)


@pytest.mark.parametrize("chords", ["Am F C G", "Dm7 G7 Cmaj7:2 A7:2", "C/E F", "| Am F | C G |"])
def test_most_beats_hold_the_asked_chord(chords: str) -> None:
    for seed in (1, 2):
        score = make_model().piece(seed, chords=chords, metre="4/4", tempo=100).score(0, 120)
        assert measure_chords(score, chords, 4) >= 0.9


def test_dynamics_and_articulation_are_met() -> None:
    model = make_model()
    soft = model.piece(3, dynamics="pp", tempo=100).score(0, 60).notes
    loud = model.piece(3, dynamics="f..ff", tempo=100).score(0, 60).notes
    assert soft.velocities.max() <= 24 + 12 and loud.velocities.min() >= 88 - 12
    short = model.piece(3, articulation="staccato", tempo=100).score(0, 60)
    plain = model.piece(3, tempo=100).score(0, 60)
    assert len(short.pedals) == 0
    assert np.mean(short.notes.releases - short.notes.onsets) < 0.7 * np.mean(plain.notes.releases - plain.notes.onsets)


def test_a_melody_keeps_its_notes_among_chords() -> None:
    melody = make_score(bars=4, tonic=72)
    piece = make_model().piece(4, melody=melody, tempo=120, metre="4/4", chords="F#m B", touch=0.0)
    notes = piece.score(0, 8).notes
    tops = melody.notes.select(melody.notes.pitches >= 72)
    for onset, pitch in zip(tops.onsets, tops.pitches, strict=True):
        assert ((np.abs(notes.onsets - onset) < 0.02) & (notes.pitches == pitch)).any()


def test_any_start_gives_the_same_samples_with_everything_asked() -> None:
    asked = {"tempo": "0:00=90, 0:05=140", "chords": "Am F C G", "form": "AABA", "dynamics": "0:00=pp, 0:05=ff"}
    asked |= {"register": "low..mid", "density": "0:00=sparse, 0:05=dense", "articulation": "detached"}

    def make_piece() -> Piece:
        return make_model().piece(5, **asked)

    whole = make_piece().render_samples(0, 8000)
    assert np.abs(whole).max() > 0
    for first, count in ((7000, 1000), (3210, 1500)):
        assert np.array_equal(make_piece().render_samples(first, count), whole[first : first + count])
    late = 7 * 3600 * 1000
    part = make_piece().render_samples(late, 2000)
    assert np.array_equal(make_piece().render_samples(late + 1500, 500), part[1500:])


def test_instruments_that_are_not_played_are_refused() -> None:
    with pytest.raises(UsageError, match="the composer writes no drums"):
        make_model().piece(1, instruments="drums")
    known = make_model().list_families()
    other = "violin" if "strings" not in known else "trumpet"
    with pytest.raises(UsageError, match=f"plays .*, no {other}"):
        make_model().piece(1, instruments=other)


@pytest.fixture(scope="module")
def folder(shipped: Path) -> Path:
    """A performer with a composer, beside the tiny codec."""
    folder = tiny.write_performer(shipped / "steered", load_codec(shipped / "ae").identity)
    write_composer(folder / "composer")
    return folder


def test_generate_follows_words_settings_and_a_melody(folder: Path, tmp_path: Path, capsys) -> None:
    melody = make_score(bars=2, tonic=72).save(tmp_path / "tune.mid")
    words = ["--load_path", str(folder), "--save_path", str(tmp_path / "out"), "--seconds", "2", "--seed", "2"]
    asked = ["--prompt", "slow soft cello", "--tempo", "124", "--melody", str(melody), "--score", "True"]
    assert main("generate", [*words, *asked]) == 0
    said = capsys.readouterr().out
    assert "prompt: tempo 64, soft, cello" in said and "melody of tune.mid" in said and "left out" in said
    score = read_score(tmp_path / "out" / "steered-seed-2.mid")
    assert 60 / score.tempo.seconds_per_beat[0] == pytest.approx(124, rel=1e-6)


def test_the_notes_of_each_finished_hour_are_written(folder: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(generate, "HOUR", 1.0)
    write, written = generate.write_piece, []

    def write_two(*inputs: object) -> object:
        if len(written) == 2:
            raise KeyboardInterrupt
        written.append(write(*inputs))  # type: ignore[arg-type]
        return written[-1]

    monkeypatch.setattr(generate, "write_piece", write_two)
    words = ["--load_path", str(folder), "--save_path", str(tmp_path), "--seconds", "inf", "--score", "True"]
    assert main("generate", [*words, "--seed", "2"]) == 130
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        f"steered-seed-2-from-{second}.{kind}" for second in ("0-00", "0-01") for kind in ("mid", "wav")
    ]
    assert len(read_score(tmp_path / "steered-seed-2-from-0-01.mid").notes)


def test_a_file_with_everything_asked_is_made_again(folder: Path, tmp_path: Path) -> None:
    melody = make_score(bars=2, tonic=72).save(tmp_path / "tune.mid")
    words = ["--load_path", str(folder), "--save_path", str(tmp_path / "out"), "--seconds", "1", "--seed", "2"]
    assert main("generate", [*words, "--melody", str(melody), "--tempo", "0:00=90, 0:10=120", "--chords", "C G"]) == 0
    (first,) = (tmp_path / "out").glob("*.wav")
    again = ["--like", str(first), "--load_path", str(folder), "--save_path", str(tmp_path / "again")]
    assert main("generate", again) == 0
    (second,) = (tmp_path / "again").glob("*.wav")
    assert first.read_bytes() == second.read_bytes()


def test_a_damaged_melody_in_a_recipe_is_refused() -> None:
    melody = make_melody(make_score(bars=2, tonic=72))
    assert Melody.from_rows(melody.to_rows()).to_rows() == melody.to_rows()
    for rows in (
        None,
        [],
        [[0, 1, 60]],
        [[0, 1, 60, 4.0]],
        [[0, 1, 10, 4]],
        [[5, 1, 60, 4], [5, 1, 62, 4]],
        [[-1, 1, 60, 1]],
    ):
        with pytest.raises(ScoreError, match="damaged"):
            Melody.from_rows(rows)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (["--tempo", "20"], "tempo: 20 is out of range"),
        (["--metre", "7/8"], "metre 7/8: the composer writes in"),
        (["--instruments", "drums"], "the composer writes no drums"),
        (["--prompt", "asdf"], "says nothing that is understood"),
        (["--midi", "song.mid", "--tempo", "90"], "--midi plays the notes of a file as they are"),
    ],
)
def test_generate_refuses_with_the_reason(folder: Path, tmp_path: Path, asked: list[str], message: str, capsys) -> None:
    words = ["--load_path", str(folder), "--save_path", str(tmp_path / "none"), "--seconds", "1"]
    assert main("generate", [*words, *asked]) != 0
    error = capsys.readouterr().err
    assert message in error and "Traceback" not in error and not list((tmp_path).rglob("*.wav"))


def test_a_generator_without_notes_cannot_follow(shipped: Path, tmp_path: Path, capsys) -> None:
    words = ["--load_path", str(shipped / "open"), "--save_path", str(tmp_path), "--seconds", "1", "--tempo", "90"]
    assert main("generate", words) != 0
    assert "writes no notes, so it cannot follow what is asked of them (tempo)" in capsys.readouterr().err
