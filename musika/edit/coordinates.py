"""Vary and blend with a generator without an editor: through its coordinates, also with published checkpoints.

A recording is brought into the generator's space: anchors and a style whose latents come as close to the recording's
as a bounded number of gradient steps allows. Varying moves them towards random ones, blending goes between those of two
recordings. What the generator never learned to make, it cannot come close to, so the result keeps the recording's
course rather than its sound. Such a generator is not told what is around a gap: it can neither fill nor continue.

Shapes: T latents, C numbers in a latent, K anchors, D coordinate depth, L/2 latents in a half-window.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np

from musika import draws
from musika.edit.editor import OnStep
from musika.gan.coordinates import interpolate_anchors
from musika.gan.noise import draw_rendering_noise
from musika.render import GeneratorModel, GroupedLatents, LatentSource

STEPS = 120  # of the gradient, at most
TRIED = 6  # random places that a projection may begin with; the closest one is taken
RATE = 0.05  # of Adam
BOUND = 2.0  # of each coordinate, in standard deviations
AT_ONCE = 2  # half-windows in a step of the gradient; also the generator's batch when it renders
BETAS = (0.9, 0.99)

Point = dict[str, np.ndarray]  # anchors `[K, D]` and a style `[D]`


@dataclasses.dataclass(frozen=True, eq=False)
class Projection:
    """Where a recording is in a generator's space.

    Attributes:
        anchors: `[K, D]`.
        first_anchor: absolute number of the first of them.
        style: `[D]`.
        distance: mean absolute difference of its latents to the recording's.
    """

    anchors: np.ndarray
    first_anchor: int
    style: np.ndarray
    distance: float


class ProjectedLatents(GroupedLatents):
    """Latents of a path through a generator's space, which is found when the first latent is asked for.

    Args:
        find_path: gives coordinates `[T, 2D]` for absolute numbers of latents `[T]`.
        seed: of the noise.
        span: as `GroupedLatents` has it.
    """

    def __init__(
        self, model: GeneratorModel, find_path: Callable[[], Callable[[np.ndarray], np.ndarray]], seed: int, span: int
    ) -> None:
        super().__init__(model.config.channels, AT_ONCE * model.config.half_window, span)
        self.model, self.find_path, self.seed = model, find_path, seed

    @cached_property
    def _path(self) -> Callable[[np.ndarray], np.ndarray]:
        return self.find_path()

    def make_group(self, index: int) -> np.ndarray:
        config = self.model.config
        coordinates = self._path(index * self.size + np.arange(self.size))
        coordinates = coordinates.reshape(AT_ONCE, config.half_window, -1).astype(np.float32)
        noise = draw_rendering_noise(config, self.seed, index * AT_ONCE, AT_ONCE)
        return self.model.generate(coordinates, noise).reshape(self.size, config.channels)


def make_path(model: GeneratorModel, projection: Projection) -> Callable[[np.ndarray], np.ndarray]:
    """Coordinates `[T, 2D]` of a projection at absolute numbers of latents `[T]`; beyond its ends they stay."""
    config = model.config
    first = projection.first_anchor * config.anchor_distance
    last = (len(projection.anchors) - 1) * config.anchor_distance - 1

    def find_coordinates(numbers: np.ndarray) -> np.ndarray:
        places = np.clip(numbers + config.window // 4 - first, 0, last)
        anchors = interpolate_anchors(projection.anchors, config.anchor_distance, places)
        return np.concatenate([anchors, np.broadcast_to(projection.style, anchors.shape)], axis=1)

    return find_coordinates


def vary_projection(projection: Projection, strength: float, seed: int) -> Projection:
    """A projection moved towards random anchors and a random style: 0 not at all, 1 all the way."""
    kept = np.sqrt(1.0 - strength**2)
    shape, numbers = projection.style.shape, projection.first_anchor + np.arange(len(projection.anchors))
    others = [draws.truncated_normal(seed, "edit/anchor", int(number), shape, BOUND) for number in numbers]
    style = draws.truncated_normal(seed, "edit/style", 0, shape, BOUND)
    anchors = kept * projection.anchors + strength * np.stack(others)
    return dataclasses.replace(projection, anchors=anchors, style=kept * projection.style + strength * style)


def project(
    model: GeneratorModel, latents: LatentSource, first: int, stop: int, on_step: OnStep | None = None
) -> Projection:
    """Anchors and style whose latents come close to latents `first` to `stop` of a source.

    Args:
        on_step: is called before each batch of half-windows of each step, with the share that is done; what it raises
            ends the search.
    """
    config = model.config
    half = config.half_window
    numbers = np.arange(first // half * half, -(-stop // half) * half)  # of whole half-windows
    halves = len(numbers) // half
    wanted = latents.get_span(int(numbers[0]), int(numbers[-1]) + 1).reshape(halves, half, -1)
    known = ((numbers >= first) & (numbers < stop)).reshape(halves, half, 1).astype(np.float32)
    first_anchor = int(numbers[0] + config.window // 4) // config.anchor_distance
    places = numbers + config.window // 4 - first_anchor * config.anchor_distance
    anchors = int(places[-1]) // config.anchor_distance + 2
    # the line through anchors is linear in them: coordinates are weights times anchors
    weights = interpolate_anchors(np.eye(anchors, dtype=np.float32), config.anchor_distance, places)
    batches = _split(halves, wanted, known, weights.reshape(halves, half, anchors))
    step = _compile_step(model, on_step, (TRIED + STEPS) * len(batches))
    point, distance = _descend(*_find_start(model, anchors, batches, step), batches, step)
    return Projection(point["anchors"], first_anchor, point["style"], distance)


def _descend(
    point: Point,
    distance: float,
    batches: list[tuple[np.ndarray, np.ndarray, np.ndarray]],
    step: Callable[..., tuple[np.ndarray, Point]],
) -> tuple[Point, float]:
    """The closest point on the way of STEPS steps of Adam, and how far it is away."""
    first, second = ({name: np.zeros_like(value) for name, value in point.items()} for _ in range(2))
    best, best_distance = point, distance
    for number in range(1, STEPS + 1):
        distance, gradient = _measure(point, batches, step)
        if distance < best_distance:
            best, best_distance = point, distance
        for name, value in gradient.items():
            first[name] = BETAS[0] * first[name] + (1 - BETAS[0]) * value
            second[name] = BETAS[1] * second[name] + (1 - BETAS[1]) * value**2
        moved = {}
        for name, value in point.items():
            slope = first[name] / (1 - BETAS[0] ** number)
            size = np.sqrt(second[name] / (1 - BETAS[1] ** number)) + 1e-8
            moved[name] = np.clip(value - RATE * slope / size, -BOUND, BOUND).astype(np.float32)
        point = moved
    return best, best_distance


def _split(
    halves: int, wanted: np.ndarray, known: np.ndarray, weights: np.ndarray
) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Batches of AT_ONCE half-windows, the last one filled up with some that do not count."""
    missing = -halves % AT_ONCE
    padded = [np.pad(array, ((0, missing), (0, 0), (0, 0))) for array in (wanted, known, weights)]
    return [
        (padded[0][n : n + AT_ONCE], padded[1][n : n + AT_ONCE], padded[2][n : n + AT_ONCE])
        for n in range(0, halves, AT_ONCE)
    ]


