"""What a front end has to know, as plain values for JSON: settings of a model's pieces, notes of a score."""

from __future__ import annotations

import dataclasses
from typing import Any

from musika.config.fields import get_fields, get_limits
from musika.render import Model, PerformerModel
from musika.score import Score
from musika.tracks import DRUMS, list_programs


def describe_model(model: Model) -> dict[str, Any]:
    """A model: its name, its sample rate, whether its pieces have scores and loops, its instruments, and settings."""
    has_score = type(model).make_score is not Model.make_score
    return {
        "name": model.name,
        "sample_rate": model.sample_rate,
        "has_score": has_score,
        "has_loop": model.loop_step > 0,
        "instruments": list_instruments(model) if isinstance(model, PerformerModel) else [],
        "settings": [_describe_setting(model, field) for field in get_fields(model.settings_kind).values()],
    }


def list_instruments(model: PerformerModel) -> list[dict[str, Any]]:
    """The families of instruments that a performer plays: name, a program of General MIDI, whether it is drums."""
    names = [name.removeprefix("notes/") for name in model.config.tracks if name.startswith("notes/")]
    families = ["piano"] if "notes" in model.config.tracks else names
    return [
        {"name": name, "program": 0 if name == DRUMS else list_programs(name)[0], "drum": name == DRUMS}
        for name in families
    ]


def _describe_setting(model: Model, field: dataclasses.Field[Any]) -> dict[str, Any]:
    """A setting: name, type, default, help, unit, limits; and the names of its values where they are numbered."""
    choices = []
    if field.name == "style" and isinstance(model, PerformerModel):
        choices = ["chosen by the seed", *model.style_names]
    return {
        "name": field.name,
        "type": type(field.default).__name__,
        "default": field.default,
        "help": field.metadata["help"],
        "unit": field.metadata["unit"],
        "limits": get_limits(field),
        "choices": choices,
    }


def describe_score(score: Score, start: float) -> dict[str, Any]:
    """The notes of a part of a piece, by column; times are seconds from the beginning of the piece.

    Args:
        score: from second 0 on.
        start: where the part begins in the piece, in seconds.
    """
    notes = score.notes
    return {
        "start": start,
        "onsets": (notes.onsets + start).round(4).tolist(),
        "releases": (notes.releases + start).round(4).tolist(),
        "pitches": notes.pitches.tolist(),
        "velocities": notes.velocities.tolist(),
        "programs": notes.programs.tolist(),
        "drums": notes.is_drum.tolist(),
    }
