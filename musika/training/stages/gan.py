"""The generator's stage of training: windows of latents in, generator and critic at once.

Both networks step from the same weights and the same generated windows. The critic's R1 penalty is a gradient inside a
gradient. In float16 the losses are scaled; a step whose gradients overflow changes nothing but that scale.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from keras import ops

from musika import backend, checkpoint, draws
from musika.config import SAMPLE_RATE, GanTrainConfig, GeneratorConfig
from musika.gan import basis, layers, losses
from musika.gan.basis import Windows
from musika.gan.coordinates import draw_training_coordinates
from musika.gan.critic import Critic
from musika.gan.generator import Generator, generate_windows
from musika.gan.load import describe_generator
from musika.gan.noise import draw_training_noise
from musika.metrics import generator as figures
from musika.training import optim

if TYPE_CHECKING:
    import keras

    from musika.codec.base import Codec

Tensor = Any
Tree = Any
BETAS = (0.5, 0.999)
FIGURES_BATCH = 16  # windows that are generated at once for figures
PREVIEWS = 4  # pieces that each checkpoint shows, the same seeds every time
FLOAT16 = "mixed_float16"


@dataclasses.dataclass(frozen=True)
class Start:
    """Weights by name to begin with: a shipped generator's, and its critic's where that was kept.

    Attributes:
        generator: weights to train further.
        critic: None begins with random ones.
        average: averaged weights, where they are others than the generator's.
        penalty_weight: adaptive weight of the critic's penalty, 0 to 1, where it was kept.
    """

    generator: Mapping[str, np.ndarray]
    critic: Mapping[str, np.ndarray] | None = None
    average: Mapping[str, np.ndarray] | None = None
    penalty_weight: float | None = None


class GanStage:
    """What the training loop needs of generator and critic: init, batch, step, preview, figures, weights.

    Args:
        config: sizes of both networks.
        train: rates, factors, seed.
        windows: latents to train on; None where no batch will be asked for. With `train.whitening`, both networks are
            trained in a basis of theirs (`gan.basis`): so are state and batches, and all that leaves is plain.
        held_out: latents that each checkpoint's figures compare with; None takes those that are trained on.
        codec_identity: of the codec that made them.
        codec: decodes previews; None leaves them out.
        stereo_halves: whether latents are the two channels' halves, which then change places in half of all batches;
            None asks the codec.
        start: weights to fine-tune; None begins with random ones.
        precision: a Keras dtype policy to compute in.
        xla: compile the step with XLA on TensorFlow.
        trained: what else the checkpoint should say about its training, plain JSON values.
    """

    name = "gan"

    def __init__(
        self,
        config: GeneratorConfig,
        train: GanTrainConfig,
        windows: Windows | None,
        codec_identity: str,
        codec: Codec | None = None,
        stereo_halves: bool | None = None,
        held_out: Windows | None = None,
        start: Start | None = None,
        precision: str = "float32",
        xla: bool = False,
        trained: Mapping[str, Any] | None = None,
    ) -> None:
        self.config, self.train, self.windows = config, train, windows
        self.held_out = held_out if held_out is not None else windows
        self._real: np.ndarray | None = None  # windows that figures compare with, once they were asked for
        self.codec_identity, self.codec, self.start = codec_identity, codec, start
        own_halves = codec is not None and codec.stereo_halves
        self.stereo_halves = own_halves if stereo_halves is None else stereo_halves
        self.trained = {**train.to_dict(), "stereo_halves": self.stereo_halves, **(trained or {})}
        self.basis = None
        if windows is not None and train.whitening:
            self.basis = basis.fit_basis(windows, train.whitening, self.stereo_halves)
        # windows in all files up to and including each one
        self._ends = np.cumsum([length - config.window + 1 for length in windows.lengths] if windows else [])
        self.sample_seconds = config.window * codec.hop_total / codec.sample_rate if codec is not None else 0.0
        self.sample_rate = codec.sample_rate if codec is not None else SAMPLE_RATE
        self.scaling = precision == FLOAT16
        self.generator = Generator(config, seed=None, dtype=precision)
        self.critic = Critic(config, seed=None, dtype=precision)
        self.step = backend.compile(self._step, xla)
        self._generate = backend.compile(lambda weights, *inputs: _call(self.generator, weights, *inputs), xla)

    def init(self, seed: int) -> Tree:
        """The state before the first sample. The average begins with the generator's own weights, or the start's."""
        for network in (self.generator, self.critic):
            layers.initialise(network, seed)
        generator, critic = checkpoint.get_weights(self.generator), checkpoint.get_weights(self.critic)
        average, penalty_weight = generator, losses.FIRST_PENALTY_WEIGHT
        if (start := self.start) is not None:
            average = generator = self._generator_into(_fitting(start.generator, generator))
            critic = self._critic_into(_fitting(start.critic, critic)) if start.critic is not None else critic
            average = self._generator_into(_fitting(start.average, generator)) if start.average is not None else average
            penalty_weight = penalty_weight if start.penalty_weight is None else start.penalty_weight
        return {
            "generator": generator,
            "critic": critic,
            "average": optim.tree_map(np.copy, average),
            "generator_adam": optim.adam_init(generator),
            "critic_adam": optim.adam_init(critic),
            "penalty_weight": np.asarray(penalty_weight, np.float32),
            "rate": np.asarray(1.0, np.float32),
            "loss_scale": optim.loss_scale_init(),
        }

    def _generator_into(self, weights: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        return weights if self.basis is None else self.basis.transform_generator(weights)

    def _critic_into(self, weights: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        return weights if self.basis is None else self.basis.transform_critic(weights)

    def _plain(self, average: Tree) -> Tree:
        """Averaged weights of a state, as those of a generator of plain latents."""
        return average if self.basis is None else self.basis.invert_generator(backend.to_numpy(average))

    def batch(self, position: int) -> Tree:
        """Real windows, coordinates and noise of the `bs` samples after `position`."""
        train, config = self.train, self.config
        real = np.stack([self._window(sample) for sample in range(position, position + train.bs)])  # [B, L, C]
        if self.stereo_halves and self._swaps(position):
            real = np.roll(real, config.channels // 2, axis=2)
        return {
            "real": real if self.basis is None else self.basis.transform(real),
            "coordinates": draw_training_coordinates(config, train.seed, position, train.bs, train.truncation),
            "noise": draw_training_noise(config, train.seed, position, train.bs),
        }

    def _swaps(self, position: int) -> bool:
        """Whether left and right change places in this batch, where they are halves of a latent: half of the time."""
        return bool(draws.uniform(self.train.seed, "training/swap", position, (1,))[0] < 0.5)

    def _window(self, sample: int) -> np.ndarray:
        """A real window `[L, C]`: every place in every file is as likely as any other."""
        assert self.windows is not None
        number = int(draws.integers(self.train.seed, "training/window", sample, 1)[0]) % int(self._ends[-1])
        file = int(np.searchsorted(self._ends, number, side="right"))
        offset = number - (int(self._ends[file - 1]) if file else 0)
        return self.windows.crop(file, offset, self.config.window)

    def _step(self, state: Tree, batch: Tree) -> tuple[Tree, dict[str, Tensor]]:
        """One step of both networks: a pure function."""
        scale = state["loss_scale"]["scale"] if self.scaling else 1.0
        generator, critic = state["generator"], state["critic"]
        _, (loss_generator, fake), generator_gradient = self._teach_generator(generator, critic, batch, scale)
        _, scalars, critic_gradient = self._teach_critic(critic, batch["real"], fake, state["penalty_weight"], scale)
        if self.scaling:
            both = generator_gradient, critic_gradient
            generator_gradient, critic_gradient = optim.unscale(both, state["loss_scale"])

        lr = self.train.lr * state["rate"]
        generator, generator_adam = optim.adam(generator, generator_gradient, state["generator_adam"], lr, *BETAS)
        critic, critic_adam = optim.adam(critic, critic_gradient, state["critic_adam"], lr, *BETAS)
        new = {
            "generator": generator,
            "critic": critic,
            "average": optim.average(state["average"], generator, self.train.average_decay),
            "generator_adam": generator_adam,
            "critic_adam": critic_adam,
            "penalty_weight": losses.adapt_penalty_weight(state["penalty_weight"], scalars["certainty"]),
            "rate": state["rate"],
        }
        scalars = {"loss_generator": loss_generator, **scalars}
        if self.scaling:
            good = optim.finite((generator_gradient, critic_gradient))
            new = optim.choose(good, new, {name: state[name] for name in new})
            scalars["loss_scale"] = scale
            return {**new, "loss_scale": optim.loss_scale_update(state["loss_scale"], good)}, scalars
        return {**new, "loss_scale": state["loss_scale"]}, scalars

    def _teach_generator(self, weights: Tree, critic: Tree, batch: Tree, scale: Tensor) -> tuple[Tensor, Any, Tree]:
        """Scaled loss, (loss, generated windows `[B, L, C]`), gradient by the generator's weights."""

        def loss_of(weights: Tree) -> tuple[Tensor, tuple[Tensor, Tensor]]:
            fake = generate_windows(
                lambda coordinates, noise: _call(self.generator, weights, coordinates, noise),
                batch["coordinates"],
                batch["noise"],
            )
            loss = losses.compute_generator_loss(_call(self.critic, critic, fake), self.critic.score_weights)
            return loss * scale, (loss, fake)

        return backend.value_and_gradient(loss_of, weights)

    def _teach_critic(
        self, weights: Tree, real: Tensor, fake: Tensor, penalty_weight: Tensor, scale: Tensor
    ) -> tuple[Tensor, dict[str, Tensor], Tree]:
        """Scaled loss, scalars, gradient by the critic's weights."""
        shares = self.critic.score_weights

        def loss_of(weights: Tree) -> tuple[Tensor, dict[str, Tensor]]:
            def total(latents: Tensor) -> tuple[Tensor, Tensor]:
                scores = _call(self.critic, weights, latents)
                return ops.sum(scores * shares), scores

            _, real_scores, slope = backend.value_and_gradient(total, real)
            fake_scores = _call(self.critic, weights, fake)
            penalty = losses.compute_gradient_penalty(slope)
            most = self.train.gp_max_weight
            loss = losses.compute_critic_loss(real_scores, fake_scores, penalty, penalty_weight, most, shares)
            scalars = {
                "loss_critic": loss,
                "penalty": penalty,
                "penalty_weight": penalty_weight,
                "certainty": losses.measure_certainty(real_scores, fake_scores),
            }
            return loss * scale, scalars

        return backend.value_and_gradient(loss_of, weights)

    def preview(self, state: Tree) -> Iterator[tuple[str, np.ndarray]]:
        """Pieces of seeds 0 to 3, one training window long: (name, waveform `[N, 2]`)."""
        if self.codec is None:
            return
        from musika import render

        weights = self._plain(state["average"])

        def generate(coordinates: np.ndarray, noise: Any) -> np.ndarray:
            return backend.to_numpy(self._generate(weights, coordinates, list(noise)))

        model = render.Model(self.config, generate, self.codec)
        length = self.config.window * self.codec.hop_total
        for seed in range(PREVIEWS):
            yield f"sample-{seed}", render.render_samples(model, seed, 0, length, self.train.truncation)

    def figures(self, state: Tree) -> dict[str, float]:
        """What averaged weights generate, beside windows of latents that are held out where there are such."""
        if self.held_out is None:
            return {}
        if self._real is None:
            self._real = figures.pick_real_windows(self.held_out, self.config.window)
            if self.stereo_halves:  # as in training
                self._real[::2] = np.roll(self._real[::2], self.config.channels // 2, axis=2)
        made, weights = [], self._plain(state["average"])
        for position in range(0, figures.GENERATED, FIGURES_BATCH):
            drawn = self.config, figures.SEED, position, FIGURES_BATCH
            coordinates, noise = draw_training_coordinates(*drawn, self.train.truncation), draw_training_noise(*drawn)
            windows = generate_windows(lambda *inputs: self._generate(weights, *inputs), coordinates, noise)
            made.append(backend.to_numpy(windows))
        return figures.compare_windows(np.concatenate(made), self._real)

    def weights(self, state: Tree) -> tuple[dict[str, Any], dict[str, dict[str, np.ndarray]]]:
        """A generator's checkpoint, averaged weights, with its critic for whoever fine-tunes: (config.json, arrays)."""
        config = describe_generator(
            self.config,
            self.codec_identity,
            seed=self.train.seed,
            penalty_weight=float(backend.to_numpy(state["penalty_weight"])),
            trained=self.trained,
        )
        critic = backend.to_numpy(state["critic"])
        critic = critic if self.basis is None else self.basis.invert_critic(critic)
        return config, {"weights": backend.to_numpy(self._plain(state["average"])), "critic": critic}


def _call(network: keras.Layer, weights: Mapping[str, Tensor], *inputs: Any) -> Tensor:
    """The network's result with these weights in the place of its own."""
    outputs, _ = network.stateless_call([weights[name] for name in checkpoint.list_weight_names(network)], [], *inputs)
    return outputs


def _fitting(given: Mapping[str, np.ndarray], own: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """`given`, in the order of `own`, whose names and shapes it must have."""
    found, expected = ({name: tuple(array.shape) for name, array in arrays.items()} for arrays in (given, own))
    checkpoint.check_names("the checkpoint to start from", found, expected)
    return {name: np.asarray(given[name], np.float32) for name in own}
