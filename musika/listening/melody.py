"""The melody of a file: the highest voice of a MIDI file, or the notes of a recording."""

from __future__ import annotations

import dataclasses
import importlib.util
from pathlib import Path

import numpy as np

from musika.config import MusicalSettings
from musika.config.musical.curves import format_number
from musika.config.musical.settings import FASTEST, SLOWEST
from musika.errors import AudioError, ScoreError
from musika.files import format_path
from musika.listening.beats import find_beats, get_tempo
from musika.listening.chroma import find_key
from musika.listening.pitch import trace_notes
from musika.listening.recording import RATE, Recording, read_recording
from musika.metrics.notes.transcriber import find_model, load_network, transcribe_notes
from musika.score import Notes, Score, make_constant_tempo, read_score
from musika.score.midi import EXTENSIONS

LEAST_OVERLAP = 0.5  # of a note that lies below a longer one: less, and it is a voice of its own
# seconds within which notes count as struck together: three frames of the transcriber, which are 35 ms long, or 38 ms
# where two of its windows meet
TOGETHER = 0.04
OVERTONES = (12, 19, 24, 28, 31, 34, 36)  # semitones of the second to the eighth partial above the first
OVERTONE_DELAY = 0.08  # seconds
MELODY_VELOCITY = 90
SLOWEST_FIT, FASTEST_FIT = 60.0, 160.0  # beats a minute
STEPS_PER_BEAT = 4


def read_melody(path: Path | str) -> Score:
    """The melody of a MIDI file or of a recording, one note at a time, from its first note on.

    In recordings, notes are heard by basic-pitch where it is installed, otherwise by pYIN, which follows one voice.

    Raises:
        ScoreError: a MIDI file that cannot be read or has no notes but drums.
        AudioError: a recording that cannot be read, is silent, or has no notes.
    """
    path = Path(path)
    if path.suffix.lower() in EXTENSIONS:
        score = read_score(path)
        return _begin_at_first_note(find_top_voice(score, format_path(path.name)))
    return hear_melody(read_recording(path))


def hear_melody(recording: Recording, use_network: bool = True) -> Score:
    """The melody of a recording, on the beats that fit its notes.

    Args:
        use_network: whether basic-pitch may be used where it is installed.

    Raises:
        AudioError: no notes are heard.
    """
    if use_network and find_model() is not None and importlib.util.find_spec("onnxruntime") is not None:
        heard = transcribe_notes(load_network(), np.stack([recording.samples] * 2, 1), RATE)
        heard = heard[~find_overtones(heard)]
        rows = np.stack([heard[:, 0], heard[:, 0] + heard[:, 2], heard[:, 1]], axis=1)
    else:
        rows = trace_notes(recording)
    if not len(rows):
        raise AudioError(f"no notes are heard in {recording.name}: it has no melody", "melody")
    order = np.lexsort((rows[:, 2], rows[:, 0]))
    onsets, releases, pitches = rows[order].T
    onsets, releases = onsets - onsets[0], releases - onsets[0]
    count = np.ones(len(onsets))
    notes = Notes(onsets, releases, pitches, MELODY_VELOCITY * count, 0 * count, 0 * count)
    tempo = make_constant_tempo(fit_tempo(onsets, get_tempo(find_beats(recording))))
    return find_top_voice(Score(notes, tempo=tempo), recording.name)


def find_overtones(heard: np.ndarray) -> np.ndarray:
    """Which notes a transcriber may have heard for overtones of others, bool `[n]`.

    These begin together with a longer note, some partial of which they are.

    Args:
        heard: rows of onset, MIDI key and length, float `[n, 3]`.
    """
    onsets, keys, lengths = heard.T
    together = np.abs(onsets[:, None] - onsets[None, :]) < OVERTONE_DELAY
    is_partial = np.isin(keys[:, None] - keys[None, :], OVERTONES)
    return (together & is_partial & (lengths[:, None] <= lengths[None, :])).any(axis=1)


