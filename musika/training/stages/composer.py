"""The training stage of the composer: sections of works in, a network that tells the next note trained.

Batches are made in `composer_batches.py`, a step in `composer_step.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import keras
import numpy as np

from musika import backend, checkpoint
from musika.composer.load import describe_composer
from musika.composer.network import Composer, initialise
from musika.composer.works import Work
from musika.config import SAMPLE_RATE, ComposerConfig, ComposerTrainConfig
from musika.training import optim
from musika.training.stages.composer_batches import ComposerBatches
from musika.training.stages.composer_step import ComposerStep, compute_losses
from musika.training.stages.networks import call_with_weights, match_weights

Tree = Any
Arrays = dict[str, np.ndarray]
MEASURED = 96  # examples that figures are of, the same every time


class ComposerStage:
    """The composer as the training loop takes it (`protocol.Stage`).

    Args:
        config: sizes of the network.
        train: hyperparameters.
        works: to train on.
        held_out: to measure on; none leaves the figures out.
        start: weights to fine-tune; None begins with random ones.
        precision: a Keras dtype policy to compute in.
        xla: compile the step with XLA on TensorFlow.
        trained: what else the checkpoint should say about its training, plain JSON values.
    """

    name = "composer"
    sample_seconds = 0.0  # examples are notes, not audio
    sample_rate = SAMPLE_RATE

    def __init__(
        self,
        config: ComposerConfig,
        train: ComposerTrainConfig,
        works: Sequence[Work],
        held_out: Sequence[Work] = (),
        start: Mapping[str, np.ndarray] | None = None,
        precision: str = "float32",
        xla: bool = False,
        trained: Mapping[str, Any] | None = None,
    ) -> None:
        self.config, self.train, self.start = config, train, start
        self.trained = {**train.to_dict(), **(trained or {})}
        self.batches = ComposerBatches(config, train, works)
        self.held_out = ComposerBatches(config, train, held_out) if held_out else None
        self._measured: list[Tree] | None = None
        self.network = Composer(config, seed=None, dtype=precision)
        self.step = backend.compile(ComposerStep(train, self.network), xla)
        self._evaluate = backend.compile(self._compute_figures, xla)

    def init_state(self, seed: int) -> Tree:
        """The state before the first example; the average begins with the weights."""
        initialise(self.network, seed)
        weights = checkpoint.get_weights(self.network)
        if self.start is not None:
            weights = match_weights(self.start, weights)
        return {
            "weights": weights,
            "average": keras.tree.map_structure(np.copy, weights),
            "adam": optim.init_adam(weights),
            "rate": np.asarray(1.0, np.float32),
        }

    def make_batch(self, position: int) -> Tree:
        """The `bs` examples after `position`."""
        return self.batches.make(position)

    def render_previews(self, state: Tree) -> Iterator[tuple[str, np.ndarray]]:
        """None: a composer makes no sound."""
        yield from ()

    def measure(self, state: Tree) -> dict[str, float]:
        """Cross-entropy of a note of held-out works in nats: with all conditions but a melody, and of each field."""
        if self.held_out is None or not self.held_out.works:
            return {}
        if self._measured is None:
            positions = range(0, MEASURED, self.train.bs)
            self._measured = [self.held_out.make(position, drops=False) for position in positions]
        figures = [backend.to_numpy(self._evaluate(state["average"], batch)) for batch in self._measured]
        means = {name: float(np.mean([part[name] for part in figures])) for name in figures[0]}
        return {"nats_per_note": sum(means.values()), **{f"nats_{name}": value for name, value in means.items()}}

    def _compute_figures(self, weights: Tree, batch: Tree) -> Tree:
        logits = call_with_weights(self.network, weights, batch)
        return compute_losses(logits, batch["next_fields"], batch["weights"], 0.0)

    def export_weights(self, state: Tree) -> tuple[dict[str, Any], dict[str, Arrays]]:
        """A composer's checkpoint with averaged weights: (config.json, arrays)."""
        config = describe_composer(self.config, trained=self.trained)
        return config, {"weights": backend.to_numpy(state["average"])}
