"""What a person asks of composed music on the command line: settings, words, a melody, recordings to follow.

Settings that are written as flags win. Then come the chords and beat of `--harmony_of`, the melody's own tempo and key,
the words of `--prompt`, and what `--like_audio` sounds like.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np

from musika.cli.options import GenerateOptions
from musika.config import MusicalSettings
from musika.config.fields import get_fields
from musika.config.musical import read_curve
from musika.errors import UsageError
from musika.files import format_path
from musika.render import ComposedModel, Model
from musika.score import Score
from musika.words import describe_meaning, find_folder, load_encoder, read_prompt
from musika.words.meaning import describe_setting

MOST_OUTSIDE = 0.3  # of a melody's time; more outside a key is another key
LONGEST_LINE = 160  # characters of a setting in a line for a person


@dataclasses.dataclass(frozen=True)
class Steering:
    """What is asked of composed music.

    Attributes:
        settings: musical settings.
        melody: a given highest voice; None for none.
        lines: what was understood, for a person.
    """

    settings: MusicalSettings = dataclasses.field(default_factory=MusicalSettings)
    melody: Score | None = None
    lines: tuple[str, ...] = ()

    def get_arguments(self) -> dict[str, Any]:
        """Arguments of `model.piece`."""
        melody = {} if self.melody is None else {"melody": self.melody}
        return {**self.settings.get_given(), **melody}

    @property
    def is_empty(self) -> bool:
        """Whether nothing is asked for."""
        return self.melody is None and not self.settings.get_given()


def read_steering(options: GenerateOptions) -> Steering:
    """What the flags ask for.

    Raises:
        ConfigError: a setting that means nothing, or settings that cannot be met together.
        UsageError: flags that contradict each other, or a prompt in which nothing is understood.
        AudioError, ScoreError: a file that cannot be followed.
    """
    lines: list[str] = []
    settings = MusicalSettings(**{name: _read_text(getattr(options, name)) for name in get_fields(MusicalSettings)})
    if settings.chords and options.harmony_of is not None:
        raise UsageError("--chords and --harmony_of both say the chords: leave out one")
    if options.harmony_of is not None:
        from musika.listening import follow_harmony

        heard = follow_harmony(options.harmony_of)
        lines.append(f"harmony of {format_path(options.harmony_of.name)}: {_describe(heard)}")
        settings = settings.merge(heard)
    melody = None
    if options.melody is not None:
        from musika.listening import describe_melody, read_melody

        melody = read_melody(options.melody)
        own = describe_melody(melody)
        lines.append(f"melody of {format_path(options.melody.name)}: {len(melody.notes)} notes, {_describe(own)}")
        _check_melody(melody, settings, own)
        settings = settings.merge(own)
    if options.prompt is not None:
        meaning = read_prompt(options.prompt, load_encoder() if find_folder() is not None else None)
        lines += describe_meaning(meaning)
        settings = settings.merge(meaning.settings)
    if options.like_audio is not None:
        from musika.listening import describe_recording

        meaning = describe_recording(options.like_audio)
        lines.append(f"like {format_path(options.like_audio.name)}: {meaning}")
        settings = settings.merge(meaning.settings)
    return Steering(settings, melody, tuple(lines))


def _check_melody(melody: Score, asked: MusicalSettings, own: MusicalSettings) -> None:
    """Checks that a melody, which keeps its notes, fits the key that is asked for.

    Raises:
        UsageError: it does not.
    """
    if asked.key_value is None or not asked.key_value.is_constant:
        return
    key, notes = asked.key_value.values[0], melody.notes
    lengths = notes.releases - notes.onsets
    outside = ~np.isin(notes.pitches % 12, list(key.usual_notes))
    if lengths[outside].sum() > MOST_OUTSIDE * lengths.sum():
        raise UsageError(
            f"the melody, which keeps its notes, is in {own.key}: --key {key} cannot be met, leave it out", about="key"
        )


def _read_text(text: str) -> str:
    """The text of a setting; that of a curve's file where a CSV file is named.

    Raises:
        ConfigError: the file is no curve.
    """
    return read_curve(Path(text)) if text.lower().endswith(".csv") else text


def _describe(settings: MusicalSettings) -> str:
    """Settings in words, long ones cut."""
    parts = [describe_setting(name, text) for name, text in settings.get_given().items()]
    return ", ".join(part if len(part) <= LONGEST_LINE else f"{part[: LONGEST_LINE - 3]}..." for part in parts)


def fit_to_model(steering: Steering, model: Model, options: GenerateOptions) -> Steering:
    """The same, without instruments that words ask for and the model does not play; a line says so.

    Raises:
        UsageError: the model writes no notes, so it cannot follow; or it does not play what `--instruments` names.
    """
    if not isinstance(model, ComposedModel):
        if steering.is_empty:
            return steering
        asked = [*steering.settings.get_given(), *(["melody"] if steering.melody is not None else [])]
        raise UsageError(
            f"{model.name} writes no notes, so it cannot follow what is asked of them ({', '.join(asked)}): "
            "choose a checkpoint with a composer",
            about="generator",
        )
    try:
        model.check_instruments(steering.settings.instruments_value)
    except UsageError as error:
        if options.instruments:
            raise
        settings = dataclasses.replace(steering.settings, instruments="")
        return Steering(settings, steering.melody, (*steering.lines, f"{error}: this is left out"))
    return steering
