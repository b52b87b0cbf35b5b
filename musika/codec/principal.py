"""First weights of a codec from data: principal components instead of noise.

Without their residual blocks, encoder and decoder are linear maps between rates. Set to the principal components of
real features, rate by rate, and to the transposes on the way back, they make at once what gradient descent would need
hours for on a CPU: the best linear codec of log spectra. Training then teaches the residual blocks what lines cannot.

Features count by how much of the mel scale they cover, as the losses and ears do.
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


def fitted(
    config: CodecConfig, weights: Mapping[str, Mapping[str, np.ndarray]], powers: np.ndarray
) -> dict[str, Weights]:
    """`weights` of encoder and decoder with their linear path set to principal components.

    Args:
        weights: `{"encoder": {name: array}, "decoder": ...}` to take everything else from.
        powers: of left, right, mid and side in crops of whole latents, `[crops, 4, frames, K]`.
    """
    encoder, decoder = dict(weights["encoder"]), dict(weights["decoder"])
    spectra = _scaled_log(powers)  # [crops, 4, frames, K]
    features = _features(config, powers)  # [crops, frames, F]
    importance = np.sqrt(_importance(config)).astype(np.float32)
    steps, components, mean = _components(features * importance, config.encoder_widths[0])
    encoder["first/kernel"] = importance[:, None] * components
    encoder["first/bias"] = -mean @ components
    backward = _backward(config, (components / importance[:, None]).T, spectra.mean((0, 2)))
    decoder["head/kernel"], decoder["head/bias"] = _embedded_head(decoder, *backward)
    for rate, width in enumerate(config.encoder_widths[1:], start=1):
        pairs = steps.reshape(len(steps), -1, 2 * steps.shape[-1])
        steps, components, mean = _components(pairs, width)
        encoder[f"down_{rate}/kernel"], encoder[f"down_{rate}/bias"] = components, -mean @ components
        finer = decoder[f"up_{rate - 1}/kernel"]
        decoder[f"up_{rate - 1}/kernel"] = _halves(components.T, finer.shape)
        decoder[f"up_{rate - 1}/bias"] = _halves(mean[None], (1, finer.shape[1]))[0]
    steps, components, mean = _components(steps, config.channels)
    scale = LATENT_DEVIATION / (steps.std(axis=(0, 1)) + 1e-6)
    encoder["last/kernel"], encoder["last/bias"] = components * scale, -mean @ components * scale
    decoder["first/kernel"] = _placed((components / scale).T, decoder["first/kernel"].shape)
    decoder["first/bias"] = _placed(mean[None], (1, len(decoder["first/bias"])))[0]
    as_float = {part: {n: a.astype(np.float32) for n, a in w.items()} for part, w in (("e", encoder), ("d", decoder))}
    return {"encoder": as_float["e"], "decoder": as_float["d"]}


def _components(steps: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """`[n, T, F]` to its principal components `[n, T, count]`, their directions `[F, count]` and the mean `[F]`."""
    flat = steps.reshape(-1, steps.shape[-1])
    mean = flat.mean(axis=0)
    centred = flat - mean
    _, directions = np.linalg.eigh(centred.T @ centred / len(flat))
    directions = directions[:, ::-1][:, :count]
    if directions.shape[1] < count:
        directions = np.pad(directions, ((0, 0), (0, count - directions.shape[1])))
    return (centred @ directions).reshape(*steps.shape[:-1], count), directions, mean


def _scaled_log(powers: np.ndarray) -> np.ndarray:
    return (np.log(powers + POWER_FLOOR) - LOG_MEAN) / LOG_DEVIATION


def _features(config: CodecConfig, powers: np.ndarray) -> np.ndarray:
    """What `compute_features_of_powers` gives, in NumPy."""
    bands = powers[..., config.fine_bins :] @ make_band_matrix(config)
    scaled = _scaled_log(np.concatenate([powers[..., : config.fine_bins], bands], axis=-1))
    return scaled.transpose(0, 2, 1, 3).reshape(len(powers), powers.shape[2], -1)


def _importance(config: CodecConfig) -> np.ndarray:
    """Importance of each feature `[4 (fine_bins + bands)]`, one on average."""
    mel = spectrum.make_mel_filters(config.sample_rate, config.window, 128).sum(axis=1) + 1e-6  # falls as bands widen
    bins = mel / mel.mean() + LINEAR_SHARE
    members = make_band_matrix(config) > 0
    each = np.concatenate([bins[: config.fine_bins], bins[config.fine_bins :] @ members])
    return np.tile(each / each.mean(), 4)


def _backward(config: CodecConfig, kernel: np.ndarray, bin_mean: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """From components to the log magnitudes of left and right: kernel `[width, 2 K]`, bias `[2 K]`."""
    spread = (make_band_matrix(config) > 0).astype(np.float32).T  # [bands, K - fine_bins]

    def expanded(features: np.ndarray) -> np.ndarray:  # [.., 4 F] to [.., 2 K]
        channels = features.reshape(*features.shape[:-1], 4, -1)[..., :2, :]
        fine, bands = channels[..., : config.fine_bins], channels[..., config.fine_bins :] @ spread
        return np.concatenate([fine, bands], axis=-1).reshape(*features.shape[:-1], -1)

    return expanded(kernel), bin_mean[:2].reshape(-1)


def _embedded_head(decoder: Weights, kernel: np.ndarray, bias: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The head with its first two planes replaced."""
    head, shift = decoder["head/kernel"].copy(), decoder["head/bias"].copy()
    head[:, : kernel.shape[1]] = _placed(kernel, (len(head), kernel.shape[1]))
    shift[: len(bias)] = bias
    return head, shift


def _placed(matrix: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """`matrix` cut or filled up with zeros to `shape`; components come in the order of their importance."""
    out = np.zeros(shape, np.float32)
    rows, columns = min(shape[0], matrix.shape[0]), min(shape[1], matrix.shape[1])
    out[:rows, :columns] = matrix[:rows, :columns]
    return out


def _halves(matrix: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """As `_placed`, for columns that are two steps side by side."""
    return np.concatenate([_placed(m, (shape[0], shape[1] // 2)) for m in np.split(matrix, 2, axis=1)], axis=1)
