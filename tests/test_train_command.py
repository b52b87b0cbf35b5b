"""The train command: from scratch, resumed, fine-tuned; what it refuses before anything is built; its log and pages."""

from __future__ import annotations

import contextlib
import functools
import io
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
import tiny

from musika import checkpoint, draws, flags, ports
from musika.__main__ import main
from musika.codec.load import codec_files, load_codec, read_weights
from musika.commands import train, train_origin
from musika.errors import MusikaError
from musika.gan.load import load_generator
from musika.latents import LatentsFolder, Settings, open_training_set
from musika.training import loop
from musika.training.alongside import Alongside
from musika.training.log import BoardLog

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def shipped(tmp_path_factory) -> Path:
    """`ae` and `open`: a tiny codec and a tiny generator for it."""
    folder = tmp_path_factory.mktemp("shipped")
    tiny.write_checkpoints(folder)
    return folder


@pytest.fixture(scope="module")
def latents(shipped, tmp_path_factory) -> Path:
    return write_latents(tmp_path_factory.mktemp("latents"), load_codec(shipped / "ae").identity)


def write_latents(folder: Path, identity: str | None, channels: int = 4, length: int = 160, files: int = 3) -> Path:
    """A folder as the encode command leaves it; without identity, as Musika leaves it."""
    folder.mkdir(exist_ok=True)
    if identity is not None:
        with LatentsFolder(folder, Settings(identity, channels, 4096, 44_100, length, False)):
            pass
    for k in range(files):
        np.save(folder / f"piece_{k}.npy", 0.5 * draws.truncated_normal(0, "test", k, (length, channels), 2.0))
    return folder


def options(shipped: Path, latents: Path, save: Path, **values) -> flags.TrainOptions:
    pages = {"tensorboard": False, "gradio": False}
    places = {"train_path": latents, "dec_path": shipped / "ae", "save_path": save, "log_path": save / "logs"}
    sizes = {} if "load_path" in values else {"small": True, "base_channels": 2, "coorddepth": 4}
    course = {"bs": 2, "totsamples": 4, "epochs": 1, "lr": 1e-3}
    return flags.TrainOptions(**{**places, **pages, **sizes, **course, **values})


def only_run(save: Path) -> Path:
    (folder,) = [p for p in save.iterdir() if p.name.startswith(("gan-", "codec-"))]
    return folder


@pytest.fixture(scope="module")
def trained(shipped, latents, tmp_path_factory) -> Path:
    """A run of two steps."""
    save = tmp_path_factory.mktemp("trained")
    assert train.run(options(shipped, latents, save)) == 0
    return only_run(save)


# ------------------------------------------------------------------------------------------------ what is written


def test_a_run_leaves_a_generator_four_samples_and_a_picture(trained, shipped):
    folder = trained / "000000004"
    checkpoint.verify(folder)
    loaded = load_generator(folder)
    assert loaded.config.base_channels == 2 and loaded.config.small
    assert loaded.codec_identity == load_codec(shipped / "ae").identity
    names = {path.name for path in folder.iterdir()}
    assert {f"sample-{k}.flac" for k in range(4)} | {"samples.png", "state.safetensors"} <= names
    said = json.loads((trained / "run.json").read_text())
    assert said["flags"]["totsamples"] == 4 and said["config"]["base_channels"] == 2 and said["train"]["lr"] == 1e-3


def test_what_was_trained_generates_music(trained, shipped, tmp_path):
    words = ["--load_path", str(trained), "--dec_path", str(shipped / "ae"), "--save_path", str(tmp_path)]
    assert main("generate", [*words, "--seconds", "0.5", "--seed", "1"]) == 0
    assert len(list(tmp_path.glob("*.wav"))) == 1


