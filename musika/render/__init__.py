"""Music as a pure function of position: `load_model` makes a model, `model.piece(seed)` a piece that renders itself."""

from musika.render.composed import ComposedModel
from musika.render.computing import Computation, choose_computation
from musika.render.decoding import count_block_samples, decode_samples, prefetch
from musika.render.editor import EditorModel
from musika.render.finishing import Finish
from musika.render.generator import GENERATOR_SIZES, GeneratorModel, compile_generator
from musika.render.latents import CoordinateLatents, GroupedLatents, LatentSource
from musika.render.load import load_model
from musika.render.matching import check_codec, find_codec
from musika.render.performer import PerformerModel
from musika.render.piece import Model, Piece, detach
from musika.render.saving import save_blocks
from musika.render.sound import CachedSound, Sound, SoundEdit, apply_edits, read_in_blocks, read_padded
from musika.render.workers import Workers

__all__ = [
    "GENERATOR_SIZES",
    "CachedSound",
    "ComposedModel",
    "Computation",
    "CoordinateLatents",
    "EditorModel",
    "Finish",
    "GeneratorModel",
    "GroupedLatents",
    "LatentSource",
    "Model",
    "PerformerModel",
    "Piece",
    "Sound",
    "SoundEdit",
    "Workers",
    "apply_edits",
    "check_codec",
    "choose_computation",
    "compile_generator",
    "count_block_samples",
    "decode_samples",
    "detach",
    "find_codec",
    "load_model",
    "prefetch",
    "read_in_blocks",
    "read_padded",
    "save_blocks",
]
