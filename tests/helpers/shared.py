"""Music and scripts of `../shared`, which are not part of the repository: tests that need them skip without."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from musika import audio

FOLDER = Path(__file__).resolve().parents[3] / "shared"

needs_shared = pytest.mark.skipif(not FOLDER.is_dir(), reason="needs ../shared")


def read_excerpt(name: str, first: int, last: int) -> np.ndarray:
    """Samples first ... last of a piece of the validation music, `[N, 2]`."""
    return audio.read(FOLDER / "audio" / "valid" / f"{name}.ogg")[first:last]


def load_reconstruction_script() -> ModuleType:
    """The script that defines the figures of the project's targets."""
    spec = importlib.util.spec_from_file_location("reconstruction_figures", FOLDER / "reconstruction.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
