"""What instruments can play: the range of each family, and which ones sound on while a key is held."""

from __future__ import annotations

from musika.tracks import DRUMS

# lowest and highest key of a family; most instruments are asked for a little more than they play
RANGES: dict[str, tuple[int, int]] = {
    "piano": (21, 108),
    "mallets": (40, 103),
    "organ": (33, 96),
    "guitar": (36, 91),
    "bass": (24, 67),
    "strings": (28, 100),
    "choir": (36, 86),
    "brass": (31, 86),
    "winds": (36, 100),
    "synthesiser": (28, 103),
    DRUMS: (35, 81),
}
HELD = {"organ", "strings", "choir", "brass", "winds", "synthesiser"}  # families whose notes sound on while held
