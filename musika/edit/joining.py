"""Putting made sound into a sound: copies outside the gaps, short fades and matched levels inside them.

Outside the gaps, samples are copied. Where a gap begins, the sound before it goes on for at most 50 ms by linear
prediction, while what was made fades in; where the gap ends, the sound after it is predicted backwards. So there is no
click, tones go on in phase, and all of that lies inside the gap.

Linear prediction: x[n] = -sum of a[k] x[n - k] for k = 1 to p, with coefficients by Burg's method (Burg 1975). Its
filters are stable, so a prediction never grows. It is also the classic way to restore short gaps (Janssen et al. 1986).
"""

from __future__ import annotations

import dataclasses

import numpy as np

from musika.render import Sound, read_padded

FADE = 0.05  # seconds, the longest
EDGE_FADE = 0.005  # seconds, where the gap begins or ends with the sound
HEARD = 0.3  # seconds that a prediction is made from
ORDER = 1024  # of the prediction, at most
KNEE, CEILING = 0.85, 0.99  # relative to full scale: where what was made begins to be bent, and what it never reaches
COMPARED = 1.0  # seconds outside a gap in which levels are compared
LARGEST_GAIN = 2.0  # 6 dB
LARGEST_CHANGE = 1.4  # 3 dB: of what was made, so that it is about as loud as the sound around it
CHANGE = 0.6  # of that difference in dB, the part that is taken away: what was there may be louder or softer, too
SILENCE = 1e-4  # root mean square below which levels are not compared


@dataclasses.dataclass(frozen=True, eq=False)
class Join:
    """What happens at the edges of one gap.

    Attributes:
        head: prediction of the sound before the gap, `[fade, channels]`.
        tail: prediction of the sound after the gap, backwards in time but stored forwards, `[fade, channels]`.
        gains: of what was made, at the beginning and at the end of the gap.
    """

    head: np.ndarray
    tail: np.ndarray
    gains: tuple[float, float]


class JoinedSound:
    """A sound with gaps that hold something else.

    Args:
        base: the sound. Nothing is read of it within a gap.
        made: what the gaps hold, of the same rate and channels, at the same positions, and without an end.
        gaps: (first, last + 1) in samples, in order; the last one may end at None where there is no end.
        length: of the result; None is without end.
    """

    def __init__(self, base: Sound, made: Sound, gaps: list[tuple[int, int | None]], length: int | None) -> None:
        self.base, self.made, self.gaps, self.length = base, made, gaps, length
        self.sample_rate, self.channels = base.sample_rate, base.channels
        self._joins: dict[int, Join] = {}

    def read(self, first: int, count: int) -> np.ndarray:
        """As `Sound` says."""
        stop, parts = first + count, []
        for number, (begin, end) in enumerate(self.gaps):
            if first < min(begin, stop):
                parts.append(self.base.read(first, min(begin, stop) - first))
                first = min(begin, stop)
            end = stop if end is None else min(end, stop)
            if first < end:
                parts.append(self._make(number, first, end))
                first = end
        if first < stop:
            parts.append(self.base.read(first, stop - first))
        return np.concatenate([np.zeros((0, self.channels), np.float32), *parts])

    def _make(self, number: int, first: int, stop: int) -> np.ndarray:
        """Samples `first` to `stop` of a gap."""
        if number not in self._joins:
            self._joins[number] = self._join(number)
        join, (begin, end) = self._joins[number], self.gaps[number]
        samples = self.made.read(first, stop - first)
        places = np.arange(first, stop)
        share = np.zeros(len(places)) if end is None else (places - begin) / (end - begin)
        gain = join.gains[0] + (join.gains[1] - join.gains[0]) * share
        samples = samples * gain[:, None].astype(np.float32)
        samples = _fade_in(samples, join.head, first - begin)
        if end is not None:
            samples = _fade_in(samples[::-1], join.tail[::-1], end - stop)[::-1]
        return soften_peaks(samples)

    def _join(self, number: int) -> Join:
        begin, end = self.gaps[number]
        before = begin - (self.gaps[number - 1][1] or 0) if number else begin  # samples of the sound at either side
        after = 0
        if end is not None and self.base.length is not None:
            limit = self.gaps[number + 1][0] if number + 1 < len(self.gaps) else self.base.length
            after = max(limit - end, 0)
        elif end is not None:
            after = self.sample_rate
        room = None if end is None else (end - begin) // 2
        head = self._predict(begin, -before, room)
        tail = self._predict(end, after, room) if end is not None else head[:0]
        start_gain = self._compare_levels(begin, -before)
        gains = (start_gain, start_gain if end is None else self._compare_levels(end, after))
        if not before:
            gains = (gains[1], gains[1])
        if not after:
            gains = (gains[0], gains[0])
        if end is not None:
            gains = self._adapt_levels(gains, (begin, -before), (end, after))
        return Join(head, tail, gains)

    def _predict(self, edge: int, known: int, room: int | None) -> np.ndarray:
        """How the sound goes on into a gap, `[fade, channels]` in the order of time.

        Args:
            edge: where the gap begins or ends.
            known: samples of the sound outside; negative for those before the gap.
            room: the longest fade.
        """
        heard = min(abs(known), round(HEARD * self.sample_rate))
        fade = round((FADE if heard else EDGE_FADE) * self.sample_rate)
        fade = fade if room is None else min(fade, room)
        if not heard:
            return np.zeros((fade, self.channels), np.float32)
        if known < 0:
            return predict(self.base.read(edge - heard, heard), fade)
        return predict(self.base.read(edge, heard)[::-1], fade)[::-1]

    def _compare_levels(self, edge: int, known: int) -> float:
        """How much louder the sound is than what was made, just outside a gap."""
        compared = min(abs(known), round(COMPARED * self.sample_rate))
        first = edge - compared if known < 0 else edge
        levels = [_measure_level(read_padded(sound, first, compared)) for sound in (self.base, self.made)]
        if min(levels) < SILENCE:
            return 1.0
        return min(max(levels[0] / levels[1], 1 / LARGEST_GAIN), LARGEST_GAIN)

    def _adapt_levels(
        self, gains: tuple[float, float], start: tuple[int, int], end: tuple[int, int]
    ) -> tuple[float, float]:
        """Gains that bring what was made nearer to the level of the sound on both sides of a gap.

        Args:
            gains: by what was made outside the gap.
            start, end: edge of the gap, and samples of the sound outside, as `_predict` has them.
        """
        if not start[1] or not end[1]:
            return gains
        size = min(end[0] - start[0], round(COMPARED * self.sample_rate))
        adapted = []
        for gain, first, (edge, known) in zip(gains, (start[0], end[0] - size), (start, end), strict=True):
            heard = min(abs(known), round(COMPARED * self.sample_rate))
            outside = _measure_level(read_padded(self.base, edge - heard if known < 0 else edge, heard))
            inside = gain * _measure_level(read_padded(self.made, first, size))
            change = 1.0 if min(outside, inside) < SILENCE else (outside / inside) ** CHANGE
            adapted.append(gain * min(max(change, 1 / LARGEST_CHANGE), LARGEST_CHANGE))
        return adapted[0], adapted[1]


