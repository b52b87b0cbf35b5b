"""Every size and hyperparameter, as frozen dataclasses. Standard library only."""

from musika.config.codec import (
    ADDED_PHASES,
    ANY_PUBLISHED,
    SAMPLE_RATE,
    TUNED_BINS,
    CodecConfig,
    PublishedCodecConfig,
    same_codec,
)
from musika.config.fields import Config, require
from musika.config.generator import LOCAL_FIELDS, GeneratorConfig
from musika.config.musical import MusicalSettings
from musika.config.performer import PerformerConfig
from musika.config.rendering import GeneratorSettings, PerformerSettings
from musika.config.training import (
    TRAIN_CONFIGS,
    CodecTrainConfig,
    GanTrainConfig,
    PerformerTrainConfig,
    TrainConfig,
)

__all__ = [
    "ADDED_PHASES",
    "ANY_PUBLISHED",
    "LOCAL_FIELDS",
    "SAMPLE_RATE",
    "TRAIN_CONFIGS",
    "TUNED_BINS",
    "CodecConfig",
    "CodecTrainConfig",
    "Config",
    "GanTrainConfig",
    "GeneratorConfig",
    "GeneratorSettings",
    "MusicalSettings",
    "PerformerConfig",
    "PerformerSettings",
    "PerformerTrainConfig",
    "PublishedCodecConfig",
    "TrainConfig",
    "require",
    "same_codec",
]
