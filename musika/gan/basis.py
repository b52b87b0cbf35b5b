"""The basis that generator and critic are trained in: latents are whitened, in full or in part.

A few directions of latents hold most of their variance. The critic's R1 penalty limits its slope by latents as they
are, so the critic almost ignores the faint directions: a generator then makes too little of the strong ones and several
times too much of the weakest. The basis maps latents x to (x - mean) K C^(-s/2), where C is the covariance of the
training latents, s the strength and K a number that keeps the total variance: strength 1 whitens, 0.5 goes half of the
way.

Networks are trained in the basis and stored for plain latents. The map is linear, so it is folded into the generator's
last layer and the critic's first ones. NumPy only.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np

PIECE = 4096  # latents that are read at once
MAX_PIECES = 500  # of a larger set so many pieces are read, at equal distances
MIN_SHARE = 1e-6  # the least variance of a direction, as a share of the mean one
MIN_VARIANCE = 1e-12  # the least one, for latents that never change
LAST = "out"  # the generator's last layer
FIRST = "first"  # the critic's first layer, and with a name before it each local critic's

Weights = Mapping[str, np.ndarray]


class LatentFiles(Protocol):
    """Files of latents to crop examples from, such as `latents.open_training_set` gives."""

    @property
    def lengths(self) -> Sequence[int]:
        """Latents in each file."""

    def crop(self, file_index: int, offset: int, length: int) -> np.ndarray:
        """Latents offset ... offset + length of a file, `[length, C]` float32."""


@dataclasses.dataclass(frozen=True)
class Basis:
    """An invertible map of latents, rows `[.., C]`: (x - mean) @ matrix; and back, y @ inverse + mean.

    Weights of networks are given by name, as `checkpoint.get_weights` has them.
    """

    mean: np.ndarray  # [C]
    matrix: np.ndarray  # [C, C]
    inverse: np.ndarray  # [C, C], of the matrix

    def transform(self, latents: np.ndarray) -> np.ndarray:
        """Plain latents `[.., C]` to the basis, float32."""
        return (latents - self.mean.astype(np.float32)).astype(np.float32) @ self.matrix.astype(np.float32)

    def invert(self, latents: np.ndarray) -> np.ndarray:
        """Latents `[.., C]` in the basis to plain ones, float32."""
        return (latents @ self.inverse + self.mean).astype(np.float32)

    def transform_generator(self, weights: Weights) -> dict[str, np.ndarray]:
        """Weights of a generator of plain latents to those of one that makes them in the basis."""
        kernel, bias = _get_layer(weights, LAST)  # [4, 2c, C], [C]
        return _replace_layer(weights, LAST, kernel @ self.matrix, (bias - self.mean) @ self.matrix)

    def invert_generator(self, weights: Weights) -> dict[str, np.ndarray]:
        """Weights of a generator of latents in the basis to those of one that makes plain ones."""
        kernel, bias = _get_layer(weights, LAST)
        return _replace_layer(weights, LAST, kernel @ self.inverse, bias @ self.inverse + self.mean)

    def transform_critic(self, weights: Weights) -> dict[str, np.ndarray]:
        """Weights of a critic of plain latents to those of one that sees them in the basis.

        Its scores stay the same, but for edges: beyond a window's edges the convolution sees zeros, which are the mean
        of latents in the basis.
        """
        for layer in _list_first_layers(weights):
            kernel, bias = _get_layer(weights, layer)
            steps = self._split_steps(kernel)
            mapped = (self.inverse @ steps).reshape(kernel.shape)
            weights = _replace_layer(weights, layer, mapped, bias + np.einsum("c,kco->o", self.mean, steps))
        return dict(weights)

    def invert_critic(self, weights: Weights) -> dict[str, np.ndarray]:
        """Weights of a critic of latents in the basis to those of one that sees plain ones."""
        for layer in _list_first_layers(weights):
            kernel, bias = _get_layer(weights, layer)
            steps = self.matrix @ self._split_steps(kernel)
            mapped = steps.reshape(kernel.shape)
            weights = _replace_layer(weights, layer, mapped, bias - np.einsum("c,kco->o", self.mean, steps))
        return dict(weights)

    def _split_steps(self, kernel: np.ndarray) -> np.ndarray:
        """A kernel `[K, C, W]`, or `[K C, W]` of latents side by side, as `[K, C, W]`."""
        return kernel.reshape(-1, len(self.mean), kernel.shape[-1])


def fit_basis(files: LatentFiles, strength: float, swap_halves: bool = False) -> Basis:
    """The basis for a set of latents, from at most PIECE x MAX_PIECES of them.

    Args:
        files: latents to fit the basis to.
        strength: s, in [0, 1].
        swap_halves: each latent counts twice, once with its halves in the other order.
    """
    pieces = [(file, at) for file, length in enumerate(files.lengths) for at in range(0, length, PIECE)]
    if len(pieces) > MAX_PIECES:
        pieces = [pieces[n * len(pieces) // MAX_PIECES] for n in range(MAX_PIECES)]
    count, total, products = 0, np.zeros(1), np.zeros((1, 1))
    for file, at in pieces:
        latents = files.crop(file, at, min(PIECE, files.lengths[file] - at)).astype(np.float64)
        if swap_halves:
            latents = np.concatenate([latents, np.roll(latents, latents.shape[1] // 2, axis=1)])
        count, total, products = count + len(latents), total + latents.sum(axis=0), products + latents.T @ latents
    mean = total / count
    variances, directions = np.linalg.eigh(products / count - np.outer(mean, mean))
    variances = np.maximum(variances, max(MIN_SHARE * float(variances.mean()), MIN_VARIANCE))
    scale = variances ** (-strength / 2)
    scale *= np.sqrt(variances.sum() / (variances * scale**2).sum())
    return Basis(mean, (directions * scale) @ directions.T, (directions / scale) @ directions.T)


def sort_directions(basis: Basis) -> Basis:
    """The same basis, turned so that its directions are the principal components, the largest variance first.

    Args:
        basis: whitened with a strength above 0, so that the scale of a direction tells its variance.
    """
    _, directions = np.linalg.eigh(basis.matrix)  # the smallest scale first, which is the largest variance
    return Basis(basis.mean, basis.matrix @ directions, directions.T @ basis.inverse)


def _list_first_layers(weights: Weights) -> list[str]:
    """Layers of a critic that see latents."""
    return [name.rsplit("/", 1)[0] for name in weights if f"/{name}".endswith(f"/{FIRST}/kernel")]


def _get_layer(weights: Weights, layer: str) -> tuple[np.ndarray, np.ndarray]:
    """Kernel and bias, float64."""
    kernel, bias = (np.asarray(weights[f"{layer}/{name}"], np.float64) for name in ("kernel", "bias"))
    return kernel, bias


def _replace_layer(weights: Weights, layer: str, kernel: np.ndarray, bias: np.ndarray) -> dict[str, np.ndarray]:
    return {**weights, f"{layer}/kernel": kernel.astype(np.float32), f"{layer}/bias": bias.astype(np.float32)}
