"""Play MIDI files on plain synthesizers: pulses, sawtooths, bells, frequency modulation, noise.

Recorded and sampled instruments have few tones in the treble. Old sound chips, electronic music and glass have them:
partials up to the limit of hearing, steady or decaying, beside silence. A codec learns them from this music.
Each instrument of a MIDI file gets a random voice, drums become bursts of noise, a third of all pieces get a layer of
faint high tones, and many an echo or reverberation. Each file is played --takes times and written at 44.1 kHz and 16
bit with a peak of 0.9, as FOLDER-PIECE-TAKE.flac. The same seed makes the same files. Files that are already there are
left alone. MIDI files that cannot be read are listed, and the exit code is 1.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from musika.errors import AudioError, ScoreError
from musika.score import Notes, find_midi, read_score
from tools.common import command, jobs
from tools.common.voices import LONGEST, MAKERS, RATE, get_times, make_drum

PEAK = 0.9
MAX_HZ = 8000.0  # of a note
DRUMS = -1  # stands beside the numbers of programs


def apply_envelope(sound: np.ndarray, length: float, attack: float, release: float) -> np.ndarray:
    """The first `length` seconds of a sound `[N]`, with an attack and a release in seconds."""
    count = min(len(sound), round((length + release) * RATE))
    gain = np.ones(count)
    rise, fall = min(count, max(1, round(attack * RATE))), min(count, max(1, round(release * RATE)))
    gain[:rise] *= np.linspace(0, 1, rise)
    gain[count - fall :] *= np.linspace(1, 0, fall)
    return sound[:count] * gain


def play_notes(notes: Notes, rng: np.random.Generator, seconds: float) -> np.ndarray:
    """All notes on random voices, `[N, 2]`."""
    total = np.zeros((round((seconds + LONGEST + 2) * RATE), 2))
    mono = rng.random() < 0.25
    seed, sounds, voices = int(rng.integers(1 << 30)), {}, {}
    instruments = np.where(notes.is_drum, DRUMS, notes.programs)
    columns = (notes.onsets, notes.releases - notes.onsets, instruments, notes.pitches, notes.velocities)
    for start, length, instrument, key, velocity in zip(*columns, strict=True):
        if instrument not in voices:
            voice = MAKERS[rng.integers(len(MAKERS))](rng)
            slopes = rng.choice([0.002, 0.002, 0.05, 0.3]), rng.choice([0.005, 0.05, 0.5, 1.5])
            angle = np.pi / 4 if mono else rng.uniform(0.15, 1.42)
            octave = rng.choice([0, 0, 0, 1, -1])
            voices[instrument] = voice, slopes, rng.uniform(0.2, 1) * np.array([np.cos(angle), np.sin(angle)]), octave
        voice, slopes, gains, octave = voices[instrument]
        if (instrument, key) not in sounds:
            hz = 440 * 2 ** ((key - 69) / 12 + octave)
            sounds[instrument, key] = make_drum(key, seed) if instrument == DRUMS else voice(min(hz, MAX_HZ))
        whole = sounds[instrument, key]
        sound = whole if instrument == DRUMS else apply_envelope(whole, length, *slopes)
        at = round(start * RATE)
        total[at : at + len(sound)] += sound[:, None] * gains * (velocity / 127)
    return total


def make_high_tones(count: int, rng: np.random.Generator) -> np.ndarray:
    """Tones above 3 kHz that come and go, `[count, 2]`."""
    total = np.zeros((count, 2))
    for _ in range(int(count / RATE * rng.uniform(0.5, 4))):
        length = round(rng.uniform(0.3, 5) * RATE)
        at = int(rng.integers(max(1, count - length)))
        t = np.arange(min(length, count - at)) / RATE
        tone = np.sin(2 * np.pi * 3000 * 6 ** rng.random() * t + rng.uniform(0, 6.28)) * np.hanning(len(t)) ** 0.3
        angle = rng.uniform(0, np.pi / 2)
        total[at : at + len(t)] += tone[:, None] * rng.uniform(0.1, 1) * [np.cos(angle), np.sin(angle)]
    return total


def add_echo(waveform: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A waveform `[N, 2]` with reverberation, with a repeating echo, or as it is."""
    from scipy.signal import fftconvolve

    kind = rng.random()
    if kind < 0.35:
        t = get_times(rng.uniform(0.3, 2.5))
        tail = rng.normal(size=(len(t), 2)) * np.exp(-6.9 * t / t[-1])[:, None]
        wet = np.stack([fftconvolve(waveform[:, c], tail[:, c])[: len(waveform)] for c in (0, 1)], axis=1)
        return waveform + rng.uniform(0.05, 0.6) * waveform.std() / (wet.std() + 1e-9) * wet
    if kind < 0.6:
        delay = round(rng.uniform(0.1, 0.5) * RATE)
        for k in (1, 2, 3):
            waveform[k * delay :] += 0.4**k * waveform[: -k * delay, :: (-1) ** k]
    return waveform


