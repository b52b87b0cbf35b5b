"""The precision that networks are trained in where losses are not scaled."""

from __future__ import annotations

from musika import console
from musika.training.setup.request import TrainingRequest


def choose_precision(request: TrainingRequest) -> str:
    """A Keras dtype policy: what is asked for, but float32 instead of float16, which would need loss scaling."""
    from musika import backend

    policy: str = backend.choose_precision(request.mixed_precision)
    if policy != "mixed_float16":
        return policy
    console.say("this device has no bfloat16, and float16 is too coarse for this training: float32 is used")
    return "float32"