def test_the_log_holds_scalars_audio_and_pictures(trained):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    board = EventAccumulator(str(trained.parent / "logs" / trained.name))
    board.Reload()
    tags = board.Tags()
    assert {"loss_generator", "loss_critic", "penalty_weight"} <= set(tags["scalars"])
    assert board.Scalars("loss_critic")[-1].step == 4
    assert set(tags["audio"]) == {f"audio/sample-{k}" for k in range(4)}
    assert set(tags["images"]) == {f"spectrogram/sample-{k}" for k in range(4)}
    image = board.Images("spectrogram/sample-0")[0]
    assert image.encoded_image_string.startswith(b"\x89PNG") and image.height == 258
    assert board.Audio("audio/sample-0")[0].encoded_audio_string[:4] == b"RIFF"


# ------------------------------------------------------------------------------- resuming, fine-tuning, interrupts


def command(*words: object) -> list[str]:
    return [sys.executable, "-m", "musika", "train", *map(str, words)]


def words_of(chosen: flags.TrainOptions, *names: str) -> list[str]:
    return [word for name in names for word in (f"--{name}", str(getattr(chosen, name)))]


def test_a_fresh_process_goes_on_bit_for_bit(shipped, latents, trained, tmp_path):
    whole = options(shipped, latents, tmp_path / "whole", epochs=2)
    assert train.run(whole) == 0
    part = tmp_path / "part" / trained.name
    part.parent.mkdir()
    os.system(f"cp -r {trained} {part}")
    places = words_of(whole, "train_path", "dec_path", "log_path", "tensorboard", "gradio", "epochs")
    # neither sizes nor seed, rate and batch are said again: the run knows them
    words = command(*places, "--save_path", part.parent, "--load_path", part)
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr and "arning" not in done.stderr, done.stderr
    assert [p.name for p in loop.checkpoints(part)] == ["000000004", "000000008"]
    once = checkpoint.read(only_run(tmp_path / "whole") / "000000008", "state")
    twice = checkpoint.read(part / "000000008", "state")
    assert once.keys() == twice.keys()
    for name in once:
        assert once[name].tobytes() == twice[name].tobytes(), name


def test_ctrl_c_saves_and_leaves_with_130(shipped, latents, tmp_path):
    chosen = options(shipped, latents, tmp_path, epochs=1000, totsamples=1000)
    names = ("train_path", "dec_path", "save_path", "log_path", "tensorboard", "gradio", "epochs", "totsamples")
    words = command(*words_of(chosen, *names, "small", "base_channels", "coorddepth", "bs", "minutes"))
    code = "import musika.training.gan_stage as g\nold = g.GanStage.__init__\n"
    code += "def new(self, *a, **k):\n    old(self, *a, **k)\n    step, left = self.step, [3]\n"
    code += "    def counted(*x):\n        left[0] -= 1\n        if left[0] == 0: os.kill(os.getpid(), signal.SIGINT)\n"
    code += "        return step(*x)\n    self.step = counted\ng.GanStage.__init__ = new\n"
    code = "import os, signal, sys\n" + code + "from musika.__main__ import main\nsys.exit(main('train', sys.argv[1:]))"
    words = [sys.executable, "-c", code, *words[4:]]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 130, done.stderr
    assert "Traceback" not in done.stderr
    assert [p.name for p in loop.checkpoints(only_run(tmp_path))] == ["000000006"]
    checkpoint.verify(only_run(tmp_path) / "000000006")


def test_fine_tuning_begins_with_the_shipped_generator(shipped, latents, tmp_path, capsys):
    given = load_generator(shipped / "open")
    chosen = options(shipped, latents, tmp_path, load_path=shipped / "open", lr=1e-9)
    assert train.run(chosen) == 0
    assert "fine-tuning" in capsys.readouterr().out
    tuned = load_generator(only_run(tmp_path) / "000000004")
    assert tuned.config == given.config
    for name, value in checkpoint.named_weights(given.generator).items():
        np.testing.assert_allclose(checkpoint.named_weights(tuned.generator)[name], value, atol=1e-3)


