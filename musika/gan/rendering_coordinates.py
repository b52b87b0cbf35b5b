"""Coordinates of a piece, a function of its seed, its settings and the number of a latent. NumPy only.

Anchors make the music wander. With less `variation` they come closer to one place, and their spread stays what the
generator was trained on. Styles may change over time: on the way from one to the next, too, the spread stays.

A piece that loops has its anchors and its styles on a circle. There the distance of anchors is the nearest to the usual
one that fits the circle.

All arithmetic is sums, products, quotients and roots of single numbers, so the same latent has the same coordinates to
the bit however the latents are divided into calls.
"""

from __future__ import annotations

import math
from functools import cached_property

import numpy as np

from musika import draws
from musika.config import GeneratorConfig, GeneratorSettings, require
from musika.gan.coordinates import interpolate_anchors, mix


class RenderingCoordinates:
    """Where a piece is at each latent.

    Args:
        config: the generator's sizes.
        seed: of the piece.
        settings: of the piece.
        seconds_per_latent: for times in the settings.
        period: latents after which the piece begins again; 0 is never.
        offset: of such a piece the latent at which its time begins.
    """

    def __init__(
        self,
        config: GeneratorConfig,
        seed: int,
        settings: GeneratorSettings,
        seconds_per_latent: float,
        period: int = 0,
        offset: int = 0,
    ) -> None:
        self.config, self.seed, self.settings, self.period = config, seed, settings, period
        self.seconds_per_latent, self.offset = seconds_per_latent, offset

    def compute(self, start: int, length: int) -> np.ndarray:
        """Coordinates `[length, 2D]` float32 of the latents from `start` on, as far out as one likes.

        Raises:
            ConfigError: a negative start or length.
        """
        require(start >= 0 and length >= 0, f"latents {start} ... {start} + {length} are not all from 0 on")
        return np.concatenate(
            [self._compute_anchor_part(start, length), self._compute_style_part(start, length)], axis=-1
        )

    def _compute_anchor_part(self, start: int, length: int) -> np.ndarray:
        """`[length, D]`."""
        # a quarter of a window on, so that an anchor lies in the middle of a half-window, as it does in training
        first = start + self.config.window // 4
        if self.period:
            return self._interpolate_on_circle(first, length)
        distance = self.config.anchor_distance
        place = first // distance
        places = first - place * distance + np.arange(length)
        count = (int(places[-1]) // distance if length else 0) + 2
        return interpolate_anchors(np.stack([self._draw_anchor(place + k) for k in range(count)]), distance, places)

    def _interpolate_on_circle(self, first: int, length: int) -> np.ndarray:
        anchors = self._anchors_on_circle
        count = len(anchors)
        # places are counted in steps of half a latent, of which one anchor has 2 period / count
        steps = (2 * (first % self.period + np.arange(length)) + 1) * count
        before, share = steps // (2 * self.period), (steps % (2 * self.period)) / (2 * self.period)
        return mix(share, anchors[before % count], anchors[(before + 1) % count])

    @cached_property
    def _anchors_on_circle(self) -> np.ndarray:
        """`[count, D]`."""
        count = max(1, round(self.period / self.config.anchor_distance))
        return np.stack([self._draw_anchor(k) for k in range(count)])

    def _draw_anchor(self, index: int) -> np.ndarray:
        """`[D]`; with a variation below 1 a mixture with the piece's own place, of the same spread."""
        drawn, variation = self._draw("anchor", index), self.settings.variation
        if variation == 1:
            return drawn
        mixed = math.sqrt(1 - variation**2) * self._draw("place", 0) + variation * drawn
        return np.clip(mixed, -self.settings.truncation, self.settings.truncation).astype(np.float32)

    def _compute_style_part(self, start: int, length: int) -> np.ndarray:
        """`[length, D]`."""
        points = self._style_points
        if len(points) == 1:
            return np.broadcast_to(points[0][1], (length, self.config.coordinate_depth))
        latents = start + np.arange(length)
        latents = (latents - self.offset) % self.period if self.period else latents
        seconds = (latents + 0.5) * self.seconds_per_latent
        times, styles = np.array([time for time, _ in points]), np.stack([style for _, style in points])
        after = np.clip(np.searchsorted(times, seconds, side="right"), 1, len(points) - 1)
        distance = np.maximum(times[after] - times[after - 1], 1e-9)  # two styles of one time are a jump
        share = np.clip((seconds - times[after - 1]) / distance, 0.0, 1.0)
        spread = np.sqrt((1 - share) ** 2 + share**2).astype(np.float32)[:, None]  # of two independent styles
        mixed = mix(share, styles[after - 1], styles[after]) / spread
        return np.clip(mixed, -self.settings.truncation, self.settings.truncation).astype(np.float32)

    @cached_property
    def _style_points(self) -> list[tuple[float, np.ndarray]]:
        """Seconds and styles `[D]`; on a circle those around it, so that the last one leads to the first."""
        chosen = self.settings.style_seed
        numbers = self.settings.style_points or ((0.0, self.seed if chosen < 0 else chosen),)
        points = [(time, self._draw_style(number)) for time, number in numbers]
        around = self.period * self.seconds_per_latent
        if around and len(points) > 1:
            inside = [point for point in points if point[0] < around] or points[:1]
            (first_time, first), (last_time, last) = inside[0], inside[-1]
            points = [(last_time - around, last), *inside, (first_time + around, first)]
        return points

    def _draw_style(self, number: int) -> np.ndarray:
        return draws.truncated_normal(number, "style", 0, (self.config.coordinate_depth,), self.settings.truncation)

    def _draw(self, purpose: str, index: int) -> np.ndarray:
        return draws.truncated_normal(
            self.seed, purpose, index, (self.config.coordinate_depth,), self.settings.truncation
        )


def draw_rendering_coordinates(
    config: GeneratorConfig, seed: int, truncation: float, start: int, length: int
) -> np.ndarray:
    """Coordinates `[length, 2D]` of a piece with a truncation and no other settings.

    Raises:
        ConfigError: a negative start or length, or a truncation that is not positive.
    """
    settings = GeneratorSettings(truncation=truncation)
    return RenderingCoordinates(config, seed, settings, 1.0).compute(start, length)
