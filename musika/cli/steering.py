"""What a person asks of composed music on the command line: settings, words, a melody, recordings to follow.

Settings that are written as flags win. Then come the chords and beat of `--harmony_of`, the melody's own tempo and key,
the words of `--prompt`, and what `--like_audio` sounds like. Flags, harmony and melody must be followed. Of words and
recordings, a model follows what it can, and a line says what is left out.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np

from musika import audio
from musika.checkpoint import locate
from musika.cli.options import GenerateOptions
from musika.config import MusicalSettings
from musika.config.fields import get_fields
from musika.config.musical import read_curve
from musika.errors import UsageError
from musika.files import format_path
from musika.render import ComposedModel, Model
from musika.score import Score
from musika.words import describe_meaning, find_folder, load_encoder, read_captions, read_prompt
from musika.words.meaning import describe_setting

MOST_OUTSIDE = 0.3  # of a melody's time; more outside a key is another key
LONGEST_STYLE = 60  # seconds of a recording that tell its style
LONGEST_LINE = 160  # characters of a setting in a line for a person


@dataclasses.dataclass(frozen=True)
class Steering:
    """What is asked of composed music, and the style of any music.

    Attributes:
        settings: musical settings.
        melody: a given highest voice; None for none.
        lines: what was understood, for a person.
        required: names of the settings that must be followed.
        style: number of the style (instrument, room, style seed) as the model counts them; None where it is left open.
        style_setting: name of the setting that chooses it, once the model is known.
    """

    settings: MusicalSettings = dataclasses.field(default_factory=MusicalSettings)
    melody: Score | None = None
    lines: tuple[str, ...] = ()
    required: frozenset[str] = frozenset()
    style: int | None = None
    style_setting: str = ""

    def get_arguments(self) -> dict[str, Any]:
        """Arguments of `model.piece`."""
        melody = {} if self.melody is None else {"melody": self.melody}
        style = {} if self.style is None else {self.style_setting: self.style}
        return {**self.settings.get_given(), **melody, **style}

    @property
    def is_empty(self) -> bool:
        """Whether nothing is asked for."""
        return self.melody is None and self.style is None and not self.settings.get_given()


def read_steering(options: GenerateOptions) -> Steering:
    """What the flags ask for.

    Raises:
        ConfigError: a setting that means nothing, or settings that cannot be met together.
        UsageError: flags that contradict each other, or a prompt in which nothing is understood.
        AudioError, ScoreError: a file that cannot be followed.
        CheckpointError: a prompt is read with the captions of a checkpoint that is missing or damaged.
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
    required = frozenset(settings.get_given())
    style = None
    if options.prompt is not None:
        captions = read_captions(locate.resolve_checkpoint(options.load_path, "generator"))
        meaning = read_prompt(options.prompt, load_encoder() if find_folder() is not None else None, captions)
        lines += describe_meaning(meaning)
        settings, style = settings.merge(meaning.settings), meaning.style
    if options.like_audio is not None:
        from musika.listening import describe_recording

        meaning = describe_recording(options.like_audio)
        unsure = "" if meaning.settings.instruments else ", instruments: not sure"
        lines.append(f"like {format_path(options.like_audio.name)}: {meaning}{unsure}")
        settings = settings.merge(meaning.settings)
    return Steering(settings, melody, tuple(lines), required, style)


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
    """What the model can follow of it; lines say what is left out.

    Raises:
        UsageError: the model writes no notes, so it cannot follow; or it does not play what `--instruments` names.
        AudioError: the recording of `--like_audio` cannot be read.
    """
    steering = _fit_style(steering, model, options)
    if isinstance(model, ComposedModel):
        return _fit_instruments(steering, model)
    asked = steering.settings.get_given()
    refused = [*(asked if steering.style is None else steering.required)]
    refused += ["melody"] if steering.melody is not None else []
    if refused:
        raise UsageError(
            f"{model.name} writes no notes, so it cannot follow what is asked of them ({', '.join(refused)}): "
            "choose a checkpoint with a composer",
            about="generator",
        )
    if not asked:
        return steering
    line = f"{model.name} writes no notes: only the style is followed, not {', '.join(asked)}"
    return dataclasses.replace(steering, settings=MusicalSettings(), lines=(*steering.lines, line))


def _fit_style(steering: Steering, model: Model, options: GenerateOptions) -> Steering:
    """The same with the style in the model's terms: of flags, else of words, else of the recording."""
    has_styles = "style" in get_fields(model.settings_kind)
    setting = "style" if has_styles else "style_seed"
    style, lines = steering.style, steering.lines
    if options.given & {"style", "style_seed", "styles"}:
        style = None
    elif style is None and options.like_audio is not None and model.captions is not None:
        style = model.captions.find_style_of_latents(_encode_recording(options.like_audio, model))
        said = "no style is clearly nearest" if style is None else f"style {style}"
        lines = (*lines, f"like {format_path(options.like_audio.name)}: {said}")
    if style is not None:
        model.make_settings({setting: style})  # a number that is out of range is refused
    return dataclasses.replace(steering, style=style, style_setting=setting, lines=lines)


def _encode_recording(path: Path, model: Model) -> np.ndarray:
    """Latents of the first minute of a recording, `[T, C]`."""
    blocks, count, rate = [], 0, model.sample_rate
    for block in audio.read_blocks(path, sample_rate=rate):
        blocks.append(block)
        count += len(block)
        if count >= LONGEST_STYLE * rate:
            break
    return model.codec.encode(np.concatenate(blocks)[: LONGEST_STYLE * rate])


def _fit_instruments(steering: Steering, model: ComposedModel) -> Steering:
    """The same without instruments that words or a recording ask for and that the model does not play.

    Raises:
        UsageError: flags ask for them.
    """
    instruments = steering.settings.instruments_value
    if "instruments" in steering.required:
        model.check_instruments(instruments)
        return steering
    kept, lines = [], list(steering.lines)
    for instrument in instruments:
        try:
            model.check_instruments([instrument])
            kept.append(instrument.name)
        except UsageError as error:
            lines.append(f"{error}: {instrument} is left out")
    settings = dataclasses.replace(steering.settings, instruments=", ".join(kept))
    return dataclasses.replace(steering, settings=settings, lines=tuple(lines))