def test_a_run_keeps_its_course_unless_a_flag_is_given(trained):
    def continued(*words: str) -> flags.TrainOptions:
        chosen = flags.parse_train([*words, "--load_path", str(trained)])
        return train._continued(chosen, train_origin.found(chosen, "generator"))

    kept = continued()
    assert (kept.bs, kept.totsamples, kept.epochs, kept.lr, kept.save_every) == (2, 4, 1, 1e-3, 1)
    said = continued("--bs", "32", "--epochs", "250", "--lr", "0.0001")  # the defaults, but asked for
    assert (said.bs, said.totsamples, said.epochs, said.lr) == (32, 4, 250, 1e-4)
    assert continued("--seed", "0").seed == 0
    with pytest.raises(MusikaError, match="--seed 1 contradicts"):
        continued("--seed", "1")


@pytest.mark.parametrize(("field", "value"), [("bs", "2"), ("bs", 2.5), ("epochs", True), ("lr", [1])])
def test_a_course_that_is_not_usable_is_refused(trained, field, value):
    chosen = flags.parse_train(["--load_path", str(trained)])
    origin = train_origin.found(chosen, "generator")
    course = {**origin.said("training", "course"), field: value}
    broken = train_origin.Origin(origin.folder, {**origin.info, "training": {"course": course}}, True)
    with pytest.raises(MusikaError, match=f"{field} of its course"):
        train._continued(chosen, broken)


def test_the_mark_of_latents_is_of_paths_in_their_folder(tmp_path):
    def mark(folder: Path) -> str:
        return train._mark(open_training_set(folder, 128), folder)

    (tmp_path / "one").mkdir()
    write_latents(tmp_path / "one" / "a", None)
    (tmp_path / "two").mkdir()
    os.system(f"cp -r {tmp_path}/one/a {tmp_path}/two/a")
    assert mark(tmp_path / "one") == mark(tmp_path / "two")
    (tmp_path / "two" / "a").rename(tmp_path / "two" / "b")
    assert mark(tmp_path / "one") != mark(tmp_path / "two")


def test_another_codec_than_the_latents_is_said(shipped, latents, tmp_path, capsys, monkeypatch):
    info = train.checkpoint.read_config(shipped / "ae")
    monkeypatch.setattr(train, "_codec_of", lambda options, origin: ("0" * 16, info["config"]["channels"]))
    monkeypatch.setattr(train, "_run", lambda options, stage, *rest: int(stage.codec is not None))
    assert train.run(options(shipped, latents, tmp_path, load_path=shipped / "open")) == 0
    assert "no samples to listen to" in capsys.readouterr().err


def test_other_latents_than_the_runs_own_are_fine_tuned(shipped, trained, tmp_path, capsys):
    others = write_latents(tmp_path / "more", load_codec(shipped / "ae").identity, files=4)
    assert train.run(options(shipped, others, tmp_path / "out", load_path=trained)) == 0
    assert "other latents" in capsys.readouterr().out
    assert [p.name for p in loop.checkpoints(only_run(tmp_path / "out"))] == ["000000004"]
    assert [p.name for p in loop.checkpoints(trained)] == ["000000004"]


def test_an_older_checkpoint_branches_into_a_new_run(shipped, latents, trained, tmp_path):
    run = tmp_path / trained.name
    os.system(f"cp -r {trained} {run}")
    os.system(f"cp -r {run}/000000004 {run}/000000008")
    chosen = options(shipped, latents, tmp_path, load_path=run / "000000004", epochs=2)
    assert train._run_folder(chosen, train_origin.found(chosen, "generator")) not in (run, trained)
    newest = options(shipped, latents, tmp_path, load_path=run, epochs=2)
    assert train._run_folder(newest, train_origin.found(newest, "generator")) == run


# ------------------------------------------------------------------------------------------------------- refusals


def refused(match: str, chosen: flags.TrainOptions) -> None:
    with pytest.raises(MusikaError, match=match) as caught:
        train.run(chosen)
    assert "\n" not in str(caught.value)
    assert not [p for p in chosen.save_path.glob("*") if p.name != "logs"]


