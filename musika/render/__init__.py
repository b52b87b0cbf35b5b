"""Music as a pure function of position: `load_model` makes a model, `model.piece(seed)` a piece that renders itself."""

from musika.render.decoding import count_block_samples, prefetch
from musika.render.generator import GENERATOR_SIZES, GeneratorModel, compile_generator
from musika.render.latents import CoordinateLatents, GroupedLatents, LatentSource
from musika.render.load import load_model
from musika.render.matching import check_codec, find_codec
from musika.render.performer import PerformerModel
from musika.render.piece import Model, Piece, measure_clipping

__all__ = [
    "GENERATOR_SIZES",
    "CoordinateLatents",
    "GeneratorModel",
    "GroupedLatents",
    "LatentSource",
    "Model",
    "PerformerModel",
    "Piece",
    "check_codec",
    "compile_generator",
    "count_block_samples",
    "find_codec",
    "load_model",
    "measure_clipping",
    "prefetch",
]
