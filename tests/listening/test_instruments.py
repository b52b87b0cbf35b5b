"""Families of instruments that are heard: the network in NumPy, its file, and what it says about music."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from musika import audio
from musika.errors import CheckpointError
from musika.listening import family_network as net
from musika.listening.instruments import SURE, cut_windows, measure_families, name_families
from musika.listening.recording import RATE, Recording, read_recording
from musika.score import Notes, Score
from musika.tracks import FAMILIES, find_families
from tests.listening.sounds import make_recording, mix_notes
from tools import train_families
from tools.data import write_excerpts

SHARED = Path(__file__).parents[3] / "shared" / "audio"


def test_keras_trains_the_network_that_is_used() -> None:
    network = train_families.build_network()
    rng = np.random.default_rng(0)
    for layer in network.layers:
        layer.set_weights(
            [rng.uniform(0.1, 0.6, array.shape) - 0.3 * (array.ndim > 1) for array in layer.get_weights()]
        )
    windows = rng.uniform(0, 1, (2, net.FRAMES, net.BANDS)).astype(np.float32)
    folded = train_families.fold_weights(network)
    assert {name: array.shape for name, array in folded.items()} == net.list_shapes()
    expected = np.asarray(network(windows, training=False))
    assert net.compute_logits(folded, windows) == pytest.approx(expected, rel=1e-4, abs=1e-4)


def test_the_shipped_network_is_small_and_whole() -> None:
    assert net.WEIGHTS.stat().st_size < 300_000
    assert all(np.isfinite(array).all() for array in net.load_network().values())


def test_a_damaged_file_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "weights.safetensors").write_bytes(b"no weights")
    with pytest.raises(CheckpointError, match="does not hold the network") as failure:
        net.load_network(tmp_path / "weights.safetensors")
    assert "\n" not in str(failure.value)


def test_windows_cover_a_recording_and_leave_out_what_is_quiet() -> None:
    levels = np.full((400, net.BANDS), -90.0, np.float32)
    levels[-10:] = 0.0
    assert len(cut_windows(levels)) == 1, "only the last window is loud"
    assert cut_windows(levels[:50]).shape == (1, net.FRAMES, net.BANDS)
    assert cut_windows(levels).max() == 1.0 and cut_windows(levels).min() == 0.0


def test_likelihoods_do_not_depend_on_the_level() -> None:
    notes = [(0.5 * n, 0.5, 60 + n) for n in range(12)]
    likelihoods = [measure_families(make_recording(mix_notes(notes, 6.5), level)) for level in (0.9, 0.09)]
    assert set(likelihoods[0]) == set(FAMILIES)
    assert list(likelihoods[0].values()) == pytest.approx(list(likelihoods[1].values()), abs=1e-3)


def test_sure_families_are_named_the_likeliest_first() -> None:
    assert name_families({"piano": SURE, "strings": 0.9, "drums": 0.1}) == ["strings", "piano"]


@pytest.mark.skipif(not SHARED.is_dir(), reason="needs ../shared")
@pytest.mark.parametrize(
    ("name", "family"),
    [("train/piano-chopin-prelude-17-fluid.ogg", "piano"), ("valid/piano-beethoven-moonlight-3.ogg", "piano")],
)
def test_a_piano_is_heard_in_piano_music(name: str, family: str) -> None:
    recording = read_recording(SHARED / name)
    likely = measure_families(Recording(recording.samples[: 20 * RATE]))
    assert max(likely, key=likely.__getitem__) == family and likely[family] >= SURE


def make_song(folder: Path) -> None:
    """Forty notes and some drums, as a MIDI file."""
    onsets = 0.5 * np.arange(80)
    is_drum = np.arange(80) % 2 == 1
    pitches = np.where(is_drum, 38, 60 + np.arange(80) % 12)
    Score(Notes(onsets, onsets + 0.4, pitches, np.full(80, 80), np.zeros(80), is_drum)).save(folder / "song.mid")


def test_excerpts_have_one_family_each(tmp_path: Path) -> None:
    from musika.score import find_midi, read_score

    (tmp_path / "in").mkdir()
    make_song(tmp_path / "in")
    rng = np.random.default_rng(0)
    for family in FAMILIES:
        joined = write_excerpts.join_excerpts(find_midi(tmp_path / "in"), family, rng)
        assert find_families(joined) == [family]
        assert joined.duration > (write_excerpts.EXCERPTS - 1) * write_excerpts.SECONDS
    assert read_score(tmp_path / "in" / "song.mid").notes.is_drum.any()


def test_examples_say_which_families_are_heard(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    sounds = []
    for number in range(len(FAMILIES)):
        sounding = np.zeros((300, len(FAMILIES)), bool)
        sounding[:, number] = True
        sounds.append(train_families.Sound(rng.uniform(-40, 0, (300, net.BANDS)), (number,), sounding))
    both = np.zeros((300, len(FAMILIES)), bool)
    both[:, :2] = True
    sounds.append(train_families.Sound(rng.uniform(-40, 0, (300, net.BANDS)), (0, 1), both))
    windows, heard = train_families.Examples(sounds, 0).draw_batch(40)
    assert windows.shape == (40, net.FRAMES, net.BANDS) and windows.min() >= 0 and windows.max() <= 1
    assert heard.sum(axis=1).min() >= 1 and heard.sum(axis=1).max() <= 4


def test_a_recording_file_of_noise_says_what_it_can(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, (3 * 44_100, 2)).astype(np.float32)
    audio.write(tmp_path / "noise.wav", noise, 44_100)
    assert all(0 <= value <= 1 for value in measure_families(read_recording(tmp_path / "noise.wav")).values())
