"""Music as a pure function of position: `load_model` makes a model, `render` and `stream` play it."""

from musika.render.model import GENERATOR_SIZES, Model, check_codec, compiled, find_codec, load_model
from musika.render.piece import (
    TRUNCATION,
    ahead,
    block_samples,
    clipped_share,
    render,
    render_samples,
    stream,
    stream_samples,
)

__all__ = [
    "GENERATOR_SIZES",
    "TRUNCATION",
    "Model",
    "ahead",
    "block_samples",
    "check_codec",
    "clipped_share",
    "compiled",
    "find_codec",
    "load_model",
    "render",
    "render_samples",
    "stream",
    "stream_samples",
]
