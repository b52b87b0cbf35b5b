"""Every size and choice, as frozen dataclasses that check themselves at birth and travel as JSON."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import Any, Self

from musika.errors import ConfigError

SAMPLE_RATE = 44_100  # Hz, the one rate inside the system
# what a generator that does not say which published autoencoder it belongs to has in place of a codec identity
ANY_PUBLISHED = "musika"
TUNED_BINS = 256  # of a new codec: tones below 5.5 kHz
LOCAL_FIELDS = (1, 4, 16)  # latents that each local critic sees, where there are local critics


def same_codec(wanted: str, codec_identity: str, codec_kind: str) -> bool:
    """Whether a codec is the one that a generator or latents belong to.

    Args:
        wanted: a codec identity, or ANY_PUBLISHED, which means every codec of kind "musika".
        codec_identity: the codec's own.
        codec_kind: "stereo" or "musika".
    """
    return codec_kind == "musika" if wanted == ANY_PUBLISHED else codec_identity == wanted


def require(condition: bool, message: str) -> None:
    """Raises ConfigError(message) unless the condition holds."""
    if not condition:
        raise ConfigError(message)


@dataclasses.dataclass(frozen=True)
class Config:
    """Base of all configurations: strict JSON in and out."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values only: tuples become lists."""
        return json.loads(json.dumps(dataclasses.asdict(self)))

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """The configuration that `to_dict` wrote.

        Raises:
            ConfigError: an unknown name, or a value of another type than the field's default.
        """
        fields = {field.name: field for field in dataclasses.fields(cls)}
        unknown = sorted(set(values) - set(fields))
        require(not unknown, f"{cls.__name__} has no field {', '.join(map(repr, unknown))}")
        return cls(**{name: _checked(cls.__name__, fields[name], value) for name, value in values.items()})


def _checked(owner: str, field: dataclasses.Field[Any], value: Any) -> Any:
    """`value` as the type that the field's default has."""
    default = field.default
    if isinstance(default, tuple) and isinstance(value, (list, tuple)):
        kind = type(default[0]) if default else object
        require(all(isinstance(v, kind) for v in value), f"{owner}.{field.name}: {value!r} holds other types")
        return tuple(value)
    if isinstance(default, bool) or isinstance(value, bool):
        same = isinstance(default, bool) and isinstance(value, bool)
    elif isinstance(default, float):
        same = isinstance(value, (int, float))
        value = float(value) if same else value
    else:
        same = isinstance(value, type(default))
    require(same, f"{owner}.{field.name}: {value!r} is not of type {type(default).__name__}")
    return value


