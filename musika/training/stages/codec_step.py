"""One training step of the codec: a pure function of state and batch, in three phases (`codec_batches.py`).

The step has two kinds of parts. The networks run in a plain compiled function; spectra and losses run in functions that
XLA compiles. Gradients are passed from one to the other at the decoder's planes and at the waveform, which on a CPU
halves the time of a step.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from keras import ops

from musika import backend
from musika.codec import losses, tones, tuner_loss
from musika.codec.critic import Critics
from musika.codec.decoder import Decoder
from musika.codec.encoder import Encoder
from musika.codec.features import compute_channel_spectra, compute_features_of_powers, compute_mid_side_powers
from musika.codec.synthesis import compute_tone_phases, synthesise
from musika.config import CodecConfig, CodecTrainConfig
from musika.training import optim
from musika.training.stages.codec_batches import ADVERSARIAL, MAGNITUDES, WAVEFORM, compute_margin, count_surroundings
from musika.training.stages.codec_critics import CriticsStep
from musika.training.stages.codec_cycle import CycleConsistency
from musika.training.stages.networks import call_with_weights, differentiate

Tensor = Any
Tree = Any
BETAS = (0.9, 0.99)  # of Adam
MAX_NORM = 1.0  # of the gradient, over all weights
TUNER = "tuner/"  # what the names of the tuner's weights begin with
LOWEST_RATE = 0.1  # the lowest learning rate, as a share of the highest


class CodecStep:
    """The step, for networks of given sizes.

    Args:
        xla: compile spectra, losses and the optimizer with XLA; the networks never are.
    """

    def __init__(
        self,
        config: CodecConfig,
        train: CodecTrainConfig,
        encoder: Encoder,
        decoder: Decoder,
        critics: Critics,
        xla: bool,
    ) -> None:
        self.config, self.train, self.xla = config, train, xla
        self.encoder, self.decoder = encoder, decoder
        self.trained_parts = ("decoder",) if train.freeze_encoder else ("encoder", "decoder")
        self.around = count_surroundings(config)
        self.margin = compute_margin(config) + self.around * config.hop_total
        self.critics_step = CriticsStep(train, critics, xla)
        self.cycle = CycleConsistency(config, train, encoder, xla)
        self._steps = [backend.compile(self._make_step(phase)) for phase in (MAGNITUDES, WAVEFORM, ADVERSARIAL)]

    def __call__(self, state: Tree, batch: Mapping[str, Any]) -> tuple[Tree, dict[str, Tensor]]:
        """The new state, and scalars to show."""
        batch = dict(batch)
        return self._steps[int(batch.pop("phase"))](state, batch)

    def _make_step(self, phase: int) -> Callable[[Tree, Tree], tuple[Tree, dict[str, Tensor]]]:
        """(state, batch without its phase) to (new state, scalars)."""
        prepare, update = (backend.compile(part, xla=self.xla) for part in (self.prepare, self._update))
        differentiate_magnitudes = backend.compile(self._differentiate_magnitudes, xla=self.xla)
        differentiate_waveform = self._make_waveform_part(adversarial=phase == ADVERSARIAL)

        def step(state: Tree, batch: dict[str, Tensor]) -> tuple[Tree, dict[str, Tensor]]:
            inputs, powers, wanted_tones = prepare(batch["waveform"])
            frozen, trained = self._split_trained(state["weights"])
            (planes, tuning, size), pull_back = backend.pull_back(
                lambda w: self.run_networks({**frozen, **w}, inputs, batch["noise"]), trained
            )
            heads = planes, tuning
            scalars, (gradient, tuning_gradient) = differentiate_magnitudes(heads, powers, wanted_tones)
            if phase != MAGNITUDES:
                state, more, waveform_gradient = differentiate_waveform(state, heads, batch["waveform"], batch["place"])
                scalars, gradient = scalars | more, gradient + waveform_gradient
                scalars["loss"] = scalars["loss"] + self.train.waveform_weight * scalars["waveform_loss"]
            own = {name: state[name] for name in ("weights", "average", "adam", "rate")}
            gradients = pull_back((gradient, tuning_gradient, ops.ones_like(size) * self.train.latent_weight))
            new, more = update(own, gradients, batch["steps"])
            return {**state, **new}, scalars | more | {"latent_size": size}

        return step

    def prepare(self, waveform: Tensor) -> tuple[Tensor, Tensor, Tree]:
        """Of crops `[B, N, 2]`: the encoder's input `[B, frames, F]`, powers `[B, 4, frames, K]`, and tones or None.

        The input is of all latents of the crop, the rest of those that are decoded.
        """
        spectra = compute_channel_spectra(self.config, waveform)
        powers = compute_mid_side_powers(spectra)
        if self.config.phase_cell:
            inside = slice(self.around * self.config.frames, -self.around * self.config.frames)
            measured = tuner_loss.measure_steps(self.config, (spectra[0][:, :, inside], spectra[1][:, :, inside]))
            return compute_features_of_powers(self.config, powers), powers[:, :, inside], measured
        wanted_tones = tones.measure_tones(self.config, waveform, spectra) if self.config.tuned_bins else None
        return compute_features_of_powers(self.config, powers), powers, wanted_tones

    def run_networks(self, weights: Tree, inputs: Tensor, noise: Tensor) -> tuple[Tensor, Tree, Tensor]:
        """The decoder's planes, what the tuner tells, and the mean square of the latents before tanh.

        The tuner is asked on its own where phases add up, and () otherwise. The mean square shall stay near one.
        """
        unbounded = call_with_weights(self.encoder, weights["encoder"], inputs, bounded=False)  # [B, T, C]
        latents, size = ops.tanh(unbounded) + noise, ops.mean(ops.square(unbounded))
        decoder = weights["decoder"]
        if not self.config.phase_cell:
            return call_with_weights(self.decoder, decoder, latents), (), size
        inside = slice(self.around, self.around + self.train.crop)
        own = {name.removeprefix(TUNER): array for name, array in decoder.items() if name.startswith(TUNER)}
        tuning = tuple(part[:, inside] for part in call_with_weights(self.decoder.tuner, own, latents))
        return call_with_weights(self.decoder, decoder, latents[:, inside]), tuning, size

    def _differentiate_magnitudes(
        self, heads: Tree, powers: Tensor, wanted_tones: Tree
    ) -> tuple[dict[str, Tensor], Tree]:
        """Scalars, and the gradient by heads (planes, tuning), of what they say of magnitudes and tones."""

        def compute_loss(heads: Tree) -> tuple[Tensor, dict[str, Tensor]]:
            planes, tuning = heads
            return losses.compute_magnitude_loss(self.config, self.train, planes, powers, wanted_tones, tuning)

        return differentiate(compute_loss, heads, "loss")

    def _make_waveform_part(self, adversarial: bool) -> Callable[..., tuple[Tree, dict[str, Tensor], Tensor]]:
        """(state, heads, crops, number of the first latent) to (state, scalars, gradient by the planes).

        Heads are (planes, tuning).
        """
        synthesise_inside = backend.compile(self.synthesise_inside, xla=self.xla)
        differentiate_waveform = backend.compile(self._differentiate_waveform, xla=self.xla)

        def part(state: Tree, heads: Tree, waveform: Tensor, place: Tensor) -> tuple[Tree, dict[str, Tensor], Tensor]:
            planes, tuning = heads
            decoded, pull_back = backend.pull_back(lambda x: synthesise_inside(x, place, tuning), planes)
            original = self.crop_inside(waveform)
            scalars, gradient = differentiate_waveform(decoded, original)
            if self.train.cycle_weight > 0:
                more, cycle_gradient = self.cycle(state["weights"]["encoder"], decoded, original)
                scalars, gradient = scalars | more, gradient + self.train.cycle_weight * cycle_gradient
                scalars["waveform_loss"] = scalars["waveform_loss"] + self.train.cycle_weight * scalars["cycle"]
            if adversarial:
                state, more, adversarial_gradient = self.critics_step(state, decoded, original, gradient)
                scalars, gradient = scalars | more, gradient + adversarial_gradient
            return state, scalars, pull_back(gradient * self.train.waveform_weight)

        return part

    def crop_inside(self, waveform: Tensor) -> Tensor:
        """The part `[B, 2, n]` of the crops `[B, N, 2]` whose synthesis lacks no overlapping spectrum."""
        return ops.transpose(waveform[:, self.margin : -self.margin], (0, 2, 1))

    def synthesise_inside(self, planes: Tensor, place: Tensor, tuning: Tree = ()) -> Tensor:
        """The decoded sound `[B, 2, n]` that `crop_inside` is compared with.

        Where phases add up, a crop is one cell.
        """
        phases = compute_tone_phases(self.config, tuning[0], tuning[1], self.train.crop) if tuning else None
        waveform = synthesise(self.config, planes, first_latent=place, tone_phases=phases)
        return ops.transpose(waveform, (0, 2, 1))

    def _differentiate_waveform(self, decoded: Tensor, original: Tensor) -> tuple[dict[str, Tensor], Tensor]:
        """Scalars, and the gradient by the decoded waveforms, of how they differ from the originals."""

        def compute_loss(x: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
            return losses.compute_waveform_loss(self.config, self.train, x, original)

        return differentiate(compute_loss, decoded, "waveform_loss")

    def _update(self, state: Tree, gradients: Tree, steps: Tensor) -> tuple[Tree, dict[str, Tensor]]:
        """Adam and the moving average on the trained parts: (state, scalars)."""
        gradients, norm = optim.clip_by_global_norm(gradients, MAX_NORM)
        total = self.train.decay_samples // self.train.bs
        lr = optim.compute_learning_rate(steps, self.train.lr, self.train.warmup, total, LOWEST_RATE)
        lr = lr * state["rate"]
        frozen, trained = self._split_trained(state["weights"])
        trained, adam = optim.apply_adam(trained, gradients, state["adam"], lr, *BETAS)
        decay = optim.compute_average_decay(state["adam"]["step"], self.train.average_decay)
        frozen_average, average = self._split_trained(state["average"])
        average = {**frozen_average, **optim.update_average(average, trained, decay)}
        state = {**state, "weights": {**frozen, **trained}, "average": average, "adam": adam}
        return state, {"gradient_norm": norm, "lr": lr}

    def _split_trained(self, weights: Tree) -> tuple[Tree, Tree]:
        """Weights of networks that stay as they are, and of those that are trained."""
        trained = {part: weights[part] for part in self.trained_parts}
        return {part: tree for part, tree in weights.items() if part not in trained}, trained
