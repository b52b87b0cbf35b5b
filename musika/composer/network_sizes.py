"""What the composer's network and its computation note by note have in common."""

from __future__ import annotations

import numpy as np

from musika.composer.vocabulary import CONDITIONS, FIELDS, PITCHES, PLACES
from musika.config import ComposerConfig

FIELD_NAMES = tuple(FIELDS)
# number of values of each feature of a step: the fields of its note, each with one more value for the step before the
# first note, and the note's pitch (`sections.get_pitch_feature`; its octaves go a little beyond a piano's keys)
STEP_FEATURES = (*(size + 1 for size in FIELDS.values()), PITCHES + 12)
PLACE_FEATURES = tuple(PLACES.values())
CONDITION_FEATURES = tuple(CONDITIONS.values())
INPUT_FEATURES = STEP_FEATURES + PLACE_FEATURES + CONDITION_FEATURES
EPSILON = 1e-6  # added to the mean square in RMS normalisation


def compute_slopes(heads: int) -> np.ndarray:
    """What each head's score loses with each step of distance, float32 `[heads]`; 0 for every second head.

    As in ALiBi (`network.py`) they form a geometric sequence, here from 1/2 down to 1/128.
    """
    near = (heads + 1) // 2
    slopes = np.zeros(heads, np.float32)
    slopes[::2] = 2.0 ** (-1.0 - 6.0 * np.arange(near) / max(near - 1, 1))
    return slopes


def list_shapes(config: ComposerConfig) -> dict[str, tuple[int, ...]]:
    """Names and shapes of the network's weights."""
    width, head = config.width, config.head_width
    shapes: dict[str, tuple[int, ...]] = {"embedding/kernel": (sum(INPUT_FEATURES), width)}
    for n in range(config.layers):
        block = {
            "attention_norm/scale": (width,),
            "query_key_value/kernel": (width, 3 * width),
            "merge/kernel": (width, width),
            "merge/bias": (width,),
            "dense_norm/scale": (width,),
            "widen/kernel": (width, 4 * width),
            "widen/bias": (4 * width,),
            "narrow/kernel": (4 * width, width),
            "narrow/bias": (width,),
        }
        shapes |= {f"block_{n}/{name}": shape for name, shape in block.items()}
    shapes["final_norm/scale"] = (width,)
    for field, size in FIELDS.items():
        parts = {"norm/scale": (width,), "hidden/kernel": (width, head), "hidden/bias": (head,)}
        parts |= {"out/kernel": (head, size), "out/bias": (size,)}
        shapes |= {f"head_{field}/{name}": shape for name, shape in parts.items()}
    for number, field in enumerate(FIELD_NAMES[:-1]):
        size = FIELDS[field] + (sum(PLACE_FEATURES) if number == 0 else 0)
        shapes[f"known_{field}/kernel"] = (size, width)
    return shapes
