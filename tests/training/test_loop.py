"""The training loop with a toy stage: progress, saving, resuming, stopping."""

from __future__ import annotations

import itertools
import json
import os
import pty
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

from musika import checkpoint, draws
from musika.checkpoint.locate import find_newest_checkpoint, list_checkpoints
from musika.checkpoint.runs import RUN_FILE
from musika.errors import CheckpointError, MusikaError
from musika.training import loop
from musika.training.interrupts import Interrupts


class Toy:
    """Weights that follow random targets, with momentum and a counter."""

    name = "toy"
    sample_seconds = 0.5
    sample_rate = 22_050

    def __init__(self, bs: int = 4, after: dict[int, object] | None = None) -> None:
        self.bs, self.after, self.steps, self.positions = bs, after or {}, 0, []

    def init_state(self, seed):
        start = draws.normal(seed, "toy", 0, (3,))
        rate = np.ones((), np.float32)
        weights, speed = {"w": start}, [np.zeros(3, np.float32)]
        return {"weights": weights, "speed": speed, "count": np.zeros((), np.int32), "rate": rate}

    def make_batch(self, position):
        return {"target": draws.normal(1, "target", position, (self.bs, 3)), "position": np.int64(position)}

    def step(self, state, batch):
        self.steps += 1
        self.positions.append(int(batch["position"]))
        if self.steps in self.after:
            self.after[self.steps]()
        error = state["weights"]["w"] - batch["target"].mean(0)
        speed = (0.9 * state["speed"][0] + error).astype(np.float32)
        step = np.float32(0.1) * state["rate"] * speed
        new = {"weights": {"w": state["weights"]["w"] - step}, "speed": [speed]}
        new |= {"count": state["count"] + np.int32(1), "rate": state["rate"]}
        return new, {"loss": np.square(error).mean()}

    def measure(self, state):
        return {"size": np.abs(state["weights"]["w"]).max(), "undefined": np.nan}

    def render_previews(self, state):
        time = np.arange(4410) / 44100
        for k in range(4):
            yield f"sample_{k + 1}", np.sin(2 * np.pi * 220 * (k + 1) * time)[:, None].repeat(2, 1)

    def export_weights(self, state):
        return {"kind": "generator", "config": {}}, {"weights": {"w": np.asarray(state["weights"]["w"])}}


def make_settings(**values):
    return loop.LoopSettings(**{"bs": 4, "totsamples": 8, "epochs": 2, **values})


def read_state(folder: Path) -> dict[str, np.ndarray]:
    return checkpoint.read(folder, "state")


def test_checkpoint_after_each_epoch_with_samples_and_picture(tmp_path):
    assert loop.run(Toy(), make_settings(), tmp_path / "run") == 0
    assert [p.name for p in list_checkpoints(tmp_path / "run")] == ["000000008", "000000016"]
    last = tmp_path / "run" / "000000016"
    found = {p.name for p in last.iterdir()}
    assert found >= {"config.json", "manifest.json", "weights.safetensors", "state.safetensors", "samples.png"}
    assert len([name for name in found if name.endswith(".flac")]) == 4
    assert checkpoint.read_config(last)["training"]["samples"] == 16
    checkpoint.verify(last)


def test_batches_come_in_order_and_once(tmp_path):
    toy = Toy()
    loop.run(toy, make_settings(), tmp_path)
    assert toy.positions == [0, 4, 8, 12]


def test_epochs_that_no_batch_divides(tmp_path):
    toy = Toy(bs=3)
    loop.run(toy, make_settings(bs=3, totsamples=8, epochs=3), tmp_path)
    assert toy.positions == list(range(0, 24, 3))
    assert [int(p.name) for p in list_checkpoints(tmp_path)] == [9, 18, 24]


def test_pages_get_checkpoints_while_training_continues(tmp_path):
    told = []
    loop.run(Toy(), make_settings(epochs=3), tmp_path, on_checkpoint=told.append)
    assert [p.name for p in told] == ["000000008", "000000016"]


def test_save_every_and_the_end(tmp_path):
    loop.run(Toy(), make_settings(epochs=5, save_every=2), tmp_path)
    assert [int(p.name) for p in list_checkpoints(tmp_path)] == [16, 32, 40]