def test_a_generator_moves_to_another_codec_that_is_named(shipped, trained, tmp_path, capsys):
    config, weights = read_weights(shipped / "ae")
    weights["encoder"]["last/bias"] = weights["encoder"]["last/bias"] + 0.1
    checkpoint.write(tmp_path / "ae", *codec_files(config, weights))
    identity = load_codec(tmp_path / "ae").identity
    moved = write_latents(tmp_path / "latents", identity)
    refused("were made by codec", options(shipped, moved, tmp_path / "none", load_path=trained))
    run = options(shipped, moved, tmp_path / "save", load_path=trained, dec_path=tmp_path / "ae")
    assert train.run(run) == 0
    assert "its weights are fine-tuned for" in capsys.readouterr().out
    made = load_generator(only_run(run.save_path) / "000000004")
    assert made.codec_identity == identity and len(list((only_run(run.save_path) / "000000004").glob("*.flac"))) == 4


def test_fine_tuning_keeps_the_weight_of_the_critics_penalty(shipped, latents, trained, tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(train, "_run", lambda options, stage, *rest: seen.append(stage.init(0)["penalty_weight"]) or 0)
    source = trained / "000000004"
    config = checkpoint.read_config(source)
    assert config["penalty_weight"] == pytest.approx(1.0 - 2e-4)  # two steps of a critic that was not certain
    arrays = {"weights": checkpoint.read(source), "critic": checkpoint.read(source, "critic")}
    for name, said in (("kept", {"penalty_weight": 0.25}), ("none", {}), ("text", {"penalty_weight": "much"})):
        del config["penalty_weight"]
        config |= said
        checkpoint.write(tmp_path / name, config, arrays)
        config["penalty_weight"] = None
    chosen = functools.partial(options, shipped, latents, tmp_path / "save")
    assert train.run(chosen(load_path=tmp_path / "kept")) == 0 and seen[-1] == 0.25
    assert train.run(chosen(load_path=tmp_path / "none")) == 0 and seen[-1] == 1.0
    refused("penalty_weight is not a number", chosen(load_path=tmp_path / "text"))


def test_a_generator_is_measured_on_what_is_held_out(shipped, latents, tmp_path, capsys):
    identity = load_codec(shipped / "ae").identity
    held_out = write_latents(tmp_path / "held", identity, length=128, files=4)
    for path in held_out.glob("*.npy"):
        np.save(path, np.load(path) * 0.5)
    run = options(shipped, latents, tmp_path / "save", valid_path=held_out, totsamples=2)
    assert train.run(run) == 0
    figures = checkpoint.read_config(only_run(run.save_path) / "000000002")["training"]["figures"]
    values = np.concatenate([np.load(path) for path in held_out.glob("*.npy")])
    assert figures["real_deviation"] == pytest.approx(values.std(axis=0).mean(), rel=1e-4)
    assert figures["frechet_latents"] > 0 and 0 <= figures["coverage"] <= 1
    assert "latents that are trained on" not in capsys.readouterr().out

    above = tmp_path / "all"
    above.mkdir()
    for folder in (latents, held_out):
        (above / folder.name).symlink_to(folder)
    refused("is in --train_path, too", options(shipped, above, tmp_path / "other", valid_path=held_out))


def test_latents_that_do_not_fit_are_refused(shipped, latents, tmp_path):
    identity = load_codec(shipped / "ae").identity
    save = tmp_path / "save"
    refused("nowhere", options(shipped, tmp_path / "nowhere", save))
    (tmp_path / "empty").mkdir()
    refused("empty", options(shipped, tmp_path / "empty", save))
    refused("--max_lat_len 256", options(shipped, latents, save, small=False))
    refused("numbers", options(shipped, write_latents(tmp_path / "deep", identity, channels=6), save))
    refused("--dec_path", options(shipped, write_latents(tmp_path / "foreign", "0" * 16), save))


def test_latents_of_another_codec_than_the_generators_are_refused(shipped, tmp_path):
    foreign = write_latents(tmp_path / "foreign", "0" * 16)
    refused("encode the audio again", options(shipped, foreign, tmp_path / "save", load_path=shipped / "open"))


def test_nobody_knows_the_codec(shipped, tmp_path, capsys):
    unknown = write_latents(tmp_path / "unknown", None)
    refused("--dec_path", options(tmp_path, unknown, tmp_path / "save", dec_path=tmp_path / "nothing"))
    assert "no codec" in capsys.readouterr().err


@pytest.mark.parametrize("values", [{"small": False}, {"base_channels": 2}, {"coorddepth": 8}])
def test_flags_that_contradict_the_checkpoint_are_refused(shipped, latents, tmp_path, values):
    (name,) = values
    refused(f"--{name} .* contradicts", options(shipped, latents, tmp_path, load_path=shipped / "open", **values))


def test_a_seed_that_contradicts_the_run_is_refused(shipped, latents, trained, tmp_path):
    refused("--seed 9 contradicts", options(shipped, latents, tmp_path, load_path=trained, seed=9))


def test_checkpoints_of_another_kind_are_refused(shipped, latents, tmp_path):
    refused("--stage codec", options(shipped, latents, tmp_path, load_path=shipped / "ae"))
    refused("not a codec", options(shipped, latents, tmp_path, dec_path=shipped / "open"))
    refused("does not exist", options(shipped, latents, tmp_path, load_path=tmp_path / "nowhere"))
    refused("--stage gan", options(shipped, latents, tmp_path, stage="codec", load_path=shipped / "open"))


def test_an_epoch_smaller_than_a_batch_is_refused(shipped, latents, tmp_path):
    refused("less than one batch", options(shipped, latents, tmp_path, bs=8))


def test_refusals_need_no_framework(shipped, tmp_path):
    code = "import sys; from musika.__main__ import main; code = main('train', sys.argv[1:]);"
    code += "sys.exit(9 if {'keras', 'tensorflow', 'jax'} & set(sys.modules) else code)"
    words = [sys.executable, "-c", code, "--train_path", str(tmp_path), "--dec_path", str(shipped / "ae")]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2 and done.stderr.startswith("error: "), done.stderr
    assert len(done.stderr.splitlines()) == 1


# ---------------------------------------------------------------------------------------------------------- pages


def test_a_taken_port_moves_to_the_next():
    with contextlib.closing(socket.socket()) as door:
        door.bind(("127.0.0.1", 0))
        door.listen()
        taken = door.getsockname()[1]
        assert next(ports.free("127.0.0.1", taken)) != taken


def test_pages_end_with_the_training_and_pass_on_what_they_say(monkeypatch, capsys):
    pages = Alongside()
    with pages:
        started = threading.Event()
        said = []
        monkeypatch.setattr("musika.console.say", lambda text: (said.append(text), started.set()))
        code = "import time; print('plays at http://x (Ctrl-C ends it)', flush=True); time.sleep(600)"
        assert pages._start("preview page", ["-c", code], shown=True)
        assert started.wait(60)
        process = pages._processes["preview page"]
        assert process.poll() is None
    assert said == ["preview page: plays at http://x"]
    assert process.poll() == -signal.SIGTERM


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not tell a process")
def test_pages_end_with_a_training_that_was_killed():
    code = "import sys, time\nfrom musika.training.alongside import Alongside\npages = Alongside()\n"
    code += "words = ['-c', 'import time; print(1, flush=True); time.sleep(600)']\n"
    code += "pages._start('preview page', words, shown=True)\n"
    code += "print(pages._processes['preview page'].pid, flush=True)\ntime.sleep(600)"
    with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True) as training:
        assert training.stdout is not None
        lines = [training.stdout.readline(), training.stdout.readline()]
        assert "preview page: 1\n" in lines
        page = int(next(line for line in lines if "preview" not in line))
        training.kill()
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and running(page):
        time.sleep(0.05)
    assert not running(page)


