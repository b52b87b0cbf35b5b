"""Edits by a generator without an editor: vary and blend through its coordinates (`coordinates.py`)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from musika.config import Blend, Vary
from musika.edit.convert import adapt
from musika.edit.coordinates import ProjectedLatents, make_path, project, vary_projection
from musika.edit.editor import OnStep
from musika.edit.joining import JoinedSound
from musika.edit.places import LEAST_VARIED, check_heard, locate_passage, locate_varied, make_ramp, require_end
from musika.edit.sounds import SoundSequence, count_latents, count_span, decode_latents, encode_sound
from musika.render import GeneratorModel, Sound

AROUND = 2.0  # seconds on either side of what is made that are searched, too


def vary_by_coordinates(model: GeneratorModel, sound: Sound, edit: Vary, on_step: OnStep | None = None) -> Sound:
    """The sound, or spans of it, as a generator makes it near the coordinates that come closest."""
    gaps = locate_varied(sound, edit)
    (searched,) = find_searched(sound, edit)
    known = encode_sound(model, sound)

    def find_path() -> Callable[[np.ndarray], np.ndarray]:
        projection = project(model, known, *_to_latents(model, sound, searched), on_step)
        return make_path(model, vary_projection(projection, edit.strength, edit.seed))

    made = ProjectedLatents(model, find_path, edit.seed, count_span(model))
    return JoinedSound(sound, decode_latents(model, made, sound, gaps[-1][1]), gaps, sound.length)


def blend_by_coordinates(
    model: GeneratorModel, sound: Sound, other: Sound, edit: Blend, on_step: OnStep | None = None
) -> Sound:
    """Two sounds in one, as a generator makes it between the coordinates of both."""
    other = adapt(other, sound.sample_rate, sound.channels)
    lengths = [require_end(each) for each in (sound, other)]
    if edit.over is None:
        gap, start, length = (0, min(lengths)), 0, min(lengths)
        share: Callable[[np.ndarray], np.ndarray] = lambda numbers: np.full(len(numbers), edit.ratio)  # noqa: E731
        base: Sound = sound
    else:
        start, over = locate_passage(sound, other, edit.over)
        gap, length, base = (start, lengths[0]), start + lengths[1], SoundSequence(sound, other, start)
        unit = model.codec.hop_total * sound.sample_rate / model.codec.sample_rate
        share = make_ramp(start, over, unit)
    for each, place in ((sound, gap[0]), (other, 0)):
        check_heard(each, [(place, place + gap[1] - gap[0])], LEAST_VARIED)
    sources = [encode_sound(model, sound), encode_sound(model, SoundSequence(None, other, start))]
    spans = [_to_latents(model, sound, stretch) for stretch in find_searched(sound, edit, other)]

    def find_path() -> Callable[[np.ndarray], np.ndarray]:
        parts = [None if on_step is None else narrow_to_half(on_step, half) for half in range(2)]
        searched = zip(sources, spans, parts, strict=True)
        one, two = (make_path(model, project(model, source, *span, part)) for source, span, part in searched)

        def find_coordinates(numbers: np.ndarray) -> np.ndarray:
            part = share(numbers)[:, None]
            return (1.0 - part) * one(numbers) + part * two(numbers)

        return find_coordinates

    made = ProjectedLatents(model, find_path, edit.seed, count_span(model))
    return JoinedSound(base, decode_latents(model, made, sound, gap[1]), [gap], length)


def find_searched(sound: Sound, edit: Vary | Blend, other: Sound | None = None) -> list[tuple[int, int]]:
    """The parts that a place in the generator's space is searched for: of the sound, and of the second one of a blend.

    Each is (first, last + 1) in samples of the result. A little more than what is made belongs to it, since levels are
    compared there.

    Args:
        other: the second sound of a blend, at the rate of the first.

    Raises:
        UsageError: the edit does not fit the sound.
    """
    length, around = require_end(sound), round(AROUND * sound.sample_rate)
    heard = [(0, length)]  # where either sound is
    if isinstance(edit, Vary):
        gaps = locate_varied(sound, edit)
        first, stop = gaps[0][0], length if gaps[-1][1] is None else gaps[-1][1]
    else:
        assert other is not None
        start = 0 if edit.over is None else locate_passage(sound, other, edit.over)[0]
        heard.append((start, start + require_end(other)))
        first, stop = start, length if edit.over is not None else min(length, heard[1][1])
    return [(max(first - around, begin), min(stop + around, end)) for begin, end in heard]


def _to_latents(model: GeneratorModel, sound: Sound, stretch: tuple[int, int]) -> tuple[int, int]:
    """A stretch of samples in latents: (first, last + 1)."""
    return count_latents(model, sound, stretch[0]), count_latents(model, sound, stretch[1])


def narrow_to_half(on_step: OnStep, half: int) -> OnStep:
    """For one of two searches (0 or 1): the share that is done of both."""
    return lambda share: on_step(None if share is None else 0.5 * (half + share))
