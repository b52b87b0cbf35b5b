"""Measuring one of several parts in a process of its own: rendering computes with other threads than the rest."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any


def measure_apart(module: str, part: str) -> list[dict[str, Any]]:
    """The rows of one part of a benchmark, which has the flags of this process, `--parts` and `--json`."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "rows.json"  # flags that come later count
        words = [sys.executable, "-m", module, *sys.argv[1:], "--parts", part, "--json", str(target)]
        subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
        rows: list[dict[str, Any]] = json.loads(target.read_text())["rows"]
    return rows
