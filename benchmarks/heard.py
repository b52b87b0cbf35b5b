"""How well the sound of composed music follows what was asked: tempo, key, chords, melody and words.

`benchmarks.steering` looks at the notes. This one renders pieces, listens to the sound with librosa, and says how far
it has what was asked. A checkpoint of a performer with a composer is needed. The line about melodies needs the
transcriber (see docs/guide/measuring.md); without it, it is left out, and registers are not told apart.

    tempo     of ten pieces; the beat tracker may count twice or half as many beats
    key       of the same pieces, by chroma; relative keys have the same notes
    chords    chroma of each bar beside the chord that was asked, and beside the same chord a semitone higher
    melody    onset F1 of a given melody in the accompanied sound, over that of the same melody played alone. Of what is
              heard, onsets of accompanying notes, and those below the lowest note of the melody, do not count
    words     ten prompts make ten pieces; each prompt picks the piece whose measured attributes are nearest
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import musika
from musika import console
from musika.composer.piece import Melody, make_melody
from musika.composer.vocabulary import UNITS_PER_BEAT
from musika.config import MusicalSettings
from musika.config.musical.keys import Key, make_key
from musika.config.musical.levels import DYNAMICS
from musika.errors import UsageError
from musika.listening import chroma
from musika.listening.beats import find_beats, get_tempo
from musika.listening.description import describe_recording
from musika.listening.recording import RATE, Recording
from musika.metrics.notes import note_onsets, transcriber
from musika.render import Model
from musika.score import Notes, Score, find_midi
from musika.words import find_folder, load_encoder
from tools.common import command

TEMPI = (62, 70, 78, 88, 96, 104, 112, 120, 132, 144)
PROGRESSIONS = ("Am F C G", "C G Am F", "Dm Gm A Dm", "F#m D A E")
SEMITONE_ABOVE = 1
MELODY_NOTES = 60  # of each given melody, at most
PROMPTS = (
    "slow sad piano, soft and sparse",
    "a fast cheerful dance",
    "loud and dense heroic march",
    "a lullaby, high register, very soft",
    "dark, low and slow, in a minor key",
    "presto, many notes, high, in a major key",
    "a gentle waltz in a major key, 92 bpm",
    "angry, fast, minor, very loud",
    "calm, medium tempo, few notes, in a major key",
    "andante, minor, low register, dense",
)
SCALES = {"tempo": 0.5, "mode": 1.0, "density": 0.3, "dynamics": 2.0, "register": 8.0}  # differences that count 1


@dataclasses.dataclass(frozen=True)
class Heard:
    """What is heard in a piece; NaN where it cannot be told.

    Attributes:
        tempo: octaves above 60 beats a minute.
        mode: 1 major, 0 minor.
        density: 0 to 1.
        dynamics: place of the mark, from 0 for ppp.
        register: mean MIDI key.
    """

    tempo: float
    mode: float
    density: float
    dynamics: float
    register: float


def listen(waveform: np.ndarray, rate: int) -> Recording:
    """A waveform `[N, 2]` as `musika.listening` takes it."""
    import librosa

    return Recording(librosa.resample(waveform.mean(axis=1), orig_sr=rate, target_sr=RATE, res_type="soxr_hq"))


def measure_tempi_and_keys(model: Model, seconds: float) -> Iterator[str]:
    """Lines about tempo and key."""
    errors, octaves, exact, near = [], 0, 0, 0
    for number, tempo in enumerate(TEMPI):
        key = make_key(7 * number % 12, ("major", "minor")[number % 2])
        piece = model.piece(number, tempo=str(tempo), key=str(key))
        recording = listen(piece.render(0, seconds), model.sample_rate)
        heard = get_tempo(find_beats(recording))
        ratio = np.log2((heard or np.nan) / tempo)
        octaves += abs(ratio) > 0.5
        errors.append(abs(2 ** (ratio - round(ratio * 2) / 2) - 1) if np.isfinite(ratio) else np.nan)
        found = chroma.find_key(chroma.compute_chroma(recording))
        exact += found == key
        near += found == key or _is_relative(found, key)
    errors.sort()
    yield f"tempo: median error {100 * np.nanmedian(errors):.1f} %, largest {100 * np.nanmax(errors):.1f} %"
    yield f"tempo: {octaves} of {len(TEMPI)} heard in another octave of the beat"
    yield f"key: {exact} of {len(TEMPI)} heard as asked, {near} as it or its relative"


def _is_relative(found: Key | None, key: Key) -> bool:
    step = 9 if key.mode == "major" else 3
    return found is not None and found.mode != key.mode and found.pitch_class == (key.pitch_class + step) % 12


def measure_chords(model: Model, seconds: float) -> Iterator[str]:
    """A line for each progression."""
    tempo, beats = 96, 4
    for number, text in enumerate(PROGRESSIONS):
        piece = model.piece(number, chords=text, tempo=str(tempo), metre="4/4")
        frames = chroma.compute_chroma(listen(piece.render(0, seconds), model.sample_rate))
        chords = MusicalSettings(chords=text).chords_value
        assert chords is not None
        bar = beats * 60 / tempo
        cosines: dict[int, list[float]] = {0: [], SEMITONE_ABOVE: []}
        for place in range(int(seconds / bar)):
            part = frames[round(place * bar * RATE / chroma.HOP) : round((place + 1) * bar * RATE / chroma.HOP)]
            mean, pitches = part.mean(axis=0), chords.get_chord(place * beats, beats).pitch_classes  # type: ignore[arg-type]
            for shift, found in cosines.items():
                ideal = np.zeros(12)
                ideal[[(pitch + shift) % 12 for pitch in pitches]] = 1.0
                found.append(float(mean @ ideal / (np.linalg.norm(mean) * np.linalg.norm(ideal) + 1e-12)))
        own, other = (np.mean(found) for found in cosines.values())
        yield f"chords {text}: chroma cosine {own:.2f}, a semitone higher {other:.2f}"


def read_melodies(folder: Path, count: int) -> list[tuple[str, Score]]:
    """The highest voices of the first notes of some MIDI files, each with the name of its file."""
    found = []
    for path in find_midi(folder)[:count]:
        score = musika.read_melody(path)
        found.append((path.stem, score.slice(0.0, float(score.notes.onsets[:MELODY_NOTES].max()) + 0.01)))
    return found


def measure_melodies(model: Model, folder: Path, network: Any, count: int) -> Iterator[str]:
    """A line for each melody, and one for all."""
    shares = []
    for number, (name, melody) in enumerate(read_melodies(folder, count)):
        piece = model.piece(number, melody=melody)
        seconds = min(melody.duration + 1.0, 60.0)
        score = model.make_score(piece, 0.0, seconds)
        alone = find_melody_notes(score, make_melody(melody))
        only = dataclasses.replace(score, notes=score.notes.select(alone))
        figures = []
        for sound, other in ((model.play(only), np.zeros_like(alone)), (piece, ~alone)):
            heard = transcriber.transcribe_onsets(network, sound.render(0, seconds), model.sample_rate)
            rest = remove_matches(heard, list_onsets(score.notes.select(other)))
            rest = rest[rest[:, 1] >= only.notes.pitches.min()]
            figures.append(note_onsets.compare_onsets(list_onsets(only.notes), rest)["note_f1"])
        shares.append(figures[1] / figures[0])
        yield f"melody {name}: F1 {figures[1]:.2f} with accompaniment, {figures[0]:.2f} alone"
    yield f"melodies: {np.mean(shares):.2f} of the F1 of the melody alone"


def find_melody_notes(score: Score, melody: Melody) -> np.ndarray:
    """Which notes of a piece are those of the melody, bool `[n]`: same key, nearest onset within an eighth.

    A piece has rubato, so a note is a little beside its place in the tempo of the piece.
    """
    units = score.tempo.to_beats(score.notes.onsets) * UNITS_PER_BEAT
    found = np.zeros(len(score.notes), bool)
    for onset, pitch in zip(melody.onsets, melody.pitches, strict=True):
        distance = np.where(score.notes.pitches == pitch, np.abs(units - onset), np.inf)
        if distance.min(initial=np.inf) < UNITS_PER_BEAT / 2:
            found[int(distance.argmin())] = True
    return found


def list_onsets(notes: Notes) -> np.ndarray:
    """Rows of seconds and MIDI key, `[n, 2]`."""
    return np.stack([notes.onsets, notes.pitches.astype(float)], axis=1)


def remove_matches(heard: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Heard onsets `[n, 2]` without those that other notes `[m, 2]` explain: same key, within 100 ms, one to one."""
    kept = list(range(len(heard)))
    for onset, pitch in others:
        near = [k for k in kept if heard[k, 1] == pitch and abs(heard[k, 0] - onset) < 0.1]
        if near:
            kept.remove(min(near, key=lambda k: abs(heard[k, 0] - onset)))
    return heard[kept]


