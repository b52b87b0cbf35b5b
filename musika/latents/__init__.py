"""Latents on the disk: single files, folders with their index, and windows to train on."""

from musika.latents.file import (
    REFUSE_BEYOND,
    WARN_BEYOND,
    BadValues,
    LatentsFile,
    LatentsWriter,
    check_values,
    find_latents,
    open_latents,
)
from musika.latents.folder import BadName, LatentsFolder, TooShort, hash_folder
from musika.latents.index import INDEX, Index, LatentsSettings, Source, read_index
from musika.latents.windows import (
    Statistics,
    TrainingSet,
    check_identity,
    find_common_identity,
    find_indexes,
    open_training_set,
)

__all__ = [
    "INDEX",
    "REFUSE_BEYOND",
    "WARN_BEYOND",
    "BadName",
    "BadValues",
    "Index",
    "LatentsFile",
    "LatentsFolder",
    "LatentsSettings",
    "LatentsWriter",
    "Source",
    "Statistics",
    "TooShort",
    "TrainingSet",
    "check_identity",
    "check_values",
    "find_common_identity",
    "find_indexes",
    "find_latents",
    "hash_folder",
    "open_latents",
    "open_training_set",
    "read_index",
]
