"""The edit command: each task into a file, formats, mono, seeds, standard output, and each mistake as one line."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

import musika.edit
from musika import audio, checkpoint, console
from musika.__main__ import main
from musika.cli import edit as command
from musika.cli import flags
from musika.cli.remedies import add_remedy
from musika.codec.load import load_codec
from musika.config import Blend, EditorConfig, EditTrainConfig, Fill
from musika.errors import MusikaError
from musika.render.recipe import RecordingRecipe
from musika.serve.page.edited_sounds import EditedSounds, Step
from musika.serve.page.sound_store import SoundStore
from musika.training.stages.edit import EditStage
from tests.helpers import keras2, tiny

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
    class Pipe(io.BytesIO):
        def write(self, data) -> int:
            if self.tell() > 4 * 4 * RATE:
                raise BrokenPipeError
            return super().write(data)

    def heard(*words: object) -> bytes:
        pipe = Pipe()
        monkeypatch.setattr(console, "take_stdout", lambda: contextlib.nullcontext(pipe))
        assert run(folder, Path("-"), "continue", "stereo.wav", "--seconds", "inf", *words) == 0
        return pipe.getvalue()

    samples, rate = soundfile.read(io.BytesIO(heard()), always_2d=True, dtype="float64")
    assert rate == RATE and len(samples) > 3 * RATE
    np.testing.assert_array_equal(samples[: 3 * RATE], read(folder / "stereo.wav")[0])
    raw = np.frombuffer(heard("--format", "raw"), "<i2").reshape(-1, 2)[: 3 * RATE] / 32768
    np.testing.assert_allclose(raw, samples[: 3 * RATE], atol=1.5 / 32768)  # raw samples have dither


def test_a_generator_varies_and_blends_through_its_coordinates(folder, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("musika.edit.coordinates.STEPS", 3)
    generator = ("--load_path", folder / "open")
    assert run(folder, tmp_path, "vary", "stereo.wav", *generator) == 0
    assert run(folder, tmp_path, "blend", "stereo.wav", "other.wav", *generator) == 0
    assert {len(read(path)[0]) for path in tmp_path.iterdir()} == {3 * RATE}
    for task, more in (("fill", ("--spans", "1-2")), ("continue", ())):
        with pytest.raises(MusikaError, match=f"it can vary and blend, but {task} needs an editor"):
            run(folder, tmp_path, task, "stereo.wav", *more, *generator)


def test_a_published_checkpoint_varies_and_blends(folder, tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.setattr("musika.edit.coordinates.STEPS", 2)
    published = ("--load_path", keras2.write_codec(keras2.write_gan(tmp_path / "techno")))
    made = tmp_path / "made"
    assert run(folder, made, "vary", "mono.wav", "--spans", "1-2", *published) == 0
    assert run(folder, made, "blend", "stereo.wav", "other.wav", "--ratio", "0.3", *published) == 0
    assert run(folder, made, "blend", "stereo.wav", "other.wav", "--over", "1", *published) == 0
    assert {path.name: len(read(path)[0]) / RATE for path in made.iterdir()} == {
        "mono-vary-seed-0.wav": 3.0,
        "stereo-blend-seed-0.wav": 3.0,
        "stereo-blend-seed-0-2.wav": 5.0,
    }
    original, varied = read(folder / "mono.wav")[0], read(made / "mono-vary-seed-0.wav")[0]
    changed = np.flatnonzero(original[:, 0] != varied[:, 0])
    assert RATE <= changed[0] <= changed[-1] < 2 * RATE and len(changed) > 0.9 * RATE
    assert "real time" in capsys.readouterr().out
    with pytest.raises(MusikaError, match="techno is a generator: it can vary and blend, but fill needs an editor"):
        run(folder, made, "fill", "stereo.wav", "--spans", "1-2", *published)


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
        (("mend", "stereo.wav"), "TASK mend: did you mean blend. say one of fill, continue, vary, blend"),
        (("fil", "stereo.wav"), "TASK fil: did you mean fill"),
        (("fill", "stereo.wav", "--spans", "1-2", "--load_path", "nowhere"), "nowhere"),
        (("vary", "stereo.wav", "--format", "raw"), "add --save_path -"),
        (("fill", "stereo.wav", "--spans", "1-2", "--format", "mp3", "--bits", "24"), "mp3"),
    ],
)
def test_a_mistake_is_one_line_and_nothing_is_written(folder, tmp_path, words, message) -> None:
    save = tmp_path / "results"
    with pytest.raises(MusikaError, match=message) as caught:
        run(folder, save, *words)
    assert "\n" not in str(add_remedy(caught.value, "edit"))
    assert not save.exists()


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


@pytest.fixture
def keep_environment(monkeypatch) -> None:
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "2")  # what a command sets is gone at the end of the test


def call(verb: str, *words: object) -> int:
    return main(verb, [str(word) for word in words])


def copy_recordings(folder: Path, target: Path) -> Path:
    target.mkdir()
    for name in ("stereo", "mono", "other"):
        shutil.copy(folder / f"{name}.wav", target)
    return target


EDITS = [
    ("fill", "mono.wav", "--spans", "1-1.5", "--stereo", "True", "--seed", 4),
    ("continue", "stereo.wav", "--seconds", 0.5, "--format", "mp3"),
    ("blend", "stereo.wav", "other.wav", "--over", 1),
]


@pytest.mark.parametrize("words", EDITS, ids=[words[0] for words in EDITS])
def test_an_edited_recording_is_verified_and_made_again(folder, tmp_path, words, keep_environment, capsys) -> None:
    place, editor = copy_recordings(folder, tmp_path / "a"), ("--load_path", folder / "edit")
    assert run(folder, place, *words) == 0
    (made,) = place.glob("*-seed-*")
    assert call("generate", "--like", made, "--save_path", tmp_path / "b", *editor) == 0
    assert (tmp_path / "b" / made.name).read_bytes() == made.read_bytes()
    if words[0] == "fill":
        assert call("verify", made, *editor) == 0
        assert ": true: mono.wav, edited (fill, seed 4), 3 s; every sample is the same" in capsys.readouterr().out
        sound, rate = soundfile.read(made)
        sound[rate // 2] *= 0.5
        changed = audio.write(made.with_stem("changed"), sound.astype(np.float32), rate, first_tags(made)).path
        assert call("verify", changed, *editor) == 1 and "false" in capsys.readouterr().out


def first_tags(path: Path) -> dict[str, str]:
    return {name: texts[0] for name, texts in audio.read_tags(path).items()}


def test_a_recording_is_known_by_its_sound(folder, tmp_path, keep_environment, capsys) -> None:
    """It is looked for beside the file, here, and where --source says; another sound is refused."""
    editor = ("--load_path", folder / "edit")
    assert run(folder, tmp_path, "vary", "stereo.wav", "--spans", "1-1.3") == 0
    made = tmp_path / "stereo-vary-seed-0.wav"
    capsys.readouterr()

    def refuse(*words: object) -> str:
        assert call("verify", made, *editor, *words) == 2
        (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error")]
        return line

    line = refuse()
    assert "was made of stereo.wav (" in line and "neither beside it nor here; --source names the file" in line
    assert f"{folder / 'other.wav'} holds another sound" in refuse("--source", folder / "other.wav")
    assert call("verify", made, *editor, "--source", folder / "stereo.wav") == 0
    audio.write(tmp_path / "stereo.wav", read(folder / "other.wav")[0].astype(np.float32), RATE)
    assert "stereo.wav holds another sound" in refuse()
    assert "does not exist" in refuse("--source", tmp_path / "none.wav")
    kept = tmp_path / "kept.flac"
    audio.write(kept, read(folder / "stereo.wav")[0].astype(np.float32), RATE, {"title": "the same sound"})
    assert call("generate", "--like", made, "--save_path", tmp_path / "b", "--source", kept, *editor) == 0
    assert (tmp_path / "b" / made.name).read_bytes() == made.read_bytes()
    assert call("generate", "--like", made, "--save_path", tmp_path, "--source", kept, "--seconds", 9, *editor) == 2
    assert "the sound ends after 3.000 s" in capsys.readouterr().err


def test_an_edit_of_a_piece_needs_no_recording(folder, tmp_path, monkeypatch, keep_environment, capsys) -> None:
    """The piece that was edited is made again from its own recipe, also within an edit of an edit."""
    monkeypatch.chdir(tmp_path)
    for name in ("open", "edit", "ae"):
        shutil.copytree(folder / name, f"checkpoints/{name}")
    editor = musika.load("checkpoints/edit")
    piece = musika.load("checkpoints/open").piece(7)
    musika.edit.fill(editor, piece, [(0.3, 0.5)], seed=3).save("filled.flac", seconds=1)
    assert call("generate", "--like", "filled.flac", "--save_path", "a") == 0
    assert Path("a/open-seed-7-fill-seed-3.flac").read_bytes() == Path("filled.flac").read_bytes()
    musika.edit.blend(editor, musika.edit.open_recording("filled.flac"), piece).save("blended.flac", seconds=1)
    Path("filled.flac").unlink()
    assert call("verify", "blended.flac") == 0, capsys.readouterr().err
    assert "filled.flac, edited (blend, seed 0)" in capsys.readouterr().out


def test_what_the_page_saves_is_made_again(folder, tmp_path, keep_environment, capsys) -> None:
    editor = musika.load(folder / "edit")
    store = SoundStore(tmp_path / "store")
    names = [store.add(musika.edit.open_recording(folder / f"{name}.wav")) for name in ("stereo", "other")]
    sounds = EditedSounds(store, lambda name, report: editor, 60.0)
    steps = [Step(Fill(seed=1, spans=((1.0, 1.2),)), "edit"), Step(Blend(ratio=0.5, over=0.5), "edit", names[1])]
    result = sounds.render(names[0], steps, lambda share: None)
    saved = sounds.save(names[0], steps, result, tmp_path / "a.flac", "stereo")
    for name in ("stereo.wav", "other.wav"):  # beside the file, recordings are found by their names
        shutil.copy(folder / name, tmp_path)
    assert call("verify", saved, "--load_path", folder / "edit") == 0, capsys.readouterr().err
    assert "stereo.wav, edited (fill, seed 1; blend, seed 0)" in capsys.readouterr().out


@pytest.mark.parametrize(
    "change", [{"editor": 3}, {"identity": None}, {"precision": "float1"}, {"edit": "mend"}, {"other": {"a": 1}}]
)
def test_a_damaged_edit_in_a_recipe_is_one_line(folder, tmp_path, change, keep_environment, capsys) -> None:
    place = copy_recordings(folder, tmp_path / "a")
    recipe = json.loads(make_recipe(folder, place).to_tags()["comment"])
    recipe["musika"]["edits"][0].update(change)
    audio.write(place / "a.wav", np.zeros((100, 2), np.float32), RATE, {"comment": json.dumps(recipe)})
    assert call("verify", place / "a.wav", "--load_path", folder / "edit") == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def make_recipe(folder: Path, place: Path) -> RecordingRecipe:
    recording = musika.edit.open_recording(place / "stereo.wav")
    edited = musika.edit.vary(musika.load(folder / "edit"), recording)
    recipe = edited.make_recipe(0, 100, "16")
    assert recipe is not None and recipe.source.name == "stereo.wav"
    return recipe


def test_what_can_be_read_at_its_own_rate(folder) -> None:
    waveform, rate = audio.read_unchanged(folder / "mono.wav")
    assert rate == RATE and waveform.shape == (3 * RATE, 1) and waveform.dtype == np.float32
