"""`musika_generate.py` as a process of its own, for the benchmarks that measure all of it."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def add_checkpoint_flags(parser: argparse.ArgumentParser) -> None:
    """Adds the flags that name generator and codec."""
    parser.add_argument("--load_path", default="checkpoints/open", metavar="FOLDER", help="generator")
    parser.add_argument("--dec_path", metavar="FOLDER", help="codec; without it, the one that fits the generator")


def build_command(options: argparse.Namespace, seconds: float, target: Path) -> list[str]:
    """The words of a process that generates a piece of that length into a folder."""
    words = [sys.executable, str(ROOT / "musika_generate.py"), "--seed", "0", "--seconds", str(seconds)]
    words += ["--load_path", options.load_path, "--save_path", str(target)]
    return words + (["--dec_path", options.dec_path] if options.dec_path else [])