@dataclasses.dataclass(frozen=True)
class CodecConfig(Config):
    """Sizes of the `stereo` codec."""

    sample_rate: int = SAMPLE_RATE  # Hz
    channels: int = 128  # C, numbers in one latent
    window: int = 2048  # samples in one short-time spectrum
    hop: int = 512  # samples between spectra
    fine_bins: int = 256  # lowest bins that the encoder sees one by one; above them, bands
    bands: int = 96  # bands above the fine bins
    # width of the residual blocks at each rate, from the spectra's (86 Hz) to the latents' (10.77 Hz)
    encoder_widths: tuple[int, ...] = (256, 320, 384, 448)
    encoder_blocks: tuple[int, ...] = (1, 1, 2, 2)  # residual blocks at each rate
    decoder_widths: tuple[int, ...] = (320, 352, 384, 448)
    decoder_blocks: tuple[int, ...] = (2, 2, 2, 2)
    consistency_steps: int = 1  # times that the decoder's phases are brought to fit their overlapping neighbours
    tuned_bins: int = 0  # lowest bins whose tones the decoder tunes; the others turn at their own frequency
    tuning_steps: int = 8  # frequencies that a tone can have from one bin to the next
    block: int = 64  # latents coded at once

    def __post_init__(self) -> None:
        require(8_000 <= self.sample_rate <= 192_000, f"sample_rate {self.sample_rate} is not in 8000..192000 Hz")
        require(self.channels > 0, f"channels {self.channels} is not positive")
        require(0 < self.hop <= 2**14 and self.hop % 2 == 0, f"hop {self.hop} is not an even number in 2..16384")
        require(self.window == 4 * self.hop, f"window {self.window} is not 4 x hop {self.hop}")
        require(0 < self.fine_bins < self.bins, f"fine_bins {self.fine_bins} is not in 1..{self.bins - 1}")
        require(
            0 < self.bands <= self.bins - self.fine_bins,
            f"bands {self.bands} is not in 1..{self.bins - self.fine_bins}",
        )
        rates = {len(self.encoder_widths), len(self.encoder_blocks), len(self.decoder_widths), len(self.decoder_blocks)}
        require(
            len(rates) == 1 and 3 <= rates.pop() <= 12,
            "encoder and decoder need widths and blocks for the same rates, 3 to 12 of them",
        )
        require(min(*self.encoder_widths, *self.decoder_widths) > 0, "widths must be positive")
        blocks = (*self.encoder_blocks, *self.decoder_blocks)
        require(min(blocks) >= 0 and max(blocks) <= 64, "numbers of residual blocks are not in 0..64")
        require(0 <= self.consistency_steps <= 32, f"consistency_steps {self.consistency_steps} is not in 0..32")
        require(0 < self.block <= 2**14, f"block {self.block} is not in 1..16384")
        require(0 <= self.tuned_bins <= self.bins, f"tuned_bins {self.tuned_bins} is not in 0..{self.bins}")
        require(0 < self.tuning_steps <= 256, f"tuning_steps {self.tuning_steps} is not in 1..256")
        require(
            not self.tuned_bins or self.block * self.frames % (4 * self.tuning_steps) == 0,
            f"a block of {self.block} latents is not a multiple of {4 * self.tuning_steps} frames",
        )

    @property
    def bins(self) -> int:
        """Frequency bins of one spectrum."""
        return self.window // 2 + 1

    @property
    def frames(self) -> int:
        """Spectra in one latent."""
        return 2 ** (len(self.encoder_widths) - 1)

    @property
    def overlap(self) -> int:
        """Spectra on either side that a synthesised sample depends on: two of the inverse STFT, three a step."""
        return 2 + 3 * self.consistency_steps

    @property
    def hop_total(self) -> int:
        """Samples in one latent."""
        return self.hop * self.frames


@dataclasses.dataclass(frozen=True)
class PublishedCodecConfig(Config):
    """Sizes of the `musika` codec, the published autoencoder; Musika's names and defaults."""

    sample_rate: int = SAMPLE_RATE  # Hz
    hop: int = 256  # samples between spectra, whose window is four hops; unit of all widths
    latent_depth: int = 64  # numbers in one latent of one audio channel
    shape: int = 128  # spectra in a window, whole windows of which the original takes
    window: int = 64  # spectra in a piece, which is decoded without seeing beyond it
    mu_rescale: float = -25.0  # dB that the networks see as 0
    sigma_rescale: float = 75.0  # dB that the networks see as 1
    block: int = 64  # latents coded at once

    def __post_init__(self) -> None:
        require(8_000 <= self.sample_rate <= 192_000, f"sample_rate {self.sample_rate} is not in 8000..192000 Hz")
        require(4 <= self.hop <= 2**12, f"hop {self.hop} is not in 4..4096")
        require(self.hop % 4 == 0, f"hop {self.hop} is not a multiple of 4")
        require(0 < self.latent_depth <= 2**12, f"latent_depth {self.latent_depth} is not in 1..4096")
        require(
            16 <= self.window <= 2**12 and self.window % 16 == 0,
            f"window {self.window} is no multiple of 16 in 16..4096",
        )
        require(
            0 < self.shape <= 2**13 and self.shape % self.window == 0,
            f"shape {self.shape} is no multiple of window {self.window} up to 8192",
        )
        require(self.sigma_rescale > 0, f"sigma_rescale {self.sigma_rescale} is not positive")
        require(
            abs(self.mu_rescale) + self.sigma_rescale <= 300, "mu_rescale and sigma_rescale leave the range of 300 dB"
        )
        require(
            0 < self.block <= 2**14 and self.block % self.piece == 0,
            f"block {self.block} is no multiple of {self.piece} (window / 16) up to 16384",
        )

    @property
    def channels(self) -> int:
        """C, numbers in one latent: left, then right."""
        return 2 * self.latent_depth

    @property
    def bins(self) -> int:
        """Frequency bins of one spectrum."""
        return 2 * self.hop + 1

    @property
    def frames(self) -> int:
        """Spectra in one latent: what the convolutions of the second level make one of."""
        return 16

    @property
    def piece(self) -> int:
        """Latents in a piece."""
        return self.window // self.frames

    @property
    def hop_total(self) -> int:
        """Samples in one latent."""
        return self.hop * self.frames


