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
LEAST_CHOICES = 3  # however badly they fit, so that different seeds sound different
MIN_DISTANCE = 8  # latents between two of these places
MAX_COST_RATIO = 1.5  # of a further place to the best one


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
        costs = [_compute_stretch_costs(material, left, right, size) for material in long]
        number, place = _choose_place(costs, float(chances[0]))
        return long[number][place : place + size]
    material = max(materials, key=len)
    if not len(right):
        return _extend(material, left, size, chances)
    half = size // 2
    ahead = _extend(material, left, half, chances)
    back = _extend(material[::-1], right[::-1], size - half, np.roll(chances, 1))
    return np.concatenate([ahead, back[::-1]])


def _compute_stretch_costs(material: np.ndarray, left: np.ndarray, right: np.ndarray, size: int) -> np.ndarray:
    """How badly the stretch from each place on fits between both sides, `[N - size + 1]`."""
    count = len(material) - size + 1
    after = _compute_join_costs(material[::-1], right[::-1])[::-1]
    return _compute_join_costs(material, left)[:count] + after[size - 1 : size - 1 + count]


def _compute_join_costs(material: np.ndarray, left: np.ndarray) -> np.ndarray:
    """Mean square distance of `left` `[0 to JOIN, C]` to the latents before each place of the material, `[N]`.

    Where the material has fewer latents before a place, those count; where it has none, the cost is infinite.
    """
    total, count = np.zeros(len(material)), np.zeros(len(material))
    for back in range(1, len(left) + 1):
        distance = np.square(material[:-back] - left[-back]).mean(axis=1)  # of the latent `back` before each place
        total[back:] += distance
        count[back:] += 1
    return np.where(count > 0, total / np.maximum(count, 1), np.inf if len(left) else 0.0)


def _choose_place(costs: Sequence[np.ndarray], chance: float) -> tuple[int, int]:
    """Draws one of the best places that are MIN_DISTANCE apart: (number of the material, place in it).

    Args:
        costs: of each place in each material, `[N]`; infinite where a place cannot be used.
        chance: random number in [0, 1).
    """
    remaining = [cost.copy() for cost in costs]
    found: list[tuple[int, int]] = []
    worst = MAX_COST_RATIO * min(cost.min() for cost in costs) + 1e-9
    while len(found) < CHOICES:
        number = int(np.argmin([cost.min() for cost in remaining]))
        place = int(np.argmin(remaining[number]))
        cost = remaining[number][place]
        if not np.isfinite(cost) or (len(found) >= LEAST_CHOICES and cost > worst):
            break
        found.append((number, place))
        remaining[number][max(place - MIN_DISTANCE, 0) : place + MIN_DISTANCE + 1] = np.inf
    return found[int(chance * len(found))] if found else (0, 0)


def _extend(material: np.ndarray, left: np.ndarray, size: int, chances: np.ndarray) -> np.ndarray:
    """Latents that follow `left`, `[size, C]`: segments from places whose preceding latents are like the last ones."""
    if not size:
        return material[:0]
    parts = [left[-JOIN:]]
    made = number = 0
    while made < size:
        costs = _compute_join_costs(material, np.concatenate(parts)[-JOIN:])
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
