"""Scripts of tools/ and benchmarks/ as processes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def run_module(module: str, *words: object) -> subprocess.CompletedProcess[str]:
    """`python -m MODULE WORDS` with its output."""
    return subprocess.run(
        [sys.executable, "-m", module, *map(str, words)], capture_output=True, text=True, timeout=300, cwd=ROOT
    )
