"""Edits applied to sounds: what each of them means.

    fill, continue   the sound is copied; in the gap is what an editor made of the latents around it
    vary             latents are made anew from their coarse course; outside the spans the sound is copied
    blend            latents between those of two sounds; with a passage, the rest of both sounds is copied

Everything that is made is a function of the edit, of the sound around it, and of position.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np

from musika.codec.base import AUDIO_CHANNELS
from musika.config import Blend, Continue, Edit, Fill, Vary
from musika.edit.convert import adapt
from musika.edit.editor import Editor
from musika.edit.joining import JoinedSound
from musika.edit.latents import (
    EncodedLatents,
    FilledLatents,
    Gap,
    MixedLatents,
    RemadeLatents,
    SilencedSound,
    find_unknown_latents,
)
from musika.edit.spans import locate_spans
from musika.errors import UsageError
from musika.render import CachedSound, LatentSource, Sound, count_block_samples, decode_samples

LEAST_KNOWN = 1.0  # seconds of sound that an edit must have to listen to
SILENCE = 1e-4  # root mean square of what is as good as silent
BLOCK = 1 << 16  # samples that are checked at once
STYLE_SECONDS = 30.0  # that tell the style of what is varied or blended
BLEND_STRENGTH = 0.5  # of the variation in the middle between two sounds


@dataclasses.dataclass(frozen=True)
class AppliedEdit:
    """An edit with all that it needs: what a piece or a recording carries.

    Attributes:
        edit: the value.
        editor: the network.
        open_other: opens the second sound of a blend.
    """

    edit: Edit
    editor: Editor
    open_other: Callable[[], Sound] | None = None

    def apply(self, sound: Sound) -> Sound:
        """The edited sound.

        Raises:
            UsageError: the edit does not fit the sound.
        """
        if isinstance(self.edit, Fill):
            return fill_gaps(self.editor, sound, self.edit)
        if isinstance(self.edit, Continue):
            return continue_sound(self.editor, sound, self.edit)
        if isinstance(self.edit, Vary):
            return vary_sound(self.editor, sound, self.edit)
        if isinstance(self.edit, Blend) and self.open_other is not None:
            return blend_sounds(self.editor, sound, self.open_other(), self.edit)
        raise UsageError(f"{self.edit.name} lacks a second sound")


def fill_gaps(editor: Editor, sound: Sound, edit: Fill) -> Sound:
    """The sound with its gaps filled."""
    gaps = locate_spans(edit.spans, sound.sample_rate, sound.length)
    return _fill(editor, sound, gaps, sound.length, edit.seed, None)


def continue_sound(editor: Editor, sound: Sound, edit: Continue) -> Sound:
    """The sound and what comes after it. It has no random access: each step depends on those before it."""
    rate, codec = sound.sample_rate, editor.codec
    end = sound.length if edit.at is None else round(edit.at * rate)
    if end is None:
        raise UsageError("a piece has no end: say from which second it is to go on", about="at")
    if sound.length is not None and end > sound.length:
        raise UsageError(f"the sound ends after {sound.length / rate:.3f} s, before second {edit.at:g}", about="at")
    seen = None
    if edit.before is not None:
        if edit.before * rate > end:
            raise UsageError(
                f"there are {end / rate:.3f} s before the end, and {edit.before:g} s are to be listened to",
                about="before",
            )
        seen = max(1, round(edit.before * codec.sample_rate / codec.hop_total))
    length = None if edit.seconds is None else end + round(edit.seconds * rate)
    if length == end:
        raise UsageError(f"{edit.seconds:g} seconds are less than a sample")
    return _fill(editor, _CutSound(sound, end), [(end, length)], length, edit.seed, seen)


def vary_sound(editor: Editor, sound: Sound, edit: Vary) -> Sound:
    """The sound, or spans of it, with detail made anew."""
    gaps = locate_spans(edit.spans, sound.sample_rate, sound.length) if edit.spans else [(0, sound.length)]
    for begin, end in gaps:
        check_heard(editor, sound, [(begin, end)])
    known = _encode(editor, sound)
    hop, ratio = editor.codec.hop_total, editor.codec.sample_rate / sound.sample_rate
    spans = [(begin * ratio / hop, np.inf if end is None else end * ratio / hop) for begin, end in gaps]

    def tell_detail(places: np.ndarray) -> np.ndarray:
        inside = np.zeros(len(places), bool)
        for begin, end in spans:
            inside |= (places + 1 > begin) & (places < end)
        return np.where(inside, 1.0 - edit.strength, 1.0)

    style = _measure_style(editor, known, int(spans[0][0]))
    made = RemadeLatents(editor, known, tell_detail, style, edit.seed, _count_span(editor))
    return JoinedSound(sound, _decode(editor, made, sound), gaps, sound.length)


def blend_sounds(editor: Editor, sound: Sound, other: Sound, edit: Blend) -> Sound:
    """Two sounds in one."""
    other = adapt(other, sound.sample_rate, sound.channels)
    if edit.over is not None:
        return _pass_over(editor, sound, other, edit)
    lengths = [length for length in (sound.length, other.length) if length is not None]
    length = min(lengths) if lengths else None
    for each in (sound, other):
        check_heard(editor, each, [(0, length)])
    one, two = _encode(editor, sound), _encode(editor, other)
    styles = [_measure_style(editor, source, 0) for source in (one, two)]
    style = (1.0 - edit.ratio) * styles[0] + edit.ratio * styles[1]
    mixed = MixedLatents(one, two, lambda places: np.full(len(places), edit.ratio))
    made = _remake_mixture(editor, mixed, style, edit.seed)
    return JoinedSound(sound, _decode(editor, made, sound), [(0, length)], length)


def _pass_over(editor: Editor, sound: Sound, other: Sound, edit: Blend) -> Sound:
    """The first sound, a passage in which it becomes the second one, and the rest of that."""
    assert edit.over is not None
    over = round(edit.over * sound.sample_rate)
    if sound.length is None:
        raise UsageError("the first sound has no end, so nothing can follow it")
    shortest = min(sound.length, sound.length if other.length is None else other.length)
    if over > shortest:
        raise UsageError(
            f"a passage of {edit.over:g} s is longer than one of the sounds, of {shortest / sound.sample_rate:.3f} s",
            about="over",
        )
    start = sound.length - over
    for each, place in ((sound, start), (other, 0)):
        check_heard(editor, each, [(place, place + over)])
    both = _Sequence(sound, other, start)
    one, two = _encode(editor, sound), _encode(editor, _Sequence(None, other, start))
    unit = editor.codec.hop_total * sound.sample_rate / editor.codec.sample_rate  # samples in a latent
    place = int(start / unit)
    style = 0.5 * (_measure_style(editor, one, place) + _measure_style(editor, two, place + 1))
    mixed = MixedLatents(one, two, lambda places: np.clip(((places + 0.5) * unit - start) / over, 0.0, 1.0))
    made = _remake_mixture(editor, mixed, style, edit.seed)
    return JoinedSound(both, _decode(editor, made, sound), [(start, sound.length)], both.length)


def _remake_mixture(editor: Editor, mixed: MixedLatents, style: np.ndarray, seed: int) -> LatentSource:
    """Latents between two sounds, whose detail is made anew the more, the further they are from both."""

    def tell_detail(places: np.ndarray) -> np.ndarray:
        share = mixed.tell_share(places)
        return 1.0 - BLEND_STRENGTH * 2.0 * np.minimum(share, 1.0 - share)

    return RemadeLatents(editor, mixed, tell_detail, style.astype(np.float32), seed, _count_span(editor))


def _fill(editor: Editor, sound: Sound, gaps: list[Gap], length: int | None, seed: int, seen: int | None) -> Sound:
    """A sound of a new length whose gaps hold what the editor makes of the rest."""
    codec = editor.codec
    check_heard(editor, sound, _list_heard(editor, sound, gaps))
    # what is in the gaps is not known: latents are encoded with silence there, and those that it touches are unknown
    silenced = SilencedSound(sound, gaps)
    known = _encode(editor, silenced)
    scale = codec.sample_rate / sound.sample_rate
    scaled: list[Gap] = [
        (int(begin * scale), None if end is None else int(np.ceil(end * scale))) for begin, end in gaps
    ]
    if length != sound.length:  # what is continued has no end for the editor, so a shorter one is part of a longer one
        scaled = [(scaled[0][0], None)]
    unknown = find_unknown_latents(scaled, codec.hop_total, codec.encoder_context, known.length)
    made = FilledLatents(editor, known, unknown, None if unknown[-1][1] is None else known.length, seed, seen)
    return JoinedSound(sound, _decode(editor, made, sound), gaps, length)


def _encode(editor: Editor, sound: Sound) -> EncodedLatents:
    return EncodedLatents(editor, adapt(sound, editor.codec.sample_rate, AUDIO_CHANNELS), _count_span(editor))


def _count_span(editor: Editor) -> int:
    """The most latents that are read at once."""
    return 2 * editor.reach + editor.step + 2 * editor.codec.context + editor.codec.block


def _decode(editor: Editor, latents: LatentSource, sound: Sound) -> Sound:
    """Latents as a sound without end, of the rate and the channels of another."""
    return adapt(_DecodedSound(editor, latents), sound.sample_rate, sound.channels)


def _measure_style(editor: Editor, known: EncodedLatents, place: int) -> np.ndarray:
    """The style of a sound from a latent on; at its end, of what comes before."""
    count = round(STYLE_SECONDS * editor.codec.sample_rate / editor.codec.hop_total)
    stop = place + count if known.length is None else min(place + count, known.length)
    rows = known.get_span(max(stop - count, 0), stop)
    return editor.measure_style(rows[np.abs(rows).max(axis=1) > 0.0])


def _list_heard(editor: Editor, sound: Sound, gaps: list[Gap]) -> list[Gap]:
    """What the editor listens to on both sides of gaps, in samples."""
    reach = round(editor.reach * editor.codec.hop_total * sound.sample_rate / editor.codec.sample_rate)
    heard: list[Gap] = []
    ends = [0, *(gap[1] for gap in gaps)]
    begins = [*(gap[0] for gap in gaps), sound.length]
    for number, (first, stop) in enumerate(zip(ends, begins, strict=True)):
        if first is None:
            continue
        near = stop is None or stop - first > 2 * reach
        if not near:
            heard.append((first, stop))
            continue
        if number:
            heard.append((first, first + reach))
        if number < len(gaps) and stop is not None:
            heard.append((stop - reach, stop))
    return heard


def check_heard(editor: Editor, sound: Sound, stretches: list[Gap]) -> None:
    """Checks that there is enough sound to go by.

    Args:
        stretches: (first, last + 1) in samples; of one without end, the beginning is checked.

    Raises:
        UsageError: there is too little of it, or only silence.
    """
    count, power = 0, 0.0
    for first, stop in stretches:
        if stop is None:
            stop = first + round(STYLE_SECONDS * sound.sample_rate)
        for place in range(first, stop, BLOCK):
            block = sound.read(place, min(BLOCK, stop - place))
            count, power = count + len(block), power + float(np.mean(np.square(block, dtype=np.float64))) * len(block)
    least = min(LEAST_KNOWN, editor.reach * editor.codec.hop_total / editor.codec.sample_rate)  # seconds
    if count < int(least * sound.sample_rate):
        heard = count / sound.sample_rate
        raise UsageError(f"there are {heard:.2f} s of sound to listen to: an edit needs {least:g} s or more")
    if power / count < SILENCE**2:
        raise UsageError("there is only silence to listen to: there is nothing to go by")


class _DecodedSound(CachedSound):
    """Latents, decoded in blocks at absolute positions."""

    def __init__(self, editor: Editor, latents: LatentSource) -> None:
        codec = editor.codec
        super().__init__(codec.sample_rate, AUDIO_CHANNELS, None, count_block_samples(codec))
        self.codec, self.latents = codec, latents

    def make_block(self, index: int) -> np.ndarray:
        (block,) = decode_samples(self.codec, self.latents, index * self.size, self.size)
        return block


class _CutSound:
    """The beginning of a sound."""

    def __init__(self, sound: Sound, length: int) -> None:
        self.sound = sound
        self.sample_rate, self.channels = sound.sample_rate, sound.channels
        self.length: int | None = length

    def read(self, first: int, count: int) -> np.ndarray:
        """As `Sound` says."""
        return self.sound.read(first, count)


class _Sequence:
    """A sound, and another one that begins `start` samples later and replaces it; silence where there is none."""

    def __init__(self, sound: Sound | None, other: Sound, start: int) -> None:
        self.sound, self.other, self.start = sound, other, start
        self.sample_rate, self.channels = other.sample_rate, other.channels
        self.length = None if other.length is None else start + other.length

    def read(self, first: int, count: int) -> np.ndarray:
        """As `Sound` says."""
        before = min(max(self.start - first, 0), count)
        parts = [self.other.read(max(first - self.start, 0), count - before)]
        if before and self.sound is not None:
            parts.insert(0, self.sound.read(first, before))
        elif before:
            parts.insert(0, np.zeros((before, self.channels), np.float32))
        return np.concatenate(parts)