def running(pid: int) -> bool:
    """Whether a process is there, and not merely waiting for somebody to ask how it ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_pages_do_not_import_from_the_current_folder(tmp_path, monkeypatch):
    (tmp_path / "json.py").write_text("raise SystemExit('not this one')")
    monkeypatch.chdir(tmp_path)
    with Alongside() as pages:
        assert pages._start("page", ["-m", "musika", "test", "--version"], shown=False)
        assert pages._processes["page"].wait(60) == 0


def test_a_page_that_cannot_start_stops_nothing(monkeypatch, capsys):
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with Alongside() as pages:
        pages.preview(["--load_path", "x"])
        pages.board(Path("logs"), "127.0.0.1")
    assert capsys.readouterr().err.count("cannot be started") == 2


def test_a_log_that_cannot_be_written_stops_nothing(tmp_path, capsys):
    (tmp_path / "file").write_bytes(b"")
    log = BoardLog(tmp_path / "file" / "log")
    log.scalars(1, {"loss": 1.0})
    log.flush()
    log.close()
    assert "no log" in capsys.readouterr().err


def test_the_preview_page_is_told_where_the_run_is(shipped, latents, tmp_path):
    chosen = options(shipped, latents, tmp_path, port=9000)
    parsed = flags.parse_test(train._page_flags(chosen, tmp_path))
    assert parsed.load_path == tmp_path and parsed.port == 9000 and parsed.cpu


# ---------------------------------------------------------------------------------------------------------- codec


@pytest.fixture(scope="module")
def codec_run(songs, tmp_path_factory) -> flags.TrainOptions:
    """The options of a codec's run of two steps, which is done."""
    folder = tmp_path_factory.mktemp("codec")
    music = folder / "music"
    music.mkdir()
    for path in songs[:2]:
        (music / f"caf\udce9 {path.name}").symlink_to(path)
    (music / "broken.mp3").write_bytes(b"no music at all")
    tone = 0.4 * np.sin(np.arange(88_200) / 30)
    soundfile.write(music / "silence.wav", np.zeros((88_200, 2)), 44_100)
    soundfile.write(music / "mono.wav", tone, 44_100)
    soundfile.write(music / "narrow.wav", tone[:16_000], 8_000)
    soundfile.write(music / "clipped.wav", np.clip(np.stack([4 * tone, tone], axis=1), -1, 1), 44_100)
    soundfile.write(music / "offset.wav", np.stack([tone, 0.5 * tone], axis=1) + 0.3, 44_100)
    chosen = options(folder, folder, folder / "save", stage="codec", files_path=music)
    chosen = flags.dataclasses.replace(chosen, small=None, base_channels=None, coorddepth=None, magnitude_samples=2)
    said = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stderr(said):
        patch.setattr(train, "CodecConfig", lambda: tiny.STEREO)
        assert train.run(chosen) == 0
    (folder / "said").write_text(said.getvalue(), errors="surrogateescape")
    return chosen


