"""How far a decoded sound is from its original: differences of logarithms of power, per bin, per mel band, per crop.

Nearly all of them are means of absolute differences over left, right, mid and side; those of single bins at the
longest window, and of energy, over left and right; the balance's errors may cancel within a range. `magnitude_loss`
looks at what the decoder's head says, before any synthesis, so that magnitudes can be learned long before phases;
`wave_loss` looks at the synthesised waveform, where phases that do not fit each other show as lost energy and smeared
tones.
"""

from __future__ import annotations

from typing import Any

from keras import ops

from musika import spectrum
from musika.codec.decoder import compute_head_powers, split_tuning
from musika.codec.features import POWER_FLOOR, compute_mid_side_powers
from musika.config import CodecConfig, CodecTrainConfig

Tensor = Any
Scalars = dict[str, Tensor]

LOG_OF_TEN = 2.302585
MEL_FLOOR = 1e-5  # of mel power, as in the figures that reconstruction is judged by
WAVE_RESOLUTIONS = ((2048, 128), (512, 64))  # (window, mel bands); hop a quarter of the window
AUDIBLE, FAINTEST = 1e-6, 1e-8  # shares of the loudest mel power: what counts for the balance, and the floor there
BALANCE_BANDS = 8  # neighbouring mel bands in one range of the balance: a sixteenth, or an eighth, of them
ENERGY_FLOOR = 1e-7  # of a channel's mean square: -70 dB of full scale
TEXTURE_WINDOW = 2048  # of the flatness of bands of single bins; and once more at LINEAR_WINDOW
TEXTURE_HZ = 344.5  # width of such a band: 16 bins of the shorter window at 44.1 kHz
LINEAR_WINDOW = 4096  # of single bins on the waveform: long enough to tell a tone from noise


def _log_difference(one: Tensor, other: Tensor, floor: float) -> Tensor:
    return ops.mean(ops.abs(ops.log(one + floor) - ops.log(other + floor)))


def _mel_losses(made: Tensor, real: Tensor, sample_rate: int, bands: int) -> tuple[Tensor, Tensor, Tensor]:
    """Powers `[B, 4, frames, K]` to the mean distance of mel bands, of their energies over the crop, of their balance.

    All in log10.
    """
    filters = spectrum.make_mel_filters(sample_rate, 2 * (made.shape[-1] - 1), bands)
    made, real = ops.matmul(made, filters), ops.matmul(real, filters)
    per_frame = _log_difference(made, real, MEL_FLOOR)
    per_crop = _log_difference(ops.mean(made, axis=2), ops.mean(real, axis=2), MEL_FLOOR)
    return per_frame / LOG_OF_TEN, per_crop / LOG_OF_TEN, _balance(made, real) / LOG_OF_TEN


def _balance(made: Tensor, real: Tensor) -> Tensor:
    """Mel powers `[B, 4, frames, bands]` to the mean of |mean log ratio| of ranges of bands, where they are audible.

    The other distances hear a faint, sparse treble as the silence around it: guessing low costs them least. Here what
    is within 60 dB of the crop's loudest power alone is counted, and errors of either sign cancel within a range.
    """
    loudest = ops.max(real, axis=(1, 2, 3), keepdims=True) + MEL_FLOOR
    floor = FAINTEST * loudest
    audible = ops.cast(real > AUDIBLE * loudest, "float32")
    ratio = audible * (ops.log(made + floor) - ops.log(real + floor))
    ratio, audible = (_over_ranges(x) for x in (ratio, audible))  # [B, 4, ranges]
    heard = ops.cast(audible > 0, "float32")
    means = ops.abs(ratio) / (audible + BALANCE_BANDS)  # the fewer are audible, the less is known of their mean
    return ops.sum(means * heard) / ops.maximum(ops.sum(heard), 1.0)


def _over_ranges(x: Tensor) -> Tensor:
    """Sums over time and BALANCE_BANDS neighbouring bands, `[B, 4, frames, bands]` to `[B, 4, ranges]`."""
    x = ops.sum(x, axis=2)
    return ops.sum(ops.reshape(x, (*x.shape[:2], -1, BALANCE_BANDS)), axis=-1)


