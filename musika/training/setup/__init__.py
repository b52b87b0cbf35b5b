"""From what a person asks for to a training that is ready to run.

`prepare_training(TrainingRequest(...))` resolves paths, the checkpoint to start from, sizes and hyperparameters once;
`run_training` runs the result. The command line is one caller, Python another:

    from musika.training.setup import TrainingRequest, prepare_training, run_training

    request = TrainingRequest("gan", Path("encoded"), settings={"small": True, "lr": 2e-4}, minutes=30)
    run_training(prepare_training(request))
"""

from __future__ import annotations

from musika.config import TRAIN_CONFIGS
from musika.errors import UsageError
from musika.training.setup.prepared import PreparedTraining, run_training
from musika.training.setup.request import TrainingRequest

__all__ = ["PreparedTraining", "TrainingRequest", "prepare_training", "run_training"]


def prepare_training(request: TrainingRequest) -> PreparedTraining:
    """A training that is ready to run. What cannot work is refused before networks are built.

    Raises:
        MusikaError: data, a checkpoint or settings that cannot be used.
    """
    if request.stage == "gan":
        from musika.training.setup.generator import prepare_generator

        return prepare_generator(request)
    if request.stage == "codec":
        from musika.training.setup.codec import prepare_codec

        return prepare_codec(request)
    if request.stage == "performer":
        from musika.training.setup.performer import prepare_performer

        return prepare_performer(request)
    if request.stage == "edit":
        from musika.training.setup.edit import prepare_edit

        return prepare_edit(request)
    if request.stage == "composer":
        from musika.training.setup.composer import prepare_composer

        return prepare_composer(request)
    raise UsageError(f"there is no stage {request.stage!r}: it is one of {', '.join(TRAIN_CONFIGS)}")