def _compile_step(model: GeneratorModel, on_step: OnStep | None, calls: int) -> Callable[..., tuple[np.ndarray, Point]]:
    """Sum of the absolute differences of a batch, and its gradient by anchors and style.

    Args:
        on_step: as `project` has it.
        calls: of the function, in the whole search.
    """
    from keras import ops

    from musika import backend

    network = model.network

    def compute(point: Point, wanted: np.ndarray, known: np.ndarray, weights: np.ndarray) -> object:
        def measure(point: Point) -> tuple[object, object]:
            anchors = ops.matmul(weights, point["anchors"])  # [B, L/2, D]
            style = ops.broadcast_to(point["style"], anchors.shape)
            made = network(ops.concatenate([anchors, style], axis=-1))
            return ops.sum(known * ops.abs(made - wanted)), ()

        value, _, gradient = backend.value_and_gradient(measure, point)
        return value, gradient

    compiled, number = backend.compile(compute), itertools.count()

    def run(*inputs: Any) -> tuple[np.ndarray, Point]:
        if on_step is not None:
            on_step(next(number) / calls)
        return backend.to_numpy(compiled(*backend.to_device(inputs)))

    return run


def _measure(
    point: Point,
    batches: list[tuple[np.ndarray, np.ndarray, np.ndarray]],
    step: Callable[..., tuple[np.ndarray, Point]],
) -> tuple[float, Point]:
    """Mean absolute difference over all batches, and its gradient."""
    count = sum(float(known.sum()) * wanted.shape[-1] for wanted, known, _ in batches)
    total, gradient = 0.0, {name: np.zeros_like(value) for name, value in point.items()}
    for batch in batches:
        value, slope = step(point, *batch)
        total += float(value)
        gradient = {name: gradient[name] + slope[name] / count for name in gradient}
    return total / count, gradient


def _find_start(
    model: GeneratorModel,
    anchors: int,
    batches: list[tuple[np.ndarray, np.ndarray, np.ndarray]],
    step: Callable[..., tuple[np.ndarray, Point]],
) -> tuple[Point, float]:
    """The closest of some random points, and how far it is away."""
    depth = model.config.coordinate_depth
    tried = []
    for number in range(TRIED):
        style = draws.truncated_normal(number, "project/style", 0, (depth,), BOUND)
        drawn = [draws.truncated_normal(number, "project/anchor", k, (depth,), BOUND) for k in range(anchors)]
        point = {"anchors": 0.5 * np.stack(drawn), "style": 0.5 * style}
        tried.append((point, _measure(point, batches, step)[0]))
    return min(tried, key=lambda each: each[1])
