"""What all tests share: quiet frameworks that leave a GPU alone, and where the music for testing lies."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import hypothesis
import pytest

# before any framework is imported: tests compare numbers of the processor, and several may run beside each other
os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
os.environ["JAX_PLATFORMS"] = "cpu"
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
# most programs run a few times: compiling them well takes longer than running them badly
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0")

# tests interrupt processes, which inherit signals that are ignored: by nohup, or by a shell in the background
for number, usual in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
    if signal.getsignal(number) == signal.SIG_IGN:
        signal.signal(number, usual)

hypothesis.settings.register_profile("untimed", deadline=None)  # a busy machine is no failure
hypothesis.settings.load_profile("untimed")

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # `tests.helpers`: also when pytest is started elsewhere


@pytest.fixture(scope="session")
def songs() -> list[Path]:
    """Real audio files: those of `../shared/audio/songs` where they exist, else the small ones of the repository."""
    shared = ROOT.parent / "shared" / "audio" / "songs"
    folder = shared if shared.is_dir() else ROOT / "tests" / "data"
    return sorted(path for path in folder.iterdir() if path.suffix in (".wav", ".flac", ".ogg", ".mp3"))


@pytest.fixture(scope="session")
def shipped(tmp_path_factory) -> Path:
    """`ae` and `open`: a tiny codec and a tiny generator for it."""
    from tests.helpers import tiny  # here and below, as this file is read before any framework may be

    folder = tmp_path_factory.mktemp("shipped")
    tiny.write_checkpoints(folder)
    return folder


@pytest.fixture(scope="session")
def latents(shipped, tmp_path_factory) -> Path:
    from musika.codec.load import load_codec
    from tests.helpers.train_runs import write_latents

    return write_latents(tmp_path_factory.mktemp("latents"), load_codec(shipped / "ae").identity)


@pytest.fixture(scope="session")
def trained(shipped, latents, tmp_path_factory) -> Path:
    """A run of two steps: a tiny generator's."""
    from musika.cli import train
    from tests.helpers.train_runs import only_run, options

    save = tmp_path_factory.mktemp("trained")
    assert train.run(options(shipped, latents, save)) == 0
    return only_run(save)