def test_a_codec_trains_on_audio_files(codec_run, tmp_path):
    folder = only_run(codec_run.save_path) / "000000004"
    checkpoint.verify(folder)
    assert load_codec(folder).channels == 4
    names = {path.name for path in folder.iterdir()}
    assert {f"validation-{k}-{what}.flac" for k in (0, 1) for what in ("original", "decoded")} <= names
    info = checkpoint.read_config(folder)
    assert len(info["trained"]["audio"]) == 16
    assert np.isfinite(list(info["training"]["figures"].values())).all()
    assert {"log_mel", "flatness_ratio", "loudness_error"} <= info["training"]["figures"].keys()
    state = checkpoint.read(folder, "state")
    assert all(np.isfinite(array).all() for array in state.values())
    refused("--small belongs", flags.dataclasses.replace(codec_run, small=True, save_path=tmp_path / "other"))


def test_odd_files_in_a_folder_are_told(codec_run):
    said = (codec_run.files_path.parent / "said").read_text(errors="surrogateescape").splitlines()
    assert any("left out" in line and "broken.mp3" in line for line in said)
    for name, reason in {
        "silence": "is silent",
        "mono": "same sound in both channels",
        "narrow": "8000 Hz",
        "clipped": "is clipped",
        "offset": "offset of +0.30",
    }.items():
        assert any(name in line and reason in line for line in said), (name, said)


