"""The codec's stage of training: crops of audio in, encoder and decoder at once, in three phases.

The first `magnitude_samples` crops train what the head says of magnitudes, the next the synthesised waveform, too, and
after `critic_samples` critics judge that waveform, which learn at the same time (codec/critic.py).

The step has two kinds of parts: the networks run in a plain compiled function, spectra and losses in functions that
XLA compiles, and gradients are handed across at the decoder's planes and at the waveform; on a CPU that halves the
time of a step. The critics' gradient by each waveform is given a fixed share of the length of that of the losses
(Défossez et al. 2022), so that neither drowns the other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np
from keras import ops

from musika import backend, checkpoint, draws, spectrum
from musika.codec import critic, losses, principal, tones
from musika.codec.decoder import Decoder
from musika.codec.encoder import Encoder
from musika.codec.features import compute_channel_spectra, compute_features_of_powers, compute_mid_side_powers
from musika.codec.load import codec_files
from musika.codec.stereo import StereoCodec
from musika.codec.synthesis import synthesise
from musika.codec.weights import initialise
from musika.config import CodecConfig, CodecTrainConfig
from musika.training import augment, optim
from musika.training.pool import Pool

Tensor = Any
Tree = Any
BETAS = (0.9, 0.99)
CRITIC_BETAS = (0.5, 0.9)
MAGNITUDES, WAVEFORM, JUDGED = range(3)  # phases
CHANGES = ("noise_0.1", "interpolated")  # of latents, that the decoder's robustness is measured with
CLIP = 1.0  # of the gradient's global norm
FIT_CROPS = 256  # that new weights are fitted to before training


def shortest_crop(config: CodecConfig) -> int:
    """Latents that a crop needs, so that what is synthesised of it holds a latent's spectra and the losses' windows.

    That is `_margin` samples less at either end.
    """
    windows = -(-(losses.LINEAR_WINDOW + 2 * config.overlap * config.hop) // config.hop_total)
    return max(windows, 2 * -(-_margin(config) // config.hop_total) + 1)


def _margin(config: CodecConfig) -> int:
    """Samples at either end of a crop that are not synthesised, or lack overlapping spectra."""
    return (config.window - config.hop) // 2 + config.overlap * config.hop


class CodecStage:
    """What the training loop needs of a codec: init, batch, step, preview, figures, weights.

    Args:
        pool: decoded audio to crop from.
        start: weights `{"encoder": {name: array}, "decoder": {...}}` to go on from, None for new ones; with "critic"
            where the critics were kept.
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
        self.encoder = Encoder(config, name="encoder", dtype=precision)
        self.decoder = Decoder(config, name="decoder", dtype=precision)
        for network in (self.encoder, self.decoder):
            initialise(network, train.seed)
        self.critics = critic.Critics(train.critic_width, name="critic", dtype=precision)
        self.trained_parts = ("decoder",) if train.freeze_encoder else ("encoder", "decoder")
        self.crop_length = train.crop * config.hop_total + config.window - config.hop  # samples
        self.margin = _margin(config)
        self.outer = -(-self.margin // config.hop_total)  # latents at either end whose spectra reach into that
        self._coded: tuple[Tree, StereoCodec, list[tuple[np.ndarray, np.ndarray]]] | None = None
        self.sample_seconds = train.crop * config.hop_total / config.sample_rate
        self.sample_rate = config.sample_rate
        self._steps = [backend.compile(self._step_of(phase)) for phase in (MAGNITUDES, WAVEFORM, JUDGED)]

    def init_state(self, seed: int) -> Tree:
        """The state before the first sample."""
        for network in (self.encoder, self.decoder):
            initialise(network, seed)
        weights = {
            "encoder": checkpoint.get_weights(self.encoder),
            "decoder": checkpoint.get_weights(self.decoder),
        }
        if self.start is not None:
            weights = {part: dict(self.start[part]) for part in weights}
        else:
            weights = principal.fitted(self.config, weights, self._example_powers())
        critic.initialise(self.critics, seed)
        critics = checkpoint.get_weights(self.critics)
        if self.start is not None and "critic" in self.start:
            critics = dict(self.start["critic"])
        return {
            "weights": weights,
            "average": keras.tree.map_structure(np.copy, weights),
            "adam": optim.init_adam({part: weights[part] for part in self.trained_parts}),
            "critic": critics,
            "critic_adam": optim.init_adam(critics),
            "rate": np.asarray(1.0, np.float32),
        }

    def phase(self, position: int) -> int:
        """MAGNITUDES, WAVEFORM or JUDGED: what the step after `position` crops trains."""
        if self.train.adversarial_share > 0 and position >= max(
            self.train.critic_samples, self.train.magnitude_samples
        ):
            return JUDGED
        return WAVEFORM if position >= self.train.magnitude_samples else MAGNITUDES

    def make_batch(self, position: int) -> dict[str, np.ndarray]:
        """What the step at `position` samples sees: a pure function of (seed, position)."""
        crops = [self._crop(position + item) for item in range(self.train.bs)]
        shape = (self.train.bs, self.train.crop, self.config.channels)
        noise = draws.normal(self.train.seed, "codec/latent-noise", position, shape) * self.train.latent_noise
        place = draws.integers(self.train.seed, "codec/place", position, 1)[0] % self.config.block  # carriers go on
        return {
            "waveform": np.stack(crops),
            "noise": noise,
            "place": np.asarray(place, np.int32),
            "phase": np.asarray(self.phase(position)),
            "steps": np.asarray(position / self.train.bs, np.float32),  # of this size, for the rate
        }

    def _example_powers(self) -> np.ndarray:
        """Powers `[crops, 4, frames, K]` of the crops that the first weights are fitted to."""
        prepare = backend.compile(lambda waveform: self._prepare(waveform)[1], xla=self.xla)
        count = -(-FIT_CROPS // self.train.bs)
        batches = [self.make_batch(index * self.train.bs)["waveform"] for index in range(count)]
        return np.concatenate([backend.to_numpy(prepare(waveform)) for waveform in batches])

    def _crop(self, index: int) -> np.ndarray:
        u = draws.uniform(self.train.seed, "codec/crop", index, (9 + augment.NUMBERS,))
        second = self.pool.crop(u[4:8], self.crop_length) if u[8] < 0.2 else None
        return augment.augmented(self.pool.crop(u[:4], self.crop_length), second, u[9:], self.config.sample_rate)

    def step(self, state: Tree, batch: Mapping[str, Any]) -> tuple[Tree, dict[str, Tensor]]:
        """One update of both networks and, in the last phase, of the critics."""
        batch = dict(batch)
        return self._steps[int(batch.pop("phase"))](state, batch)

    def _step_of(self, phase: int) -> Callable[[Tree, Tree], tuple[Tree, dict[str, Tensor]]]:
        prepare, update = (backend.compile(part, xla=self.xla) for part in (self._prepare, self._update))
        magnitude_part = backend.compile(self._magnitude_part, xla=self.xla)

        def step(state: Tree, batch: dict[str, Tensor]) -> tuple[Tree, dict[str, Tensor]]:
            inputs, powers, in_tune = prepare(batch["waveform"])
            fixed, moving = self._parted(state["weights"])
            (planes, size), back = backend.pull_back(
                lambda w: self._networks({**fixed, **w}, inputs, batch["noise"]), moving
            )
            scalars, slope = magnitude_part(planes, powers, in_tune)
            if phase != MAGNITUDES:
                state, more, wave_slope = waveform_part(state, planes, batch["waveform"], batch["place"])
                scalars, slope = scalars | more, slope + wave_slope
                scalars["loss"] = scalars["loss"] + self.train.waveform_weight * scalars["wave_loss"]
            own = {name: state[name] for name in ("weights", "average", "adam", "rate")}
            gradients = back((slope, ops.ones_like(size) * self.train.latent_weight))
            new, more = update(own, gradients, batch["steps"])
            return {**state, **new}, scalars | more | {"latent_size": size}

        waveform_part = self._waveform_part(judged=phase == JUDGED)
        return step

    def _magnitude_part(self, planes: Tensor, powers: Tensor, in_tune: Tree) -> tuple[dict[str, Tensor], Tensor]:
        """Scalars, and the gradient by the planes, of what the heads say of magnitudes and tones."""

        return _sloped(lambda x: losses.magnitude_loss(self.config, self.train, x, powers, in_tune), planes, "loss")

    def _waveform_part(self, judged: bool) -> Callable[..., tuple[Tree, dict[str, Tensor], Tensor]]:
        """(state, planes, originals, place of the first latent) to (state, scalars, waveforms' gradient by planes)."""
        synthesise = backend.compile(self._synthesise, xla=self.xla)
        wave_part = backend.compile(self._wave_part, xla=self.xla)
        judge, hear_again = self._judge(), self._hear_again()

        def part(
            state: Tree, planes: Tensor, waveform: Tensor, place: Tensor
        ) -> tuple[Tree, dict[str, Tensor], Tensor]:
            made, back = backend.pull_back(lambda x: synthesise(x, place), planes)
            real = self._own_samples(waveform)
            scalars, slope = wave_part(made, real)
            if self.train.cycle_weight > 0:
                more, cycle_slope = hear_again(state["weights"]["encoder"], made, real)
                scalars, slope = scalars | more, slope + self.train.cycle_weight * cycle_slope
                scalars["wave_loss"] = scalars["wave_loss"] + self.train.cycle_weight * scalars["cycle"]
            if judged:
                state, more, critic_slope = judge(state, made, real)
                risen = ops.cast(state["critic_adam"]["step"], "float32") / max(self.train.critic_ramp, 1)
                share = self.train.adversarial_share * ops.minimum(risen, 1.0)
                scalars, slope = scalars | more, slope + _as_long_as(slope, critic_slope) * share
            return state, scalars, back(slope * self.train.waveform_weight)

        return part

    def _own_samples(self, waveform: Tensor) -> Tensor:
        """The part `[B, 2, n]` of the crops `[B, N, 2]` whose synthesis lacks no overlapping spectrum."""
        return ops.transpose(waveform[:, self.margin : -self.margin], (0, 2, 1))

    def _synthesise(self, planes: Tensor, place: Tensor) -> Tensor:
        """What `_own_samples` is compared with, `[B, 2, n]`."""
        edge = self.config.overlap * self.config.hop
        return ops.transpose(synthesise(self.config, planes, first_latent=place)[:, edge:-edge], (0, 2, 1))

    def _wave_part(self, made: Tensor, real: Tensor) -> tuple[dict[str, Tensor], Tensor]:
        """Scalars, and the gradient by the decoded waveforms, of how they differ from the originals."""
        return _sloped(lambda x: losses.wave_loss(self.config, self.train, x, real), made, "wave_loss")

    def _hear_again(self) -> Callable[[Tree, Tensor, Tensor], tuple[dict[str, Tensor], Tensor]]:
        """(encoder's weights, decoded, originals `[B, 2, n]`) to (scalars, gradient by the decoded).

        How far latents of the decoded are from those of the originals, by an encoder that is held as it is: it would
        help itself by hearing less. (Where it is trained, too, what made the latents still learns through the decoder.)
        """
        inputs_of = backend.compile(self._inputs_inside, xla=self.xla)

        def part(weights: Tree, made: Tensor, real: Tensor) -> tuple[dict[str, Tensor], Tensor]:
            wanted = _apply(self.encoder, weights, inputs_of(real))
            inputs, back = backend.pull_back(inputs_of, made)

            def loss_of(x: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
                return ops.mean(ops.abs(_apply(self.encoder, weights, x) - wanted)), {}

            scalars, slope = _sloped(loss_of, inputs, "cycle")
            return scalars, back(slope)

        return part

    def _inputs_inside(self, waveform: Tensor) -> Tensor:
        """The encoder's inputs of the latents whose spectra lie within `_own_samples`, from these samples."""
        first = self.outer * self.config.hop_total - self.margin
        length = self.crop_length - 2 * self.outer * self.config.hop_total
        spectra = spectrum.stft(waveform[..., first : first + length], self.config.window, self.config.hop)
        return compute_features_of_powers(self.config, compute_mid_side_powers(spectra))

    def _judge(self) -> Callable[[Tree, Tensor, Tensor], tuple[Tree, dict[str, Tensor], Tensor]]:
        """(state, decoded, originals `[B, 2, n]`) to (state with better critics, scalars, gradient by the decoded)."""
        views = backend.compile(critic.views, xla=self.xla)
        update = backend.compile(self._update_critics, xla=self.xla)

        def judge(state: Tree, made: Tensor, real: Tensor) -> tuple[Tree, dict[str, Tensor], Tensor]:
            weights = state["critic"]
            seen_real = views(real)
            seen_made, back = backend.pull_back(views, made)

            def loss_of_critics(weights: Tree) -> tuple[Tensor, Any]:
                real_scores, features = _judged(self.critics, weights, seen_real)
                return critic.critic_loss(real_scores, _judged(self.critics, weights, seen_made)[0]), features

            def loss_of_codec(seen: list[Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
                scores, made_features = _judged(self.critics, weights, seen)
                adversarial, matching = critic.codec_loss(scores), critic.feature_loss(features, made_features)
                loss = adversarial + self.train.feature_matching_weight * matching
                return loss, {"adversarial": adversarial, "features": matching}

            critic_loss, features, gradient = backend.value_and_gradient(loss_of_critics, weights)
            _, scalars, slope = backend.value_and_gradient(loss_of_codec, seen_made)
            own = {name: state[name] for name in ("critic", "critic_adam", "rate")}
            return {**state, **update(own, gradient)}, scalars | {"critic_loss": critic_loss}, back(slope)

        return judge

    def _update_critics(self, state: Tree, gradients: Tree) -> Tree:
        gradients, _ = optim.clip_by_global_norm(gradients, CLIP)
        lr = self.train.critic_lr * state["rate"]
        weights, adam = optim.apply_adam(state["critic"], gradients, state["critic_adam"], lr, *CRITIC_BETAS)
        return {**state, "critic": weights, "critic_adam": adam}

    def _update(self, state: Tree, gradients: Tree, steps: Tensor) -> tuple[Tree, dict[str, Tensor]]:
        gradients, norm = optim.clip_by_global_norm(gradients, CLIP)
        total = self.train.decay_samples // self.train.bs
        lr = optim.compute_learning_rate(steps, self.train.lr, self.train.warmup, total, floor=0.1)
        lr = lr * state["rate"]
        fixed, moving = self._parted(state["weights"])
        moving, adam = optim.apply_adam(moving, gradients, state["adam"], lr, *BETAS)
        weights = {**fixed, **moving}
        step = ops.cast(state["adam"]["step"], "float32")  # early averages forget the initial weights sooner
        decay = ops.minimum(self.train.average_decay, (1 + step) / (10 + step))
        resting, averaged = self._parted(state["average"])
        averaged = {**resting, **optim.update_average(averaged, moving, decay)}
        state = {**state, "weights": weights, "average": averaged, "adam": adam}
        return state, {"gradient_norm": norm, "lr": lr}

    def _parted(self, weights: Tree) -> tuple[Tree, Tree]:
        """Networks that stay as they are, and those that are trained."""
        moving = {part: weights[part] for part in self.trained_parts}
        return {part: tree for part, tree in weights.items() if part not in moving}, moving

    def _prepare(self, waveform: Tensor) -> tuple[Tensor, Tensor, Tree]:
        """The encoder's input, the powers to be reached, `[B, 4, frames, K]`, and tones, where bins are tuned."""
        spectra = compute_channel_spectra(self.config, waveform)
        powers = compute_mid_side_powers(spectra)
        wanted = tones.measure_tones(self.config, waveform, spectra) if self.config.tuned_bins else None
        return compute_features_of_powers(self.config, powers), powers, wanted

    def _networks(self, weights: Tree, inputs: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """The decoder's planes, and the mean square of the latents before tanh, which shall stay near one."""
        unbounded = _apply(self.encoder, weights["encoder"], inputs, bounded=False)
        return _apply(self.decoder, weights["decoder"], ops.tanh(unbounded) + noise), ops.mean(ops.square(unbounded))

    def render_previews(self, state: Tree) -> list[tuple[str, np.ndarray]]:
        """Originals and what the averaged weights make of them: (name, waveform `[N, 2]`)."""
        pairs = []
        for (name, original), (_, decoded) in zip(self.previews, self._pieces(state)[1], strict=True):
            pairs += [(f"{name}-original", original), (f"{name}-decoded", decoded)]
        self._coded = None  # which holds a whole state
        return pairs

    def measure(self, state: Tree) -> dict[str, float]:
        """Figures of the averaged weights on the previews (`musika.metrics.codec`)."""
        from musika.metrics.codec import CodecFigures, CodedPiece

        codec, pieces = self._pieces(state)
        figures = CodecFigures(codec, changes=CHANGES)
        for (_, waveform), (latents, decoded) in zip(self.previews, pieces, strict=True):
            figures.add(CodedPiece(waveform, latents, decoded))
        return figures.summarize()

    def _pieces(self, state: Tree) -> tuple[StereoCodec, list[tuple[np.ndarray, np.ndarray]]]:
        """The codec of the averaged weights, and the latents `[T, C]` and waveforms `[N, 2]` it makes of the previews.

        They are kept from the figures to the preview of one checkpoint, and no longer: on JAX a codec that was compiled
        keeps the weights it had.
        """
        if self._coded is None or self._coded[0] is not state:
            for network, part in ((self.encoder, "encoder"), (self.decoder, "decoder")):
                checkpoint.assign(network, backend.to_numpy(state["average"][part]))
            codec, pieces = StereoCodec(self.config, self.encoder, self.decoder, identity=""), []
            for _, waveform in self.previews:
                latents = codec.encode(waveform)
                pieces.append((latents, codec.decode(latents)[: len(waveform)]))
            self._coded = state, codec, pieces
        return self._coded[1:]

    def export_weights(self, state: Tree) -> tuple[dict[str, Any], dict[str, dict[str, np.ndarray]]]:
        """The checkpoint to encode and decode with: (config.json, arrays by file)."""
        config, arrays = codec_files(self.config, backend.to_numpy(state["average"]))
        if int(state["critic_adam"]["step"]) or (self.start is not None and "critic" in self.start):
            arrays["critic"] = backend.to_numpy(state["critic"])  # for whoever fine-tunes
        return {**config, "trained": {**self.train.to_dict(), **self.trained}}, arrays


def _apply(network: keras.Layer, weights: Mapping[str, Tensor], inputs: Tensor, **options: bool) -> Tensor:
    ordered = [weights[name] for name in checkpoint.list_weight_names(network)]
    outputs, _ = network.stateless_call(ordered, [], inputs, **options)
    return ops.convert_to_tensor(outputs)


def _judged(critics: keras.Layer, weights: Mapping[str, Tensor], seen: list[Tensor]) -> tuple[list[Tensor], Any]:
    """Scores and features of every resolution with these weights in the place of the critics' own."""
    outputs, _ = critics.stateless_call([weights[name] for name in checkpoint.list_weight_names(critics)], [], seen)
    return outputs


def _sloped(
    loss_of: Callable[[Tensor], tuple[Tensor, dict[str, Tensor]]], at: Tensor, name: str
) -> tuple[dict[str, Tensor], Tensor]:
    """The scalars that `loss_of` gives there, its loss among them by that name, and its gradient."""
    loss, scalars, slope = backend.value_and_gradient(loss_of, at)
    return {**scalars, name: loss}, slope


def _as_long_as(one: Tensor, other: Tensor) -> Tensor:
    """`other`, `[B, ...]`, each item scaled to the length that the item of `one` has."""
    axes = tuple(range(1, len(one.shape)))
    length, own = (ops.sqrt(ops.sum(ops.square(x), axis=axes, keepdims=True)) for x in (one, other))
    return other * (length / (own + 1e-12))