def describe_sound(waveform: np.ndarray, rate: int, network: Any) -> Heard:
    """What is heard in a waveform `[N, 2]`.

    Args:
        network: of the transcriber; None where it is not installed.
    """
    found = describe_recording(listen(waveform, rate)).settings
    heard = np.zeros((0, 2)) if network is None else transcriber.transcribe_onsets(network, waveform, rate)
    return Heard(
        tempo=np.log2(float(found.tempo) / 60) if found.tempo else np.nan,
        mode=float("major" in found.key) if found.key else np.nan,
        density=float(found.density) if found.density else np.nan,
        dynamics=float(list(DYNAMICS).index(found.dynamics)) if found.dynamics else np.nan,
        register=float(heard[:, 1].mean()) if len(heard) else np.nan,
    )


def describe_wish(settings: MusicalSettings) -> Heard:
    """What a prompt asks for at the beginning; NaN where it says nothing."""
    tempo, density, key = settings.tempo_value, settings.density_value, settings.key_value
    dynamics, register = settings.dynamics_value, settings.register_value
    mode = settings.mode if key is None else key.get_value(0.0).mode
    marks = list(DYNAMICS.values())
    return Heard(
        tempo=np.nan if tempo is None else np.log2(tempo.get_value(0.0) / 60),
        mode=float(mode == "major") if mode else np.nan,
        density=np.nan if density is None else density.get_value(0.0),
        dynamics=np.nan if dynamics is None else (dynamics.get_middle(0.0) - marks[0]) / (marks[1] - marks[0]),
        register=np.nan if register is None else register.get_middle(0.0),
    )


