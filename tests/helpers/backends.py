"""The same code on both backends, each in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


def run_on_both_backends(code: str) -> tuple[Any, Any]:
    """What `code` prints on its last line as JSON, on TensorFlow and on JAX; the test is skipped without JAX."""
    results = []
    for name in ("tensorflow", "jax"):
        pytest.importorskip(name)
        environment = {**os.environ, "KERAS_BACKEND": name, "TF_CPP_MIN_LOG_LEVEL": "3", "JAX_PLATFORMS": "cpu"}
        environment["PYTHONPATH"] = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
        command = [sys.executable, "-c", textwrap.dedent(code)]
        process = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
        assert process.returncode == 0, process.stderr
        results.append(json.loads(process.stdout.splitlines()[-1]))
    return results[0], results[1]
