#!/usr/bin/env python3
"""Play MIDI files on synthesisers of the plainest kind: pulses, saws, bells, frequency modulation, noise.

    python -m tools.make_synthetic_audio MIDI_FOLDER OUT_FOLDER [--seconds 90] [--takes 1] [--seed 0]

Recorded and sampled instruments have little treble that is a tone. Chips of old games, electronic music and glass have:
partials up to the end of hearing, steady or struck, beside silence. Every channel of a file gets a voice at random,
drums get bursts of noise; a third of all pieces a layer of faint high tones; many an echo or a room. A file is written
for every take: FOLDER-PIECE-TAKE.flac, 16 bit at 44.1 kHz, peaks of 0.9; the same seed makes the same files, and what
is already there is left alone. Needs mido.
"""

from __future__ import annotations

import argparse
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import mido
import numpy as np
import soundfile
import soxr

RATE, PEAK = 44_100, 0.9
LONGEST = 4.0  # seconds of a note
OVER = 4  # times the rate at which edges are drawn, so that they do not alias
DRUMS = 9  # the channel of percussion
Voice = Callable[[float], np.ndarray]  # frequency in Hz to LONGEST seconds, mono


def times(seconds: float = LONGEST, rate: int = RATE) -> np.ndarray:
    return np.arange(round(seconds * rate)) / rate


