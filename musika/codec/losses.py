"""Losses of the codec: how far a decoded sound is from its original, in logarithms of spectral power.

Two sums of the same terms, weighted by `CodecTrainConfig`:

- `compute_magnitude_loss` compares the output of the decoder's head, before any synthesis, so that magnitudes can be
  learned long before phases.
- `compute_waveform_loss` compares the synthesised waveform, where phases that do not fit each other show as lost energy
  and smeared tones.

The terms, where P is a power spectrogram of the original, Q of the decoded sound, M and N their mel bands:

    linear        mean |log P - log Q| / 2, of single bins
    mel           mean |log10 M - log10 N|
    band energy   mean |log10 (M over the crop) - log10 (N over the crop)|; on waveforms, of all bands together, too
    band bias     mean |mean of log10 M / N over a range of bands and the crop|, where the original is audible
    flatness      mean |log flatness of P - log flatness of Q|, of ranges of single bins; on waveforms only
    tuning        mean error of tones' frequencies, in bins; of the head only

They are means over left, right, mid and side, but for the energy of waveforms and for single bins at LINEAR_WINDOW,
which are over left and right.
"""

from __future__ import annotations

from typing import Any

from keras import ops

from musika import spectrum
from musika.codec.decoder import compute_head_powers, split_planes, split_tuning
from musika.codec.features import POWER_FLOOR, compute_mid_side_powers
from musika.codec.tuner_loss import compute_tuner_loss
from musika.config import CodecConfig, CodecTrainConfig

Tensor = Any
Scalars = dict[str, Tensor]

LOG_OF_TEN = 2.302585
HEAD_BANDS = 128  # mel bands that the head's powers are compared in
MEL_FLOOR = 1e-5  # of mel power, as in the figures that reconstruction is judged by
WAVEFORM_RESOLUTIONS = ((2048, 128), (512, 64))  # (window, mel bands); hop a quarter of the window
AUDIBLE, BIAS_FLOOR = 1e-6, 1e-8  # shares of the loudest mel power: what counts for the band bias, and its floor
BIAS_BANDS = 8  # neighbouring mel bands in one range of the band bias: a sixteenth, or an eighth, of them
ENERGY_FLOOR = 1e-7  # of a channel's mean square: -70 dB of full scale
FLATNESS_WINDOW = 2048  # whose frames flatness is compared in; and once more those of LINEAR_WINDOW
FLATNESS_HZ = 344.5  # width of the ranges that flatness is of: 16 bins of the shorter window at 44.1 kHz
LINEAR_WINDOW = 4096  # of single bins on the waveform: long enough to tell a tone from noise


def compute_magnitude_loss(
    config: CodecConfig,
    train: CodecTrainConfig,
    planes: Tensor,
    real: Tensor,
    tones: tuple[Tensor, ...] | None = None,
    tuning: tuple[Tensor, ...] = (),
) -> tuple[Tensor, Scalars]:
    """The decoder's planes `[B, frames, ..]` against the original's powers `[B, 4, frames, K]`: (loss, scalars).

    Args:
        tones: frequencies of the original's tones: of `tones.measure_tones` with fixed carriers, or of
            `tuner_loss.measure_steps` where frequencies are summed up to phases; None where no bins are tuned.
        tuning: in the latter case the tuner's output, (offset, log power); else ().
    """
    made = compute_head_powers(config, planes)
    linear = 0.5 * _compute_log_distance(made, real, POWER_FLOOR)
    mel, energy, bias = _compute_mel_terms(made, real, config.sample_rate, HEAD_BANDS)
    loss = train.linear_weight * linear + train.mel_weight * mel + train.band_energy_weight * energy
    loss = loss + train.band_bias_weight * bias
    scalars = {
        "magnitude_linear": linear,
        "magnitude_mel": mel,
        "magnitude_band_energy": energy,
        "magnitude_band_bias": bias,
    }
    if tones is None:
        return loss, scalars
    if config.phase_cell:
        tuner_loss, tuner_scalars = compute_tuner_loss(config, tuning[0], tuning[1], tones)
        return loss + train.tuning_weight * tuner_loss, scalars | tuner_scalars
    offset, weight = tones  # each [B, frames, R]
    estimated = split_tuning(config, split_planes(config, planes)[1])[1]
    error = ops.sum(weight * ops.abs(estimated - offset)) / (ops.sum(weight) + 1e-6)
    return loss + train.tuning_weight * error, scalars | {"tuning": error}