def test_a_folder_to_measure_on_that_leaves_nothing_is_refused(codec_run, tmp_path):
    chosen = flags.dataclasses.replace(codec_run, valid_path=codec_run.files_path, save_path=tmp_path / "save")
    refused("nothing left to train on", chosen)


def decided(monkeypatch, *words: object) -> tuple[flags.TrainOptions, object]:
    """Options and stage with which the loop would begin."""
    seen = []
    monkeypatch.setattr(train, "_run", lambda options, stage, *rest: seen.append((options, stage)) or 0)
    assert train.run(flags.parse_train(["--stage", "codec", *map(str, words)])) == 0
    return seen[0]


def test_a_codec_goes_on_with_its_own_audio_alone(codec_run, tmp_path, monkeypatch, capsys):
    run = only_run(codec_run.save_path)
    places = ("--load_path", run, "--save_path", codec_run.save_path)
    chosen, stage = decided(monkeypatch, *places, "--files_path", codec_run.files_path, "--xla", "False")
    assert not stage.xla
    assert (chosen.bs, chosen.magnitude_samples, chosen.epochs) == (2, 2, 1)
    assert "fine-tuned" not in capsys.readouterr().out

    music = tmp_path / "music"
    music.mkdir()
    os.system(f"cp -P {os.fsencode(codec_run.files_path).decode()}/* {music}")
    next(path for path in sorted(music.iterdir()) if path.is_symlink()).unlink()
    chosen, stage = decided(monkeypatch, *places, "--files_path", music, "--gradio")
    shown = capsys.readouterr()
    assert "other audio: its weights are fine-tuned, with fresh optimizers" in shown.out
    assert "no preview page for codecs" in shown.err
    assert stage.start is not None and stage.xla
    assert (chosen.bs, chosen.magnitude_samples) == (8, 0)
    chosen, _ = decided(monkeypatch, *places, "--files_path", music, "--magnitude_samples", 40000)
    assert chosen.magnitude_samples == 40_000
    assert "no preview page" not in capsys.readouterr().err


def test_an_encoder_that_shall_rest_needs_fresh_optimizers(codec_run, monkeypatch, capsys):
    places = ("--load_path", only_run(codec_run.save_path), "--save_path", codec_run.save_path)
    _, stage = decided(monkeypatch, *places, "--files_path", codec_run.files_path, "--freeze_encoder")
    assert "--freeze_encoder True differs" in capsys.readouterr().out
    assert stage.start is not None and stage.trained_parts == ("decoder",)


def test_widened_by_flags_and_then_resumed(shipped, latents, trained, tmp_path, capsys) -> None:
    own = {"load_path": trained, "critic_channels": 2, "epochs": 2}  # said, and as it is: kept from now on
    assert train.run(options(shipped, latents, tmp_path / "own", **own)) == 0
    assert "is widened" not in capsys.readouterr().out
    kept = checkpoint.read_config(loop.newest(only_run(tmp_path / "own")))
    assert (kept["config"]["critic_channels"], kept["training"]["samples"]) == (2, 8)

    wider = {"load_path": trained, "base_channels": 6, "critic_channels": 3}
    assert train.run(options(shipped, latents, tmp_path, **wider)) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "is widened: generator 2 to 6 channels, critic 2 to 3" in said
    run = only_run(tmp_path)
    sizes = checkpoint.read_config(loop.newest(run))["config"]
    assert (sizes["base_channels"], sizes["critic_channels"]) == (6, 3)

    assert train.run(options(shipped, latents, tmp_path, load_path=run, base_channels=6, epochs=2)) == 0
    assert "is widened" not in capsys.readouterr().out
    assert len(loop.checkpoints(only_run(tmp_path))) == 2
    for name, value, own in (("critic_channels", 2, 3), ("base_channels", 4, 6), ("small", False, True)):
        with pytest.raises(MusikaError, match=f"--{name} {value} contradicts .*, which has {own}"):
            train.run(options(shipped, latents, tmp_path, **{"load_path": run, "base_channels": 8, name: value}))


