"""Which files a checkpoint consists of, as one short hash: two folders of the same hash render the same music."""

from __future__ import annotations

import hashlib
from pathlib import Path

from musika.checkpoint.folder import CONFIG, SUFFIX
from musika.errors import CheckpointError
from musika.files import describe_error

WEIGHTS = f"weights{SUFFIX}"
DIGITS = 16


def hash_files(folder: Path) -> str:
    """A hash of what rendering reads: `config.json` and weights, those of sub-folders included.

    Cards, critics and manifests do not count. Of a folder of the original Musika, all `.h5` files count.

    Raises:
        CheckpointError: a file cannot be read.
    """
    paths = [path for path in folder.rglob("*") if path.name in (CONFIG, WEIGHTS) or path.suffix == ".h5"]
    total = hashlib.sha256()
    for path in sorted(paths):
        try:
            with open(path, "rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise CheckpointError(f"{path} cannot be read: {describe_error(error)}") from error
        total.update(f"{path.relative_to(folder).as_posix()} {digest}\n".encode())
    return total.hexdigest()[:DIGITS]
