"""Sizes of the two kinds of codecs."""

from __future__ import annotations

import dataclasses
from typing import Any

from musika.config.fields import Config, require, setting

SAMPLE_RATE = 44_100  # Hz, of the shipped codecs and the default of new ones
# stands in place of a codec's identity in a generator that does not say which published autoencoder it belongs to
ANY_PUBLISHED = "musika"
TUNED_BINS = 256  # of a new codec: tones below 5.5 kHz
# sizes of a decoder whose phases of tones add up, below 10 kHz
ADDED_PHASES: dict[str, Any] = {
    "tuned_bins": 464,
    "phase_cell": 16,
    "tuner_width": 384,
    "tuner_dilations": (1, 2, 4, 1),
    "tuner_values": 2,
    "random_phases": True,
}


def is_same_codec(wanted: str, codec_identity: str, codec_kind: str) -> bool:
    """Whether a codec is the one that a generator or latents belong to.

    Args:
        wanted: a codec identity, or ANY_PUBLISHED, which means every codec of kind "musika".
        codec_identity: the codec's own.
        codec_kind: "stereo" or "musika".
    """
    return codec_kind == "musika" if wanted == ANY_PUBLISHED else codec_identity == wanted


@dataclasses.dataclass(frozen=True)
class CodecConfig(Config):
    """Sizes of the `stereo` codec."""

    sample_rate: int = setting(SAMPLE_RATE, "sample rate of the audio", "Hz", 8_000, 192_000)
    channels: int = setting(128, "numbers in one latent (C)", low=1)
    window: int = setting(2048, "length of an STFT frame; four hops", "samples", 8, 2**16)
    hop: int = setting(512, "distance between STFT frames", "samples", 2, 2**14)
    fine_bins: int = setting(256, "lowest bins, which the encoder sees one by one; above them it sees bands", low=1)
    bands: int = setting(96, "bands above the fine bins", low=1)
    # one width and one number of blocks for each rate, from that of the STFT (86 Hz) to that of latents (10.77 Hz)
    encoder_widths: tuple[int, ...] = setting((256, 320, 384, 448), "channels of the encoder at each rate", low=1)
    encoder_blocks: tuple[int, ...] = setting((1, 1, 2, 2), "residual blocks of the encoder at each rate", "", 0, 64)
    decoder_widths: tuple[int, ...] = setting((320, 352, 384, 448), "channels of the decoder at each rate", low=1)
    decoder_blocks: tuple[int, ...] = setting((2, 2, 2, 2), "residual blocks of the decoder at each rate", "", 0, 64)
    consistency_steps: int = setting(1, "steps that make the phases of overlapping frames consistent", "", 0, 32)
    tuned_bins: int = setting(
        TUNED_BINS,
        "lowest bins, in which the decoder estimates the exact frequency of tones",
        low=0,
        value_in_old_files=0,
    )
    tuning_steps: int = setting(
        8, "carriers from one bin to the next; a frequency between two carriers uses both", "", 1, 256
    )
    phase_cell: int = setting(
        0,
        "latents in a cell, within which the phase of a tone is the running sum of its frequency; 0: fixed carriers",
        "latents",
        0,
        1024,
    )
    tuner_width: int = setting(320, "channels of the tuner, the network that estimates tone frequencies", "", 1, 4096)
    tuner_dilations: tuple[int, ...] = setting(
        (), "dilations of the tuner's residual blocks; only with phase_cell", "latents", 1, 64
    )
    tuner_values: int = setting(
        1, "times in a latent at which the tuner estimates a frequency; 1 without phase_cell", "", 1, 64
    )
    random_phases: bool = setting(
        False, "add random phases in each frame, so that noise does not sound like tones; tones keep their phases"
    )
    block: int = setting(64, "latents that are coded at once", "latents", 1, 2**14)

    def check(self) -> None:
        require(self.hop % 2 == 0, f"hop {self.hop} is odd: choose an even number")
        require(self.window == 4 * self.hop, f"window {self.window} is not 4 x hop {self.hop}")
        require(self.fine_bins < self.bins, f"fine_bins {self.fine_bins} is not less than {self.bins}, the STFT's bins")
        bands = self.bins - self.fine_bins
        require(self.bands <= bands, f"bands {self.bands} are more than the {bands} bins above the fine ones")
        rates = {len(self.encoder_widths), len(self.encoder_blocks), len(self.decoder_widths), len(self.decoder_blocks)}
        require(
            len(rates) == 1 and 3 <= rates.pop() <= 12,
            "encoder and decoder need widths and blocks for the same rates, 3 to 12 of them",
        )
        require(self.tuned_bins <= self.bins, f"tuned_bins {self.tuned_bins} are more than the STFT's {self.bins} bins")
        require(
            self.tuned_bins == 0 or self.phase_cell > 0 or self.block * self.frames % (4 * self.tuning_steps) == 0,
            f"a block of {self.block} latents is not a multiple of {4 * self.tuning_steps} frames",
        )
        self._check_phases()

    def _check_phases(self) -> None:
        if self.phase_cell == 0:
            require(
                self.tuner_dilations == () and self.tuner_values == 1,
                "tuner_dilations and tuner_values belong to phases that add up: set phase_cell",
            )
            return
        require(self.tuned_bins > 0, "phase_cell is for tuned bins, and tuned_bins is 0")
        require(
            self.block % self.phase_cell == 0,
            f"a block of {self.block} latents is not a multiple of phase_cell {self.phase_cell}",
        )
        require(
            self.frames % (4 * self.tuner_values) == 0,
            f"tuner_values {self.tuner_values}: not each lasts a multiple of 4 of the {self.frames} frames of a latent",
        )

    @property
    def bins(self) -> int:
        """Frequency bins of an STFT frame."""
        return self.window // 2 + 1

    @property
    def frames(self) -> int:
        """STFT frames in one latent."""
        return 2 ** (len(self.encoder_widths) - 1)

    @property
    def overlap(self) -> int:
        """Frames on either side that a synthesised sample depends on: two of the inverse STFT, three a step."""
        return 2 + 3 * self.consistency_steps

    @property
    def hop_total(self) -> int:
        """Samples in one latent."""
        return self.hop * self.frames


