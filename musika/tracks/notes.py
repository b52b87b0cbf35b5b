"""Notes on the latent grid: when each key is struck, how it sounds, how long it has sounded, and the pedal.

For each latent, with 88 keys of a piano:

    8 x 88   velocity / 127 of the notes that begin in each of 8 equal parts of the latent (11.6 ms with our codec)
        88   velocity / 127 of the note that sounds, at the latent's centre; a pedal that is down holds notes
        88   log(1 + 4 · its age in seconds) / 4
        88   velocity / 127 · exp(-t / 0.2 s), t seconds after a note has ended; 0 once the key is struck again
         8   the sustain pedal, 0 to 1, in the middle of each part
"""

from __future__ import annotations

import numpy as np

from musika.score import Notes, Score, find_ends
from musika.tracks.families import DRUMS, select_family

LOWEST_KEY, KEYS = 21, 88
PARTS = 8  # of a latent
FADE = 0.2  # seconds in which the release falls to 1/e
LONGEST_FADE = 2.0  # seconds; e^-10 is left
WIDTH = PARTS * KEYS + 3 * KEYS + PARTS  # 976
UNKNOWN = -1.0  # pedal of a track that is absent; it cannot occur otherwise


def make_absent() -> np.ndarray:
    """What the track says where notes are not known, float32 `[WIDTH]`: a pedal of -1, which silence does not have."""
    absent = np.zeros(WIDTH, np.float32)
    absent[-PARTS:] = UNKNOWN
    return absent


class NotesTrack:
    """The notes of a score, or of one family of instruments in it.

    Keys beyond those of a piano are left out. `compute` takes as long for the last hour of a score as for the first.
    """

    width = WIDTH

    def __init__(self, score: Score, seconds_per_latent: float, family: str | None = None) -> None:
        """Takes the notes of a family; without one, all notes but drums, as if one instrument played them."""
        self.name = "notes" if family is None else f"notes/{family}"
        self.absent = make_absent()
        self.seconds_per_latent = seconds_per_latent
        part = score if family is None else select_family(score, family)
        notes = part.notes.select(part.notes.is_drum == (family == DRUMS))
        notes = notes.select((notes.pitches >= LOWEST_KEY) & (notes.pitches < LOWEST_KEY + KEYS))
        self._pedals = part.pedals
        self._velocities = notes.velocities / 127.0
        self._keys = notes.pitches - LOWEST_KEY
        self._parts = np.floor(notes.onsets / seconds_per_latent * PARTS).astype(np.int64)  # ascending
        self._sounds = _sort_sounds(notes, find_ends(notes, part.pedals, score.last_event))

    def compute(self, first: int, count: int) -> np.ndarray:
        """The values of latents first ... first + count, float32 `[count, WIDTH]`."""
        values = np.zeros((count, WIDTH), np.float32)
        onsets = values[:, : PARTS * KEYS].reshape(count, PARTS, KEYS)
        sounding = values[:, PARTS * KEYS : -PARTS].reshape(count, 3, KEYS)
        self._add_onsets(onsets, first)
        centres = (first + np.arange(count) + 0.5) * self.seconds_per_latent
        for key, (begins, ends, velocities) in self._sounds.items():
            _add_sounds(sounding[:, :, key], centres, begins, ends, velocities)
        if len(self._pedals):
            middles = (first * PARTS + np.arange(count * PARTS) + 0.5) * (self.seconds_per_latent / PARTS)
            values[:, -PARTS:] = self._pedals.get_values(middles).reshape(count, PARTS)
        return values

    def _add_onsets(self, onsets: np.ndarray, first: int) -> None:
        """Writes velocities into `[count, PARTS, KEYS]`; of two at the same place, the louder."""
        start, stop = np.searchsorted(self._parts, [first * PARTS, (first + len(onsets)) * PARTS])
        places = self._parts[start:stop] - first * PARTS
        index = places // PARTS, places % PARTS, self._keys[start:stop]
        np.maximum.at(onsets, index, self._velocities[start:stop].astype(np.float32))


def _sort_sounds(notes: Notes, ends: np.ndarray) -> dict[int, tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Begin, end and velocity / 127 of what sounds on each key that is played, ascending. Sounds do not overlap."""
    sounds = {}
    for key in np.unique(notes.pitches):
        own = np.flatnonzero(notes.pitches == key)
        own = own[np.lexsort((notes.velocities[own], notes.onsets[own]))]  # of several at once, the loudest sounds
        begins = notes.onsets[own]
        until = np.minimum(ends[own], np.append(begins[1:], np.inf))
        sounds[int(key) - LOWEST_KEY] = begins, until, notes.velocities[own] / 127.0
    return sounds


def _add_sounds(
    values: np.ndarray, centres: np.ndarray, begins: np.ndarray, ends: np.ndarray, velocities: np.ndarray
) -> None:
    """Writes level, age and release of one key into `[count, 3]`: of the latest note before each centre."""
    first, last = np.searchsorted(begins, (centres[0], centres[-1]), side="right") if len(centres) else (0, 0)
    if last == 0 or (first == last and centres[0] >= ends[last - 1] + LONGEST_FADE):
        return  # silence in the whole range
    latest = np.searchsorted(begins, centres, side="right") - 1
    places = np.flatnonzero(latest >= 0)
    latest, times = latest[places], centres[places]
    velocity, since_end = velocities[latest], times - ends[latest]
    sounds, fades = since_end < 0, (since_end >= 0) & (since_end < LONGEST_FADE)
    values[places[sounds], 0] = velocity[sounds]
    values[places[sounds], 1] = np.log1p(4.0 * (times - begins[latest])[sounds]) / 4.0
    values[places[fades], 2] = velocity[fades] * np.exp(since_end[fades] / -FADE)
