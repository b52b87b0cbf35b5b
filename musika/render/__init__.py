"""Music as a pure function of position: `load_model` makes a model, `render` and `stream` play it."""

from musika.render.model import GENERATOR_SIZES, Model, check_codec, compile_generator, find_codec, load_model
from musika.render.piece import (
    TRUNCATION,
    block_samples,
    clipped_share,
    prefetch,
    render,
    render_samples,
    stream,
    stream_samples,
)

__all__ = [
    "GENERATOR_SIZES",
    "TRUNCATION",
    "Model",
    "block_samples",
    "check_codec",
    "clipped_share",
    "compile_generator",
    "find_codec",
    "load_model",
    "prefetch",
    "render",
    "render_samples",
    "stream",
    "stream_samples",
]
