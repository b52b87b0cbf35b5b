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
    "MusicalSettings",