@dataclasses.dataclass(frozen=True)
class GeneratorConfig(Config):
    """Sizes of the generator and of the critic that teaches it."""

    channels: int = 128  # C, numbers in one latent
    coordinate_depth: int = 64  # D, numbers in an anchor or a style
    base_channels: int = 128  # c, unit of all widths
    small: bool = False  # half the training window, one coarse stage less
    critic_channels: int = 0  # unit of the critic's widths, where it is another one; 0 is base_channels
    critic_fields: tuple[int, ...] = ()  # latents that each local critic sees; none are there in published ones

    def __post_init__(self) -> None:
        require(self.channels > 0, f"channels {self.channels} is not positive")
        require(self.coordinate_depth > 0, f"coordinate_depth {self.coordinate_depth} is not positive")
        require(self.base_channels > 0, f"base_channels {self.base_channels} is not positive")
        require(self.base_channels % 2 == 0, f"base_channels {self.base_channels} is odd: choose an even number")
        require(self.critic_channels >= 0, f"critic_channels {self.critic_channels} is negative")
        fields = self.critic_fields
        require(
            all(type(f) is int and 0 < f <= self.window for f in fields) and len(set(fields)) == len(fields),
            f"critic_fields {fields} are not different numbers of latents in 1..{self.window}",
        )

    @property
    def critic_unit(self) -> int:
        """Unit of the critic's widths."""
        return self.critic_channels or self.base_channels

    def widens(self, other: GeneratorConfig) -> bool:
        """Whether networks of the other sizes can grow to these: no width is smaller, local critics may come."""
        same = (self.channels, self.coordinate_depth, self.small) == (
            other.channels,
            other.coordinate_depth,
            other.small,
        )
        wide = self.base_channels >= other.base_channels and self.critic_unit >= other.critic_unit
        return same and wide and set(self.critic_fields) >= set(other.critic_fields)

    @property
    def window(self) -> int:
        """L, latents that the critic sees at once."""
        return 128 if self.small else 256

    @property
    def half_window(self) -> int:
        """Latents that the generator makes in one piece."""
        return self.window // 2

    @property
    def anchor_distance(self) -> int:
        """Latents from one anchor to the next."""
        return self.window + self.window // 2


@dataclasses.dataclass(frozen=True)
class GanTrainConfig(Config):
    """How a generator is trained; Musika's names and defaults."""

    lr: float = 1e-4  # Adam's rate, both networks
    bs: int = 32  # windows in a batch
    epochs: int = 250
    totsamples: int = 300_000  # windows in an epoch
    save_every: int = 1  # epochs between checkpoints
    gp_max_weight: float = 10.0  # factor of the R1 penalty
    average_decay: float = 0.999  # of the generator's averaged weights, a step
    whitening: float = 0.0  # strength of the basis that both networks are trained in; 0 is as published
    truncation: float = 2.0  # bound of the truncated normal of anchors and styles
    seed: int = 0

    def __post_init__(self) -> None:
        require(0 < self.lr <= 1, f"lr {self.lr} is not in (0, 1]")
        require(self.bs > 0, f"bs {self.bs} is not positive")
        require(self.epochs > 0, f"epochs {self.epochs} is not positive")
        require(self.totsamples >= self.bs, f"totsamples {self.totsamples} is less than one batch of {self.bs}")
        require(self.save_every > 0, f"save_every {self.save_every} is not positive")
        require(self.gp_max_weight >= 0, f"gp_max_weight {self.gp_max_weight} is negative")
        require(0 <= self.average_decay < 1, f"average_decay {self.average_decay} is not in [0, 1)")
        require(0 <= self.whitening <= 1, f"whitening {self.whitening} is not in [0, 1]")
        require(0 < self.truncation <= 10, f"truncation {self.truncation} is not in (0, 10]")
        require(0 <= self.seed < 2**63, f"seed {self.seed} is not in 0..2^63-1")


