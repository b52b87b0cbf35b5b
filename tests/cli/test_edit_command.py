"""The edit command: each task into a file, formats, mono, seeds, standard output, and each mistake as one line."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import soundfile

from musika import audio, checkpoint
from musika.cli import edit as command
from musika.cli import flags
from musika.cli.remedies import add_remedy
from musika.codec.load import load_codec
from musika.config import EditorConfig, EditTrainConfig
from musika.errors import MusikaError
from musika.training.stages.edit import EditStage
from tests.helpers import tiny

RATE = 22_050  # another one than the codec's


class Noise:
    """Latents to fit a basis to."""

    lengths = (64,)

    def crop(self, file_index, offset, length):
        return np.random.default_rng(1).normal(0, 0.3, (64, 4)).astype(np.float32)[offset : offset + length]


@pytest.fixture(scope="module")
def folder(shipped, tmp_path_factory) -> Path:
    """An editor with random weights beside its codec, and recordings."""
    folder = tmp_path_factory.mktemp("edit")
    tiny.write_checkpoints(folder)
    config = EditorConfig(width=8, dilations=(1, 2), noise_size=2, longest_gap=12).fit(4)
    train = EditTrainConfig(bs=2, totsamples=2, crop=32)
    stage = EditStage(config, train, Noise(), None, load_codec(folder / "ae").identity)
    state = stage.init_state(1)
    kernel = state["average"]["out/kernel"]
    state["average"]["out/kernel"] = np.random.default_rng(3).normal(0, 0.3, kernel.shape).astype(np.float32)
    checkpoint.write(folder / "edit", *stage.export_weights(state))
    draw = np.random.default_rng(2)
    for name, channels, subtype in (("stereo", 2, "PCM_16"), ("mono", 1, "PCM_24"), ("other", 2, "PCM_16")):
        soundfile.write(folder / f"{name}.wav", 0.2 * draw.normal(size=(3 * RATE, channels)), RATE, subtype=subtype)
    soundfile.write(folder / "silent.wav", np.zeros((2 * RATE, 2)), RATE)
    soundfile.write(folder / "short.wav", 0.2 * draw.normal(size=(200, 2)), RATE)
    return folder


def run(folder: Path, save: Path, *words: object) -> int:
    given = [str(folder / word) if str(word).endswith(".wav") else str(word) for word in words]
    named = [] if "--load_path" in given else ["--load_path", str(folder / "edit")]
    return command.run(flags.parse("edit", [*given, *named, "--save_path", str(save)]))


def read(path: Path) -> tuple[np.ndarray, int]:
    return soundfile.read(path, dtype="float64", always_2d=True)


def test_gaps_are_filled_and_the_rest_is_the_same_file(folder, tmp_path) -> None:
    assert run(folder, tmp_path, "fill", "stereo.wav", "--spans", "1-1.5", "--num_samples", 2, "--seed", 4) == 0
    (original, _), (one, rate), (two, _) = (
        read(path) for path in (folder / "stereo.wav", *sorted(tmp_path.glob("stereo-fill-seed-*.wav")))
    )
    assert rate == RATE and one.shape == original.shape
    gap = slice(RATE, RATE + RATE // 2)
    for made in (one, two):
        np.testing.assert_array_equal(np.delete(made, np.r_[gap], 0), np.delete(original, np.r_[gap], 0))
        assert np.mean(made[gap] != original[gap]) > 0.9
    assert np.mean(one[gap] != two[gap]) > 0.5


def test_mono_and_24_bits_stay_unless_asked(folder, tmp_path) -> None:
    assert run(folder, tmp_path / "a", "continue", "mono.wav", "--seconds", 0.5) == 0
    (path,) = (tmp_path / "a").iterdir()
    assert soundfile.info(path).subtype == "PCM_24"
    made, _ = read(path)
    original, _ = read(folder / "mono.wav")
    assert made.shape == (3 * RATE + RATE // 2, 1)
    np.testing.assert_array_equal(made[: 3 * RATE], original)
    assert run(folder, tmp_path / "b", "continue", "mono.wav", "--seconds", 0.5, "--stereo", "--format", "flac") == 0
    (path,) = (tmp_path / "b").iterdir()
    assert path.name == "mono-continue-seed-0.flac" and read(path)[0].shape[1] == 2


def test_varied_blended_and_kept_beside_each_other(folder, tmp_path) -> None:
    assert run(folder, tmp_path, "vary", "stereo.wav", "--strength", 0.8) == 0
    assert run(folder, tmp_path, "vary", "stereo.wav", "--strength", 0.2) == 0
    assert run(folder, tmp_path, "blend", "stereo.wav", "other.wav", "--over", 1) == 0
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["stereo-blend-seed-0.wav", "stereo-vary-seed-0-2.wav", "stereo-vary-seed-0.wav"]
    assert len(read(tmp_path / names[0])[0]) == 5 * RATE and len(read(tmp_path / names[1])[0]) == 3 * RATE


def test_standard_output_takes_what_has_no_end(folder, tmp_path, monkeypatch) -> None:
    class Output:
        def __init__(self) -> None:
            self.buffer = self
            self.data = b""

        def write(self, data: bytes) -> None:
            self.data += data
            if len(self.data) > 4 * 4 * RATE:
                raise BrokenPipeError

        def flush(self) -> None:
            pass

    output = Output()
    monkeypatch.setattr(command.sys, "stdout", output)
    with pytest.raises(BrokenPipeError):
        run(folder, Path("-"), "continue", "stereo.wav", "--seconds", "inf")
    heard, rate = soundfile.read(io.BytesIO(output.data), always_2d=True, dtype="float64")
    assert rate == RATE and len(heard) > 3 * RATE
    np.testing.assert_array_equal(heard[: 3 * RATE], read(folder / "stereo.wav")[0])


def test_a_generator_varies_and_blends_through_its_coordinates(folder, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("musika.edit.coordinates.STEPS", 3)
    generator = ("--load_path", folder / "open")
    assert run(folder, tmp_path, "vary", "stereo.wav", *generator) == 0
    assert run(folder, tmp_path, "blend", "stereo.wav", "other.wav", *generator) == 0
    assert {len(read(path)[0]) for path in tmp_path.iterdir()} == {3 * RATE}
    for task, more in (("fill", ("--spans", "1-2")), ("continue", ())):
        with pytest.raises(MusikaError, match=f"it can vary and blend, but {task} needs an editor"):
            run(folder, tmp_path, task, "stereo.wav", *more, *generator)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("fill", "stereo.wav"), "fill needs the gaps to fill, such as --spans"),
        (("fill", "stereo.wav", "--spans", "2-1"), "is empty"),
        (("fill", "stereo.wav", "--spans", "1-2,1.5-3"), "overlap"),
        (("fill", "stereo.wav", "--spans", "2-3,0-1"), "out of order"),
        (("fill", "stereo.wav", "--spans", "2-9"), "outside the sound, which is 3.000 s long"),
        (("fill", "stereo.wav", "--spans", "x"), "is no span"),
        (("fill", "stereo.wav", "--spans", "1-2", "--strength", 0.5), "--strength belongs to vary, not to fill"),
        (("fill", "silent.wav", "--spans", "1-1.5"), "only silence"),
        (("continue", "short.wav"), "s of sound to listen to"),
        (("continue", "stereo.wav", "--before", 10), "there are 3.000 s before the end"),
        (("continue", "stereo.wav", "--seconds", "inf"), "--seconds inf has no end"),
        (("continue", "missing.wav"), "does not exist"),
        (("vary", "silent.wav"), "only silence"),
        (("vary", "stereo.wav", "other.wav"), "vary takes one file"),
        (("blend", "stereo.wav"), "blend takes two files"),
        (("blend", "stereo.wav", "other.wav", "--over", 9), "does not fit"),
        (("vary", "stereo.wav", "--notes", "True"), "--notes belongs to continue, not to vary"),
        (("mend", "stereo.wav"), "TASK mend: say one of fill, continue, vary, blend"),
        (("fill", "stereo.wav", "--spans", "1-2", "--load_path", "nowhere"), "nowhere"),
        (("fill", "stereo.wav", "--spans", "1-2", "--format", "mp3", "--bits", "24"), "mp3"),
    ],
)
def test_a_mistake_is_one_line_and_nothing_is_written(folder, tmp_path, words, message) -> None:
    save = tmp_path / "results"
    with pytest.raises(MusikaError, match=message) as caught:
        run(folder, save, *words)
    assert "\n" not in str(add_remedy(caught.value, "edit"))
    assert not save.exists() or not list(save.iterdir())


def test_an_editor_has_no_composer(folder, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(command, "load_network", lambda: None)  # as if the transcriber was installed
    with pytest.raises(MusikaError, match="edit has no composer"):
        run(folder, tmp_path, "continue", "stereo.wav", "--notes", "True")
    assert not list(tmp_path.iterdir())


def test_without_the_transcriber_notes_cannot_be_heard(folder, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("musika.metrics.notes.transcriber.find_model", lambda: None)
    with pytest.raises(MusikaError, match="transcriber that is not installed: pip install") as caught:
        run(folder, tmp_path, "continue", "stereo.wav", "--notes", "True")
    assert "\n" not in str(add_remedy(caught.value, "edit")) and not list(tmp_path.iterdir())


def test_what_can_be_read_at_its_own_rate(folder) -> None:
    waveform, rate = audio.read_unchanged(folder / "mono.wav")
    assert rate == RATE and waveform.shape == (3 * RATE, 1) and waveform.dtype == np.float32
