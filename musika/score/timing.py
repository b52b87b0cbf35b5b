"""Beats and seconds: tempo maps and metres."""

from __future__ import annotations

import dataclasses

import numpy as np

from musika.errors import ScoreError

DEFAULT_TEMPO = 120.0  # beats in a minute, of MIDI files that give none


@dataclasses.dataclass(frozen=True, eq=False)
class TempoMap:
    """Which beat (quarter note) is at which second. The tempo is constant between two changes.

    Attributes:
        seconds: when each tempo begins, ascending, float64 `[k]`, k at least 1. The first tempo also holds before.
        beats: the beat at which each tempo begins, ascending, float64 `[k]`.
        seconds_per_beat: the tempi, float64 `[k]`, positive.

    Raises:
        ScoreError: arrays that are empty, of different lengths, not ascending, or not positive.
    """

    seconds: np.ndarray
    beats: np.ndarray
    seconds_per_beat: np.ndarray

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            object.__setattr__(self, field.name, np.asarray(getattr(self, field.name), float))
        shapes = {getattr(self, field.name).shape for field in dataclasses.fields(self)}
        whole = all(np.isfinite(getattr(self, field.name)).all() for field in dataclasses.fields(self))
        if shapes != {(len(self.seconds),)} or not len(self.seconds) or not whole:
            raise ScoreError("a tempo map needs as many finite seconds as beats and tempi, and one at least")
        if (np.diff(self.seconds) < 0).any() or (np.diff(self.beats) < 0).any() or self.seconds_per_beat.min() <= 0:
            raise ScoreError("seconds and beats of a tempo map must ascend, and its tempi be positive")

    def to_beats(self, seconds: np.ndarray | float) -> np.ndarray:
        """The beats at some seconds, in any order."""
        at = self._find_tempo(self.seconds, seconds)
        return self.beats[at] + (np.asarray(seconds) - self.seconds[at]) / self.seconds_per_beat[at]

    def to_seconds(self, beats: np.ndarray | float) -> np.ndarray:
        """The seconds of some beats, in any order."""
        at = self._find_tempo(self.beats, beats)
        return self.seconds[at] + (np.asarray(beats) - self.beats[at]) * self.seconds_per_beat[at]

    def shift(self, seconds: float) -> TempoMap:
        """The same beats that many seconds later."""
        return dataclasses.replace(self, seconds=self.seconds + seconds)

    def _find_tempo(self, begins: np.ndarray, places: np.ndarray | float) -> np.ndarray:
        return np.maximum(np.searchsorted(begins, places, side="right") - 1, 0)


@dataclasses.dataclass(frozen=True, eq=False)
class Metres:
    """Time signatures. A bar begins at each, and then after every bar's length.

    Attributes:
        beats: where each begins, in beats (quarter notes), ascending, float64 `[k]`. The first also holds before.
        numerators: int `[k]`, at least 1.
        denominators: int `[k]`, powers of 2.

    Raises:
        ScoreError: arrays of different lengths, not ascending, or out of range.
    """

    beats: np.ndarray
    numerators: np.ndarray
    denominators: np.ndarray

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            kind = float if field.name == "beats" else np.int64
            object.__setattr__(self, field.name, np.asarray(getattr(self, field.name), kind))
        if {getattr(self, field.name).shape for field in dataclasses.fields(self)} != {(len(self.beats),)}:
            raise ScoreError("metres need as many beats as numerators and denominators")
        powers = (self.denominators > 0) & (self.denominators & (self.denominators - 1) == 0)
        if (np.diff(self.beats) < 0).any() or (self.numerators < 1).any() or not powers.all():
            raise ScoreError("metres must ascend; 3/4 has the numerator 3 and the denominator 4, a power of 2")

    def __len__(self) -> int:
        return len(self.beats)

    @property
    def bar_lengths(self) -> np.ndarray:
        """Beats (quarter notes) in a bar of each metre, float64 `[k]`."""
        return 4.0 * self.numerators / self.denominators

    def find_bars(self, last: float) -> np.ndarray:
        """The beat of every bar line from the first metre up to `last`, float64; 4/4 from beat 0 without a metre."""
        begins, lengths = (self.beats, self.bar_lengths) if len(self) else (np.zeros(1), np.full(1, 4.0))
        ends = np.append(begins[1:], np.nextafter(last, np.inf))
        parts = [np.arange(b, e, step) for b, e, step in zip(begins, ends, lengths, strict=True) if b < e]
        return np.concatenate(parts) if parts else np.zeros(0)


NO_METRES = Metres(np.zeros(0), np.zeros(0), np.zeros(0))


def make_constant_tempo(beats_per_minute: float = DEFAULT_TEMPO) -> TempoMap:
    """A tempo map of one tempo, with beat 0 at second 0. A beat lasts whole microseconds, as in MIDI files."""
    return TempoMap(np.zeros(1), np.zeros(1), np.full(1, round(60e6 / beats_per_minute) * 1e-6))
