"""Notes and pedal as arrays, in order of time."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from musika.errors import ScoreError

PERCUSSION = 9  # the MIDI channel whose keys are drums, counted from 0
PRESSED = 0.5  # least value of a sustain pedal that holds notes, as 64 of 127 does
LATEST = 10_000 * 3600  # seconds that a time may be: pieces without end reach far
MOST_IN_A_SECOND = 10_000  # notes that may begin within one second


@dataclasses.dataclass(frozen=True, eq=False)
class Notes:
    """Notes of a piece, ascending by onset.

    Attributes:
        onsets: seconds, float64 `[n]`.
        releases: seconds at which the key goes up, float64 `[n]`; a pedal may hold the sound for longer.
        pitches: MIDI keys, 0 to 127, int `[n]`; of drums: which drum.
        velocities: 1 to 127, int `[n]`.
        programs: instruments of General MIDI, 0 to 127, int `[n]`; of drums: which kit.
        is_drum: whether a note is of the percussion channel, bool `[n]`.

    Raises:
        ScoreError: arrays of different lengths, not ascending, or out of range.
    """

    onsets: np.ndarray
    releases: np.ndarray
    pitches: np.ndarray
    velocities: np.ndarray
    programs: np.ndarray
    is_drum: np.ndarray

    def __post_init__(self) -> None:
        kinds = {"onsets": float, "releases": float, "is_drum": bool}
        for field in dataclasses.fields(self):
            column = np.asarray(getattr(self, field.name), kinds.get(field.name, np.int64))
            object.__setattr__(self, field.name, column)
            if column.shape != (len(self.onsets),):
                raise ScoreError(f"notes have {len(self.onsets)} onsets, but {field.name} of shape {column.shape}")
        check_times(self.onsets, "onsets")
        if not (np.isfinite(self.releases).all() and (self.releases >= self.onsets).all()):
            raise ScoreError("a note is released before it begins")
        for name, least in (("pitches", 0), ("velocities", 1), ("programs", 0)):
            column = getattr(self, name)
            if len(column) and not (column.min() >= least and column.max() <= 127):
                raise ScoreError(f"{name} of notes must be from {least} to 127")

    def __len__(self) -> int:
        return len(self.onsets)

    def select(self, chosen: np.ndarray) -> Notes:
        """The notes that `chosen` picks: bool `[n]`, or ascending indices."""
        return Notes(*(getattr(self, field.name)[chosen] for field in dataclasses.fields(self)))

    def replace(self, **columns: np.ndarray) -> Notes:
        """The notes with other columns, such as `pitches=notes.pitches + 2`. They must still ascend."""
        return dataclasses.replace(self, **columns)


@dataclasses.dataclass(frozen=True, eq=False)
class Pedals:
    """What the sustain pedals do: each event sets the pedal of one instrument until the next event.

    Attributes:
        times: seconds, ascending, float64 `[m]`.
        values: 0 (up) to 1 (down), float64 `[m]`. From PRESSED on, notes are held.
        programs: the instrument that has the pedal, 0 to 127, int `[m]`.

    Raises:
        ScoreError: arrays of different lengths, not ascending, or out of range.
    """

    times: np.ndarray
    values: np.ndarray
    programs: np.ndarray

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            column = np.asarray(getattr(self, field.name), np.int64 if field.name == "programs" else float)
            object.__setattr__(self, field.name, column)
            if column.shape != (len(self.times),):
                raise ScoreError(f"pedals have {len(self.times)} times, but {field.name} of shape {column.shape}")
        check_times(self.times, "times of pedals")
        if len(self) and not (self.values.min() >= 0 and self.values.max() <= 1):
            raise ScoreError("values of pedals must be from 0 to 1")

    def __len__(self) -> int:
        return len(self.times)

    def select(self, chosen: np.ndarray) -> Pedals:
        """The events that `chosen` picks: bool `[m]`, or ascending indices."""
        return Pedals(self.times[chosen], self.values[chosen], self.programs[chosen])

    def get_values(self, times: np.ndarray) -> np.ndarray:
        """The pedal at each of the times, 0 before the first event. All events count as those of one pedal."""
        last = np.searchsorted(self.times, times, side="right")
        return np.concatenate([[0.0], self.values])[last]


def check_times(times: np.ndarray, name: str) -> None:
    """Checks that times are finite, not negative, ascending, and within LATEST.

    Raises:
        ScoreError: they are not.
    """
    if not np.isfinite(times).all():
        raise ScoreError(f"{name} must be finite numbers of seconds")
    if len(times) and (times[0] < 0 or (np.diff(times) < 0).any()):
        raise ScoreError(f"{name} must be ascending and not negative")
    if len(times) and times[-1] > LATEST:
        raise ScoreError(f"{name} reach beyond {LATEST // 3600:,} hours")


NO_NOTES = Notes(*(np.zeros(0) for _ in range(6)))
NO_PEDALS = Pedals(np.zeros(0), np.zeros(0), np.zeros(0))


def join_notes(parts: Sequence[Notes]) -> Notes:
    """All notes of several parts, in order of onset; of equal onsets, in the order of the parts."""
    if not parts:
        return NO_NOTES
    columns = [np.concatenate([getattr(part, f.name) for part in parts]) for f in dataclasses.fields(Notes)]
    order = np.argsort(columns[0], kind="stable")
    return Notes(*(column[order] for column in columns))


def join_pedals(parts: Sequence[Pedals]) -> Pedals:
    """All events of several parts, in order of time; of equal times, in the order of the parts."""
    if not parts:
        return NO_PEDALS
    columns = [np.concatenate([getattr(part, f.name) for part in parts]) for f in dataclasses.fields(Pedals)]
    order = np.argsort(columns[0], kind="stable")
    return Pedals(*(column[order] for column in columns))


def find_ends(notes: Notes, pedals: Pedals, last: float = 0.0) -> np.ndarray:
    """When the dampers fall on each note, seconds `[n]`: at its release, or later if a pedal is down then.

    Args:
        notes: of one instrument or several.
        pedals: all events count as those of one pedal.
        last: the second up to which a pedal holds notes that is never lifted; at least the last release or event.
    """
    if not len(notes) or not len(pedals):
        return notes.releases
    last = max(last, notes.releases.max(), pedals.times[-1])
    is_up = pedals.values < PRESSED
    lifts = np.append(pedals.times[is_up], last)
    held = pedals.get_values(notes.releases) >= PRESSED
    ends = lifts[np.searchsorted(lifts[:-1], notes.releases, side="right")]
    return np.where(held, ends, notes.releases)


def check_density(notes: Notes) -> None:
    """Checks that at most MOST_IN_A_SECOND notes begin within one second.

    Raises:
        ScoreError: there are more.
    """
    begins = np.searchsorted(notes.onsets, notes.onsets - 1.0, side="right")
    most = int((np.arange(1, len(notes) + 1) - begins).max(initial=0))
    if most > MOST_IN_A_SECOND:
        raise ScoreError(f"{most:,} notes begin within one second; at most {MOST_IN_A_SECOND:,} can be played")
