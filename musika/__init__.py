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
    from musika.render import Model, Piece

__version__ = "0.1.0"
__all__ = ["Codec", "Model", "Piece", "load", "load_codec"]

# each name is imported when it is used, so that `import musika` and `--help` answer at once
_HOMES = {
    "Codec": "musika.codec.base",
    "Model": "musika.render",
    "Piece": "musika.render",
    "load": "musika.api",
    "load_codec": "musika.api",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'musika' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