def edged(phase_of: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """A waveform with edges, drawn at a higher rate, around zero, `[N]`."""
    drawn = phase_of(times(rate=RATE * OVER)).astype(np.float32)
    return soxr.resample(drawn - drawn.mean(), RATE * OVER, RATE)


def pulse(rng: np.random.Generator) -> Voice:
    """Pulses of a chip, some with a width that moves, some with vibrato."""
    duty, motion, vibrato = rng.choice([0.125, 0.25, 0.5]), rng.choice([0, 0, 0.1]), rng.choice([0, 0, 0.003])
    decay = rng.choice([0, 0, 1.5, 5])

    def play(hz: float) -> np.ndarray:
        def drawn(t: np.ndarray) -> np.ndarray:
            phase = (hz * t + vibrato * hz / 6 * np.sin(2 * np.pi * 6 * t) / (2 * np.pi)) % 1
            return np.where(phase < duty + motion * np.sin(2 * np.pi * 0.7 * t), 1.0, -1.0)

        return edged(drawn) * np.exp(-decay * times())

    return play


def saw(rng: np.random.Generator) -> Voice:
    """One saw or three that are a little out of tune, or a triangle."""
    detune = rng.choice([0, 0.004, 0.01])
    triangle, decay = rng.random() < 0.3, rng.choice([0, 0.5, 3])

    def play(hz: float) -> np.ndarray:
        def drawn(t: np.ndarray) -> np.ndarray:
            parts = [2 * ((hz * (1 + k * detune) * t + 0.3 * k) % 1) - 1 for k in ((-1, 0, 1) if detune else (0,))]
            total = sum(parts) / len(parts)
            return 2 * np.abs(total) - 1 if triangle else total

        return edged(drawn) * np.exp(-decay * times())

    return play


def bell(rng: np.random.Generator) -> Voice:
    """Partials that are no multiples, as of metal and glass; each dies at its own pace."""
    count = int(rng.integers(5, 16))
    ratios = np.sort(np.concatenate([[1.0], rng.uniform(1.5, rng.choice([6, 20]), count)]))
    slope, phases, pace = rng.uniform(0, 1.2), rng.uniform(0, 6.28, count + 1), rng.uniform(0.3, 6, count + 1)

    def play(hz: float) -> np.ndarray:
        t, total = times(), np.zeros(len(times()))
        for ratio, phase, fall in zip(ratios, phases, pace, strict=True):
            if ratio * hz < 0.45 * RATE:
                total += ratio**-slope * np.sin(2 * np.pi * ratio * hz * t + phase) * np.exp(-fall * t)
        return total

    return play


def modulated(rng: np.random.Generator) -> Voice:
    """One sine moves the phase of another."""
    ratio, index, fall = rng.choice([1, 2, 3, 1.41, 3.5, 7]), rng.uniform(0.5, 6), rng.uniform(0.2, 5)

    def play(hz: float) -> np.ndarray:
        t = times()
        inner = min(index, 0.2 * RATE / (ratio * hz)) * np.exp(-fall * t) * np.sin(2 * np.pi * ratio * hz * t)
        return np.sin(2 * np.pi * hz * t + inner) * np.exp(-0.4 * fall * t)

    return play


VOICES = (pulse, pulse, saw, saw, bell, modulated)


def coloured_noise(rng: np.random.Generator, seconds: float, low: float, high: float) -> np.ndarray:
    """Noise between two frequencies in Hz, of unit deviation, `[N]`."""
    spectrum = np.fft.rfft(rng.normal(size=round(seconds * RATE)))
    hz = np.fft.rfftfreq(round(seconds * RATE), 1 / RATE)
    slopes = 1 / ((1 + (low / (hz + 1)) ** 6) * (1 + (hz / high) ** 6))
    noise = np.fft.irfft(spectrum * slopes, round(seconds * RATE))
    return noise / (noise.std() + 1e-9)


def drum(key: int, seed: int) -> np.ndarray:
    """What a key of the percussion sounds like: a falling tone for the lowest, noise for all others."""
    rng = np.random.default_rng([seed, key])
    t = times(1.0)
    if key < 37:
        return np.sin(2 * np.pi * (50 * t + 4 * (1 - np.exp(-30 * t)))) * np.exp(-rng.uniform(5, 15) * t)
    low = rng.choice([100, 1000, 5000, 8000])
    noise = coloured_noise(rng, 1.0, low, rng.uniform(9000, 20_000))
    return rng.uniform(0.03, 0.3) * noise * np.exp(-rng.choice([8, 15, 40]) * t)


def notes_of(midi: Path, seconds: float) -> list[tuple[float, float, int, int, int]]:
    """(start, length in seconds, channel, key, velocity) of the notes that begin in time."""
    now, notes = 0.0, []
    begun: dict[tuple[int, int], tuple[float, int]] = {}  # channel and key to start and velocity
    for message in mido.MidiFile(midi):
        now += message.time
        if message.type not in ("note_on", "note_off"):
            continue
        place = message.channel, message.note
        if place in begun:
            start, velocity = begun.pop(place)
            notes.append((start, now - start, *place, velocity))
        if message.type == "note_on" and message.velocity and now < seconds:
            begun[place] = now, message.velocity
    return sorted(notes)


def enveloped(sound: np.ndarray, length: float, attack: float, release: float) -> np.ndarray:
    """The first seconds of a sound with a slope at either end, `[N]`."""
    count = min(len(sound), round((length + release) * RATE))
    gain = np.ones(count)
    rise, fall = min(count, max(1, round(attack * RATE))), min(count, max(1, round(release * RATE)))
    gain[:rise] *= np.linspace(0, 1, rise)
    gain[count - fall :] *= np.linspace(1, 0, fall)
    return sound[:count] * gain


def played(notes: list[tuple[float, float, int, int, int]], rng: np.random.Generator, seconds: float) -> np.ndarray:
    """All notes on voices at random, `[N, 2]`."""
    total = np.zeros((round((seconds + LONGEST + 2) * RATE), 2))
    mono = rng.random() < 0.25
    seed, sounds, voices = int(rng.integers(1 << 30)), {}, {}
    for start, length, channel, key, velocity in notes:
        if channel not in voices:
            voice = VOICES[rng.integers(len(VOICES))](rng)
            slopes = rng.choice([0.002, 0.002, 0.05, 0.3]), rng.choice([0.005, 0.05, 0.5, 1.5])
            angle = np.pi / 4 if mono else rng.uniform(0.15, 1.42)
            octave = rng.choice([0, 0, 0, 1, -1])
            voices[channel] = voice, slopes, rng.uniform(0.2, 1) * np.array([np.cos(angle), np.sin(angle)]), octave
        voice, slopes, gains, octave = voices[channel]
        if (channel, key) not in sounds:
            hz = 440 * 2 ** ((key - 69) / 12 + octave)
            sounds[channel, key] = drum(key, seed) if channel == DRUMS else voice(min(hz, 8000.0))
        whole = sounds[channel, key]
        sound = whole if channel == DRUMS else enveloped(whole, length, *slopes)
        at = round(start * RATE)
        total[at : at + len(sound)] += sound[:, None] * gains * (velocity / 127)
    return total


def sparkle(count: int, rng: np.random.Generator) -> np.ndarray:
    """Faint high tones that come and go, `[N, 2]`, of a deviation of about one."""
    total = np.zeros((count, 2))
    for _ in range(int(count / RATE * rng.uniform(0.5, 4))):
        length = round(rng.uniform(0.3, 5) * RATE)
        at = int(rng.integers(max(1, count - length)))
        t = np.arange(min(length, count - at)) / RATE
        tone = np.sin(2 * np.pi * 3000 * 6 ** rng.random() * t + rng.uniform(0, 6.28)) * np.hanning(len(t)) ** 0.3
        angle = rng.uniform(0, np.pi / 2)
        total[at : at + len(t)] += tone[:, None] * rng.uniform(0.1, 1) * [np.cos(angle), np.sin(angle)]
    return total


def roomed(waveform: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """With a room's echo, or with one that repeats, or as it is."""
    from scipy.signal import fftconvolve

    kind = rng.random()
    if kind < 0.35:
        t = times(rng.uniform(0.3, 2.5))
        tail = rng.normal(size=(len(t), 2)) * np.exp(-6.9 * t / t[-1])[:, None]
        wet = np.stack([fftconvolve(waveform[:, c], tail[:, c])[: len(waveform)] for c in (0, 1)], axis=1)
        return waveform + rng.uniform(0.05, 0.6) * waveform.std() / (wet.std() + 1e-9) * wet
    if kind < 0.6:
        delay = round(rng.uniform(0.1, 0.5) * RATE)
        for k in (1, 2, 3):
            waveform[k * delay :] += 0.4**k * waveform[: -k * delay, :: (-1) ** k]
    return waveform


def made(midi: Path, seconds: float, seed: int) -> np.ndarray:
    """One piece `[N, 2]` float32; empty where a file has no notes."""
    rng = np.random.default_rng([seed, zlib.crc32(midi.name.encode())])
    notes = notes_of(midi, seconds)
    if not notes:
        return np.zeros((0, 2), np.float32)
    waveform = played(notes, rng, min(seconds, notes[-1][0] + notes[-1][1]))
    if rng.random() < 0.35:
        faint = 10 ** rng.uniform(-2.2, -0.8) * waveform.std()
        waveform += faint * sparkle(len(waveform), rng)
    waveform = roomed(waveform, rng)
    end = int(np.flatnonzero(np.abs(waveform).max(axis=1) > 1e-4 * np.abs(waveform).max())[-1]) + 1
    return (waveform[:end] * (PEAK / np.abs(waveform).max())).astype(np.float32)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("midi", type=Path, metavar="MIDI_FOLDER")
    parser.add_argument("out", type=Path, metavar="OUT_FOLDER")
    parser.add_argument("--seconds", type=float, default=90.0, help="of a piece, from its beginning")
    parser.add_argument("--takes", type=int, default=1, help="how often a piece is played, each time on other voices")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    files = sorted(path for path in options.midi.rglob("*") if path.suffix.lower() in (".mid", ".midi"))
    if not files:
        parser.error(f"there are no MIDI files in {options.midi}")
    options.out.mkdir(parents=True, exist_ok=True)
    failed = 0
    for midi in files:
        for take in range(options.takes):
            target = options.out / f"{midi.parent.name}-{midi.stem}-{take}.flac"
            if target.exists():
                continue
            try:
                waveform = made(midi, options.seconds, options.seed + take)
            except (OSError, EOFError, ValueError, KeyError, IndexError) as error:
                failed += 1
                print(f"  failed   {midi}: {type(error).__name__}: {error}")
                continue
            if len(waveform):
                partial = target.with_name(f".{target.name}.part")
                soundfile.write(partial, waveform, RATE, format="FLAC", subtype="PCM_16")
                partial.replace(target)
            print(f"{len(waveform) / RATE:8.1f} s  {target.name}", flush=True)
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
