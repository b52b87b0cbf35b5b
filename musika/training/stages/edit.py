"""The training stage of the editor: latents of any music, with gaps in what the network is told of them.

The network is that of a performer (`gan/performer.py`), its tracks are the known latents and a summary
(`gan/context.py`). Examples are made in `edit_batches.py`, a step in `edit_step.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from musika import backend, checkpoint
from musika.config import SAMPLE_RATE, EditorConfig, EditTrainConfig
from musika.gan import performer
from musika.gan.basis import Basis, LatentFiles, fit_basis, sort_directions
from musika.gan.context import summarize
from musika.gan.editor_load import describe_editor, pack_basis
from musika.gan.performer_critic import PerformerCritic
from musika.metrics import editor as figures
from musika.training.stages.edit_batches import EditBatches, describe_example
from musika.training.stages.edit_step import EditStep
from musika.training.stages.networks import match_weights
from musika.training.stages.performer_step import start_state

if TYPE_CHECKING:
    from musika.codec.base import Codec

Tree = Any
Arrays = dict[str, np.ndarray]
PREVIEWS = 4  # examples that each checkpoint fills


class EditStage:
    """An editor as the training loop takes it (`protocol.Stage`).

    Args:
        config: sizes, fitted to the latents.
        train: hyperparameters.
        files: latents to train on, each file at least `train.crop` long.
        codec: decodes previews; None leaves them out.
        codec_identity: of the codec that made the latents.
        held_out: latents that each checkpoint is measured on; None takes those that are trained on.
        start: weights of a checkpoint to train further; None begins with random ones.
        basis: of that checkpoint; None is that of the latents.
        precision: a Keras dtype policy to compute in.
        xla: compile the step with XLA on TensorFlow.
        trained: what else the checkpoint should say about its training, plain JSON values.
    """

    name = "edit"

    def __init__(
        self,
        config: EditorConfig,
        train: EditTrainConfig,
        files: LatentFiles,
        codec: Codec | None,
        codec_identity: str,
        held_out: LatentFiles | None = None,
        start: Mapping[str, np.ndarray] | None = None,
        basis: Basis | None = None,
        precision: str = "float32",
        xla: bool = False,
        trained: Mapping[str, Any] | None = None,
    ) -> None:
        self.config, self.train, self.codec, self.codec_identity = config, train, codec, codec_identity
        self.start, self.measured = start, files if held_out is None else held_out
        self.trained = {**train.to_dict(), **(trained or {})}
        self.basis = basis or sort_directions(fit_basis(files, train.whitening))
        self.batches = EditBatches(config, train, files, self.basis)
        self.sample_rate = SAMPLE_RATE if codec is None else codec.sample_rate
        self.sample_seconds = 0.0 if codec is None else train.crop * codec.hop_total / codec.sample_rate
        self.network = performer.Performer(config, seed=None, dtype=precision)
        self.critic = None
        if train.adversarial_weight:
            self.critic = PerformerCritic(config, train.critic_width, train.crop, seed=None, dtype=precision)
        step = EditStep(train, self.network, self.critic)
        self.step = backend.compile(step, xla)
        self._play = backend.compile(step.play, xla)
        self._examples: list[figures.GapExample] | None = None
        self._made: tuple[Tree, np.ndarray, np.ndarray] | None = None

    def init_state(self, seed: int) -> Tree:
        """The state before the first example."""
        performer.initialise(self.network, seed)
        weights = checkpoint.get_weights(self.network)
        if self.start is not None:
            weights = match_weights(self.start, weights)
        else:
            weights["out/kernel"] = np.zeros_like(weights["out/kernel"])  # begins with the draft as it is
        return start_state(weights, self.critic, seed)

    def make_batch(self, position: int) -> Tree:
        """What the step at `position` examples sees."""
        return self.batches.make(position)

    def measure(self, state: Tree) -> dict[str, float]:
        """Figures of how the averaged weights fill gaps of held-out latents (`metrics/editor.py`)."""
        examples = self._list_examples()
        wanted = np.stack([self.basis.transform(example.latents) for example in examples])
        return figures.measure_gaps(examples, wanted, *self._fill_examples(state))

    def render_previews(self, state: Tree) -> Iterator[tuple[str, np.ndarray]]:
        """Examples as they are, and with their gaps filled: (name, waveform `[N, 2]`)."""
        if self.codec is None:
            return
        made, _ = self._fill_examples(state)
        self._made = None
        for number, example in enumerate(self._list_examples()[:PREVIEWS]):
            yield f"validation-{number}-original", self.codec.decode(example.latents)
            yield f"validation-{number}-filled", self.codec.decode(self.basis.invert(made[number]))

    def export_weights(self, state: Tree) -> tuple[dict[str, Any], dict[str, Arrays]]:
        """An editor's checkpoint, averaged weights: (config.json, arrays by file)."""
        config = describe_editor(self.config, self.codec_identity, seed=self.train.seed, trained=self.trained)
        return config, {"weights": backend.to_numpy(state["average"]) | pack_basis(self.basis)}

    def _list_examples(self) -> list[figures.GapExample]:
        if self._examples is None:
            self._examples = figures.pick_examples(self.measured, min(self.train.crop, *self.measured.lengths))
        return self._examples

    def _fill_examples(self, state: Tree) -> tuple[np.ndarray, np.ndarray]:
        """The examples in the basis with their gaps filled, and their drafts, `[examples, T, C]`; kept for previews."""
        if self._made is None or self._made[0] is not state:
            rows = [self._describe(number, example) for number, example in enumerate(self._list_examples())]
            batch = {name: np.stack([row[name] for row in rows]) for name in rows[0]}
            made = backend.to_numpy(self._play(state["average"], batch))
            self._made = state, made, batch["tracks"][..., -self.config.channels :]
        return self._made[1:]

    def _describe(self, number: int, example: figures.GapExample) -> dict[str, np.ndarray]:
        latents, detail = self.basis.transform(example.latents), np.ones(len(example.latents), np.float32)
        detail[example.gap[0] : example.gap[1]] = 0.0
        summary = summarize(latents[detail > 0.0])
        return describe_example(self.config, latents, detail, summary, figures.SEED, number, "figures/noise")