@pytest.mark.parametrize("cut", [1, 2, 3])
def test_resuming_gives_equal_bits(tmp_path, cut):
    loop.run(Toy(), make_settings(totsamples=16, epochs=1), tmp_path / "whole")
    loop.run(Toy(), make_settings(totsamples=4 * cut, epochs=1), tmp_path / "part")
    resumed = Toy()
    loop.run(
        resumed, make_settings(totsamples=16, epochs=1), tmp_path / "part", find_newest_checkpoint(tmp_path / "part")
    )
    assert resumed.positions[0] == 4 * cut
    whole, part = read_state(tmp_path / "whole/000000016"), read_state(tmp_path / "part/000000016")
    assert whole.keys() == part.keys()
    for name in whole:
        assert whole[name].dtype == part[name].dtype
        assert whole[name].tobytes() == part[name].tobytes(), name


def test_nothing_left_to_do(tmp_path, capsys):
    loop.run(Toy(), make_settings(), tmp_path)
    toy = Toy()
    assert loop.run(toy, make_settings(), tmp_path, find_newest_checkpoint(tmp_path)) == 0
    assert toy.steps == 0
    assert "larger number of epochs" in capsys.readouterr().out


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_run_is_saved_and_resumed(tmp_path, number):
    toy = Toy(after={3: lambda: os.kill(os.getpid(), number)})
    before = signal.getsignal(signal.SIGINT)
    assert loop.run(toy, make_settings(totsamples=40, epochs=1), tmp_path / "part") == 130
    assert signal.getsignal(signal.SIGINT) is before
    assert [int(p.name) for p in list_checkpoints(tmp_path / "part")] == [12]
    loop.run(
        Toy(), make_settings(totsamples=40, epochs=1), tmp_path / "part", find_newest_checkpoint(tmp_path / "part")
    )
    loop.run(Toy(), make_settings(totsamples=40, epochs=1), tmp_path / "whole")
    whole, part = read_state(tmp_path / "whole/000000040"), read_state(tmp_path / "part/000000040")
    assert all(whole[name].tobytes() == part[name].tobytes() for name in whole)


def test_a_hang_up_that_is_ignored_stays_ignored(tmp_path):
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert loop.run(Toy(after={2: lambda: os.kill(os.getpid(), signal.SIGHUP)}), make_settings(), tmp_path) == 0
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_before_the_loop_the_first_one_interrupts(number):
    before = signal.getsignal(number)
    with pytest.raises(KeyboardInterrupt), Interrupts(patient=False):
        os.kill(os.getpid(), number)
    assert signal.getsignal(number) is before


def test_a_closed_terminal_is_survived(tmp_path):
    code = f"""
        import sys
        sys.path.insert(0, {str(Path(__file__).parents[2])!r})
        import os, time
        from pathlib import Path
        from tests.training.test_loop import Toy, make_settings
        from musika import console
        from musika.training import loop
        def wait():
            while os.isatty(0):
                time.sleep(0.01)
        stage = Toy(after={{3: wait}})
        settings, folder = make_settings(totsamples=400), Path({str(tmp_path / "run")!r})
        console.run_guarded(lambda: loop.run(stage, settings, folder), False)
    """
    child, terminal = pty.fork()
    if not child:
        os.execv(sys.executable, [sys.executable, "-c", textwrap.dedent(code)])
    output = b""
    while b"takes a while" not in output:
        output += os.read(terminal, 4096)
    os.close(terminal)
    os.waitpid(child, 0)
    (saved,) = list_checkpoints(tmp_path / "run")
    checkpoint.verify(saved)
    assert int(saved.name) < 400


def test_second_interrupt_leaves_at_once(tmp_path):
    def interrupt_twice():
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        loop.run(Toy(after={2: interrupt_twice}), make_settings(), tmp_path)
    assert list_checkpoints(tmp_path) == []


