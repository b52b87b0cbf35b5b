"""Music as a pure function of position: `load_model` makes a model, `render` and `stream` play it."""

from musika.render.model import GENERATOR_SIZES, Model, check_codec, compile_generator, find_codec, load_model
from musika.render.piece import (
    TRUNCATION,
    count_block_samples,
    measure_clipping,
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
    "check_codec",
    "compile_generator",
    "count_block_samples",
    "find_codec",
    "load_model",
    "measure_clipping",
    "prefetch",
    "render",
    "render_samples",
    "stream",
    "stream_samples",
]