def find_top_voice(score: Score, name: str = "the score") -> Score:
    """The highest voice of a score: of notes that sound together the highest, each up to the next. Drums do not count.

    Raises:
        ScoreError: there are no notes but drums.
    """
    notes = score.notes.select(~score.notes.is_drum)
    if not len(notes):
        raise ScoreError(f"{name} has no notes but drums: it has no melody", about="melody")
    chosen: list[int] = []
    for index in np.lexsort((notes.pitches, notes.onsets)):
        onset, pitch = notes.onsets[index], notes.pitches[index]
        last = chosen[-1] if chosen else None
        if last is None:
            chosen.append(index)
        elif onset - notes.onsets[last] < TOGETHER:
            if pitch > notes.pitches[last]:
                chosen[-1] = index
        elif pitch >= notes.pitches[last] or _is_own_voice(notes, index, last):
            chosen.append(index)
    melody = notes.select(np.array(chosen))
    following = np.append(melody.onsets[1:], np.inf)
    melody = melody.replace(releases=np.maximum(np.minimum(melody.releases, following), melody.onsets))
    return Score(melody, tempo=score.tempo, metres=score.metres)


def _is_own_voice(notes: Notes, index: int, last: int) -> bool:
    """Whether a lower note goes on with the melody: the note before it is over for most of its length."""
    length = notes.releases[index] - notes.onsets[index]
    overlap = min(notes.releases[last], notes.releases[index]) - notes.onsets[index]
    return bool(overlap < LEAST_OVERLAP * max(length, 1e-9))


def fit_tempo(onsets: np.ndarray, heard: float | None) -> float:
    """The tempo, in beats a minute, on whose sixteenths the onsets lie best.

    Args:
        onsets: seconds, ascending.
        heard: what a beat tracker says; it counts where several tempi fit as well.
    """
    if len(onsets) < 4:
        return heard or 120.0
    tempi = np.arange(SLOWEST_FIT, FASTEST_FIT + 0.25, 0.25)
    distances = np.diff(onsets)
    steps = distances[None, :] * tempi[:, None] / 60.0 * STEPS_PER_BEAT  # [tempi, n - 1]
    whole = np.maximum(np.round(steps), 1.0)
    # error relative to a beat; short steps (fast tempi) must fit better by chance, and notes prefer whole beats
    error = np.abs(steps - whole).mean(axis=1)
    cost = error + 0.12 * np.mean(np.where(whole % 4 == 0, 0.0, np.where(whole % 2 == 0, 0.35, 1.0)), axis=1)
    cost += 0.05 * np.abs(np.log2(tempi / 105.0))
    if heard is not None:
        cost += 0.1 * np.abs(np.log2(tempi / heard))
    return float(tempi[int(np.argmin(cost))])


def _begin_at_first_note(score: Score) -> Score:
    """The same score from the bar of its first note on, such that this bar begins at second 0, beat 0."""
    first = float(score.beats[0])
    bars = score.metres.find_bars(first + 1e-6)
    beat = float(bars[-1]) if len(bars) else 0.0
    seconds = float(score.tempo.to_seconds(beat))
    tempo = dataclasses.replace(score.tempo.shift(-seconds), beats=score.tempo.beats - beat)
    metres = dataclasses.replace(score.metres, beats=score.metres.beats - beat)
    notes = score.notes.replace(
        onsets=np.maximum(score.notes.onsets - seconds, 0.0), releases=score.notes.releases - seconds
    )
    return Score(notes, tempo=tempo, metres=metres)


def describe_melody(melody: Score) -> MusicalSettings:
    """Tempo, key and metre of a melody: one tempo, which is its mean."""
    beats, notes = melody.beats, melody.notes
    last = float(notes.onsets[-1])
    tempo = (
        60.0 * float(beats[-1]) / last if last > 0 and beats[-1] > 0 else 60.0 / float(melody.tempo.seconds_per_beat[0])
    )
    weights = np.bincount(notes.pitches % 12, notes.releases - notes.onsets + 1e-3, 12)
    key = find_key(weights[None])
    metre = f"{melody.metres.numerators[0]}/{melody.metres.denominators[0]}" if len(melody.metres) else ""
    return MusicalSettings(
        tempo=format_number(round(min(max(tempo, SLOWEST), FASTEST), 2)),
        key="" if key is None else str(key),
        metre=metre,
    )
