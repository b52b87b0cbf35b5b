"""Sound to standard output: what happens where it takes no more."""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from musika import console
from musika.cli import output
from musika.errors import AudioError

FULL = Path("/dev/full")


@pytest.mark.skipif(not FULL.exists(), reason="there is no /dev/full")
@pytest.mark.parametrize("form", ["raw", "wav", "mp3"])
def test_a_full_disk_behind_standard_output_is_one_line(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    @contextlib.contextmanager
    def open_full() -> Iterator[io.FileIO]:
        with open(os.open(FULL, os.O_WRONLY), "wb", buffering=0) as file:
            yield file

    monkeypatch.setattr(console, "take_stdout", open_full)
    blocks = (np.zeros((44_100, 2), np.float32) for _ in range(3))
    with pytest.raises(AudioError, match="standard output cannot be written to: no space left on device"):
        output.send(lambda: (44_100, blocks), form)