def test_a_run_that_goes_on_keeps_its_codec_and_what_it_is_measured_on(shipped, latents, tmp_path, monkeypatch, capsys):
    held_out = write_latents(tmp_path / "held", load_codec(shipped / "ae").identity, length=128, files=2)
    own = (tmp_path / "codecs" / "own").resolve()
    own.parent.mkdir()
    own.symlink_to(shipped / "ae")
    save = tmp_path / "save"
    assert train.run(options(shipped, latents, save, dec_path=own, valid_path=held_out, totsamples=2)) == 0
    seen = []
    monkeypatch.setattr(train, "_run", lambda options, stage, *rest: seen.append((options, stage)) or 0)
    words = [
        "--train_path",
        latents,
        "--load_path",
        only_run(save),
        "--freeze_encoder",
        "--gradio",
        "False",
        "--average_decay",
        0.99,
    ]
    assert train.run(flags.parse_train([*map(str, words)])) == 0
    chosen, stage = seen[0]
    assert (chosen.dec_path, chosen.valid_path, stage.train.average_decay) == (own, held_out, 0.99)
    assert stage.codec is not None and stage.held_out is not stage.windows
    assert "--freeze_encoder does nothing with --stage gan" in capsys.readouterr().err

    own.unlink()
    assert train.run(flags.parse_train([*map(str, words)])) == 0
    assert f"--dec_path {own} of this run is not there any more" in " ".join(capsys.readouterr().err.split())


def test_lowered_rates_are_told(trained, tmp_path, latents, shipped, capsys):
    lowered = tmp_path / "save" / "run" / "000000004"
    source = loop.newest(trained)
    arrays = {name: checkpoint.read(source, name) for name in ("weights", "critic", "state")}
    arrays["state"]["rate"] = np.asarray(0.25, np.float32)
    checkpoint.write(lowered, checkpoint.read_config(source), arrays)
    assert train.run(options(shipped, latents, tmp_path / "save", load_path=lowered)) == 0
    assert "learning rates are 0.25 of what" in " ".join(capsys.readouterr().out.split())


def test_a_checkpoint_that_is_named_and_not_whole_is_refused(shipped, latents, trained, tmp_path):
    torn = tmp_path / "000000004"
    shutil.copytree(loop.newest(trained), torn)
    (torn / "critic.safetensors").unlink()
    refused("critic.safetensors is missing", options(shipped, latents, tmp_path / "save", load_path=torn))


def test_a_missing_folder_to_measure_on_is_refused(codec_run, tmp_path):
    chosen = flags.dataclasses.replace(codec_run, valid_path=tmp_path / "nothing", save_path=tmp_path / "save")
    refused("--valid_path .*nothing does not exist", chosen)
    refused("--hop belongs to published codecs", flags.dataclasses.replace(chosen, hop=256))


def test_a_run_goes_on_in_its_own_basis(shipped, latents, trained, tmp_path, monkeypatch, capsys):
    seen = []
    monkeypatch.setattr(train, "_run", lambda options, stage, *rest: seen.append(stage) or 0)
    words = ["--train_path", latents, "--dec_path", shipped / "ae", "--gradio", "False", "--load_path"]
    assert train.run(flags.parse_train([*map(str, words), str(trained)])) == 0
    assert seen[-1].train.whitening == 0.5 and seen[-1].start is None
    assert train.run(flags.parse_train([*map(str, words), str(trained), "--whitening", "0"])) == 0
    assert "--whitening 0.0 differs from the run of" in " ".join(capsys.readouterr().out.split())
    assert seen[-1].basis is None and seen[-1].start is not None

    older = tmp_path / "run" / "000000004"  # from before there was a choice
    source = loop.newest(trained)
    config = checkpoint.read_config(source)
    del config["training"]["course"]["whitening"]
    checkpoint.write(older, config, {name: checkpoint.read(source, name) for name in ("weights", "critic", "state")})
    assert train.run(flags.parse_train([*map(str, words), str(older)])) == 0
    assert seen[-1].basis is None and seen[-1].start is None
