"""Chord progressions of sections: phrases of four bars in functional harmony, drawn at random for each theme.

The first phrase begins on the tonic and ends on the dominant; the last ends on the tonic or the dominant. Some bars
have two chords, of which the second leads to the next bar.
"""

from __future__ import annotations

import numpy as np

from musika.composer import harmony

DOMINANT = 4  # degree of the fifth step; the tonic is degree 0
PHRASE = 4  # bars
# degrees of the bars of a phrase, by mode
OPENINGS = {
    "major": ((0, 3, 0, 4), (0, 5, 3, 4), (0, 4, 0, 4), (0, 5, 1, 4), (0, 0, 3, 4), (0, 3, 1, 4), (0, 4, 5, 4)),
    "minor": ((0, 3, 0, 4), (0, 5, 3, 4), (0, 4, 0, 4), (0, 6, 5, 4), (0, 0, 3, 4), (0, 2, 3, 4), (0, 5, 2, 4)),
}
CLOSES = {
    "major": ((0, 3, 4, 0), (5, 3, 4, 0), (0, 1, 4, 0), (3, 0, 4, 0), (5, 1, 4, 0), (0, 5, 4, 0)),
    "minor": ((0, 3, 4, 0), (5, 3, 4, 0), (0, 5, 4, 0), (3, 0, 4, 0), (2, 3, 4, 0), (5, 6, 4, 0)),
}
SPLIT_SHARE = 0.3  # of the bars that have two chords
SEVENTH_SHARE = 0.5  # of the dominants that have a seventh
# what may lead to a degree from within the bar before
LEADING = {0: (4,), 1: (5, 4), 2: (6, 0), 3: (0,), 4: (1, 3), 5: (2, 4), 6: (3,)}


def draw_progression(bars: int, tonic: int, mode: int, closes: bool, chances: np.ndarray) -> np.ndarray:
    """The chord of each half bar, 12 x kind + root, int `[2 bars]`.

    Args:
        bars: of the section, a multiple of PHRASE.
        tonic: of the key, 0 to 11.
        mode: 0 major, 1 minor.
        closes: whether the section ends on the tonic; else on the dominant.
        chances: uniform random numbers in [0, 1), `[3 bars]`.
    """
    name = "minor" if mode else "major"
    degrees: list[int] = []
    for phrase in range(bars // PHRASE):
        is_last = (phrase + 1) * PHRASE == bars
        # with an even number of phrases, every second answers the one before it
        answers = phrase % 2 == 1 or is_last
        choices = CLOSES[name] if answers else OPENINGS[name]
        degrees += choices[int(chances[phrase] * len(choices))]
    if not closes:
        degrees[-2:] = [1 if mode == 0 else 3, DOMINANT]
    chords = np.empty(2 * bars, int)
    for bar, degree in enumerate(degrees):
        following = degrees[bar + 1] if bar + 1 < bars else None
        halves = [degree, degree]
        splits = chances[bars + bar] < SPLIT_SHARE and following not in (None, degree)
        if splits and following is not None:
            leads = LEADING[following]
            halves[1] = leads[int(chances[2 * bars + bar] * len(leads))]
        for half, own in enumerate(halves):
            seventh = own == DOMINANT and chances[2 * bars + bar] < SEVENTH_SHARE and following is not None
            chords[2 * bar + half] = harmony.get_degree_chord(own, tonic, mode, seventh)
    return chords
