"""The `musika` codec: the published autoencoder behind the codec's interface. It codes each audio channel by itself.

**Time.** Spectrum f is of samples f h to (f + 4) h, in encoding and in decoding (h is the hop). So latent i stands for
samples 16 h i to 16 h (i + 1) and is heard there, without delay. Decoding T latents gives 16 h T samples; the original
gives 3 h more, which fade out and are cut here. The first 3 h samples of a sequence (17 ms) lack spectra from before
it and fade in, as the original's do. Encoding takes 3 h samples from behind each latent; behind the end there is
silence, where the original drops what no whole spectrum covers.

**Pieces.** The decoder sees pieces of `window` / 16 latents (4), at absolute multiples of that number, and nothing
beyond; only the inverse transform joins them. A sequence that ends within a piece is decoded as if latents of zero
followed, and cut. So a block needs one piece of context before it, and any length is decoded to its end. The original
leaves out what exceeds a multiple of 8 latents, or the last of k x batch + 1 windows.

**Noise.** Trained decoders may add noise: weights times one normal number a step, which the original draws at each
call. Here it is a function of (`noise_seed`, absolute number of the piece, audio channel, layer, step), so that the
same latents at the same place always sound the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

import keras
import numpy as np
from keras import ops

from musika import backend, draws
from musika.codec.base import AUDIO_CHANNELS, Codec
from musika.codec.published import networks, spectra
from musika.codec.published.weights import Weights, has_noise, list_noise_lengths, prepare_weights
from musika.config import PublishedCodecConfig

Tensor = Any
OVERLAP = 3  # spectra before a sample's own that it also depends on


class PublishedCodec(Codec):
    """Four networks behind the codec's interface, coding windows of one fixed shape.

    Args:
        config: every size.
        weights: by the names of `weights.list_weight_shapes`.
        identity: see `checkpoint.compute_identity`.
        precision: a Keras dtype policy for the networks; spectra and synthesis are always float32.
        xla: compile the networks with XLA; spectra are on every backend.
        noise_seed: of the decoder's noise, if it has any. Another one is another, equally good decoder.
    """

    kind = "musika"
    stereo_halves = True

    def __init__(
        self,
        config: PublishedCodecConfig,
        weights: Mapping[str, np.ndarray],
        identity: str,
        precision: str = "float32",
        xla: bool = False,
        noise_seed: int = 0,
    ) -> None:
        self.config, self.identity, self.xla, self.noise_seed = config, identity, xla, noise_seed
        self.channels, self.hop_total, self.sample_rate = config.channels, config.hop_total, config.sample_rate
        self.block, self.context = config.block, config.piece
        self.weights = prepare_weights(weights, keras.DTypePolicy(precision).compute_dtype)
        self.noisy = has_noise(self.weights)
        self._is_prepared = False

    def encode_window(self, waveform: np.ndarray) -> np.ndarray:
        begin = self.context * self.hop_total
        needed = waveform[:, begin : begin + self.block * self.hop_total + OVERLAP * self.config.hop]
        planar = np.ascontiguousarray(np.moveaxis(needed, 2, 1), np.float32)  # [B, 2, N]
        return backend.to_numpy(self._encode(self.weights, self._compute_spectrogram(planar)))

    def decode_window(self, latents: np.ndarray) -> np.ndarray:
        return self.decode_window_at(0, latents)

    def decode_window_at(self, number: int, latents: np.ndarray, period: int = 0) -> np.ndarray:
        count = len(latents)
        needed = np.asarray(latents[:, : self.context + self.block], np.float32)
        starts = (number + np.arange(count)) * (self.block // self.config.piece) - 1  # numbers of the first pieces
        around = period // self.config.piece
        noise = self._draw_noise(starts, around) if self.noisy else None
        magnitude, phase = self._decode(needed, noise)
        present = (starts >= (-1 if around else 0)).astype(np.float32)  # before the beginning there are no spectra
        return backend.to_numpy(self._synthesise(magnitude, phase, present))

    def prepare_decoding(self) -> None:
        """As `Codec` says: compiles everything, by silence. Large constants take most of a second."""
        if not self._is_prepared:
            self._is_prepared = True
            self.decode_window(np.zeros((1, self.context + self.block, self.channels), np.float32))

    def _draw_noise(self, starts: np.ndarray, around: int) -> np.ndarray:
        """Noise of all pieces of windows whose first pieces have these numbers, `[B 2 pieces, steps of all layers]`.

        Args:
            around: pieces after which the sequence begins again; 0 is never.
        """
        total = sum(list_noise_lengths(self.config))
        pieces, shape = 1 + self.block // self.config.piece, (AUDIO_CHANNELS, total)
        drawn = [
            # before the beginning there is nothing, so any noise will do there
            draws.normal(self.noise_seed, "codec/noise", number % around if around else max(number, 0), shape)
            for start in starts
            for number in range(int(start), int(start) + pieces)
        ]
        noise = np.stack(drawn).reshape(len(starts), pieces, AUDIO_CHANNELS, total)
        return np.ascontiguousarray(noise.transpose(0, 2, 1, 3)).reshape(-1, total)

    @cached_property
    def _compute_spectrogram(self) -> Callable[[Tensor], Tensor]:
        window = spectra.make_rounded_hann_window(4 * self.config.hop)
        return backend.compile(lambda planar: spectra.compute_spectrogram(self.config, planar, window), xla=True)

    @cached_property
    def _encode(self) -> Callable[[Weights, Tensor], Tensor]:
        """Spectrograms `[B, 2, frames, bins]` to latents `[B, frames / 16, C]`."""
        frames = self.config.frames

        def encode(weights: Weights, spectrogram: Tensor) -> Tensor:
            batch, _, count, _ = spectrogram.shape
            first = networks.run_enc(weights, spectrogram)
            latents = networks.run_enc2(weights, ops.reshape(first, (-1, frames, first.shape[-1])))
            return join_channels(ops.reshape(latents, (batch, AUDIO_CHANNELS, count // frames, -1)))

        return backend.compile(encode, self.xla)

    @cached_property
    def _decode(self) -> Callable[..., tuple[Tensor, Tensor]]:
        """Latents `[B, T, C]` to magnitude and phase `[B, 2, frames, bins]`: those of all but the first piece, and the
        last three of that one.

        Weights are constants of the program: nothing trains them, and it takes a tenth less time.
        """
        config, own = self.config, {name: value for name, value in self.weights.items() if name.startswith("dec")}

        def decode(latents: Tensor, noise: Tensor | None) -> tuple[Tensor, Tensor]:
            weights, batch = backend.make_constants(own), latents.shape[0]
            pieces = ops.reshape(split_channels(latents), (-1, config.piece, config.latent_depth))  # [B 2 pieces, ...]
            both = decode_pieces(config, weights, pieces, noise)
            magnitude, phase = (
                ops.reshape(x, (batch, AUDIO_CHANNELS, -1, config.bins))[:, :, config.window - OVERLAP :] for x in both
            )
            return magnitude, phase

        return backend.compile(decode, self.xla)

    @cached_property
    def _synthesise(self) -> Callable[[Tensor, Tensor, Tensor], Tensor]:
        margin = OVERLAP * self.config.hop

        def synthesise(magnitude: Tensor, phase: Tensor, first_present: Tensor) -> Tensor:
            batch, _, frames, _ = magnitude.shape
            early = ops.broadcast_to(ops.reshape(first_present, (batch, 1, 1, 1)), (batch, 1, OVERLAP, 1))
            present = ops.concatenate([early, ops.ones((batch, 1, frames - OVERLAP, 1))], axis=2)
            waveform = spectra.synthesise(self.config, magnitude, phase, present)
            return ops.transpose(waveform[..., margin:-margin], (0, 2, 1))

        return backend.compile(synthesise, xla=True)


def split_channels(latents: Tensor) -> Tensor:
    """`[B, T, C]` to `[B, 2, T, C / 2]`: a latent is the left channel's, then the right one's."""
    batch, count, depth = latents.shape
    return ops.transpose(ops.reshape(latents, (batch, count, AUDIO_CHANNELS, depth // AUDIO_CHANNELS)), (0, 2, 1, 3))


def join_channels(latents: Tensor) -> Tensor:
    """`[B, 2, T, C / 2]` to `[B, T, C]`."""
    batch, channels, count, depth = latents.shape
    return ops.reshape(ops.transpose(latents, (0, 2, 1, 3)), (batch, count, channels * depth))


def decode_pieces(
    config: PublishedCodecConfig, weights: Weights, latents: Tensor, noise: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Both decoding networks on pieces `[B, window / 16, depth]`: (magnitude, phase), each `[B, window, bins]`.

    Args:
        noise: all layers' numbers one after the other, `[B, steps of all layers]`.
    """
    if noise is None:
        return networks.run_dec(weights, networks.run_dec2(weights, latents))
    layers, done = [], 0
    for steps in list_noise_lengths(config):
        layers.append(noise[:, done : done + steps, None])
        done += steps
    return networks.run_dec(weights, networks.run_dec2(weights, latents, layers[:7]), layers[7:])