@dataclasses.dataclass(frozen=True)
class PublishedCodecConfig(Config):
    """Sizes of the `musika` codec, the published autoencoder; names and defaults of the original Musika."""

    sample_rate: int = setting(SAMPLE_RATE, "sample rate of the audio", "Hz", 8_000, 192_000, flag="sr")
    hop: int = setting(256, "distance between STFT frames, whose window is four hops", "samples", 4, 2**12)
    latent_depth: int = setting(64, "numbers in a latent of one audio channel", "", 1, 2**12, flag="latdepth")
    shape: int = setting(128, "frames of the STFT that the encoder takes at once", "frames", 1, 2**13)
    window: int = setting(64, "frames of the STFT that are decoded together", "frames", 16, 2**12)
    mu_rescale: float = setting(-25.0, "level that the networks see as 0", "dB", -300, 300)
    sigma_rescale: float = setting(
        75.0, "distance from that level to the one that they see as 1", "dB", above=0, high=300
    )
    block: int = setting(64, "latents that are coded at once", "latents", 1, 2**14)

    def check(self) -> None:
        require(self.hop % 4 == 0, f"hop {self.hop} is not a multiple of 4")
        require(self.window % 16 == 0, f"window {self.window} is not a multiple of 16")
        require(self.shape % self.window == 0, f"shape {self.shape} is not a multiple of window {self.window}")
        require(
            abs(self.mu_rescale) + self.sigma_rescale <= 300, "mu_rescale and sigma_rescale leave the range of 300 dB"
        )
        require(self.block % self.piece == 0, f"block {self.block} is not a multiple of {self.piece} (window / 16)")

    @property
    def channels(self) -> int:
        """C, numbers in one latent: left, then right."""
        return 2 * self.latent_depth

    @property
    def bins(self) -> int:
        """Frequency bins of an STFT frame."""
        return 2 * self.hop + 1

    @property
    def frames(self) -> int:
        """STFT frames in one latent."""
        return 16

    @property
    def piece(self) -> int:
        """Latents in a piece, which is decoded without seeing beyond it."""
        return self.window // self.frames

    @property
    def hop_total(self) -> int:
        """Samples in one latent."""
        return self.hop * self.frames