@dataclasses.dataclass(frozen=True)
class CodecTrainConfig(Config):
    """How a codec is trained."""

    lr: float = 7e-4  # Adam's highest rate
    warmup: int = 50  # steps over which the rate rises to it
    decay_samples: int = 200_000  # crops after which the rate has fallen to a tenth, along a cosine
    bs: int = 8  # crops in a batch
    crop: int = 6  # latents in a crop
    epochs: int = 250
    totsamples: int = 20_000  # crops in an epoch
    save_every: int = 1  # epochs between checkpoints
    magnitude_samples: int = 40_000  # crops that train magnitudes alone, before any waveform is synthesised
    critic_samples: int = 100_000  # crops after which critics judge the waveform, too
    critic_share: float = 1.0  # length of the critics' gradient by a waveform, as a share of the other losses' one
    critic_lr: float = 5e-4  # Adam's rate, for the critics
    critic_width: int = 24  # channels of the critics' first layers
    critic_ramp: int = 200  # critics' steps over which their share rises to the whole
    feature_weight: float = 2.0  # of the difference of the critics' features, beside their scores
    freeze_encoder: bool = False  # train the decoder alone: latents, and what was made of them, keep their meaning
    latent_noise: float = 0.02  # deviation of the noise that the decoder learns to live with
    latent_weight: float = 0.01  # of the latents' mean square before tanh: keeps them from its flat ends
    linear_weight: float = 0.15  # of the log magnitude of single bins
    mel_weight: float = 1.0  # of log-mel bands
    level_weight: float = 1.0  # of the energy of each band, and of all, over the crop
    balance_weight: float = 1.0  # of the mean error of ranges of bands, where the crop is audible
    texture_weight: float = 1.0  # of how much single bins stand out, on the waveform
    tuning_weight: float = 1.0  # of the error of tones' frequencies, in bins
    cycle_weight: float = 1.0  # of how far latents of what was decoded are from those of the original
    wave_weight: float = 1.0  # of all that is measured on the synthesised waveform
    average_decay: float = 0.999  # of the averaged weights, a step
    seed: int = 0

    def __post_init__(self) -> None:
        require(0 < self.lr <= 1, f"lr {self.lr} is not in (0, 1]")
        require(self.warmup >= 0 and self.decay_samples > 0, "warmup and decay_samples must not be negative")
        require(self.bs > 0, f"bs {self.bs} is not positive")
        require(self.crop > 0, f"crop {self.crop} is not positive")
        require(self.epochs > 0, f"epochs {self.epochs} is not positive")
        require(self.totsamples >= self.bs, f"totsamples {self.totsamples} is less than one batch of {self.bs}")
        require(self.save_every > 0, f"save_every {self.save_every} is not positive")
        require(self.magnitude_samples >= 0, f"magnitude_samples {self.magnitude_samples} is negative")
        require(self.critic_samples >= 0, f"critic_samples {self.critic_samples} is negative")
        require(self.critic_share >= 0, f"critic_share {self.critic_share} is negative")
        require(0 < self.critic_lr <= 1, f"critic_lr {self.critic_lr} is not in (0, 1]")
        require(self.critic_width > 0 and self.critic_ramp >= 0, "critic_width and critic_ramp must not be negative")
        require(0 <= self.latent_noise < 1, f"latent_noise {self.latent_noise} is not in [0, 1)")
        weights = [self.latent_weight, self.linear_weight, self.mel_weight, self.level_weight, self.wave_weight]
        weights += [self.balance_weight, self.texture_weight, self.tuning_weight, self.cycle_weight]
        weights += [self.feature_weight]
        require(min(weights) >= 0, "weights of losses must not be negative")
        require(0 <= self.average_decay < 1, f"average_decay {self.average_decay} is not in [0, 1)")
        require(0 <= self.seed < 2**63, f"seed {self.seed} is not in 0..2^63-1")
