"""Continuing a piano recording by its notes: they are heard, a composer goes on from them, and a performer plays that.

The recording is copied. What follows is a composed piece whose first bars are the notes that were heard at the end; so
the performer plays these, too, and its level is matched to the recording's there. Unlike a continuation by an editor,
any second of it is computed without the seconds before it.
"""

from __future__ import annotations

import numpy as np

from musika.composer.continuing import (
    MOST_BARS,
    Opening,
    describe_continuation,
    make_opening,
    measure_pitch_class_durations,
)
from musika.composer.plan import Plan
from musika.config import Continue
from musika.config.musical import MusicalSettings
from musika.edit.convert import adapt
from musika.edit.joining import JoinedSound
from musika.edit.places import check_heard, locate_continuation
from musika.edit.sounds import CutSound, PlacedSound
from musika.errors import UsageError
from musika.listening.chroma import find_key
from musika.listening.notes import hear_notes
from musika.listening.recording import RATE, Recording
from musika.metrics.notes.transcriber import load_network
from musika.render import ComposedModel, Sound, read_padded

HEARD = 20.0  # seconds before the end that are listened to
LEAST_HEARD = 2.0
COMPARED = 8.0  # seconds before the end in which levels are compared
LARGEST_GAIN = 10.0  # 20 dB: how a recording was levelled is not known
SILENCE = 1e-4  # root mean square below which levels are not compared


def continue_by_notes(model: ComposedModel, sound: Sound, edit: Continue) -> Sound:
    """The sound and what a composer and a performer make of its last notes.

    Raises:
        UsageError: the transcriber is not installed, or there is too little to hear.
        AudioError: no notes are heard.
    """
    end, length = locate_continuation(sound, edit)
    rate = sound.sample_rate
    seconds = min(end / rate, HEARD if edit.before is None else edit.before)
    first = end - round(seconds * rate)
    check_heard(sound, [(first, end)], LEAST_HEARD)
    opening, settings = _hear_opening(model, sound, first, end)
    piece = model.continue_notes(opening, edit.seed, **settings)
    made = adapt(piece.open(), rate, sound.channels)
    start = first + round(opening.begin * rate)  # of the piece, in samples of the recording
    gain = _compare_levels(sound, PlacedSound(made, start), max(start, end - round(COMPARED * rate), 0), end)
    return JoinedSound(CutSound(sound, end), PlacedSound(made, start, gain), [(end, length)], length)


def _hear_opening(model: ComposedModel, sound: Sound, first: int, end: int) -> tuple[Opening, dict[str, str]]:
    """The notes of samples `first` to `end`, and the settings of a piece that goes on from them."""
    network = load_network()
    heard = adapt(_Part(sound, first, end), RATE, 1)
    assert heard.length is not None
    recording = Recording(heard.read(0, heard.length)[:, 0])
    score = hear_notes(recording, network)
    settings = describe_continuation(score, find_key(measure_pitch_class_durations(score)[None]))
    bars = Plan(0, MusicalSettings(**settings), model.seconds_per_latent).frame.bars
    opening = make_opening(score, (end - first) / sound.sample_rate, min(MOST_BARS, bars // 2))
    return opening, settings


def _compare_levels(sound: Sound, made: Sound, first: int, end: int) -> float:
    """How much louder the sound is than what was made, before the end."""
    if end - first < 1:
        return 1.0
    levels = [
        float(np.sqrt(np.mean(np.square(read_padded(s, first, end - first), dtype=float)))) for s in (sound, made)
    ]
    if min(levels) < SILENCE:
        return 1.0
    return min(max(levels[0] / levels[1], 1 / LARGEST_GAIN), LARGEST_GAIN)


class _Part:
    """Samples `first` to `end` of a sound."""

    def __init__(self, sound: Sound, first: int, end: int) -> None:
        self.sound, self.first = sound, first
        self.sample_rate, self.channels = sound.sample_rate, sound.channels
        self.length: int | None = end - first

    def read(self, first: int, count: int) -> np.ndarray:
        """As `Sound` says."""
        return self.sound.read(self.first + first, count)


def require_composer(name: str) -> UsageError:
    """What to say of a checkpoint that cannot continue by notes."""
    return UsageError(
        f"{name} has no composer: continuing by notes needs a performer with one, such as checkpoints/piano",
        about="editor",
    )
