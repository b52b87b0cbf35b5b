"""A training that is ready to run, and running it."""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from musika import console
from musika.checkpoint import locate
from musika.config import TrainConfig
from musika.training import loop
from musika.training.setup.origin import Origin
from musika.training.setup.preview_codec import PreviewCodec
from musika.training.setup.request import TrainingRequest
from musika.training.stages.protocol import Log, Stage

MOST_THREADS = 8


@dataclasses.dataclass(frozen=True)
class PreparedTraining:
    """Everything that the loop needs.

    Attributes:
        stage: what is trained.
        train: its hyperparameters.
        settings: settings of the loop.
        folder: folder of the run, made when the training starts.
        resume_from: the checkpoint to resume; None starts a run.
        codec_path: folder of the codec that plays the samples of a generator; None where there is none.
        record: what `run.json` says.
    """

    stage: Stage
    train: TrainConfig
    settings: loop.LoopSettings
    folder: Path
    resume_from: Path | None
    codec_path: Path | None
    record: Mapping[str, Any]


def finish_preparation(
    request: TrainingRequest,
    stage: Any,
    train: TrainConfig,
    resume_from: Origin | None,
    codec: PreviewCodec | None = None,
    valid_path: Path | None = None,
    midi_path: Path | None = None,
) -> PreparedTraining:
    """What all stages have in common: the loop's settings, the run's folder and its record.

    Args:
        resume_from: the checkpoint to resume; None starts a run.
        codec: that plays the samples, for stages that have one; it counts if the stage has loaded it.
        valid_path: of what is measured.
        midi_path: of the scores.
    """
    codec_path = codec.path if codec is not None and stage.codec is not None else None
    settings = loop.LoopSettings(
        bs=train.bs,
        totsamples=train.totsamples,
        epochs=train.epochs,
        save_every=train.save_every,
        seed=train.seed,
        minutes=request.minutes,
        threads=_count_threads(),
        notes={"settings": train.to_dict()},
    )
    paths = {"data_path": request.data_path, "load_path": request.load_path, "codec_path": codec_path}
    paths |= {"valid_path": valid_path, "midi_path": midi_path}
    record = {
        "stage": request.stage,
        "paths": {name: None if path is None else str(path) for name, path in paths.items()},
        "config": stage.config.to_dict(),
        "train": train.to_dict(),
    }
    folder = _choose_run_folder(request, resume_from)
    checkpoint = None if resume_from is None else resume_from.folder
    return PreparedTraining(stage, train, settings, folder, checkpoint, codec_path, record)


def run_training(
    prepared: PreparedTraining, log: Log | None = None, on_checkpoint: Callable[[Path], None] | None = None
) -> int:
    """Runs a training; 0 when it is over, 130 when it was interrupted.

    Args:
        log: takes scalars and examples.
        on_checkpoint: called with each new checkpoint's folder while training goes on.

    Raises:
        MusikaError: as `loop.run`.
    """
    return loop.run(
        prepared.stage,
        prepared.settings,
        prepared.folder,
        load_path=prepared.resume_from,
        log=log,
        on_checkpoint=on_checkpoint,
        record=prepared.record,
    )


def _count_threads() -> int:
    """Threads that prepare batches: an accelerator waits for a single one, a processor has its cores to share."""
    from musika import backend

    return min(MOST_THREADS, max(1, (os.cpu_count() or 1) - 1)) if backend.has_accelerator() else 1


def _choose_run_folder(request: TrainingRequest, resume_from: Origin | None) -> Path:
    """A run that is resumed from its newest checkpoint stays in its folder; every other one gets a new folder."""
    if resume_from is not None:
        folder = resume_from.folder.resolve().parent
        within = folder.parent == request.save_path.resolve()
        if within and locate.list_checkpoints(folder)[-1:] == [resume_from.folder.resolve()]:
            return request.save_path / folder.name
    name = f"{request.stage}-{time.strftime('%Y-%m-%d-%H%M%S')}"
    choices = [request.save_path / name, *(request.save_path / f"{name}-{n}" for n in range(2, 100))]
    folder = next(folder for folder in choices if not folder.exists())
    console.say(f"run: {folder}")
    return folder
