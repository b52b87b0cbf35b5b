"""The training stage of the generator: windows of latents in, generator and critic trained together.

Batches are made in `gan_batches.py`, a step in `gan_step.py`. Here is what a run begins with, measures and exports.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from musika import backend, checkpoint
from musika.config import SAMPLE_RATE, GanTrainConfig, GeneratorConfig
from musika.gan import layers, losses
from musika.gan.basis import LatentFiles, fit_basis
from musika.gan.coordinates import draw_training_coordinates
from musika.gan.critic import Critic
from musika.gan.generator import Generator, generate_windows
from musika.gan.load import describe_generator
from musika.gan.noise import draw_training_noise
from musika.metrics import generator as figures
from musika.training import optim
from musika.training.stages.gan_batches import GanBatches
from musika.training.stages.gan_step import GanStep
from musika.training.stages.networks import call_with_weights, match_weights

if TYPE_CHECKING:
    from musika.codec.base import Codec

Tree = Any
Arrays = dict[str, np.ndarray]
FIGURES_BATCH = 16  # windows that are generated at once for figures
PREVIEWS = 4  # pieces that each checkpoint shows, the same seeds every time
FLOAT16 = "mixed_float16"


@dataclasses.dataclass(frozen=True)
class Start:
    """Weights by name to begin with: a generator's, and its critic's where a checkpoint has them.

    Attributes:
        generator: weights to train further.
        critic: None begins with random ones.
        average: averaged weights, where they differ from the generator's.
        penalty_weight: adaptive weight of the critic's penalty, 0 to 1, where the checkpoint has it.
    """

    generator: Mapping[str, np.ndarray]
    critic: Mapping[str, np.ndarray] | None = None
    average: Mapping[str, np.ndarray] | None = None
    penalty_weight: float | None = None


class GanStage:
    """Generator and critic as the training loop takes them (`protocol.Stage`).

    Args:
        config: sizes of both networks.
        train: hyperparameters.
        files: latents to train on; None where no batch will be asked for. With `train.whitening`, both networks are
            trained in a basis (`gan/basis.py`): state and batches are in it, and all that is exported is plain.
        codec_identity: of the codec that made the latents.
        codec: decodes previews; None leaves them out.
        stereo_halves: whether latents are the two channels' halves, which then change places in half of all batches;
            None asks the codec.
        held_out: latents that each checkpoint's figures compare with; None takes those that are trained on.
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
        files: LatentFiles | None,
        codec_identity: str,
        codec: Codec | None = None,
        stereo_halves: bool | None = None,
        held_out: LatentFiles | None = None,
        start: Start | None = None,
        precision: str = "float32",
        xla: bool = False,
        trained: Mapping[str, Any] | None = None,
    ) -> None:
        self.config, self.train = config, train
        self.held_out = held_out if held_out is not None else files
        self._real: np.ndarray | None = None  # windows that figures compare with, once they were asked for
        self.codec_identity, self.codec, self.start = codec_identity, codec, start
        codec_has_halves = codec is not None and codec.stereo_halves
        self.stereo_halves = codec_has_halves if stereo_halves is None else stereo_halves
        self.trained = {**train.to_dict(), "stereo_halves": self.stereo_halves, **(trained or {})}
        self.basis = None
        if files is not None and train.whitening:
            self.basis = fit_basis(files, train.whitening, self.stereo_halves)
        self.batches = GanBatches(config, train, files, self.stereo_halves, self.basis)
        self.sample_seconds = config.window * codec.hop_total / codec.sample_rate if codec is not None else 0.0
        self.sample_rate = codec.sample_rate if codec is not None else SAMPLE_RATE
        self.generator = Generator(config, seed=None, dtype=precision)
        self.critic = Critic(config, seed=None, dtype=precision)
        self.step = backend.compile(GanStep(train, self.generator, self.critic, precision == FLOAT16), xla)
        self._generate = backend.compile(
            lambda weights, *inputs: call_with_weights(self.generator, weights, *inputs), xla
        )

    def init_state(self, seed: int) -> Tree:
        """The state before the first sample. The average begins with the generator's own weights, or the start's."""
        for network in (self.generator, self.critic):
            layers.initialise(network, seed)
        generator, critic = checkpoint.get_weights(self.generator), checkpoint.get_weights(self.critic)
        average, penalty_weight = generator, losses.FIRST_PENALTY_WEIGHT
        if (start := self.start) is not None:
            average = generator = self._to_basis_generator(match_weights(start.generator, generator))
            if start.critic is not None:
                critic = self._to_basis_critic(match_weights(start.critic, critic))
            if start.average is not None:
                average = self._to_basis_generator(match_weights(start.average, generator))
            if start.penalty_weight is not None:
                penalty_weight = start.penalty_weight
        return {
            "generator": generator,
            "critic": critic,
            "average": keras.tree.map_structure(np.copy, average),
            "generator_adam": optim.init_adam(generator),
            "critic_adam": optim.init_adam(critic),
            "penalty_weight": np.asarray(penalty_weight, np.float32),
            "rate": np.asarray(1.0, np.float32),
            "loss_scale": optim.init_loss_scale(),
        }

    def _to_basis_generator(self, weights: Arrays) -> Arrays:
        return weights if self.basis is None else self.basis.transform_generator(weights)

    def _to_basis_critic(self, weights: Arrays) -> Arrays:
        return weights if self.basis is None else self.basis.transform_critic(weights)

    def _get_plain_average(self, state: Tree) -> Tree:
        """The averaged weights of a state, as those of a generator of plain latents."""
        average = state["average"]
        return average if self.basis is None else self.basis.invert_generator(backend.to_numpy(average))

    def make_batch(self, position: int) -> Tree:
        """Real windows, coordinates and noise of the `bs` samples after `position`."""
        return self.batches.make(position)

    def render_previews(self, state: Tree) -> Iterator[tuple[str, np.ndarray]]:
        """Pieces of seeds 0 to 3, one training window long: (name, waveform `[N, 2]`)."""
        if self.codec is None:
            return
        from musika import render

        weights = self._get_plain_average(state)

        def generate(coordinates: np.ndarray, noise: Any) -> np.ndarray:
            return backend.to_numpy(self._generate(weights, coordinates, list(noise)))

        model = render.GeneratorModel(config=self.config, generate=generate, codec=self.codec)
        length = self.config.window * self.codec.hop_total
        for seed in range(PREVIEWS):
            piece = model.piece(seed, truncation=self.train.truncation)
            yield f"sample-{seed}", piece.render_samples(0, length)

    def measure(self, state: Tree) -> dict[str, float]:
        """Figures of what averaged weights generate, beside windows of latents that are held out where there are any.

        See `metrics/generator.py`.
        """
        if self.held_out is None:
            return {}
        if self._real is None:
            self._real = figures.pick_real_windows(self.held_out, self.config.window)
            if self.stereo_halves:  # as in training
                self._real[::2] = np.roll(self._real[::2], self.config.channels // 2, axis=2)
        generated, weights = [], self._get_plain_average(state)
        for position in range(0, figures.GENERATED, FIGURES_BATCH):
            drawn = self.config, figures.SEED, position, FIGURES_BATCH
            coordinates, noise = draw_training_coordinates(*drawn, self.train.truncation), draw_training_noise(*drawn)
            windows = generate_windows(lambda *inputs: self._generate(weights, *inputs), coordinates, noise)
            generated.append(backend.to_numpy(windows))
        return figures.compare_windows(np.concatenate(generated), self._real)

    def export_weights(self, state: Tree) -> tuple[dict[str, Any], dict[str, Arrays]]:
        """A generator's checkpoint, averaged weights, with its critic for fine-tuning: (config.json, arrays)."""
        config = describe_generator(
            self.config,
            self.codec_identity,
            seed=self.train.seed,
            penalty_weight=float(backend.to_numpy(state["penalty_weight"])),
            trained=self.trained,
        )
        critic = backend.to_numpy(state["critic"])
        critic = critic if self.basis is None else self.basis.invert_critic(critic)
        return config, {"weights": backend.to_numpy(self._get_plain_average(state)), "critic": critic}