def soften_peaks(samples: np.ndarray) -> np.ndarray:
    """Samples below KNEE as they are, louder ones bent so that none reaches CEILING: nothing clips in a file."""
    excess = np.maximum(np.abs(samples) - KNEE, 0.0) / (CEILING - KNEE)
    bent = np.sign(samples) * (KNEE + (CEILING - KNEE) * np.tanh(excess))
    return np.where(excess > 0.0, bent, samples).astype(np.float32)


def predict(heard: np.ndarray, count: int) -> np.ndarray:
    """How samples `[n, channels]` go on for `count` samples, by linear prediction: `[count, channels]` float32."""
    order = min(ORDER, len(heard) // 3)
    if order < 1:
        return np.zeros((count, heard.shape[1]), np.float32)
    channels = [_predict_channel(channel.astype(np.float64), order, count) for channel in heard.T]
    return np.stack(channels, axis=1).astype(np.float32)


def estimate_prediction(signal: np.ndarray, order: int) -> np.ndarray:
    """Burg's method: coefficients a[1] to a[order] of `signal` `[n]`, float64, that predict it best in both directions.

    Fewer where the signal is predicted exactly before that.
    """
    coefficients = np.zeros(0)
    forward, backward = signal[1:], signal[:-1]
    for _ in range(order):
        power = forward @ forward + backward @ backward
        if power <= 0.0:
            break
        reflection = -2.0 * (forward @ backward) / power  # within -1 to 1
        coefficients = np.append(coefficients + reflection * coefficients[::-1], reflection)
        forward, backward = forward + reflection * backward, backward + reflection * forward
        forward, backward = forward[1:], backward[:-1]
    return coefficients


def _predict_channel(signal: np.ndarray, order: int, count: int) -> np.ndarray:
    coefficients = estimate_prediction(signal, order)
    order = len(coefficients)
    samples = np.concatenate([signal[len(signal) - order :], np.zeros(count)])
    weights = -coefficients[::-1]
    for n in range(order, order + count):
        samples[n] = weights @ samples[n - order : n]
    return samples[order:]


def _fade_in(samples: np.ndarray, before: np.ndarray, offset: int) -> np.ndarray:
    """What was made, `[n, channels]`, faded in from `before` `[fade, channels]`; sample 0 is `offset` into the gap.

    Powers add up to one: the two are not in phase.
    """
    count = min(len(before) - offset, len(samples))
    if count <= 0:
        return samples
    # computed whole and then cut, so that a sample is the same to the bit wherever reading begins
    angle = (np.pi / 2) * (np.arange(len(before)) + 0.5)[:, None] / len(before)
    shares = [curve[offset : offset + count] for curve in (np.sin(angle), np.cos(angle))]
    mixed = shares[0] * samples[:count] + shares[1] * before[offset : offset + count]
    return np.concatenate([mixed.astype(np.float32), samples[count:]])


def _measure_level(samples: np.ndarray) -> float:
    """Root mean square."""
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64)))) if samples.size else 0.0
