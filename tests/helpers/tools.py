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


def list_scripts() -> list[str]:
    """The modules of tools/ and benchmarks/ that can be run, such as `tools.vary_midi`."""
    paths = (path for folder in ("tools", "benchmarks") for path in sorted((ROOT / folder).rglob("*.py")))
    return [
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for path in paths
        if '__name__ == "__main__"' in path.read_text()
    ]
