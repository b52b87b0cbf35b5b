"""How networks are trained: the hyperparameters of each stage."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from musika.config.fields import MAX_SEED, MISSING, Config, convert_value, get_fields, require, setting, with_default

# fields by the names that they had when earlier runs wrote them
RENAMED = {
    "level_weight": "band_energy_weight",
    "balance_weight": "band_bias_weight",
    "texture_weight": "flatness_weight",
    "wave_weight": "waveform_weight",
    "critic_share": "adversarial_share",
    "feature_weight": "feature_matching_weight",
}


@dataclasses.dataclass(frozen=True)
class TrainConfig(Config):
    """What the training of every stage has. Names and defaults are those of the original Musika."""

    lr: float = setting(1e-4, "learning rate", above=0, high=1, common=True)
    bs: int = setting(32, "batch size", "examples", 1, 65_536, common=True)
    epochs: int = setting(250, "epochs to train", "epochs", 1, 10_000_000, common=True)
    totsamples: int = setting(300_000, "examples in an epoch", "examples", 1, 10**12, common=True)
    save_every: int = setting(1, "epochs between checkpoints", "epochs", 1, 10_000_000, common=True)
    average_decay: float = setting(
        0.999, "decay, per step, of the moving average of the weights; checkpoints hold the average", low=0, below=1
    )
    seed: int = setting(0, "number that fixes every random choice", "", 0, MAX_SEED, common=True, on_resume="refuse")

    def check(self) -> None:
        require(self.totsamples >= self.bs, f"totsamples {self.totsamples} is less than one batch of {self.bs}")


@dataclasses.dataclass(frozen=True)
class GanTrainConfig(TrainConfig):
    """How a generator is trained. An example is a window of latents."""

    gp_max_weight: float = setting(10.0, "largest weight of the critic's gradient penalty (R1)", "", 0, 1e6)
    whitening: float = setting(
        0.5,
        "how far latents are whitened in training: 0 not at all, as in the original Musika; 1 completely",
        "",
        0,
        1,
        value_in_old_files=0.0,
        on_resume="restart",
    )
    truncation: float = setting(2.0, "bound of the random coordinates", "standard deviations", above=0, high=10)


@dataclasses.dataclass(frozen=True)
class CodecTrainConfig(TrainConfig):
    """How a codec is trained. An example is a crop of audio."""

    lr: float = with_default(TrainConfig, "lr", 7e-4)
    bs: int = with_default(TrainConfig, "bs", 8)
    totsamples: int = with_default(TrainConfig, "totsamples", 20_000)
    warmup: int = setting(50, "steps over which the learning rate rises", "steps", 0, 10**9)
    decay_samples: int = setting(
        200_000, "examples over which the learning rate falls to its lowest, along a cosine", "examples", 1, 10**12
    )
    crop: int = setting(6, "length of an example", "latents of 93 ms", 1, 4096)
    freeze_encoder: bool = setting(
        False,
        "train the decoder only, so that encoded folders stay valid",
        common=True,
        value_in_old_files=False,
        on_resume="restart",
    )
    magnitude_samples: int = setting(
        40_000, "examples in the first phase, which trains magnitudes only, at twice the speed", "examples", 0, 10**12
    )
    linear_weight: float = setting(0.15, "loss weight: log magnitude of single bins", "", 0, 1e6)
    mel_weight: float = setting(1.0, "loss weight: log-mel bands", "", 0, 1e6)
    band_energy_weight: float = setting(1.0, "loss weight: energy of each band over the crop", "", 0, 1e6)
    band_bias_weight: float = setting(
        1.0, "loss weight: mean error of each range of bands, where the range is audible", "", 0, 1e6
    )
    flatness_weight: float = setting(1.0, "loss weight: spectral flatness of the waveform", "", 0, 1e6)
    cycle_weight: float = setting(
        1.0,
        "loss weight: cycle consistency (the decoded waveform, encoded again, has the same latents)",
        "",
        0,
        1e6,
        value_in_old_files=0.0,
    )
    tuning_weight: float = setting(1.0, "loss weight: frequencies of tones", "", 0, 1e6)
    waveform_weight: float = setting(1.0, "factor on the weights of all losses on the waveform", "", 0, 1e6)
    latent_weight: float = setting(0.01, "loss weight: mean square of latents before tanh", "", 0, 1e6)
    latent_noise: float = setting(0.02, "standard deviation of the noise added to latents in training", low=0, below=1)
    adversarial_share: float = setting(
        0.0,
        "length of the critics' gradient, relative to that of the waveform losses; 0: no critics",
        "",
        0,
        1e6,
        value_in_old_files=1.0,
    )
    critic_samples: int = setting(100_000, "examples before the critics' losses count", "examples", 0, 10**12)
    critic_lr: float = setting(5e-4, "learning rate of the critics", "", above=0, high=1)
    critic_width: int = setting(24, "channels of the critics' first layers", "channels", 1, 4096)
    critic_ramp: int = setting(
        200, "steps over which adversarial_share rises from 0, once the critics train", "steps", 0, 10**9
    )
    feature_matching_weight: float = setting(
        2.0, "loss weight: feature matching, relative to the adversarial loss", "", 0, 1e6
    )


@dataclasses.dataclass(frozen=True)
class PerformerTrainConfig(TrainConfig):
    """How a performer is trained. An example is a stretch of latents and of the notes that sound in it."""

    lr: float = with_default(TrainConfig, "lr", 1e-3)
    bs: int = with_default(TrainConfig, "bs", 16)
    totsamples: int = with_default(TrainConfig, "totsamples", 8_000)
    average_decay: float = with_default(TrainConfig, "average_decay", 0.998)
    warmup: int = with_default(CodecTrainConfig, "warmup", 100)
    decay_samples: int = with_default(CodecTrainConfig, "decay_samples", 160_000)
    crop: int = with_default(CodecTrainConfig, "crop", 160)
    whitening: float = with_default(GanTrainConfig, "whitening", 0.5)
    weight_decay: float = setting(0.0, "weight decay: each step shrinks the weights by this share, times lr", "", 0, 1)
    track_dropout: float = setting(
        0.02, "probability that an example lacks a track, so that the track may be left out later", "", 0, 1
    )
    adversarial_weight: float = setting(
        0.0, "loss weight: critics that see latents and tracks; 0: no critics", "", 0, 1e6, on_resume="restart"
    )
    critic_samples: int = with_default(CodecTrainConfig, "critic_samples", 20_000)
    critic_lr: float = with_default(CodecTrainConfig, "critic_lr", 4e-4)
    critic_width: int = with_default(CodecTrainConfig, "critic_width", 256)


@dataclasses.dataclass(frozen=True)
class EditTrainConfig(PerformerTrainConfig):
    """How an editor is trained. An example is a stretch of latents with gaps in what is known of it."""

    lr: float = with_default(PerformerTrainConfig, "lr", 5e-4)
    crop: int = with_default(PerformerTrainConfig, "crop", 192)
    decay_samples: int = with_default(PerformerTrainConfig, "decay_samples", 400_000)
    shortest_gap: int = setting(14, "length of the shortest gap in training", "latents", 1, 4096)

    def check(self) -> None:
        super().check()
        require(self.whitening > 0, "whitening 0: an editor needs its latents whitened in part")


@dataclasses.dataclass(frozen=True)
class ComposerTrainConfig(TrainConfig):
    """How a composer is trained. An example is a section of a work, with another section of it as its theme."""

    lr: float = with_default(TrainConfig, "lr", 1e-3)
    bs: int = with_default(TrainConfig, "bs", 16)
    epochs: int = with_default(TrainConfig, "epochs", 20)
    totsamples: int = with_default(TrainConfig, "totsamples", 4_000)
    average_decay: float = with_default(TrainConfig, "average_decay", 0.995)
    warmup: int = with_default(CodecTrainConfig, "warmup", 100)
    decay_samples: int = with_default(CodecTrainConfig, "decay_samples", 40_000)
    dropout: float = setting(0.2, "share of each layer's channels that are 0 throughout an example", "", 0, 0.9)
    label_smoothing: float = setting(
        0.05, "label smoothing: probability that is spread evenly over all values", "", 0, 0.9
    )
    weight_decay: float = with_default(PerformerTrainConfig, "weight_decay", 0.05)
    condition_dropout: float = setting(
        0.3, "probability that a condition, such as the key, is not given in an example", low=0, high=1
    )
    melody_share: float = setting(0.25, "share of examples whose highest voice is given as a melody", low=0, high=1)
    held_out: str = setting(
        "",
        "works that are measured and not trained on: parts of their file names, with commas between them; "
        "without: one work in ten",
        on_resume="restart",
    )


TRAIN_CONFIGS: dict[str, type[TrainConfig]] = {
    "gan": GanTrainConfig,
    "codec": CodecTrainConfig,
    "performer": PerformerTrainConfig,
    "edit": EditTrainConfig,
    "composer": ComposerTrainConfig,
}


def read_settings(kind: type[TrainConfig], written: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that an earlier run wrote into its checkpoints, by today's names.

    Names that `kind` does not have are left out: runs used to write those of the other stage, too.

    Raises:
        ConfigError: a value is of another type than its field.
    """
    fields = get_fields(kind)
    named = {RENAMED.get(name, name): value for name, value in written.items()}
    found = {name: convert_value(fields[name], value) for name, value in named.items() if name in fields}
    before = {name: field.metadata["value_in_old_files"] for name, field in fields.items()}
    return {name: value for name, value in before.items() if value is not MISSING} | found