def _texture(power: Tensor, bins: int) -> Tensor:
    """Flatness of bands of so many bins, `[B, .., frames, K]` to `[B, .., bands]`: mean over frames of a logarithm.

    It is that of the geometric over the arithmetic mean: 0 for a plain, -0.58 for noise, and the lower, the more tones
    stand out. Where latents cannot say what single bins do, the other losses are best served by a plain.
    """
    bands = power.shape[-1] // bins
    power = power[..., : bands * bins] + POWER_FLOOR
    power = ops.reshape(power, (*power.shape[:-1], bands, bins))
    return ops.mean(ops.mean(ops.log(power), axis=-1) - ops.log(ops.mean(power, axis=-1)), axis=2)


def _texture_difference(made: Tensor, real: Tensor, sample_rate: int) -> Tensor:
    bins = round(TEXTURE_HZ * 2 * (made.shape[-1] - 1) / sample_rate)
    return ops.mean(ops.abs(_texture(made, bins) - _texture(real, bins)))


def _spectra(waveform: Tensor, window: int) -> spectrum.Spectrum:
    """Spectra at a quarter of the window, of as much of `[B, 2, N]` as whole hops cover."""
    hop = window // 4
    return spectrum.stft(waveform[..., : waveform.shape[-1] // hop * hop], window, hop)


def magnitude_loss(
    config: CodecConfig, train: CodecTrainConfig, planes: Tensor, real: Tensor, tones: Any = None
) -> tuple[Tensor, Scalars]:
    """Planes `[B, frames, ..]` against the original's powers `[B, 4, frames, K]`: (loss, scalars).

    Args:
        tones: what `tones.measure_tones` says of the original, where bins are tuned.
    """
    made = compute_head_powers(config, planes)
    linear = 0.5 * _log_difference(made, real, POWER_FLOOR)
    mel, level, balance = _mel_losses(made, real, config.sample_rate, 128)
    loss = train.linear_weight * linear + train.mel_weight * mel + train.band_energy_weight * level
    loss = loss + train.band_bias_weight * balance
    scalars = {
        "magnitude_linear": linear,
        "magnitude_mel": mel,
        "magnitude_level": level,
        "magnitude_balance": balance,
    }
    if tones is None:
        return loss, scalars
    offset, weight = tones
    wrong = ops.sum(weight * ops.abs(split_tuning(config, planes)[1] - offset)) / (ops.sum(weight) + 1e-6)
    return loss + train.tuning_weight * wrong, scalars | {"tuning": wrong}


def wave_loss(config: CodecConfig, train: CodecTrainConfig, made: Tensor, real: Tensor) -> tuple[Tensor, Scalars]:
    """Decoded waveforms `[B, 2, n]` against their originals: (loss, scalars)."""
    loss: Tensor = 0.0
    scalars: Scalars = {}
    for window, bands in WAVE_RESOLUTIONS:
        one, other = (compute_mid_side_powers(_spectra(x, window)) for x in (made, real))
        mel, level, balance = _mel_losses(one, other, config.sample_rate, bands)
        weighted = train.mel_weight * mel + train.band_energy_weight * level + train.band_bias_weight * balance
        loss = loss + weighted / len(WAVE_RESOLUTIONS)
        scalars |= {f"wave_mel_{window}": mel, f"wave_level_{window}": level, f"wave_balance_{window}": balance}
        if window == TEXTURE_WINDOW:
            texture = _texture_difference(one, other, config.sample_rate)
    one, other = (spectrum.compute_power(_spectra(x, LINEAR_WINDOW)) for x in (made, real))
    linear = 0.5 * _log_difference(one, other, POWER_FLOOR)
    long_texture = _texture_difference(one, other, config.sample_rate)
    one, other = (ops.mean(ops.square(x), axis=-1) for x in (made, real))
    energy = _log_difference(one, other, ENERGY_FLOOR) / LOG_OF_TEN
    loss = loss + train.linear_weight * linear + train.band_energy_weight * energy
    loss = loss + train.flatness_weight * (texture + long_texture)
    scalars |= {"wave_texture": texture, "wave_texture_long": long_texture}
    return loss, scalars | {"wave_linear": linear, "wave_energy": energy}
