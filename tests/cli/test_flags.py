"""Flags and console: what a person types, and what they read when it is wrong."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from musika import console
from musika.__main__ import main
from musika.cli import flags
from musika.cli.train import make_request
from musika.config import CodecTrainConfig, GanTrainConfig
from musika.config.recipe import Step
from musika.errors import MusikaError, UsageError

ROOT = Path(__file__).resolve().parents[2]


def python(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *words],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_defaults_are_musikas() -> None:
    train = flags.parse_train([])
    assert train.settings == {} and train.recipe is train.stage is train.load_path is train.dec_path is None
    assert train.train_path == Path("training_samples")
    defaults = GanTrainConfig()
    assert (defaults.lr, defaults.bs, defaults.epochs, defaults.totsamples) == (1e-4, 32, 250, 300_000)
    assert (defaults.gp_max_weight, defaults.save_every, defaults.truncation) == (10.0, 1, 2.0)
    encode = flags.parse_encode([])
    assert (encode.files_path, encode.save_path) == (Path("audio_samples"), Path("encoded_samples"))
    assert (encode.max_lat_len, encode.whole) == (512, False)
    generate = flags.parse_generate([])
    assert (generate.load_path, generate.save_path) == (Path("checkpoints/piano"), Path("generations"))
    assert (generate.num_samples, generate.seconds, generate.seed) == (1, 120.0, None)
    assert flags.parse_decode([]).save_path == Path("decoded_samples")
    assert flags.parse_test([]).port == 7860


@pytest.mark.parametrize(
    ("words", "small"),
    [
        (["--small"], True),
        (["--small", "True"], True),
        (["--small", "false"], False),
        (["--small=True"], True),
        ([], None),
    ],
)
def test_booleans(words: list[str], small: bool | None) -> None:
    assert flags.parse_train([*words, "--bs", "4"]).settings.get("small") is small


def test_stages_have_defaults_of_their_own_and_typed_flags_win() -> None:
    step = Step("")
    for words, bs in (([], CodecTrainConfig().bs), (["--bs", "3"], 3)):
        chosen = flags.parse_train(["--stage", "codec", *words])
        assert CodecTrainConfig(**make_request(chosen, "codec", step, None).settings).bs == bs


@pytest.mark.parametrize(
    ("verb", "words", "parts"),
    [
        ("generate", ["--secnds", "3"], ["--secnds", "did you mean --seconds"]),
        ("generate", ["--sec", "3"], ["--sec", "did you mean --seconds"]),
        ("generate", ["-seconds", "3"], ["did you mean --seconds"]),
        ("generate", ["--epochs", "3"], ["flag of train", "not of generate"]),
        ("generate", ["nonsense"], ["nonsense"]),
        ("generate", ["--seconds", "-1"], ["--seconds", "at least 0.001"]),
        ("generate", ["--seconds", "nan"], ["--seconds", "number"]),
        ("generate", ["--seconds"], ["--seconds", "needs a value"]),
        ("generate", ["--truncation", "0"], ["--truncation", "more than 0", "at most 10"]),
        ("generate", ["--num_samples", "2.5"], ["--num_samples", "whole number"]),
        ("generate", ["--format", "aac"], ["--format", "wav, flac"]),
        ("generate", ["--save_path", ""], ["--save_path"]),
        ("train", ["--bs", "0"], ["--bs", "at least 1"]),
        ("train", ["--small", "maybe"], ["--small", "True or False"]),
        ("train", ["--seed", str(2**63)], ["--seed"]),
        ("train", ["--seed", "9" * 400], ["--seed", "whole number"]),
        ("encode", ["--max_lat_len", "0"], ["--max_lat_len", "at least 1"]),
        ("convert", ["techno"], ["TARGET", "--help"]),
        ("convert", ["techno", "mine", "more"], ["'more' belongs to no flag"]),
        ("convert", ["techno", "mine", "--hlaf"], ["did you mean --half"]),
        ("convert", ["techno", "mine", "--target", "x"], ["no flag --target"]),
    ],
)
def test_mistakes_are_one_line_and_exit_2(
    verb: str, words: list[str], parts: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(UsageError):
        flags.parse(verb, words)
    assert main(verb, words) == 2
    shown = capsys.readouterr()
    assert shown.out == "" and shown.err.count("\n") == 1
    for part in parts:
        assert part in shown.err


def test_options_built_in_python_are_checked_too() -> None:
    with pytest.raises(UsageError, match="--seconds 0"):
        flags.GenerateOptions(seconds=0)


def test_config_file(tmp_path: Path) -> None:
    path = tmp_path / "flags.json"
    path.write_text(json.dumps({"bs": 16, "small": True, "lr": 0.001, "load_path": None}))
    options = flags.parse_train(["--config", str(path), "--bs", "4"])
    assert options.settings == {"bs": 4, "small": True, "lr": 0.001} and options.load_path is None


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_config_file_of_any_unicode_editor(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "flags.json"
    path.write_text('{"save_path": "é"}', encoding)
    assert flags.parse_generate(["--config", str(path)]).save_path == Path("é")


def test_options_know_which_flags_were_given(tmp_path: Path) -> None:
    path = tmp_path / "flags.json"
    path.write_text(json.dumps({"bs": 32, "lr": 0.1}))
    options = flags.parse_train(["--config", str(path), "--lr", "0.2", "--epochs", "250", "--gradio"])
    assert options.given == {"bs", "lr", "epochs", "gradio"}
    assert flags.parse_train(["--stage", "codec"]).given == {"stage"}
    assert flags.TrainOptions(port=7000).given == frozenset()
    with pytest.raises(UsageError, match="no flag --given"):
        flags.parse_train(["--given", "bs"])


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ('{"bss": 16}', "did you mean --bs"),
        ('{"bs": 0}', "--bs 0"),
        ('{"bs": 1.5}', "whole number"),
        ('{"bs": [1]}', "one value"),
        ('{"seconds": 1}', "flag of generate"),
        ("[1]", "must hold flag names"),
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
    ],
)
def test_config_file_mistakes(tmp_path: Path, text: str, part: str) -> None:
    path = tmp_path / "flags.json"
    path.write_text(text)
    with pytest.raises(UsageError, match=part):
        flags.parse_train(["--config", str(path)])


def test_config_file_that_is_not_unicode(tmp_path: Path) -> None:
    path = tmp_path / "flags.json"
    path.write_text('{"save_path": "é"}', "latin-1")
    with pytest.raises(UsageError, match=r"not JSON: .*decode"):
        flags.parse_generate(["--config", str(path)])


def test_missing_config_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        flags.parse_train(["--config", str(tmp_path / "none.json")])


def started(verb: str) -> list[str]:
    """What runs a verb: its script, or the module."""
    return [f"musika_{verb}.py"] if verb in flags.SCRIPTS else ["-m", "musika", verb]


@pytest.mark.parametrize("verb", flags.VERBS)
def test_help_of_all_verbs(verb: str) -> None:
    done = python(*started(verb), "--help")
    assert done.returncode == 0 and done.stderr == ""
    program = f"python musika_{verb}.py" if verb in flags.SCRIPTS else f"musika {verb}"
    assert f"  {program} {flags.VERBS[verb].example}" in done.stdout and "example:" in done.stdout
    common = [flag for flag in flags.list_flags(verb) if flag.common and not flag.positional]
    assert done.stdout.count("(default:") == len(common) + 1  # and --config


@pytest.mark.parametrize("verb", flags.VERBS)
def test_help_loads_nothing_heavy(verb: str) -> None:
    done = python("-X", "importtime", *started(verb), "--help")
    loaded = {line.rsplit("|", 1)[-1].strip().split(".")[0] for line in done.stderr.splitlines()}
    assert "argparse" in loaded
    assert not loaded & {"keras", "numpy", "tensorflow", "jax", "tqdm", "gradio"}


def test_the_verbs_of_the_module() -> None:
    listed = python("-m", "musika", "--help")
    assert listed.returncode == 0 and all(verb in listed.stdout for verb in flags.VERBS)
    wrong = python("-m", "musika", "gnerate")
    assert wrong.returncode == 2 and "did you mean generate" in wrong.stderr and wrong.stderr.count("\n") == 1
    assert python("-m", "musika", "train", "--version").stdout.startswith("musika ")
    assert "musika train" in python("-m", "musika", "train", "--help").stdout


def test_parse_re_exports_the_flags() -> None:
    done = python("-c", "import parse; print(parse.parse_generate(['--seed', '7']).seed)")
    assert done.stdout.strip() == "7", done.stderr


def raising(error: BaseException) -> int:
    raise error


@pytest.mark.parametrize(
    ("error", "code", "part"),
    [
        (MusikaError("the folder\nis empty"), 2, "error: the folder is empty"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (ZeroDivisionError("oh"), 2, "--verbose shows the traceback"),
    ],
)
def test_exit_codes(error: BaseException, code: int, part: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert console.run_guarded(lambda: raising(error), verbose=False) == code
    shown = capsys.readouterr().err
    assert part in shown and "Traceback" not in shown


def test_verbose_shows_the_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    assert console.run_guarded(lambda: raising(ZeroDivisionError("oh")), verbose=True) == 2
    assert "Traceback" in capsys.readouterr().err


def test_no_flags_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    assert main("encode", []) == 2  # there is no audio_samples/ here
    assert capsys.readouterr().err.startswith("error: ") and main("encode", ["--verbose"]) == 2


def test_a_closed_pipe_is_no_fault() -> None:
    many = "from musika import console as c; c.run_guarded(lambda: [c.say('x' * 99) for _ in range(9999)] and 0, False)"
    words = ["bash", "-c", f'{sys.executable} -c "{many}" | head -1']
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.stdout.startswith("xxx")
    assert done.stderr == ""


def test_progress_without_a_terminal_is_a_line_now_and_then(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter(range(1000))
    monkeypatch.setattr(time, "monotonic", lambda: float(next(clock)))
    with console.progress(100, "s", "render") as bar:
        for _ in range(100):
            bar.advance(1)
    lines = capsys.readouterr().err.splitlines()
    assert 8 <= len(lines) <= 10 and "render: 10 of 100 s (10%)" in lines[0]


def test_a_bar_in_a_terminal_bears_more_than_was_announced(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    with console.progress(200, "samples", "epoch") as bar:
        bar._bar.mininterval = 0
        for _ in range(5):
            bar.advance(48)
            bar._bar.refresh()
        assert bar.done == 240
    assert "200/200" in terminal.getvalue()


def test_keras_starts_silently() -> None:
    script = (
        "from musika import environment; environment.prepare(); import keras; "
        "assert keras.backend.backend() == 'tensorflow'; print(keras.ops.sum(keras.ops.ones(3)).shape)"
    )
    done = python("-c", script, KERAS_BACKEND="tensorflow")
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "()", "")


def test_a_framework_that_fails_to_load_says_why(tmp_path: Path) -> None:
    (tmp_path / "jax.py").write_text("import os\nos.write(2, b'why it failed')\nraise ImportError('no')\n")
    script = "from musika import environment; environment.prepare(); import jax"
    done = python("-c", script, PYTHONPATH=f"{tmp_path}{os.pathsep}{ROOT}")
    assert "why it failed" in done.stderr
