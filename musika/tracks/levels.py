"""How loud rendered pairs are for their notes, from the manifest beside them."""

from __future__ import annotations

import json
from pathlib import Path

from musika.errors import ScoreError
from musika.files import format_path

MANIFEST = "manifest.json"


def read_levels(folder: Path) -> dict[str, float]:
    """The level in dB of each MIDI file of a folder that `tools.data.render_pairs` wrote; none without a manifest.

    Names are paths below the folder without ending, such as `FluidR3_GM/waltz`.

    Raises:
        ScoreError: the manifest cannot be read.
    """
    path = folder / MANIFEST
    if not path.is_file():
        return {}
    try:
        pairs = json.loads(path.read_text("utf-8"))["pairs"]
        return {str(name): float(pair["level"]) for name, pair in pairs.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ScoreError(f"{format_path(path)} cannot be read: render its pairs again, or remove it") from error
