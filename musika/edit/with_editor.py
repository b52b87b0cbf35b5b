"""Edits by an editor, the network that makes latents from those around them.

fill, continue   the sound is copied; in the gap is what the editor made of the latents around it
vary             latents are made anew from their coarse part; outside the spans the sound is copied
blend            latents between those of two sounds; with a passage, the rest of both sounds is copied
"""

from __future__ import annotations

import numpy as np

from musika.config import Blend, Continue, Fill, Vary
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
from musika.edit.places import (
    LEAST_VARIED,
    check_heard,
    list_heard,
    locate_continuation,
    locate_passage,
    locate_varied,
    make_ramp,
)
from musika.edit.sounds import CutSound, SoundSequence, count_span, decode_latents, encode_sound
from musika.edit.spans import locate_spans
from musika.render import LatentSource, Sound

STYLE_SECONDS = 30.0  # that tell the style of what is varied or blended
BLEND_STRENGTH = 0.5  # of the variation in the middle between two sounds


def fill_gaps(editor: Editor, sound: Sound, edit: Fill) -> Sound:
    """The sound with its gaps filled."""
    gaps = locate_spans(edit.spans, sound.sample_rate, sound.length)
    return _fill(editor, sound, gaps, sound.length, edit.seed, None)


def continue_sound(editor: Editor, sound: Sound, edit: Continue) -> Sound:
    """The sound and what comes after it. It has no random access: each step depends on those before it."""
    end, length = locate_continuation(sound, edit)
    codec, seen = editor.codec, None
    if edit.before is not None:
        seen = max(1, round(edit.before * codec.sample_rate / codec.hop_total))
    return _fill(editor, CutSound(sound, end), [(end, length)], length, edit.seed, seen)


def vary_sound(editor: Editor, sound: Sound, edit: Vary) -> Sound:
    """The sound, or spans of it, with detail made anew."""
    gaps = locate_varied(sound, edit)
    known = encode_sound(editor, sound)
    hop, ratio = editor.codec.hop_total, editor.codec.sample_rate / sound.sample_rate
    spans = [(begin * ratio / hop, np.inf if end is None else end * ratio / hop) for begin, end in gaps]

    def tell_detail(places: np.ndarray) -> np.ndarray:
        inside = np.zeros(len(places), bool)
        for begin, end in spans:
            inside |= (places + 1 > begin) & (places < end)
        return np.where(inside, 1.0 - edit.strength, 1.0)

    style = _measure_style(editor, known, int(spans[0][0]))
    made = RemadeLatents(editor, known, tell_detail, style, edit.seed, count_span(editor))
    return JoinedSound(sound, decode_latents(editor, made, sound, gaps[-1][1]), gaps, sound.length)


def blend_sounds(editor: Editor, sound: Sound, other: Sound, edit: Blend) -> Sound:
    """Two sounds in one."""
    other = adapt(other, sound.sample_rate, sound.channels)
    if edit.over is not None:
        return _pass_over(editor, sound, other, edit)
    lengths = [length for length in (sound.length, other.length) if length is not None]
    length = min(lengths) if lengths else None
    for each in (sound, other):
        check_heard(each, [(0, length)], LEAST_VARIED)
    one, two = encode_sound(editor, sound), encode_sound(editor, other)
    styles = [_measure_style(editor, source, 0) for source in (one, two)]
    style = (1.0 - edit.ratio) * styles[0] + edit.ratio * styles[1]
    mixed = MixedLatents(one, two, lambda places: np.full(len(places), edit.ratio))
    made = _remake_mixture(editor, mixed, style, edit.seed)
    return JoinedSound(sound, decode_latents(editor, made, sound, length), [(0, length)], length)


def _pass_over(editor: Editor, sound: Sound, other: Sound, edit: Blend) -> Sound:
    """The first sound, a passage in which it becomes the second one, and the rest of that."""
    assert edit.over is not None
    start, over = locate_passage(sound, other, edit.over)
    for each, place in ((sound, start), (other, 0)):
        check_heard(each, [(place, place + over)], LEAST_VARIED)
    both = SoundSequence(sound, other, start)
    one, two = encode_sound(editor, sound), encode_sound(editor, SoundSequence(None, other, start))
    unit = editor.codec.hop_total * sound.sample_rate / editor.codec.sample_rate  # samples in a latent
    place = int(start / unit)
    style = 0.5 * (_measure_style(editor, one, place) + _measure_style(editor, two, place + 1))
    mixed = MixedLatents(one, two, make_ramp(start, over, unit))
    made = _remake_mixture(editor, mixed, style, edit.seed)
    decoded = decode_latents(editor, made, sound, sound.length)
    return JoinedSound(both, decoded, [(start, sound.length)], both.length)


def _remake_mixture(editor: Editor, mixed: MixedLatents, style: np.ndarray, seed: int) -> LatentSource:
    """Latents between two sounds, whose detail is made anew the more, the further they are from both."""

    def tell_detail(places: np.ndarray) -> np.ndarray:
        share = mixed.tell_share(places)
        return 1.0 - BLEND_STRENGTH * 2.0 * np.minimum(share, 1.0 - share)

    return RemadeLatents(editor, mixed, tell_detail, style.astype(np.float32), seed, count_span(editor))


def _fill(editor: Editor, sound: Sound, gaps: list[Gap], length: int | None, seed: int, seen: int | None) -> Sound:
    """A sound of a new length whose gaps hold what the editor makes of the rest."""
    codec = editor.codec
    unit = codec.hop_total / codec.sample_rate  # seconds in a latent
    check_heard(sound, list_heard(sound, gaps, round(editor.reach * unit * sound.sample_rate)), editor.reach * unit)
    # what is in the gaps is not known: latents are encoded with silence there, and those that it touches are unknown
    silenced = SilencedSound(sound, gaps)
    known = encode_sound(editor, silenced)
    scale = codec.sample_rate / sound.sample_rate
    scaled: list[Gap] = [
        (int(begin * scale), None if end is None else int(np.ceil(end * scale))) for begin, end in gaps
    ]
    if length != sound.length:  # what is continued has no end for the editor, so a shorter one is part of a longer one
        scaled = [(scaled[0][0], None)]
    unknown = find_unknown_latents(scaled, codec.hop_total, codec.encoder_context, known.length)
    made = FilledLatents(editor, known, unknown, None if unknown[-1][1] is None else known.length, seed, seen)
    return JoinedSound(sound, decode_latents(editor, made, sound, gaps[-1][1]), gaps, length)


def _measure_style(editor: Editor, known: EncodedLatents, place: int) -> np.ndarray:
    """The style of a sound from a latent on; at its end, of what comes before."""
    count = round(STYLE_SECONDS * editor.codec.sample_rate / editor.codec.hop_total)
    stop = place + count if known.length is None else min(place + count, known.length)
    rows = known.get_span(max(stop - count, 0), stop)
    return editor.measure_style(rows[np.abs(rows).max(axis=1) > 0.0])
