"""Every size and hyperparameter, as frozen dataclasses. Standard library only."""

from musika.config.codec import (
    ADDED_PHASES,
    ANY_PUBLISHED,
    SAMPLE_RATE,
    TUNED_BINS,
    CodecConfig,
    PublishedCodecConfig,
    is_same_codec,
)
from musika.config.composer import ComposerConfig
from musika.config.editing import (
    EDITS,
    Blend,
    Continue,
    Edit,
    Fill,
    Spans,
    Vary,
    check_spans,
    describe_edit,
    format_span,
    parse_edit,
)
from musika.config.editor import EditorConfig
from musika.config.fields import MAX_SEED, Config, require
from musika.config.generator import LOCAL_FIELDS, GeneratorConfig
from musika.config.musical import MusicalSettings
from musika.config.performer import PerformerConfig
from musika.config.rendering import TRUNCATION, ComposedSettings, GeneratorSettings, PerformerSettings
from musika.config.training import (
    TRAIN_CONFIGS,
    CodecTrainConfig,
    ComposerTrainConfig,
    EditTrainConfig,
    GanTrainConfig,
    PerformerTrainConfig,
    TrainConfig,
)

__all__ = [
    "ADDED_PHASES",
    "ANY_PUBLISHED",
    "EDITS",
    "LOCAL_FIELDS",
    "MAX_SEED",
    "SAMPLE_RATE",
    "TRAIN_CONFIGS",
    "TRUNCATION",
    "TUNED_BINS",
    "Blend",
    "CodecConfig",
    "CodecTrainConfig",
    "ComposedSettings",
    "ComposerConfig",
    "ComposerTrainConfig",
    "Config",
    "Continue",
    "Edit",
    "EditTrainConfig",
    "EditorConfig",
    "Fill",
    "GanTrainConfig",
    "GeneratorConfig",
    "GeneratorSettings",
    "MusicalSettings",
    "PerformerConfig",
    "PerformerSettings",
    "PerformerTrainConfig",
    "PublishedCodecConfig",
    "Spans",
    "TrainConfig",
    "Vary",
    "check_spans",
    "describe_edit",
    "format_span",
    "is_same_codec",
    "parse_edit",
    "require",
]
