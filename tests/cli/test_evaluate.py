"""`evaluate`: a codec on folders of audio, generated music beside real music, with codecs of a few lines."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import mido
import numpy as np
import pytest
from PIL import Image

from musika import audio
from musika.__main__ import main
from musika.cli import evaluate
from musika.cli.decode import decode_folder
from musika.cli.encode import encode_folder
from musika.cli.flags import DecodeOptions, EncodeOptions, EvaluateOptions, parse
from musika.codec.base import Codec
from musika.errors import AudioError, LatentsError, MusikaError, UsageError
from musika.metrics.pair import clicks, reconstruction
from tests.helpers import shared
from tests.helpers.averages import HOP, RATE, Averages


class NoisyAverages(Averages):
    """Decodes with noise."""

    def decode_window(self, latents: np.ndarray) -> np.ndarray:
        noise = np.random.default_rng(3).uniform(0.5, 1.5, (self.block * HOP, 1)).astype(np.float32)
        return super().decode_window(latents) * noise


class Coarse(Codec):
    """All samples of a latent, in steps of 1/50 and a little too loud."""

    channels, hop_total, sample_rate, identity, block, context = 2 * HOP, HOP, RATE, "coarse", 8, 1

    def encode_window(self, waveform: np.ndarray) -> np.ndarray:
        return np.round(waveform.reshape(len(waveform), self.block + 2, 2 * HOP)[:, 1:-1] * 50) / 50

    def decode_window(self, latents: np.ndarray) -> np.ndarray:
        return 1.1 * latents[:, 1:-1].reshape(len(latents), -1, 2)


class Other(NoisyAverages):
    identity = "other"


class Broken(NoisyAverages):
    def decode_window(self, latents: np.ndarray) -> np.ndarray:
        return super().decode_window(latents) * np.nan


def write_noise(path: Path, seconds: float, seed: int = 0, rate: int = RATE) -> Path:
    """Noise around a mean that moves, and a tone."""
    samples, rng = int(seconds * rate), np.random.default_rng(seed)
    slow = np.repeat(rng.uniform(-0.3, 0.3, (samples // 3000 + 1, 2)), 3000, axis=0)[:samples]
    tone = 0.2 * np.sin(2 * np.pi * rng.uniform(200, 2000) * np.arange(samples) / rate)[:, None]
    audio.write(path, (slow + tone + rng.normal(0, 0.02, (samples, 2))).astype(np.float32), rate)
    return path


def evaluate_codec(tmp_path: Path, codec: type[Codec] = NoisyAverages, **more: Any) -> tuple[int, dict[str, Any]]:
    options = EvaluateOptions(files_path=tmp_path / "in", save_path=tmp_path / "out", **more)
    code = evaluate.measure(options, codec)
    file = tmp_path / "out" / "evaluation.json"
    return code, json.loads(file.read_text()) if file.exists() else {}


def evaluate_music(
    tmp_path: Path, codec: type[Codec] | None = NoisyAverages, **more: Any
) -> tuple[int, dict[str, Any]]:
    options = EvaluateOptions(
        **{"generated": tmp_path / "generated", "reference": tmp_path / "real", "save_path": tmp_path / "out"} | more,
        **({} if codec else {"codec": None}),
    )
    evaluate.check_flags(options)
    code = evaluate.measure(options, codec or NoisyAverages)
    return code, json.loads((tmp_path / "out" / "music.json").read_text())


# ------------------------------------------------------------------------------------------------------------- a codec


def test_a_codec_is_measured_on_every_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_noise(tmp_path / "in" / "a" / "one.wav", 5)
    write_noise(tmp_path / "in" / "two.wav", 9, seed=1, rate=48_000)
    code, found = evaluate_codec(tmp_path)
    assert code == 0
    assert [entry["file"] for entry in found["files"]] == ["a/one.wav", "two.wav"]
    assert [round(entry["seconds"], 3) for entry in found["files"]] == [5, 9]
    for name in reconstruction.DIGITS:
        values = [entry[name] for entry in found["files"]]
        assert np.isfinite(values).all()
        if not name.startswith("clicks"):
            assert found["mean"][name] == pytest.approx(np.mean(values))
    assert found["numbers_per_second"] == pytest.approx(4 * RATE / HOP)
    assert found["kbit_per_second"]["8_bits"] == pytest.approx(4 * RATE / HOP * 8 / 1000)
    assert all(value > 0 for value in found["speed"].values())
    assert found["codec"]["identity"] == "averages" and found["left_out"] == []
    assert found["latents"]["count"] == -(-5 * RATE // HOP) + -(-9 * RATE // HOP)
    assert len(found["latents"]["each"]["autocorrelation_16"]) == 4
    assert 0 <= found["latents"]["cycle_shift"] <= found["latents"]["cycle_error"]
    assert found["robustness"]["none"]["clean"] is None
    assert 0 < found["robustness"]["noise_0.01"]["clean"] < found["robustness"]["noise_0.3"]["clean"]
    for picture in ("a/one.wav.png", "two.wav.png"):
        with Image.open(tmp_path / "out" / picture) as image:
            assert image.size[1] == 3 * (2 * 96 + 2) + 2 * 8
    output = capsys.readouterr().out
    assert "mean of 2" in output and "noise 0.3" in output and "autocorrelation" in output and "GFLOP/s" in output


def write_score(path: Path, *onsets: float) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    file, track, now = mido.MidiFile(ticks_per_beat=500), mido.MidiTrack(), 0.0  # half a second a beat: ticks are ms
    for onset in onsets:
        track.append(mido.Message("note_on", note=60, time=round(1000 * (onset - now))))
        now = onset
    file.tracks.append(track)
    file.save(path)


def test_notes_of_pieces_with_a_score_are_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from musika.cli import evaluate_codec as command

    def hear_everywhere(window: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        likelihoods = np.zeros((172, 88))
        likelihoods[:, 39] = 0.6 + 0.3 * (
            np.arange(172) % 43 == 0
        )  # an onset of key 60 each half second, from 0.325 s on
        return np.ones((172, 88)), likelihoods

    monkeypatch.setattr(command, "load_network", lambda: hear_everywhere)
    for name in ("a/one.wav", "two.wav"):
        write_noise(tmp_path / "in" / name, 2)
    write_score(tmp_path / "midi" / "a" / "one.mid", 0.325, 0.825, 1.324)
    code, found = evaluate_codec(tmp_path, midi_path=tmp_path / "midi", latents=False, pictures=False)
    first, second = found["files"]
    assert code == 0 and "note_f1" not in second
    assert first["note_recall"] == 1.0 and first["note_f1"] == first["original_note_f1"] == found["mean"]["note_f1"]
    output = capsys.readouterr().out
    assert "1 of 2 audio files have a MIDI file" in output and "note F1" in output

    (tmp_path / "midi" / "a" / "one.mid").write_bytes(b"no score")
    code, found = evaluate_codec(tmp_path, midi_path=tmp_path / "midi", latents=False, pictures=False)
    assert code == 1 and "no MIDI file, or damaged" in found["left_out"][0]
    (tmp_path / "midi" / "a" / "one.mid").rename(tmp_path / "midi" / "other.mid")
    with pytest.raises(UsageError, match=r"has the name of an audio file, such as a/one\.mid"):
        evaluate_codec(tmp_path, midi_path=tmp_path / "midi")


def test_only_the_first_seconds_count_with_context_behind_them(tmp_path: Path) -> None:
    write_noise(tmp_path / "in" / "one.wav", 12)
    _, found = evaluate_codec(tmp_path, seconds=2.0, latents=False, pictures=False)
    sound = audio.read(tmp_path / "in" / "one.wav")
    whole = np.clip(NoisyAverages().reconstruct(sound), -1, 1)[: 2 * RATE]
    expected = reconstruction.evaluate(sound[: 2 * RATE], whole, RATE)
    expected |= clicks.evaluate([clicks.compute_ratios(sound[: 2 * RATE], whole, 8 * HOP)])
    for name, value in expected.items():
        assert found["files"][0][name] == pytest.approx(value, abs=1e-9), name
    assert "latents" not in found and not list((tmp_path / "out").rglob("*.png"))


@shared.needs_shared
def test_figures_are_those_of_decoded_files(tmp_path: Path) -> None:
    """Encoding and decoding into files, then the script that defines the figures: the same to 1e-3."""
    script = shared.load_reconstruction_script()
    for name in ("piano-beethoven-moonlight-3", "orchestral-hyperrogue-caves"):
        sound = shared.read_excerpt(name, 441_000, 661_500)
        audio.write(tmp_path / "in" / f"{name}.wav", sound, RATE)
    _, found = evaluate_codec(tmp_path, Coarse, latents=False, pictures=False)
    encode_folder(EncodeOptions(files_path=tmp_path / "in", save_path=tmp_path / "z", whole=True), Coarse)
    decode_folder(DecodeOptions(files_path=tmp_path / "z", save_path=tmp_path / "decoded"), Coarse)
    for entry in found["files"]:
        x, y = script.load(tmp_path / "in" / entry["file"]), script.load(tmp_path / "decoded" / f"{entry['file']}.wav")
        for figure in script.FIGURES:
            assert entry[figure.__name__] == pytest.approx(figure(x, y), abs=1e-3), (entry["file"], figure.__name__)


def test_bad_files_are_listed_and_the_rest_is_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_noise(tmp_path / "in" / "good.wav", 3)
    (tmp_path / "in" / "empty.wav").write_bytes(b"")
    (tmp_path / "in" / "text.mp3").write_text("no music")
    write_noise(tmp_path / "in" / "short.wav", 0.2)
    code, found = evaluate_codec(tmp_path, pictures=False)
    assert code == 1 and [entry["file"] for entry in found["files"]] == ["good.wav"]
    assert len(found["left_out"]) == 3
    output = capsys.readouterr().out
    assert "3 of 4 files could not be measured" in output and "0.20 s of sound" in output and "is empty" in output


def test_silence_and_mono_have_figures_or_null(tmp_path: Path) -> None:
    audio.write(tmp_path / "in" / "silence.wav", np.zeros((3 * RATE, 2), np.float32), RATE)
    audio.write(tmp_path / "in" / "mono.wav", np.sin(np.arange(3 * RATE) / 50).astype(np.float32)[:, None] * 0.5, RATE)
    code, found = evaluate_codec(tmp_path)
    mono, silence = found["files"]
    assert code == 0 and silence["file"] == "silence.wav"
    assert silence["si_sdr"] is None and silence["loudness_error"] is None and silence["log_mel"] is not None
    assert mono["width_error"] == pytest.approx(0, abs=1e-6) and found["mean"]["si_sdr"] == mono["si_sdr"]


def test_a_codec_that_fails_has_no_figures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_noise(tmp_path / "in" / "one.wav", 3)
    code, found = evaluate_codec(tmp_path, Broken)
    assert code == 0 and found["mean"]["log_mel"] is None and "robustness" not in found
    assert "not finite" in capsys.readouterr().err


def test_what_cannot_be_measured(tmp_path: Path) -> None:
    with pytest.raises(AudioError, match="there is no folder"):
        evaluate_codec(tmp_path)
    (tmp_path / "in").mkdir()
    with pytest.raises(AudioError, match="there is no audio"):
        evaluate_codec(tmp_path)
    write_noise(tmp_path / "in" / "one.wav", 1)
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match=r"--save_path .* cannot be written to"):
        options = EvaluateOptions(files_path=tmp_path / "in", save_path=tmp_path / "file" / "out")
        evaluate.measure(options, NoisyAverages)


# ------------------------------------------------------------------------------------------------------ generated music


def test_generated_music_beside_real_music(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for k in range(4):
        write_noise(tmp_path / "real" / f"{k}.wav", 20, seed=k)
        write_noise(tmp_path / "generated" / f"{k}.wav", 13, seed=10 + k)
        write_noise(tmp_path / "training" / f"{k}.wav", 20, seed=20 + k)
    copied = audio.read(tmp_path / "training" / "2.wav")[5 * HOP :][: 13 * RATE]
    audio.write(tmp_path / "generated" / "3.wav", copied, RATE)
    (tmp_path / "generated" / "bad.wav").write_text("no music")
    write_noise(tmp_path / "generated" / "short.wav", 2)
    code, found = evaluate_music(tmp_path, training=tmp_path / "training")
    assert code == 1 and len(found["left_out"]) == 2 and "is too short" in found["left_out"][1]
    assert list(found["spaces"]) == ["latent clips", "latents", "log-mel clips"]
    for figures in found["spaces"].values():
        assert figures["frechet"] >= 0 and figures["frechet_real_halves"] > 0
        assert figures["ratio_to_real_halves"] == pytest.approx(figures["frechet"] / figures["frechet_real_halves"])
        assert 0 <= figures["coverage"] <= 1 and set(figures["stability"]) > {"half", "extrapolated", "stable"}
    assert found["spaces"]["latent clips"]["generated_clips"] == 16
    learned = {name: figures.get("training") for name, figures in found["spaces"].items()}
    assert learned["log-mel clips"] is None  # nothing but latents was made of the training music
    assert learned["latent clips"]["frechet"] > 0 and 0 <= learned["latents"]["coverage"] <= 1
    nearest = found["copies"]["nearest_clips"][0]
    assert (nearest["file"], nearest["training_file"]) == ("3.wav", "2.wav")
    assert nearest["training_second"] - nearest["second"] == pytest.approx(5 * HOP / RATE, abs=0.02)
    assert found["copies"]["closer"] == 4 and found["copies"]["held_out_nearest"] > 0.1 > nearest["distance"]
    output = capsys.readouterr().out
    assert "latent clips" in output and "compare this distance only" in output and "nearer than any real one" in output


def test_the_same_music_has_no_distance_and_a_warning(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for k in range(3):
        write_noise(tmp_path / "real" / f"{k}.wav", 13, seed=k)
    code, found = evaluate_music(tmp_path, generated=tmp_path / "real", training=tmp_path / "real")
    assert code == 0 and found["copies"]["shared"] == 12
    for figures in found["spaces"].values():
        assert figures["frechet"] == pytest.approx(0, abs=1e-6)
        assert (figures["density"], figures["coverage"]) == (1, 1)
    of_training = found["spaces"]["latents"]["training"]
    assert of_training == {"clips": 54, "frechet": pytest.approx(0, abs=1e-6), "density": 1, "coverage": 1}
    assert "were not kept out of it" in capsys.readouterr().err


def test_folders_of_latents_need_no_codec(tmp_path: Path) -> None:
    for k in range(2):
        write_noise(tmp_path / "audio" / f"{k}.wav", 30, seed=k)
    encode_folder(EncodeOptions(files_path=tmp_path / "audio", save_path=tmp_path / "real", whole=True), NoisyAverages)
    (tmp_path / "generated").mkdir()
    latents = np.random.default_rng(0).uniform(-0.3, 0.3, (300, 4)).astype(np.float32)
    np.save(tmp_path / "generated" / "one.npy", latents)
    code, found = evaluate_music(tmp_path, None, training=tmp_path / "real")
    assert code == 0 and list(found["spaces"]) == ["latent clips", "latents"]
    assert found["copies"]["shared"] > 0 and found["copies"]["clips"] == 9
    with_audio = evaluate_music(tmp_path, NoisyAverages, reference=tmp_path / "audio")[1]
    ours, theirs = (f["spaces"]["latent clips"]["frechet"] for f in (with_audio, found))
    assert ours == pytest.approx(theirs, rel=1e-5)


def test_latents_that_do_not_compare_are_refused(tmp_path: Path) -> None:
    write_noise(tmp_path / "audio" / "a.wav", 30)
    encode_folder(
        EncodeOptions(files_path=tmp_path / "audio", save_path=tmp_path / "generated", whole=True), NoisyAverages
    )
    encode_folder(EncodeOptions(files_path=tmp_path / "audio", save_path=tmp_path / "real", whole=True), Other)
    with pytest.raises(LatentsError, match="different codecs cannot be compared"):
        evaluate_music(tmp_path)
    with pytest.raises(LatentsError, match="different codecs cannot be compared"):
        evaluate_music(tmp_path, Other, reference=tmp_path / "audio")
    with pytest.raises(UsageError, match="--codec"):
        evaluate_music(tmp_path, None, reference=tmp_path / "audio")
    (tmp_path / "wide").mkdir()
    np.save(tmp_path / "wide" / "a.npy", np.zeros((300, 6), np.float32))
    with pytest.raises(UsageError, match="6 numbers in a latent, not 4 as the others"):
        evaluate_music(tmp_path, reference=tmp_path / "wide")


def test_too_few_clips_are_refused(tmp_path: Path) -> None:
    write_noise(tmp_path / "real" / "a.wav", 40)
    write_noise(tmp_path / "generated" / "a.wav", 7)
    with pytest.raises(UsageError, match="has 2 clips"):
        evaluate_music(tmp_path)
    write_noise(tmp_path / "generated" / "a.wav", 1)
    (tmp_path / "real" / "b.wav").write_bytes(b"no music")  # refused later, and not why
    with pytest.raises(UsageError, match=r"no file in --generated .* can be used: .*too short"):
        evaluate_music(tmp_path)


def test_one_real_piece_is_cut_into_halves_and_silence_is_measured(tmp_path: Path) -> None:
    write_noise(tmp_path / "real" / "a.wav", 40)
    audio.write(tmp_path / "generated" / "a.wav", np.zeros((40 * RATE, 2), np.float32), RATE)
    code, found = evaluate_music(tmp_path, training=tmp_path / "real")
    assert code == 0 and found["copies"]["clips"] == 0 and found["copies"]["closer"] is None
    assert found["spaces"]["latent clips"]["coverage"] == 0


def test_an_onnx_network(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnx")
    from tests.metrics.test_metrics_network import write_network

    for k in range(2):
        write_noise(tmp_path / "real" / f"{k}.wav", 12, seed=k)
        write_noise(tmp_path / "generated" / f"{k}.wav", 12, seed=5 + k)
    net = write_network(tmp_path / "net.onnx", ["B", 96, 64])
    code, found = evaluate_music(tmp_path, None, embedding=f"onnx:{net}")
    assert code == 0 and list(found["spaces"]) == ["log-mel clips", "network"]
    figures = found["spaces"]["network"]
    assert figures["generated_clips"] == 24 and figures["dimensions"] == 96 and figures["rank"] == 23
    with pytest.raises(UsageError, match="say onnx:FILE"):
        evaluate_music(tmp_path, None, embedding=str(net))
    (tmp_path / "z").mkdir()
    np.save(tmp_path / "z" / "a.npy", np.zeros((300, 4), np.float32))
    with pytest.raises(UsageError, match="needs audio"):
        evaluate_music(tmp_path, None, reference=tmp_path / "z", embedding=f"onnx:{net}")


# -------------------------------------------------------------------------------------------------------- command line


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["--reference", "real"], "--reference goes with --generated"),
        (["--generated", "generated"], "--generated needs --reference"),
        (["--codec", "none"], "nothing to measure"),
        (["--generated", "generated", "--reference", "real", "--seconds", "5"], "leave it out"),
        (["--generated", "generated", "--reference", "real"], "there is no folder generated; --generated names"),
        (["--files_path", "none"], "there is no folder none"),
        (["--seconds", "0"], "must be at least 1"),
        (["--codec", "none", "--generated", "m", "--reference", "r", "--hop", "64"], "--hop is a size of a codec"),
    ],
)
def test_what_the_command_line_refuses(
    words: list[str], part: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main("evaluate", words) == 2
    output = capsys.readouterr().err
    assert part in output and output.count("\n") == 1


def test_a_codec_may_be_none() -> None:
    options = parse("evaluate", ["--codec", "none"])
    assert isinstance(options, EvaluateOptions) and options.codec is None
    with pytest.raises(MusikaError):
        evaluate.run(options)
