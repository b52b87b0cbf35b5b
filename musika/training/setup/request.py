"""What a person asks of a training."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any


@dataclasses.dataclass(frozen=True)
class TrainingRequest:
    """What is to be trained, on what, starting from what. Nothing is resolved yet.

    Attributes:
        stage: "gan", "codec", "performer", "edit" or "composer".
        data_path: folder of latents for a generator, a performer or an editor, of audio files for a codec, of MIDI
            files for a composer.
        load_path: checkpoint or run to resume or to fine-tune; None trains from scratch.
        codec_path: folder of the codec that made the latents; None takes the run's, or `checkpoints/ae`.
        valid_path: folder to measure on; None takes the run's, or part of what is trained on.
        midi_path: folder of MIDI files for a performer, named as the recordings; None takes the run's, or
            looks in `data_path`.
        save_path: folder that the run is written to.
        settings: sizes of the networks and hyperparameters by the names of their fields in `musika.config`; all others
            are those of the run that is resumed, or the defaults.
        codec_sizes: sizes of a published codec by the names of their flags, for weights that do not say them.
        chunk_length: latents in a chunk that `latents.json` must agree with; None does not ask.
        fresh_optimizers: fine-tune the weights even where the run could be resumed.
        minutes: stop after that long; 0 is never.
        mixed_precision: "auto", "True" or "False".
        xla: "auto", "True" or "False".
    """

    stage: str
    data_path: Path
    load_path: Path | None = None
    codec_path: Path | None = None
    valid_path: Path | None = None
    midi_path: Path | None = None
    save_path: Path = Path("checkpoints")
    settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    codec_sizes: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    chunk_length: int | None = None
    fresh_optimizers: bool = False
    minutes: float = 0.0
    mixed_precision: str = "auto"
    xla: str = "auto"
