"""Cycle consistency of the codec: latents of the decoded sound against those of the original."""

from __future__ import annotations

from typing import Any

from keras import ops

from musika import backend, spectrum
from musika.codec.encoder import Encoder
from musika.codec.features import compute_features_of_powers, compute_mid_side_powers
from musika.config import CodecConfig, CodecTrainConfig
from musika.training.stages.codec_batches import compute_margin
from musika.training.stages.networks import call_with_weights, differentiate

Tensor = Any
Tree = Any


class CycleConsistency:
    """mean |encoder(decoded) - encoder(original)|, by an encoder that does not learn from it.

    An encoder that did would make the loss smaller by telling less. (Where the encoder is trained, what it said of the
    original still learns through the decoder.)

    Attributes:
        outer: latents at either end of a crop whose spectra reach beyond what is synthesised.
    """

    def __init__(self, config: CodecConfig, train: CodecTrainConfig, encoder: Encoder, xla: bool) -> None:
        self.config, self.encoder = config, encoder
        margin = compute_margin(config)
        self.outer = -(-margin // config.hop_total)
        self._first = self.outer * config.hop_total - margin  # sample of the decoded sound where spectra begin
        self._length = (train.crop - 2 * self.outer) * config.hop_total + config.window - config.hop
        self._compute_inputs = backend.compile(self.compute_inputs, xla=xla)

    def __call__(self, weights: Tree, decoded: Tensor, original: Tensor) -> tuple[dict[str, Tensor], Tensor]:
        """Scalars, and the gradient by the decoded sound; both sounds are `[B, 2, n]`, as `CodecStep` compares them."""
        wanted = call_with_weights(self.encoder, weights, self._compute_inputs(original))  # [B, T - 2 outer, C]
        inputs, pull_back = backend.pull_back(self._compute_inputs, decoded)

        def compute_loss(x: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
            return ops.mean(ops.abs(call_with_weights(self.encoder, weights, x) - wanted)), {}

        scalars, gradient = differentiate(compute_loss, inputs, "cycle")
        return scalars, pull_back(gradient)

    def compute_inputs(self, waveform: Tensor) -> Tensor:
        """The encoder's inputs of the latents whose spectra lie within the sound `[B, 2, n]`."""
        inside = waveform[..., self._first : self._first + self._length]
        spectra = spectrum.stft(inside, self.config.window, self.config.hop)
        return compute_features_of_powers(self.config, compute_mid_side_powers(spectra))
