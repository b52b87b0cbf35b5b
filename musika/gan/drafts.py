"""Drafts: what an editor begins with, put together from stretches of the music around it.

A draft is not made by a network. In a gap it is music from elsewhere in the same sound, taken from where the latents
before and after are most like those on both sides of the gap, as in texture synthesis by patches (Kwatra et al.,
"Graphcut Textures", SIGGRAPH 2003). Where the coarse part of latents is known, their detail is that of other places
with a similar course. Among the most similar places a random number chooses. The network then corrects the draft: its
joins, its harmony, what does not fit.

All latents here are in the editor's basis, `[T, C]`. NumPy only.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

JOIN = 8  # latents on each side of a join that are compared
SEGMENT = 48  # latents that are taken from one place, at most, where no place has enough for the whole gap
SHORTEST = 8  # latents that are taken from one place, at least
PATCH = 8  # latents whose detail comes from one place
CHOICES = 6  # places among which a random number chooses, at most
SURE_CHOICES = 3  # of them, however well they fit: other seeds are to sound different
APART = 8  # latents between two places that count as different
WORSE = 1.5  # cost of the other places, over that of the best one, at most


def draft_gap(
    materials: Sequence[np.ndarray], left: np.ndarray, right: np.ndarray, size: int, chances: np.ndarray
) -> np.ndarray:
    """Latents for a gap, `[size, C]`.

    Args:
        materials: stretches of known latents, `[N, C]` each; at least one of them is not empty.
        left: the last latents before the gap, `[0 to JOIN, C]`.
        right: the first latents after it, `[0 to JOIN, C]`.
        chances: random numbers in [0, 1); they are used again and again.
    """
    long = [material for material in materials if len(material) >= size + 2 * JOIN]
    if long:
        costs = [_cost_stretches(material, left, right, size) for material in long]
        number, place = _choose_place(costs, float(chances[0]))
        return long[number][place : place + size]
    material = max(materials, key=len)
    if not len(right):
        return _go_on(material, left, size, chances)
    half = size // 2
    ahead = _go_on(material, left, half, chances)
    back = _go_on(material[::-1], right[::-1], size - half, np.roll(chances, 1))
    return np.concatenate([ahead, back[::-1]])


def _cost_stretches(material: np.ndarray, left: np.ndarray, right: np.ndarray, size: int) -> np.ndarray:
    """How badly a stretch from each place fits between both sides, `[N - size + 1]`."""
    count = len(material) - size + 1
    return _cost_joins(material, left, 0)[:count] + _cost_joins(material, right[::-1], -1)[size - 1 : size - 1 + count]


def _cost_joins(material: np.ndarray, side: np.ndarray, step: int) -> np.ndarray:
    """Mean square distance of `side` to the latents before (step 0) or after (step -1) each place, `[N]`.

    `side` runs towards the join. Where the material has too few latents, those that are there count.
    """
    rows, towards = (material, side) if step == 0 else (material[::-1], side)
    total, count = np.zeros(len(rows)), np.zeros(len(rows))
    for back in range(1, len(towards) + 1):
        distance = np.square(rows[:-back] - towards[-back]).mean(axis=1)  # of the latent `back` before each place
        total[back:] += distance
        count[back:] += 1
    costs = np.where(count > 0, total / np.maximum(count, 1), np.inf if len(towards) else 0.0)
    return costs if step == 0 else costs[::-1]


def _choose_place(costs: Sequence[np.ndarray], chance: float) -> tuple[int, int]:
    """One of the best places that are APART: (number of the material, place in it)."""
    left = [cost.copy() for cost in costs]
    found: list[tuple[int, int]] = []
    worst = WORSE * min(cost.min() for cost in costs) + 1e-9
    while len(found) < CHOICES:
        number = int(np.argmin([cost.min() for cost in left]))
        place = int(np.argmin(left[number]))
        cost = left[number][place]
        if not np.isfinite(cost) or (len(found) >= SURE_CHOICES and cost > worst):
            break
        found.append((number, place))
        left[number][max(place - APART, 0) : place + APART + 1] = np.inf
    return found[int(chance * len(found))] if found else (0, 0)


def _go_on(material: np.ndarray, left: np.ndarray, size: int, chances: np.ndarray) -> np.ndarray:
    """Latents that follow `left`, segment by segment, each from where the material before it is like what was there."""
    if not size:
        return material[:0]
    parts = [left[-JOIN:]]
    made = number = 0
    while made < size:
        costs = _cost_joins(material, np.concatenate(parts)[-JOIN:], 0)
        last = max(len(material) - SHORTEST, 0)
        _, place = _choose_place([costs[: last + 1]], float(chances[number % len(chances)]))
        part = material[place : place + min(SEGMENT, size - made)]
        parts.append(part)
        made, number = made + len(part), number + 1
    return np.concatenate(parts[1:])


def draft_detail(latents: np.ndarray, kept: np.ndarray, first: int, chances: np.ndarray) -> np.ndarray:
    """Latents whose first numbers are known, with the other numbers of similar places, `[T, C]`.

    Args:
        latents: `[T, C]`, all of which may be looked at, as detail of other places.
        kept: how many numbers of each latent are known, `[T]`.
        first: absolute number of the first latent, on whose multiples patches lie.
        chances: random numbers in [0, 1), `[patches of T + 1]`.
    """
    draft = latents.copy()
    edges = [0, *range(-first % PATCH or PATCH, len(latents), PATCH), len(latents)]
    for number, (begin, end) in enumerate(itertools.pairwise(edges)):
        known = int(kept[begin:end].min(initial=latents.shape[1]))
        if known in (0, latents.shape[1]):  # what is not known at all is no detail
            continue
        size = end - begin
        windows = np.lib.stride_tricks.sliding_window_view(latents[:, :known], size, axis=0)  # [P, k, size]
        costs = np.square(windows - latents[begin:end, :known].T).mean(axis=(1, 2))
        costs[max(begin - size, 0) : end] = np.inf  # other places
        _, place = _choose_place([costs], float(chances[number % len(chances)]))
        columns = np.arange(latents.shape[1]) >= kept[begin:end, None]
        draft[begin:end] = np.where(columns, latents[place : place + size], draft[begin:end])
    return draft
