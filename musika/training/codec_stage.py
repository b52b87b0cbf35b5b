"""The codec's stage of training: crops of audio in, encoder and decoder at once, losses on logarithms of power.

The step has two kinds of parts: the networks run in a plain compiled function, spectra and losses in functions that
XLA compiles, and the gradient by the decoder's planes is handed across; on a CPU that halves the time of a step.
The first `magnitude_samples` crops train what the head says of magnitudes, the rest the synthesised waveform, too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np
from keras import ops

from musika import backend, checkpoint, draws, optim
from musika.codec import losses, principal, stereo
from musika.codec.load import codec_files
from musika.config import CodecConfig, CodecTrainConfig
from musika.training import augment
from musika.training.pool import Pool

Tensor = Any
Tree = Any
BETAS = (0.9, 0.99)
CLIP = 1.0  # of the gradient's global norm
FIT_CROPS = 256  # that new weights are fitted to before training


class CodecStage:
    """What the training loop needs of a codec: init, batch, step, preview, weights.

    Args:
        pool: decoded audio to crop from.
        start: weights `{"encoder": {name: array}, "decoder": {...}}` to go on from, None for new ones.
        previews: (name, waveform `[N, 2]`) whose reconstruction each checkpoint shows.
        precision: a Keras dtype policy.
        xla: compile spectra, losses and the optimizer with XLA; the networks never are.
        trained: what the checkpoints shall say of their making.
    """

    name = "codec"

    def __init__(
        self,
        config: CodecConfig,
        train: CodecTrainConfig,
        pool: Pool,
        start: Mapping[str, Mapping[str, np.ndarray]] | None = None,
        previews: list[tuple[str, np.ndarray]] | None = None,
        precision: str = "float32",
        xla: bool = True,
        trained: Mapping[str, Any] | None = None,
    ) -> None:
        self.xla, self.trained = xla, dict(trained or {})
        self.config, self.train, self.pool = config, train, pool
        self.start, self.previews = start, previews or []
        self.encoder = stereo.Encoder(config, name="encoder", dtype=precision)
        self.decoder = stereo.Decoder(config, name="decoder", dtype=precision)
        for network in (self.encoder, self.decoder):
            stereo.initialise(network, train.seed)
        self.trained_parts = ("decoder",) if train.freeze_encoder else ("encoder", "decoder")
        margin = config.window - config.hop
        self.crop_length = train.crop * config.hop_total + margin  # samples
        self._steps = {synthesised: backend.compile(self._step_of(synthesised)) for synthesised in (False, True)}

    def init(self, seed: int) -> Tree:
        """The state before the first sample."""
        for network in (self.encoder, self.decoder):
            stereo.initialise(network, seed)
        weights = {
            "encoder": checkpoint.named_weights(self.encoder),
            "decoder": checkpoint.named_weights(self.decoder),
        }
        if self.start is not None:
            weights = {part: dict(self.start[part]) for part in weights}
        else:
            weights = principal.fitted(self.config, weights, self._example_powers())
        adam = optim.adam_init({part: weights[part] for part in self.trained_parts})
        return {"weights": weights, "average": optim.tree_map(np.copy, weights), "adam": adam}

    def batch(self, position: int) -> dict[str, np.ndarray]:
        """What the step at `position` samples sees: a pure function of (seed, position)."""
        crops = [self._crop(position + item) for item in range(self.train.bs)]
        shape = (self.train.bs, self.train.crop, self.config.channels)
        noise = draws.normal(self.train.seed, "codec/latent-noise", position, shape) * self.train.latent_noise
        synthesised = position >= self.train.magnitude_samples
        return {"waveform": np.stack(crops), "noise": noise, "synthesised": np.asarray(synthesised)}

    def _example_powers(self) -> np.ndarray:
        """Powers `[crops, 4, frames, K]` of the crops that the first weights are fitted to."""
        prepare = backend.compile(lambda waveform: self._prepare(waveform)[1], xla=self.xla)
        count = -(-FIT_CROPS // self.train.bs)
        batches = [self.batch(index * self.train.bs)["waveform"] for index in range(count)]
        return np.concatenate([backend.to_numpy(prepare(waveform)) for waveform in batches])

    def _crop(self, index: int) -> np.ndarray:
        u = draws.uniform(self.train.seed, "codec/crop", index, (9 + augment.NUMBERS,))
        second = self.pool.crop(u[4:8], self.crop_length) if u[8] < 0.2 else None
        return augment.augmented(self.pool.crop(u[:4], self.crop_length), second, u[9:], self.config.sample_rate)

    def step(self, state: Tree, batch: Mapping[str, Any]) -> tuple[Tree, dict[str, Tensor]]:
        """One update of both networks."""
        batch = dict(batch)
        synthesised = bool(batch.pop("synthesised"))
        return self._steps[synthesised](state, batch)

    def _step_of(self, synthesised: bool) -> Callable[[Tree, Tree], tuple[Tree, dict[str, Tensor]]]:
        prepare = backend.compile(self._prepare, xla=self.xla)
        loss_and_gradient = backend.compile(self._loss_and_gradient(synthesised), xla=self.xla)

        update = backend.compile(self._update, xla=self.xla)

        def step(state: Tree, batch: dict[str, Tensor]) -> tuple[Tree, dict[str, Tensor]]:
            inputs, powers = prepare(batch["waveform"])
            fixed, moving = self._parted(state["weights"])
            (planes, size), back = backend.pull_back(
                lambda w: self._networks({**fixed, **w}, inputs, batch["noise"]), moving
            )
            scalars, gradient = loss_and_gradient(planes, powers, batch["waveform"])
            state, more = update(state, back((gradient, ops.ones_like(size) * self.train.latent_weight)))
            return state, scalars | more | {"latent_size": size}

        return step

    def _update(self, state: Tree, gradients: Tree) -> tuple[Tree, dict[str, Tensor]]:
        gradients, norm = optim.clip(gradients, CLIP)
        total = self.train.decay_samples // self.train.bs
        lr = optim.warmup_cosine(state["adam"]["step"], self.train.lr, self.train.warmup, total, floor=0.1)
        fixed, moving = self._parted(state["weights"])
        moving, adam = optim.adam(moving, gradients, state["adam"], lr, *BETAS)
        weights = {**fixed, **moving}
        step = ops.cast(state["adam"]["step"], "float32")  # early averages forget the initial weights sooner
        decay = ops.minimum(self.train.average_decay, (1 + step) / (10 + step))
        resting, averaged = self._parted(state["average"])
        averaged = {**resting, **optim.average(averaged, moving, decay)}
        return {"weights": weights, "average": averaged, "adam": adam}, {"gradient_norm": norm, "lr": lr}

    def _parted(self, weights: Tree) -> tuple[Tree, Tree]:
        """Networks that stay as they are, and those that are trained."""
        moving = {part: weights[part] for part in self.trained_parts}
        return {part: tree for part, tree in weights.items() if part not in moving}, moving

    def _prepare(self, waveform: Tensor) -> tuple[Tensor, Tensor]:
        """The encoder's input and the powers to be reached, `[B, 4, frames, K]`."""
        spectra = stereo.channel_spectra(self.config, waveform)
        powers = stereo.mid_side_powers(spectra)
        return stereo.features_of_powers(self.config, powers), powers

    def _networks(self, weights: Tree, inputs: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """The decoder's planes, and the mean square of the latents before tanh, which shall stay near one."""
        unbounded = _apply(self.encoder, weights["encoder"], inputs, bounded=False)
        return _apply(self.decoder, weights["decoder"], ops.tanh(unbounded) + noise), ops.mean(ops.square(unbounded))

    def _loss_and_gradient(self, synthesised: bool) -> Callable[..., tuple[dict[str, Tensor], Tensor]]:
        margin = (self.config.window - self.config.hop) // 2

        def function(planes: Tensor, powers: Tensor, waveform: Tensor) -> tuple[dict[str, Tensor], Tensor]:
            def loss_of(planes: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
                loss, scalars = losses.magnitude_loss(self.config, self.train, planes, powers)
                if synthesised:
                    wave, more = losses.wave_loss(self.config, self.train, planes, waveform[:, margin:-margin])
                    loss, scalars = loss + self.train.wave_weight * wave, scalars | more
                return loss, scalars | {"loss": loss}

            _, scalars, gradient = backend.value_and_gradient(loss_of, planes)
            return scalars, gradient

        return function

    def preview(self, state: Tree) -> list[tuple[str, np.ndarray]]:
        """Originals and what the averaged weights make of them: (name, waveform `[N, 2]`)."""
        for part, network in (("encoder", self.encoder), ("decoder", self.decoder)):
            checkpoint.assign(network, backend.to_numpy(state["average"][part]))
        codec = stereo.StereoCodec(self.config, self.encoder, self.decoder, identity="")
        pairs = []
        for name, waveform in self.previews:
            pairs += [(f"{name}-original", waveform), (f"{name}-decoded", codec.reconstruct(waveform))]
        return pairs

    def weights(self, state: Tree) -> tuple[dict[str, Any], dict[str, dict[str, np.ndarray]]]:
        """The checkpoint to encode and decode with: (config.json, arrays by file)."""
        config, arrays = codec_files(self.config, backend.to_numpy(state["average"]))
        return {**config, "trained": {**self.train.to_dict(), **self.trained}}, arrays


def _apply(network: keras.Layer, weights: Mapping[str, Tensor], inputs: Tensor, **options: bool) -> Tensor:
    ordered = [weights[name] for name in checkpoint.names(network)]
    outputs, _ = network.stateless_call(ordered, [], inputs, **options)
    return ops.convert_to_tensor(outputs)
