"""The coordinates that generator and critic are trained in: latents turned so that no direction is drowned by another.

A few directions of latents hold most of their variance. The critic's R1 penalty is on its slope by latents as they are,
so it hears the faint directions hardly at all: a generator then makes too little of the strong ones and several times
too much of the weakest. In the basis, x ↦ (x - mean) K C^(-s/2), where C is the covariance of the training latents, s
the strength and K a number that keeps the total variance: strength 1 whitens, 0.5 goes half of the way.

Networks are trained in the basis and kept for plain latents: the map is linear, so the generator's last layer and the
critic's first one take it in. NumPy only.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np

PIECE = 4096  # latents that are read at once
MOST = 500  # pieces that are read; of more, as many at equal distances
FAINTEST = 1e-6  # variance of a direction, as a share of the mean one, below which it counts as this
STILL = 1e-12  # variance of what does not change at all
LAST = "out"  # the generator's last layer
FIRST = "first"  # the critic's, and with a name before it each local critic's

Weights = Mapping[str, np.ndarray]


class Windows(Protocol):
    """Files of latents, as `latents.open_training_set` gives them."""

    @property
    def lengths(self) -> Sequence[int]:
        """Latents in each file."""

    def crop(self, file_index: int, offset: int, length: int) -> np.ndarray:
        """Latents offset ... offset + length of a file, `[length, C]` float32."""


@dataclasses.dataclass(frozen=True)
class Basis:
    """An invertible map of latents, rows `[.., C]`: (x - mean) @ to; and back, y @ back + mean."""

    mean: np.ndarray  # [C]
    to: np.ndarray  # [C, C]
    back: np.ndarray  # [C, C], its inverse

    def into(self, latents: np.ndarray) -> np.ndarray:
        """Latents `[.., C]` in the basis, float32."""
        return (latents - self.mean.astype(np.float32)).astype(np.float32) @ self.to.astype(np.float32)

    def out_of(self, latents: np.ndarray) -> np.ndarray:
        """Plain latents `[.., C]` of those in the basis, float32."""
        return (latents @ self.back + self.mean).astype(np.float32)

    def generator_into(self, weights: Weights) -> dict[str, np.ndarray]:
        """Weights by name of a generator of plain latents, as those of one in the basis."""
        kernel, bias = _layer(weights, LAST)  # [4, 2c, C], [C]
        return _with(weights, LAST, kernel @ self.to, (bias - self.mean) @ self.to)

    def generator_out(self, weights: Weights) -> dict[str, np.ndarray]:
        """The other way round."""
        kernel, bias = _layer(weights, LAST)
        return _with(weights, LAST, kernel @ self.back, bias @ self.back + self.mean)

    def critic_into(self, weights: Weights) -> dict[str, np.ndarray]:
        """Weights by name of a critic of plain latents, as those of one in the basis: the same scores, but for edges.

        Beyond a window's edges the convolution sees zeros, which are the mean of latents in the basis.
        """
        for layer in _firsts(weights):
            kernel, bias = _layer(weights, layer)
            steps = self._by_latent(kernel)
            mapped = (self.back @ steps).reshape(kernel.shape)
            weights = _with(weights, layer, mapped, bias + np.einsum("c,kco->o", self.mean, steps))
        return dict(weights)

    def critic_out(self, weights: Weights) -> dict[str, np.ndarray]:
        """The other way round."""
        for layer in _firsts(weights):
            kernel, bias = _layer(weights, layer)
            steps = self.to @ self._by_latent(kernel)
            mapped = steps.reshape(kernel.shape)
            weights = _with(weights, layer, mapped, bias - np.einsum("c,kco->o", self.mean, steps))
        return dict(weights)

    def _by_latent(self, kernel: np.ndarray) -> np.ndarray:
        """A kernel `[K, C, W]`, or `[K C, W]` of latents side by side, as `[K, C, W]`."""
        return kernel.reshape(-1, len(self.mean), kernel.shape[-1])


def of(windows: Windows, strength: float, swapped: bool = False) -> Basis:
    """The basis for a set of latents.

    Args:
        strength: s, in [0, 1].
        swapped: each latent counts twice, once with its halves in the other order.
    """
    pieces = [(file, at) for file, length in enumerate(windows.lengths) for at in range(0, length, PIECE)]
    if len(pieces) > MOST:
        pieces = [pieces[n * len(pieces) // MOST] for n in range(MOST)]
    count, total, products = 0, np.zeros(1), np.zeros((1, 1))
    for file, at in pieces:
        latents = windows.crop(file, at, min(PIECE, windows.lengths[file] - at)).astype(np.float64)
        if swapped:
            latents = np.concatenate([latents, np.roll(latents, latents.shape[1] // 2, axis=1)])
        count, total, products = count + len(latents), total + latents.sum(axis=0), products + latents.T @ latents
    mean = total / count
    variances, directions = np.linalg.eigh(products / count - np.outer(mean, mean))
    variances = np.maximum(variances, max(FAINTEST * float(variances.mean()), STILL))
    scale = variances ** (-strength / 2)
    scale *= np.sqrt(variances.sum() / (variances * scale**2).sum())
    return Basis(mean, (directions * scale) @ directions.T, (directions / scale) @ directions.T)


def _firsts(weights: Weights) -> list[str]:
    """Layers of a critic that see latents."""
    return [name.rsplit("/", 1)[0] for name in weights if f"/{name}".endswith(f"/{FIRST}/kernel")]


def _layer(weights: Weights, layer: str) -> tuple[np.ndarray, np.ndarray]:
    kernel, bias = (np.asarray(weights[f"{layer}/{name}"], np.float64) for name in ("kernel", "bias"))
    return kernel, bias


def _with(weights: Weights, layer: str, kernel: np.ndarray, bias: np.ndarray) -> dict[str, np.ndarray]:
    changed = {f"{layer}/kernel": kernel.astype(np.float32), f"{layer}/bias": bias.astype(np.float32)}
    return {**weights, **changed}