def test_minutes_end_a_run_with_a_checkpoint(tmp_path, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(loop.time, "monotonic", lambda: now[0])
    toy = Toy(after={3: lambda: now.__setitem__(0, 61.0)})
    assert loop.run(toy, make_settings(totsamples=10**9, minutes=1), tmp_path) == 0
    assert toy.steps == 3 and [int(p.name) for p in list_checkpoints(tmp_path)] == [12]


def test_nothing_new_is_not_saved(tmp_path):
    toy = Toy()
    assert loop.run(toy, make_settings(totsamples=10**9, minutes=1e-12), tmp_path) == 0
    assert toy.steps == 0 and list_checkpoints(tmp_path) == []


class Diverging(Toy):
    def step(self, state, batch):
        state, scalars = super().step(state, batch)
        if self.steps > 2:
            state["weights"]["w"] = state["weights"]["w"] * np.float32(np.nan)
            scalars = {"loss": np.float32(np.nan)}
        return state, scalars


@pytest.mark.parametrize("total", [400, 12])
def test_losses_that_are_never_finite_end_the_run_and_keep_the_last_checkpoint(tmp_path, capsys, total):
    loop.run(Toy(), make_settings(epochs=1), tmp_path)
    stage = Diverging()
    stage.steps = 2
    with pytest.raises(MusikaError, match=r"diverged.*000000008.*learning rate") as caught:
        loop.run(
            stage, make_settings(totsamples=total, epochs=1, report_every=1), tmp_path, find_newest_checkpoint(tmp_path)
        )
    assert "\n" not in str(caught.value)
    assert [int(p.name) for p in list_checkpoints(tmp_path)] == [8]
    told = [line for line in capsys.readouterr().err.splitlines() if "going back to 8 samples" in line]
    assert len(told) == 3
    assert "0.125 of the learning rate (3 of 3)" in told[-1]


def test_a_lower_rate_saves_a_run(tmp_path, capsys):
    class Wild(Toy):
        def step(self, state, batch):
            state, scalars = super().step(state, batch)
            if state["count"] > 20 and state["rate"] > 0.3:
                state["weights"]["w"] = state["weights"]["w"] * np.float32(np.nan)
                scalars = {"loss": np.float32(np.nan)}
            return state, scalars

    stage = Wild()
    assert loop.run(stage, make_settings(totsamples=160, epochs=1, report_every=2), tmp_path) == 0
    assert capsys.readouterr().err.count("going back to") == 2
    last = read_state(tmp_path / "000000160")
    assert last["rate"] == np.float32(0.25) and last["count"] == 40
    assert all(np.isfinite(leaf).all() for leaf in last.values())
    back = [position for before, position in itertools.pairwise(stage.positions) if position <= before]
    assert len(back) == 2 and all(40 <= position < 80 for position in back)


def test_figures_are_logged_and_kept(tmp_path):
    class Log:
        def __init__(self):
            self.seen = {}

        def write_scalars(self, position, values):
            self.seen |= {name: position for name in values}

        def write_sample(self, position, name, waveform, rate, picture):
            pass

        def flush(self):
            pass

    log = Log()
    loop.run(Toy(), make_settings(report_every=1), tmp_path, log=log)
    assert log.seen == {"loss": 16, "audio_seconds_per_second": 16, "validation/size": 16}
    figures = checkpoint.read_config(tmp_path / "000000016")["training"]["figures"]
    assert figures == {"size": pytest.approx(np.abs(read_state(tmp_path / "000000016")["weights/w"]).max())}


def test_a_state_without_a_rate_is_resumed(tmp_path):
    class Older(Toy):
        def init_state(self, seed):
            state = super().init_state(seed)
            del state["rate"]
            return state

        def step(self, state, batch):
            new, scalars = super().step({**state, "rate": np.ones((), np.float32)}, batch)
            del new["rate"]
            return new, scalars

    loop.run(Older(), make_settings(epochs=1), tmp_path)
    assert loop.run(Toy(), make_settings(), tmp_path, find_newest_checkpoint(tmp_path)) == 0
    assert read_state(tmp_path / "000000016")["rate"] == 1


def test_one_bad_report_is_forgiven(tmp_path):
    class Once(Toy):
        def step(self, state, batch):
            state, scalars = super().step(state, batch)
            return state, ({"loss": np.float32(np.inf)} if self.steps == 2 else scalars)

    assert loop.run(Once(), make_settings(report_every=1), tmp_path) == 0


def test_a_preview_that_fails_stops_nothing(tmp_path, capsys):
    class Mute(Toy):
        def render_previews(self, state):
            raise RuntimeError("no codec")

    assert loop.run(Mute(), make_settings(epochs=1), tmp_path) == 0
    assert "no codec" in capsys.readouterr().err
    assert not list(tmp_path.glob("*/*.flac"))
    checkpoint.verify(find_newest_checkpoint(tmp_path))


def test_an_error_in_the_data_reaches_the_caller(tmp_path):
    class Broken(Toy):
        def make_batch(self, position):
            if position >= 8:
                raise MusikaError("the folder of latents has gone")
            return super().make_batch(position)

    with pytest.raises(MusikaError, match="has gone"):
        loop.run(Broken(), make_settings(totsamples=16, epochs=1), tmp_path)
    assert [int(p.name) for p in list_checkpoints(tmp_path)] == [8]
    loop.run(Toy(), make_settings(totsamples=16, epochs=1), tmp_path, find_newest_checkpoint(tmp_path))
    with pytest.raises(MusikaError, match="has gone"):
        loop.run(Broken(), make_settings(epochs=1, totsamples=20), tmp_path / "other", tmp_path / "000000016")
    assert not list_checkpoints(tmp_path / "other"), "there was nothing new to save"


def test_older_checkpoints_keep_weights_but_no_state(tmp_path):
    loop.run(Toy(), make_settings(epochs=4, keep_states=2), tmp_path)
    folders = list_checkpoints(tmp_path)
    assert [checkpoint.has(p, "state") for p in folders] == [False, False, True, True]
    for folder in folders:
        checkpoint.verify(folder)
        assert set(checkpoint.read(folder)) == {"w"}


def test_a_damaged_checkpoint_is_passed_over(tmp_path):
    loop.run(Toy(), make_settings(), tmp_path)
    torn = tmp_path / "000000016" / "state.safetensors"
    torn.write_bytes(torn.read_bytes()[:-1])
    assert find_newest_checkpoint(tmp_path).name == "000000008"
    with pytest.raises(CheckpointError, match=r"state\.safetensors"):
        loop.run(Toy(), make_settings(epochs=3), tmp_path, tmp_path / "000000016")


def test_two_processes_do_not_train_one_run(tmp_path):
    run = tmp_path / "run"
    assert loop.run(Toy(), make_settings(epochs=1), run, record={"process": 1}) == 0
    start = find_newest_checkpoint(run)
    with loop.lock_run(run):  # as another process has it
        with pytest.raises(CheckpointError, match=r"another process is training in .*run: wait") as caught:
            loop.run(Toy(), make_settings(), run, start, record={"process": 2})
        assert "\n" not in str(caught.value)
        assert loop.run(Toy(), make_settings(), tmp_path / "other", start) == 0
    assert json.loads((run / RUN_FILE).read_text()) == {"process": 1}
    assert [p.name for p in list_checkpoints(run)] == ["000000008"]
    assert loop.run(Toy(), make_settings(), run, start, record={"process": 3}) == 0
    assert json.loads((run / RUN_FILE).read_text()) == {"process": 3}


def test_a_run_that_was_continued_meanwhile_is_not_continued_from_before(tmp_path):
    loop.run(Toy(), make_settings(epochs=1), tmp_path)
    start = find_newest_checkpoint(tmp_path)
    loop.run(Toy(), make_settings(), tmp_path, start)
    weights = (tmp_path / "000000016" / "weights.safetensors").read_bytes()
    with pytest.raises(CheckpointError, match=r"newer checkpoint 000000016 by now"):
        loop.run(Toy(), make_settings(epochs=3, seed=1), tmp_path, start)
    assert (tmp_path / "000000016" / "weights.safetensors").read_bytes() == weights


def test_a_state_of_another_stage_is_refused(tmp_path):
    class Other(Toy):
        def init_state(self, seed):
            return {**super().init_state(seed), "more": np.zeros(2, np.float32)}

    loop.run(Toy(), make_settings(epochs=1), tmp_path)
    with pytest.raises(CheckpointError, match="'more'"):
        loop.run(Other(), make_settings(), tmp_path, find_newest_checkpoint(tmp_path))


def test_a_full_disk_is_one_line_and_keeps_what_was_there(tmp_path):
    code = f"""
        import resource, signal, sys
        sys.path.insert(0, {str(Path(__file__).parents[2])!r})
        import numpy as np
        from tests.training.test_loop import Toy, make_settings
        from pathlib import Path
        from musika import console
        from musika.checkpoint.locate import find_newest_checkpoint
        from musika.training import loop
        class Large(Toy):
            def export_weights(self, state):
                return {{"kind": "generator"}}, {{"weights": {{"w": np.zeros(2**19, np.float32)}}}}
        folder = Path({str(tmp_path)!r})
        loop.run(Toy(), make_settings(epochs=1), folder)
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (2**19, 2**19))
        start = find_newest_checkpoint(folder)
        sys.exit(console.run_guarded(lambda: loop.run(Large(), make_settings(), folder, start), False))
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    errors = [line for line in done.stderr.splitlines() if line.startswith("error")]
    assert len(errors) == 1 and "cannot be saved" in errors[0]
    assert [p.name for p in tmp_path.iterdir()] == ["000000008"]
    checkpoint.verify(tmp_path / "000000008")
