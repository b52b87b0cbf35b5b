"""Phases of tones that accumulate: the phase of a tone is the running sum of its frequency, in cells of whole turns.

A tone that takes its phase from fixed carriers slips where its frequency lies between two of them. Here the phase
follows the frequency, whatever it is. A running sum has no beginning in endless music, so absolute time is divided
into cells of `phase_cell` latents. Within a cell phases add up. Over a whole cell the sum is rounded to whole turns,
and the rounding error, at most half a turn, is spread evenly over the cell: with cells of 16 latents a frequency is
wrong by 0.34 Hz at most. So the phases at the borders of a cell are known without any history, a tone that goes on is
continuous across them, and a block needs the frequencies of the cells that it touches, and nothing else.

A cell has steps, `tuner_values` in each latent. All bins of a tone take the phase of the bin that is nearest to its
frequency, and a tone goes on from the phase that this bin had one step before, so a tone may glide from bin to bin.
A step is a multiple of four frames. Over four frames the carrier of every bin makes whole turns, so at the borders of
steps phases relative to any bin's carrier are the same.

Shapes: B crops, T latents, V values in a latent, R tuned bins, N cells of all crops, S steps in a cell.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from keras import ops

from musika import draws
from musika.codec.tones import MAX_OFFSET, average_offsets
from musika.config import CodecConfig

Tensor = Any

PHASE_STEP = 1.8  # radians: most that the phases of two neighbouring bins differ by at a cell's borders


def accumulate_phases(config: CodecConfig, offset: Tensor, power: Tensor, cell: int) -> Tensor:
    """Phases of tones relative to their bins' carriers at the centre of each frame, in radians, `[B, T frames, R]`.

    Args:
        offset: bins from each tuned bin to its tone, `[B, T, V, R]`.
        power: of each tuned bin, in any unit, `[B, T, R]`; loud bins count more where bins of one tone differ.
        cell: latents in a cell; T is a multiple of it, and the first latent is the first of a cell.
    """
    crops, latents, values, count = offset.shape
    offset = ops.reshape(offset, (crops, latents * values, count))
    offset = average_offsets(offset, ops.repeat(power, values, axis=1))
    offset = ops.reshape(offset, (-1, cell * values, count))  # [N, S, R]
    bins = np.arange(count, dtype=np.float32)
    own = ops.clip(ops.round(bins + offset), 0.0, count - 1.0)  # the bin that is nearest to the tone
    own_index = ops.cast(own, "int32")
    offset = ops.take_along_axis(offset, own_index, axis=-1) + (own - bins)  # so all bins of a tone agree
    frames = config.frames // values  # of a step
    start, correction = _follow_tones(offset, own_index, frames)  # each [N, S, R]
    within = np.arange(frames, dtype=np.float32)[:, None] + 0.5  # the frames' centres, from the start of the step
    passed = np.arange(offset.shape[1], dtype=np.float32)[:, None, None] * frames + within  # of the cell
    share = passed / (frames * offset.shape[1])
    phase = start[:, :, None] + (np.pi / 2) * offset[:, :, None] * within + correction[:, :, None] * share
    return ops.reshape(phase, (crops, latents * config.frames, count))


def _follow_tones(offset: Tensor, own: Tensor, frames: int) -> tuple[Tensor, Tensor]:
    """Phases at the start of each step, and what to add to each tone's phase over the whole cell, both `[N, S, R]`.

    Args:
        offset: bins from each bin to its tone, `[N, S, R]`, the same tone for all bins of it.
        own: the bin that is nearest to this tone, `[N, S, R]`.
        frames: in one step.
    """
    _, steps, count = offset.shape
    turn = ops.transpose((np.pi / 2 * frames) * offset, (1, 0, 2))  # a bin turns by a quarter from frame to frame
    cells = ops.reshape(ops.arange(ops.shape(own)[0], dtype="int32"), (-1, 1, 1))
    own = ops.transpose(own + count * cells, (1, 0, 2))  # [S, N, R], indices into `[N R]`: one gather a step

    def go_on(phase: Tensor, step: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        index, turned = step
        start = ops.take(ops.reshape(phase, (-1,)), index)
        return start + turned, start

    def go_back(missing: Tensor, index: Tensor) -> tuple[Tensor, Tensor]:
        missing = ops.take(ops.reshape(missing, (-1,)), index)
        return missing, missing

    first = _compute_border_phases(offset[:, 0])
    phase, starts = first + turn[0], first[None]
    if steps > 1:
        phase, later = ops.scan(go_on, phase, (own[1:], turn[1:]))
        starts = ops.concatenate([starts, later], axis=0)
    missing = _compute_border_phases(offset[:, -1]) - phase
    missing = missing - 2 * np.pi * ops.round(missing / (2 * np.pi))
    # tones are followed back from the end, so each has one correction all along
    _, corrections = ops.scan(go_back, missing, own, reverse=True)
    return ops.transpose(starts, (1, 0, 2)), ops.transpose(corrections, (1, 0, 2))


def _compute_border_phases(offset: Tensor) -> Tensor:
    """Phases at a cell's borders of tones that are `offset` `[N, R]` bins away from each bin, `[N, R]`.

    A random walk over frequency: tones that differ have phases that differ, so they do not add up to clicks, and a
    tone whose frequency differs slightly between two cells goes on at nearly the same phase.
    """
    count = offset.shape[-1]
    reach = int(2 * MAX_OFFSET) + 2
    walk = draws.uniform(0, "codec/phases", 0, (count + 2 * reach,))
    walk = np.cumsum((2 * walk - 1) * PHASE_STEP).astype(np.float32)
    position = ops.clip(offset + np.arange(count, dtype=np.float32), 1.0 - reach, count + reach - 2.0) + float(reach)
    lower = ops.floor(position)
    index = ops.cast(lower, "int32")
    low, high = ops.take(walk, index), ops.take(walk, index + 1)
    return low + (position - lower) * (high - low)
