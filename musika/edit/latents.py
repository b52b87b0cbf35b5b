"""Latents of edits as functions of position: encoded, made in gaps, made without end, made anew, blended.

All of them are latent sources (`render/latents.py`), so what decodes a piece decodes an edit. Numbers of latents count
from the beginning of the sound.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence

import numpy as np

from musika.edit.editor import Editor, HasCodec
from musika.gan.drafts import JOIN
from musika.render import GroupedLatents, LatentSource, Sound, read_padded

Gap = tuple[int, int | None]  # first, last + 1
KEPT = 256  # latents that are kept for what is read again: more than a decoder's window


class SilencedSound:
    """A sound with silence in its gaps: what is there must not be known."""

    def __init__(self, sound: Sound, gaps: Sequence[Gap]) -> None:
        self.sound, self.gaps = sound, gaps
        self.sample_rate, self.channels, self.length = sound.sample_rate, sound.channels, sound.length

    def read(self, first: int, count: int) -> np.ndarray:
        """As `Sound` says."""
        samples = self.sound.read(first, count)
        for begin, end in self.gaps:
            stop = count if end is None else end - first
            samples[max(begin - first, 0) : max(stop, 0)] = 0.0
        return samples


class EncodedLatents(GroupedLatents):
    """The latents of a sound of the codec's rate, encoded window by window as a whole file is."""

    def __init__(self, editor: HasCodec, sound: Sound, span: int) -> None:
        self.codec, self.sound = editor.codec, sound
        super().__init__(editor.codec.channels, editor.codec.block, span)
        self.length = None if sound.length is None else editor.codec.count_latents(sound.length)

    def make_group(self, index: int) -> np.ndarray:
        codec = self.codec
        if self.length is not None and index * self.size >= self.length:
            return np.zeros((self.size, self.channels), np.float32)
        first = (index * codec.block - codec.context) * codec.hop_total
        window = read_padded(self.sound, first, (codec.block + 2 * codec.context) * codec.hop_total)
        latents = codec.encode_window(window[None])[0]
        if self.length is not None:
            latents[max(self.length - index * self.size, 0) :] = 0.0
        return latents


