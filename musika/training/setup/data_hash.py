"""Short hashes of what a run is trained on: a run is resumed with its own data."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from musika.latents import LatentsFile


def hash_lines(lines: Iterable[str]) -> str:
    """A short hash of lines in any order: 16 hexadecimal digits."""
    return hashlib.sha256("\n".join(sorted(lines)).encode(errors="surrogatepass")).hexdigest()[:16]


def hash_latents(files: Iterable[LatentsFile], folder: Path) -> str:
    """A short hash of which latents these are, by paths in their folder and lengths."""
    return hash_lines(f"{file.path.relative_to(folder).as_posix()} {file.length}" for file in files)