def synthesize(path: Path, seconds: float, seed: int) -> np.ndarray:
    """One piece `[N, 2]` float32; empty if no note begins in time.

    Args:
        path: of the MIDI file.
        seconds: from its beginning, in which notes may begin.
        seed: with the file's name, it decides voices and effects.

    Raises:
        ScoreError: the file cannot be read, or has no notes.
    """
    rng = np.random.default_rng([seed, zlib.crc32(path.name.encode())])
    notes = read_score(path).slice(0.0, seconds).notes
    if not len(notes):
        return np.zeros((0, 2), np.float32)
    waveform = play_notes(notes, rng, min(seconds, float(notes.releases[-1])))
    if rng.random() < 0.35:
        faint = 10 ** rng.uniform(-2.2, -0.8) * waveform.std()
        waveform += faint * make_high_tones(len(waveform), rng)
    waveform = add_echo(waveform, rng)
    end = int(np.flatnonzero(np.abs(waveform).max(axis=1) > 1e-4 * np.abs(waveform).max())[-1]) + 1
    return (waveform[:end] * (PEAK / np.abs(waveform).max())).astype(np.float32)


def synthesize_all(
    files: Sequence[Path], folder: Path, seconds: float, takes: int, seed: int
) -> Iterator[tuple[Path, str, str]]:
    """Writes all takes that are not there yet; gives the file, what was done, and why not."""
    from musika import audio

    for path in files:
        for take in range(takes):
            target = folder / f"{path.parent.name}-{path.stem}-{take}.flac"
            if target.exists():
                continue
            try:
                waveform = synthesize(path, seconds, seed + take)
                if len(waveform):
                    audio.write(target, waveform, RATE)
            except (ScoreError, AudioError) as error:
                yield path, "", str(error)
            else:
                yield path, f"{len(waveform) / RATE:8.1f} s  {target.name}", ""


def main() -> int:
    parser = command.make_parser("tools.make_synthetic_audio", __doc__)
    parser.add_argument("midi", type=Path, metavar="MIDI_FOLDER", help="folder of MIDI files")
    parser.add_argument("out", type=Path, metavar="OUT_FOLDER", help="folder that the audio is written to")
    parser.add_argument(
        "--seconds",
        type=command.parse_number(float, 0.1),
        metavar="X",
        default=90.0,
        help="of a piece, from its beginning",
    )
    parser.add_argument(
        "--takes",
        type=command.parse_number(int, 1),
        metavar="N",
        default=1,
        help="how often each piece is played, on other voices",
    )
    parser.add_argument(
        "--seed", type=command.parse_number(int, 0), metavar="N", default=0, help="decides voices and effects"
    )
    options = parser.parse_args()
    files = find_midi(options.midi)
    return jobs.report_results(synthesize_all(files, options.out, options.seconds, options.takes, options.seed))


if __name__ == "__main__":
    command.run(main)