def compute_waveform_loss(
    config: CodecConfig, train: CodecTrainConfig, made: Tensor, real: Tensor
) -> tuple[Tensor, Scalars]:
    """Decoded waveforms `[B, 2, n]` against their originals: (loss, scalars)."""
    loss: Tensor = 0.0
    scalars: Scalars = {}
    for window, bands in WAVEFORM_RESOLUTIONS:
        one, other = (compute_mid_side_powers(_compute_spectra(x, window)) for x in (made, real))  # [B, 4, frames, K]
        mel, energy, bias = _compute_mel_terms(one, other, config.sample_rate, bands)
        weighted = train.mel_weight * mel + train.band_energy_weight * energy + train.band_bias_weight * bias
        loss = loss + weighted / len(WAVEFORM_RESOLUTIONS)
        names = (f"waveform_{term}_{window}" for term in ("mel", "band_energy", "band_bias"))
        scalars |= dict(zip(names, (mel, energy, bias), strict=True))
        if window == FLATNESS_WINDOW:
            flatness = _compute_flatness_distance(one, other, config.sample_rate)
    one, other = (spectrum.compute_power(_compute_spectra(x, LINEAR_WINDOW)) for x in (made, real))  # [B, 2, frames, K]
    linear = 0.5 * _compute_log_distance(one, other, POWER_FLOOR)
    long_flatness = _compute_flatness_distance(one, other, config.sample_rate)
    one, other = (ops.mean(ops.square(x), axis=-1) for x in (made, real))  # [B, 2]
    energy = _compute_log_distance(one, other, ENERGY_FLOOR) / LOG_OF_TEN
    loss = loss + train.linear_weight * linear + train.band_energy_weight * energy
    loss = loss + train.flatness_weight * (flatness + long_flatness)
    scalars |= {
        f"waveform_flatness_{FLATNESS_WINDOW}": flatness,
        f"waveform_flatness_{LINEAR_WINDOW}": long_flatness,
        "waveform_linear": linear,
        "waveform_energy": energy,
    }
    return loss, scalars


def _compute_spectra(waveform: Tensor, window: int) -> spectrum.Spectrum:
    """Spectra at a quarter of the window, of as much of `[B, 2, N]` as whole hops cover."""
    hop = window // 4
    return spectrum.stft(waveform[..., : waveform.shape[-1] // hop * hop], window, hop)


def _compute_log_distance(one: Tensor, other: Tensor, floor: float) -> Tensor:
    return ops.mean(ops.abs(ops.log(one + floor) - ops.log(other + floor)))


def _compute_mel_terms(made: Tensor, real: Tensor, sample_rate: int, bands: int) -> tuple[Tensor, Tensor, Tensor]:
    """Powers `[B, 4, frames, K]` to the terms mel, band energy and band bias, in log10."""
    filters = spectrum.make_mel_filters(sample_rate, 2 * (made.shape[-1] - 1), bands)
    made, real = ops.matmul(made, filters), ops.matmul(real, filters)  # [B, 4, frames, bands]
    mel = _compute_log_distance(made, real, MEL_FLOOR)
    energy = _compute_log_distance(ops.mean(made, axis=2), ops.mean(real, axis=2), MEL_FLOOR)
    return mel / LOG_OF_TEN, energy / LOG_OF_TEN, _compute_band_bias(made, real) / LOG_OF_TEN


def _compute_band_bias(made: Tensor, real: Tensor) -> Tensor:
    """Mel powers `[B, 4, frames, bands]` to the mean of |mean log ratio| of ranges of bands, where they are audible.

    The other terms see a faint, sparse treble as the silence around it: too little treble costs them least. Here only
    what is within 60 dB of the crop's loudest power counts, and errors of either sign cancel within a range.
    """
    loudest = ops.max(real, axis=(1, 2, 3), keepdims=True) + MEL_FLOOR  # [B, 1, 1, 1]
    floor = BIAS_FLOOR * loudest
    audible = ops.cast(real > AUDIBLE * loudest, "float32")
    ratio = audible * (ops.log(made + floor) - ops.log(real + floor))
    ratio, audible = (_sum_ranges(x) for x in (ratio, audible))  # [B, 4, ranges]
    counts = ops.cast(audible > 0, "float32")
    means = ops.abs(ratio) / (audible + BIAS_BANDS)  # the fewer are audible, the less is known of their mean
    return ops.sum(means * counts) / ops.maximum(ops.sum(counts), 1.0)


def _sum_ranges(x: Tensor) -> Tensor:
    """Sums over time and BIAS_BANDS neighbouring bands, `[B, 4, frames, bands]` to `[B, 4, ranges]`."""
    x = ops.sum(x, axis=2)
    return ops.sum(ops.reshape(x, (*x.shape[:2], -1, BIAS_BANDS)), axis=-1)


def _compute_flatness_distance(made: Tensor, real: Tensor, sample_rate: int) -> Tensor:
    bins = round(FLATNESS_HZ * 2 * (made.shape[-1] - 1) / sample_rate)
    return ops.mean(ops.abs(_compute_log_flatness(made, bins) - _compute_log_flatness(real, bins)))


def _compute_log_flatness(power: Tensor, bins: int) -> Tensor:
    """Log spectral flatness of ranges of so many bins, mean over frames: `[B, .., frames, K]` to `[B, .., ranges]`.

    Flatness is the geometric over the arithmetic mean. Its logarithm is 0 where all bins are equal, -0.58 for noise,
    and the lower, the more tones stand out. Where latents cannot say what single bins do, equal bins are best for the
    other terms.
    """
    ranges = power.shape[-1] // bins
    power = power[..., : ranges * bins] + POWER_FLOOR
    power = ops.reshape(power, (*power.shape[:-1], ranges, bins))
    return ops.mean(ops.mean(ops.log(power), axis=-1) - ops.log(ops.mean(power, axis=-1)), axis=2)