def measure_words(model: Model, seconds: float, network: Any) -> Iterator[str]:
    """A line about ten prompts, read with the text encoder, where it is installed, and the checkpoint's captions."""
    encoder = load_encoder() if find_folder() is not None else None
    wishes, sounds = [], []
    for number, prompt in enumerate(PROMPTS):
        meaning = musika.read_prompt(prompt, encoder, model.captions)
        wishes.append(describe_wish(meaning.settings))
        style = {} if meaning.style is None else {"style": meaning.style}
        piece = model.piece(number, **meaning.settings.get_given(), **style)
        sounds.append(describe_sound(piece.render(0, seconds), model.sample_rate, network))
    picked = pick_pieces(wishes, sounds)
    right = sum(place == number for number, place in enumerate(picked))
    yield f"words: {right} of {len(PROMPTS)} prompts pick the piece that they made (by chance 1)"


def pick_pieces(wishes: Sequence[Heard], sounds: Sequence[Heard]) -> list[int]:
    """The nearest sound for each wish: the mean of differences, each relative to SCALES, of what the wish names."""
    picked = []
    for wish in wishes:
        distances = [_measure_distance(dataclasses.asdict(wish), dataclasses.asdict(sound)) for sound in sounds]
        picked.append(int(np.argmin(distances)))
    return picked


def _measure_distance(wish: Mapping[str, float], sound: Mapping[str, float]) -> float:
    differences = [abs(wish[name] - sound[name]) / scale for name, scale in SCALES.items()]
    return float(np.nanmean(differences)) if np.isfinite(differences).any() else np.inf


def main() -> int:
    parser = command.make_parser("benchmarks.heard", __doc__)
    parser.add_argument(
        "--load_path", type=Path, default=Path("checkpoints/piano"), metavar="FOLDER", help="checkpoint"
    )
    parser.add_argument("--midi_path", type=Path, metavar="FOLDER", help="MIDI files whose melodies are given")
    parser.add_argument(
        "--melodies", type=command.parse_number(int, 1), default=8, metavar="N", help="of how many files"
    )
    parser.add_argument(
        "--seconds", type=command.parse_number(float, 10), default=40.0, metavar="X", help="length of each piece"
    )
    options = parser.parse_args()
    model = musika.load(options.load_path)
    try:
        network = transcriber.load_network()
    except UsageError as error:
        console.warn(str(error))
        network = None
    lines = [measure_tempi_and_keys(model, options.seconds), measure_chords(model, options.seconds)]
    if options.midi_path is not None and network is not None:
        lines.append(measure_melodies(model, options.midi_path, network, options.melodies))
    lines.append(measure_words(model, options.seconds, network))
    for group in lines:
        for line in group:
            console.say(line)
    return 0


if __name__ == "__main__":
    command.run(main)
