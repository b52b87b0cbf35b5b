"""Initial weights of a codec from data: principal components instead of random numbers.

Without their residual blocks, encoder and decoder are linear maps between rates. Set to the principal components of
real features, rate by rate, and to the transposes on the way back, they are at once what gradient descent would need
hours for on a CPU: the best linear codec of log spectra. Training then teaches the residual blocks what linear maps
cannot do.

Features count by how much of the mel scale they cover, as in the losses and in hearing.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from musika import spectrum
from musika.codec.features import LOG_DEVIATION, LOG_MEAN, POWER_FLOOR, make_band_matrix
from musika.config import CodecConfig

LATENT_DEVIATION = 0.5  # of each latent before tanh
LINEAR_SHARE = 0.2  # of a bin's importance that does not depend on the mel scale

Weights = dict[str, np.ndarray]


def fit_principal_components(
    config: CodecConfig, weights: Mapping[str, Mapping[str, np.ndarray]], powers: np.ndarray
) -> dict[str, Weights]:
    """`weights` of encoder and decoder with their linear path set to principal components.

    Args:
        weights: `{"encoder": {name: array}, "decoder": ...}` to take everything else from.
        powers: of left, right, mid and side in crops of whole latents, `[crops, 4, frames, K]`.
    """
    encoder, decoder = dict(weights["encoder"]), dict(weights["decoder"])
    steps = _fit_first_rate(config, encoder, decoder, powers)  # [crops, frames, width]
    for rate, width in enumerate(config.encoder_widths[1:], start=1):
        pairs = steps.reshape(len(steps), -1, 2 * steps.shape[-1])  # [crops, t / 2, 2 width]
        steps, components, mean = _compute_components(pairs, width)
        encoder[f"down_{rate}/kernel"], encoder[f"down_{rate}/bias"] = components, -mean @ components
        kernel = decoder[f"up_{rate - 1}/kernel"]
        decoder[f"up_{rate - 1}/kernel"] = _fit_two_steps(components.T, kernel.shape)
        decoder[f"up_{rate - 1}/bias"] = _fit_two_steps(mean[None], (1, kernel.shape[1]))[0]
    steps, components, mean = _compute_components(steps, config.channels)
    scale = LATENT_DEVIATION / (steps.std(axis=(0, 1)) + 1e-6)
    encoder["last/kernel"], encoder["last/bias"] = components * scale, -mean @ components * scale
    decoder["first/kernel"] = _fit_shape((components / scale).T, decoder["first/kernel"].shape)
    decoder["first/bias"] = _fit_shape(mean[None], (1, len(decoder["first/bias"])))[0]
    return {
        part: {name: array.astype(np.float32) for name, array in arrays.items()}
        for part, arrays in (("encoder", encoder), ("decoder", decoder))
    }


def _fit_first_rate(config: CodecConfig, encoder: Weights, decoder: Weights, powers: np.ndarray) -> np.ndarray:
    """Sets the encoder's first layer and the decoder's head; returns the former's output `[crops, frames, width]`."""
    importance = np.sqrt(_compute_importance(config)).astype(np.float32)  # [F]
    features = _compute_features(config, powers)  # [crops, frames, F]
    steps, components, mean = _compute_components(features * importance, config.encoder_widths[0])
    encoder["first/kernel"] = importance[:, None] * components
    encoder["first/bias"] = -mean @ components
    kernel = _spread_bands(config, (components / importance[:, None]).T)  # [width, 2 K]
    bias = _scale_powers(powers).mean((0, 2))[:2].reshape(-1)  # [2 K]
    head, head_bias = decoder["head/kernel"].copy(), decoder["head/bias"].copy()
    head[:, : kernel.shape[1]] = _fit_shape(kernel, (len(head), kernel.shape[1]))  # the planes of log magnitudes
    head_bias[: len(bias)] = bias
    decoder["head/kernel"], decoder["head/bias"] = head, head_bias
    return steps


def _compute_components(steps: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """`[n, T, F]` to its principal components `[n, T, count]`, their directions `[F, count]` and the mean `[F]`."""
    flat = steps.reshape(-1, steps.shape[-1])
    mean = flat.mean(axis=0)
    centred = flat - mean
    _, directions = np.linalg.eigh(centred.T @ centred / len(flat))
    directions = directions[:, ::-1][:, :count]
    if directions.shape[1] < count:
        directions = np.pad(directions, ((0, 0), (0, count - directions.shape[1])))
    return (centred @ directions).reshape(*steps.shape[:-1], count), directions, mean


def _scale_powers(powers: np.ndarray) -> np.ndarray:
    """Logarithms of powers as the networks see them."""
    return (np.log(powers + POWER_FLOOR) - LOG_MEAN) / LOG_DEVIATION


def _compute_features(config: CodecConfig, powers: np.ndarray) -> np.ndarray:
    """What `features.compute_features_of_powers` gives, `[crops, frames, F]`, in NumPy."""
    bands = powers[..., config.fine_bins :] @ make_band_matrix(config)
    scaled = _scale_powers(np.concatenate([powers[..., : config.fine_bins], bands], axis=-1))
    return scaled.transpose(0, 2, 1, 3).reshape(len(powers), powers.shape[2], -1)


def _compute_importance(config: CodecConfig) -> np.ndarray:
    """Importance of each feature `[F]`, one on average."""
    mel = spectrum.make_mel_filters(config.sample_rate, config.window, 128).sum(axis=1) + 1e-6  # falls as bands widen
    bins = mel / mel.mean() + LINEAR_SHARE
    members = make_band_matrix(config) > 0
    each = np.concatenate([bins[: config.fine_bins], bins[config.fine_bins :] @ members])
    return np.tile(each / each.mean(), 4)


def _spread_bands(config: CodecConfig, features: np.ndarray) -> np.ndarray:
    """Features `[.., F]` to bins of left and right `[.., 2 K]`: all bins of a band get the band's value."""
    members = (make_band_matrix(config) > 0).astype(np.float32).T  # [bands, K - fine_bins]
    channels = features.reshape(*features.shape[:-1], 4, -1)[..., :2, :]
    fine, bands = channels[..., : config.fine_bins], channels[..., config.fine_bins :] @ members
    return np.concatenate([fine, bands], axis=-1).reshape(*features.shape[:-1], -1)


def _fit_shape(matrix: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """`matrix` cut, or filled up with zeros, to `shape`; components come in the order of their importance."""
    out = np.zeros(shape, np.float32)
    rows, columns = min(shape[0], matrix.shape[0]), min(shape[1], matrix.shape[1])
    out[:rows, :columns] = matrix[:rows, :columns]
    return out


def _fit_two_steps(matrix: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """As `_fit_shape`, for columns that are two steps side by side."""
    return np.concatenate([_fit_shape(m, (shape[0], shape[1] // 2)) for m in np.split(matrix, 2, axis=1)], axis=1)
