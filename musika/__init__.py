"""Music without end, from a model that a musician can train.

model = musika.load("checkpoints/open")
piece = model.piece(seed=7)
piece.save("seven.wav", seconds=60)
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from musika.api import load, load_codec
    from musika.codec.base import Codec
    from musika.config import MusicalSettings
    from musika.listening import describe_recording, follow_harmony, read_melody
    from musika.render import Model, Piece
    from musika.words import read_prompt

__version__ = "0.1.0"
__all__ = [
    "Codec",
    "Model",
    "MusicalSettings",
    "Piece",
    "describe_recording",
    "follow_harmony",
    "load",
    "load_codec",
    "read_melody",
    "read_prompt",
]

# each name is imported when it is used, so that `import musika` and `--help` answer at once
_HOMES = {
    "Codec": "musika.codec.base",
    "Model": "musika.render",
    "MusicalSettings": "musika.config",
    "Piece": "musika.render",
    "describe_recording": "musika.listening",
    "follow_harmony": "musika.listening",
    "load": "musika.api",
    "load_codec": "musika.api",
    "read_melody": "musika.listening",
    "read_prompt": "musika.words",
}


def __getattr__(name: str) -> Any:
    if name == "edit":  # a package, whose functions are called by its name: `musika.edit.fill`
        return importlib.import_module("musika.edit")
    if name not in _HOMES:
        raise AttributeError(f"module 'musika' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES, "edit"])
