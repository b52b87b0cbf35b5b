"""Batches for the codec: crops of audio, and what goes with them. The position in training decides their phase.

Three phases follow each other: MAGNITUDES trains what the decoder's head says of magnitudes, WAVEFORM the synthesised
waveform, too, and ADVERSARIAL adds the gradient of critics, which learn at the same time.
"""

from __future__ import annotations

import numpy as np

from musika import draws
from musika.codec import losses
from musika.codec.tuner import compute_reach
from musika.config import CodecConfig, CodecTrainConfig
from musika.training import augment
from musika.training.pool import Pool

MAGNITUDES, WAVEFORM, ADVERSARIAL = range(3)  # phases
MIXTURE_SHARE = 0.2  # of crops that are mixed with another one


def compute_margin(config: CodecConfig) -> int:
    """Samples at either end of a crop that are not synthesised, or lack overlapping spectra."""
    return (config.window - config.hop) // 2 + config.overlap * config.hop


def compute_shortest_crop(config: CodecConfig) -> int:
    """Latents that a crop needs, so that the part that is compared holds a latent's spectra and the losses' windows.

    That part is `compute_margin` samples shorter at either end.
    """
    windows = -(-(losses.LINEAR_WINDOW + 2 * config.overlap * config.hop) // config.hop_total)
    return max(windows, 2 * -(-compute_margin(config) // config.hop_total) + 1)


def count_surroundings(config: CodecConfig) -> int:
    """Latents on either side of a crop that are encoded for the tuner alone; 0 with fixed carriers."""
    return compute_reach(config) if config.phase_cell else 0


class CodecBatches:
    """Batches, each a function of the position in training alone.

    Attributes:
        crop_length: samples in a crop.
    """

    def __init__(self, config: CodecConfig, train: CodecTrainConfig, pool: Pool) -> None:
        self.config, self.train, self.pool = config, train, pool
        self.latents = train.crop + 2 * count_surroundings(config)  # that are encoded
        self.crop_length = self.latents * config.hop_total + config.window - config.hop

    def choose_phase(self, position: int) -> int:
        """MAGNITUDES, WAVEFORM or ADVERSARIAL: what the step after `position` crops trains."""
        train = self.train
        if train.adversarial_share > 0 and position >= max(train.critic_samples, train.magnitude_samples):
            return ADVERSARIAL
        return WAVEFORM if position >= train.magnitude_samples else MAGNITUDES

    def make(self, position: int) -> dict[str, np.ndarray]:
        """What the step at `position` samples sees.

        `waveform` `[B, N, 2]`, `noise` of the latents `[B, T, C]`, `place`: number of the first latent, for carriers,
        `phase`, and `steps` so far, of this batch size, for the learning rate.
        """
        train, config = self.train, self.config
        crops = [self._make_crop(position + item) for item in range(train.bs)]
        shape = (train.bs, self.latents, config.channels)
        noise = draws.normal(train.seed, "codec/latent-noise", position, shape) * train.latent_noise
        place = draws.integers(train.seed, "codec/place", position, 1)[0] % config.block
        return {
            "waveform": np.stack(crops),
            "noise": noise,
            "place": np.asarray(place, np.int32),
            "phase": np.asarray(self.choose_phase(position)),
            "steps": np.asarray(position / train.bs, np.float32),
        }

    def _make_crop(self, index: int) -> np.ndarray:
        """An augmented crop `[N, 2]`, or a mixture of two."""
        u = draws.uniform(self.train.seed, "codec/crop", index, (9 + augment.NUMBERS,))
        second = self.pool.crop(u[4:8], self.crop_length) if u[8] < MIXTURE_SHARE else None
        return augment.augment_crop(self.pool.crop(u[:4], self.crop_length), second, u[9:], self.config.sample_rate)
