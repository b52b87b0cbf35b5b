"""Latents and the MIDI files that belong to them: names, chunks, styles, what is left out."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from musika.errors import LatentsError, ScoreError
from musika.latents import Index, LatentsSettings, Source
from musika.latents.index import write_index
from musika.score import NO_PEDALS, Notes, Score
from musika.training.pairs import NO_STYLE, PairReader, list_names

SECONDS = 0.1  # in a latent


def write_midi(path: Path, onsets=(0.0, 0.5, 1.0)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    onsets = np.array(onsets)
    one = np.ones(len(onsets), int)
    Score(Notes(onsets, onsets + 0.3, 60 * one, 80 * one, 0 * one, 0 * one > 0), NO_PEDALS).save(path)


def write_latents(path: Path, length: int = 20, value: float = 0.0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, np.full((length, 4), value, np.float32))


def describe(folder: Path, size: int = 0, sources: tuple[Source, ...] = ()) -> None:
    """Writes the index of a folder."""
    write_index(folder, Index(LatentsSettings("abc", 4, 4410, 44_100, size, size == 0), sources, ()))


@pytest.fixture
def folders(tmp_path) -> tuple[Path, Path]:
    latents, midi = tmp_path / "latents", tmp_path / "midi"
    for name in ("hall/waltz.flac.npy", "studio/waltz.flac.npy", "hall/march.wav.npy"):
        write_latents(latents / name)
    write_midi(midi / "waltz.mid")
    write_midi(midi / "march.mid", (0.2,))
    describe(latents)
    return latents, midi


def test_the_most_exact_name_comes_first():
    assert list_names(Path("a/b/song.v2.flac_0003.npy")) == [
        *("a/b/song.v2.flac", "a/b/song.v2", "b/song.v2.flac", "b/song.v2", "song.v2.flac", "song.v2")
    ]
    assert list_names(Path("song.npy")) == ["song"]


def test_one_score_belongs_to_recordings_in_several_styles(folders):
    pairs = PairReader(folders[1], ["notes"]).open_folder(folders[0], 10)
    found = [(pair.latents.path.name, pair.midi.name, pair.style) for pair in pairs.pairs]
    assert found == [
        ("march.wav.npy", "march.mid", "hall"),
        ("waltz.flac.npy", "waltz.mid", "hall"),
        ("waltz.flac.npy", "waltz.mid", "studio"),
    ]
    assert pairs.style_names == ("hall", "studio") and pairs.styles == [0, 0, 1]
    assert pairs.codec_identity == "abc" and pairs.seconds_per_latent == SECONDS
    assert pairs.pairs[1].score is pairs.pairs[2].score, "read once"
    assert not pairs.warnings


def test_a_more_exact_name_wins(folders):
    write_midi(folders[1] / "studio" / "waltz.mid", (0.7,))
    pairs = PairReader(folders[1], ["notes"]).open_folder(folders[0], 10)
    assert [len(pair.score.notes) for pair in pairs.pairs] == [1, 3, 1]


def test_tracks_and_notes_are_those_of_the_crop(folders):
    pairs = PairReader(folders[1], ["notes"]).open_folder(folders[0], 10)
    (tracks,) = pairs.compute_tracks(1, 4, 6)
    assert tracks.shape == (6, len(pairs.get_absent_values()[0])) and tracks.any()
    whole = pairs.pairs[1].tracks[0].compute(0, 20)
    assert np.array_equal(tracks, whole[4:10])
    np.testing.assert_allclose(pairs.get_notes(1, 4, 6).onsets, [0.1], atol=1e-3)
    assert pairs.compute_tracks(1, -3, 5)[0].shape == tracks[:5].shape


def test_chunks_begin_where_the_index_says(tmp_path):
    names = [f"long.wav_{n:04}.npy" for n in range(3)]
    for name in names:
        write_latents(tmp_path / "latents" / name, 16)
    describe(tmp_path / "latents", 16, (Source("long.wav", "", 1, 1, 4410 * 40, 40, tuple(names)),))
    write_midi(tmp_path / "midi" / "long.mid", (3.0,))
    pairs = PairReader(tmp_path / "midi", ["notes"]).open_folder(tmp_path / "latents", 10)
    assert [pair.first for pair in pairs.pairs] == [0, 16, 24], "the last chunk ends where the recording does"
    whole = pairs.pairs[0].tracks[0].compute(0, 40)
    for number, first in enumerate((0, 16, 24)):
        assert np.array_equal(pairs.compute_tracks(number, 0, 16)[0], whole[first : first + 16])
    assert [len(pairs.get_notes(number, 0, 16)) for number in range(3)] == [0, 1, 1]
    assert pairs.style_names == (NO_STYLE,)


def test_what_is_left_out_is_said(folders):
    write_latents(folders[0] / "hall" / "alone.npy")
    write_latents(folders[0] / "hall" / "short.npy", 5)
    write_latents(folders[0] / "hall" / "broken.npy")
    write_midi(folders[1] / "short.mid")
    (folders[1] / "broken.mid").write_bytes(b"MThd nonsense")
    pairs = PairReader(folders[1], ["notes"]).open_folder(folders[0], 10)
    assert len(pairs.pairs) == 3
    said = "\n".join(pairs.warnings)
    for text in (
        "broken.mid",
        "1 files of latents without a MIDI file, such as hall/alone.npy",
        "1 files of latents that",
    ):
        assert text in said
    assert len(pairs.warnings) == 3


def test_midi_files_may_lie_beside_the_latents(folders):
    write_midi(folders[0] / "hall" / "march.mid", (0.1, 0.2))
    write_midi(folders[0] / "waltz.mid")
    pairs = PairReader(None, ["notes"]).open_folder(folders[0], 10)
    assert [len(pair.score.notes) for pair in pairs.pairs] == [2, 3, 3]


def test_the_manifest_says_how_loud_a_recording_is(folders):
    def read_levels() -> list[float]:
        pairs = PairReader(folders[1], ["notes", "loudness"]).open_folder(folders[0], 10)
        return [float(pairs.compute_tracks(n, 0, 1)[1][0, 0]) for n in range(3)]

    assert read_levels() == [0, 0, 0]
    path = folders[1] / "manifest.json"
    path.write_text(json.dumps({"pairs": {"waltz": {"level": -8.0}, "march": {"level": -28.0}}}))
    assert read_levels() == [-1, 1, 1]
    path.write_text("{")
    with pytest.raises(ScoreError, match="manifest"):
        read_levels()


def test_nothing_to_train_on_is_refused(folders, tmp_path):
    reader = PairReader(folders[1], ["notes"])
    with pytest.raises(LatentsError, match=r"none of the 3 files .* 50 latents"):
        reader.open_folder(folders[0], 50)
    with pytest.raises(LatentsError, match="no latents"):
        (tmp_path / "empty").mkdir()
        reader.open_folder(tmp_path / "empty", 10)
    with pytest.raises(LatentsError, match="codec"):
        PairReader(folders[1], ["notes"], codec_identity="other").open_folder(folders[0], 10)
    with pytest.raises(ScoreError, match="there is no folder"):
        PairReader(tmp_path / "nowhere", ["notes"])
    with pytest.raises(LatentsError, match="30 latents of an example"):
        reader.open_folder(folders[0], 10).select_long(30)