class FilledLatents:
    """Latents with unknown stretches that the editor fills, each from what is known around it.

    A stretch is made in steps. One that is too long to be filled at once is continued from its beginning, each step
    from those before it, until the rest is short enough to be filled from both sides.

    Args:
        known: the latents outside of the stretches.
        unknown: stretches (first, last + 1), in order and apart; the last one may be without end.
        length: latents of the sound that are known of; None where it has no end.
        seen: latents on either side that are listened to at most; None is as many as the editor sees.
    """

    def __init__(
        self,
        editor: Editor,
        known: LatentSource,
        unknown: Sequence[Gap],
        length: int | None,
        seed: int,
        seen: int | None = None,
    ) -> None:
        self.editor, self.known, self.unknown, self.length, self.seed = editor, known, list(unknown), length, seed
        self.channels = known.channels
        self.seen = seen
        self._styles: dict[int, np.ndarray] = {}
        self._sides: dict[int, list[np.ndarray]] = {}
        self._needed = -(-editor.reach // editor.step)  # steps that the next one depends on
        self._kept = self._needed + -(-(editor.longest + KEPT) // editor.step) + 2
        self._steps: OrderedDict[tuple[int, int], np.ndarray] = OrderedDict()

    def get_span(self, start: int, stop: int) -> np.ndarray:
        """As `LatentSource` says."""
        latents = self.known.get_span(start, stop)
        for number, (first, last) in enumerate(self.unknown):
            self._insert(latents, start, number, first, stop if last is None else min(last, stop))
        return latents

    def _insert(self, latents: np.ndarray, start: int, number: int, begin: int, end: int) -> None:
        """Writes latents `begin` to `end` of a stretch into latents that begin at `start`."""
        begin, end = max(begin, start), min(end, start + len(latents))
        first, size = self.unknown[number][0], self.editor.step
        for step in range((begin - first) // size, -(-(end - first) // size) if begin < end else 0):
            place = first + step * size
            rows = slice(max(begin - place, 0), min(end - place, size))
            offset = place + rows.start - start
            latents[offset : offset + rows.stop - rows.start] = self._get_step(number, step)[rows]

    def _get_step(self, number: int, step: int) -> np.ndarray:
        """Latents of a step, `[step, C]`. Those that it depends on are made first, in order."""
        if (number, step) not in self._steps:
            for own in range(self._find_restart(number, step), step + 1):
                self._steps[number, own] = self._make_step(number, own)
                if len(self._steps) > self._kept:
                    self._steps.popitem(last=False)
        return self._steps[number, step]

    def _find_restart(self, number: int, step: int) -> int:
        """The first step to be made for a later one: the first whose predecessors are kept, or step 0."""
        for start in range(step, 0, -1):
            if all((number, own) in self._steps for own in range(max(start - self._needed, 0), start)):
                return start
        return 0

    def _make_step(self, number: int, step: int) -> np.ndarray:
        editor, (first, last) = self.editor, self.unknown[number]
        known = step  # steps that have been made when this one is; the last ones are made at once, from both sides
        if last is not None:
            known = min(step, max(0, -(-(last - first - editor.longest) // editor.step)))
        start = first + step * editor.step - editor.reach
        latents, detail = self._read_known(start, start + 2 * editor.reach + editor.step, number)
        end = first + known * editor.step
        self._insert(latents, start, number, first, end)
        detail[max(first - start, 0) : max(end - start, 0)] = 1.0
        draft = self._draft_rest(latents, start, number, end)
        return editor.make_window(start + editor.reach, latents, detail, self._get_style(number), draft, self.seed)

    def _draft_rest(self, latents: np.ndarray, start: int, number: int, begin: int) -> np.ndarray:
        """A window of latents with a draft for what is not made yet of a stretch, from latent `begin` on.

        Args:
            latents: of the window, which begins at latent `start`; what has been made is among them.
        """
        materials = [side for side in self._get_sides(number) if len(side)]
        if not materials:
            return latents
        last, stop = self.unknown[number][1], start + len(latents)
        left, is_left = self._read_known(begin - JOIN, begin, number)
        self._insert(left, begin - JOIN, number, self.unknown[number][0], begin)
        is_left[max(self.unknown[number][0] - begin, -JOIN) + JOIN :] = 1.0
        right, is_right = latents[:0], np.zeros(0)
        if last is not None:
            right, is_right = self._read_known(last, last + JOIN, number)
        size = (max(stop, begin + 1) if last is None else last) - begin
        found = self.editor.draft_gap(
            materials, left[is_left > 0.0], right[is_right > 0.0], size, begin, self.seed
        )  # [size, C]
        draft = latents.copy()
        inside = slice(max(begin, start), max(min(begin + size, stop), start))
        draft[inside.start - start : inside.stop - start] = found[inside.start - begin : inside.stop - begin]
        return draft

    def _read_known(self, start: int, stop: int, number: int) -> tuple[np.ndarray, np.ndarray]:
        """Latents `[stop - start, C]` and whether each is known, 0 or 1, for the stretch of that number."""
        places = np.arange(start, stop)
        known = (places >= 0) & (places < (stop if self.length is None else self.length))
        for first, last in self.unknown:
            known &= (places < first) | (places >= (stop if last is None else last))
        if self.seen is not None:
            first, last = self.unknown[number]
            known &= (places >= first - self.seen) & (places < (stop if last is None else last + self.seen))
        latents = self.known.get_span(start, stop)
        return np.where(known[:, None], latents, np.float32(0.0)), known.astype(np.float32)

    def _get_style(self, number: int) -> np.ndarray:
        """What the music around a stretch sounds like: of known latents on both sides."""
        if number not in self._styles:
            self._styles[number] = self.editor.measure_style(np.concatenate(self._get_sides(number)))
        return self._styles[number]

    def _get_sides(self, number: int) -> list[np.ndarray]:
        """The known latents around a stretch: before it, and after it where it ends; `[n, C]` each."""
        if number not in self._sides:
            (first, last), seen = self.unknown[number], self.editor.seen
            spans = [(first - seen, first)] + ([] if last is None else [(last, last + seen)])
            found = [self._read_known(start, stop, number) for start, stop in spans]
            self._sides[number] = [latents[known > 0.0] for latents, known in found]
        return self._sides[number]


class RemadeLatents(GroupedLatents):
    """Latents that the editor makes anew from as much of others as is to be kept.

    Args:
        known: latents to start from.
        tell_detail: how much of latents is kept, by their absolute numbers: `[T]` to `[T]`; where it is 1, the latents
            stay as they are.
        style: of what is made.
    """

    def __init__(
        self,
        editor: Editor,
        known: LatentSource,
        tell_detail: Callable[[np.ndarray], np.ndarray],
        style: np.ndarray,
        seed: int,
        span: int,
    ) -> None:
        super().__init__(known.channels, editor.step, span)
        self.editor, self.known, self.tell_detail, self.style, self.seed = editor, known, tell_detail, style, seed

    def make_group(self, index: int) -> np.ndarray:
        reach, first = self.editor.reach, index * self.size
        start, stop = first - reach, first + self.size + reach
        latents, places = self.known.get_span(start, stop), np.arange(start, stop)
        detail = np.where(places < 0, 0.0, self.tell_detail(places)).astype(np.float32)
        own = latents[reach : reach + self.size]
        kept = detail[reach : reach + self.size, None] >= 1.0
        if kept.all():
            return own
        draft = self.editor.draft_detail(start, latents, detail, self.seed)
        latents = np.where(detail[:, None] > 0.0, latents, np.float32(0.0))
        made = self.editor.make_window(first, latents, detail, self.style, draft, self.seed)
        return np.where(kept, own, made)


class MixedLatents:
    """Latents between those of two sounds.

    Args:
        one: latents of the first sound.
        other: latents of the second sound.
        tell_share: share of the second sound by absolute numbers of latents, `[T]` to `[T]` in 0 to 1.
    """

    def __init__(self, one: LatentSource, other: LatentSource, tell_share: Callable[[np.ndarray], np.ndarray]) -> None:
        self.one, self.other, self.tell_share = one, other, tell_share
        self.channels = one.channels

    def get_span(self, start: int, stop: int) -> np.ndarray:
        """As `LatentSource` says."""
        share = self.tell_share(np.arange(start, stop)).astype(np.float32)[:, None]
        return (1.0 - share) * self.one.get_span(start, stop) + share * self.other.get_span(start, stop)


def find_unknown_latents(
    gaps: Sequence[Gap], hop: int, around: int, length: int | None = None
) -> list[tuple[int, int | None]]:
    """The latents that depend on samples in gaps: stretches (first, last + 1), in order and apart.

    Args:
        gaps: in samples.
        hop: samples in a latent.
        around: latents on either side that a latent's encoding reaches to.
        length: latents of the sound; a stretch that reaches to it ends there.
    """
    stretches: list[tuple[int, int | None]] = []
    for begin, end in gaps:
        first = max(begin // hop - around, 0)
        last = None if end is None else -(-end // hop) + around
        if last is not None and length is not None:
            last = min(last, length)
        if stretches and (stretches[-1][1] is None or first <= (stretches[-1][1] or 0)):
            stretches[-1] = (stretches[-1][0], last)
        else:
            stretches.append((first, last))
    return stretches
