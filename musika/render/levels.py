"""How loud a checkpoint plays: the output gain that it records."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from musika.checkpoint import CONFIG
from musika.errors import CheckpointError
from musika.files import format_path

LOUDNESS, OUTPUT_GAIN = "loudness", "output_gain"  # fields of `config.json`: LUFS before the gain, and the gain
MAX_GAIN = 100.0


def parse_output_gain(folder: Path, info: Mapping[str, Any]) -> float:
    """The factor on all samples of a checkpoint, 1 where it records none.

    Args:
        folder: the checkpoint's, for errors.
        info: what its `config.json` says.

    Raises:
        CheckpointError: it is not a number that can be.
    """
    gain = info.get(OUTPUT_GAIN, 1.0)
    if isinstance(gain, bool) or not isinstance(gain, (int, float)) or not 0 < gain <= MAX_GAIN:
        raise CheckpointError(
            f"{format_path(folder / CONFIG)}: {OUTPUT_GAIN} {gain!r} is not a number in 0..{MAX_GAIN:g}"
        )
    return float(gain)
