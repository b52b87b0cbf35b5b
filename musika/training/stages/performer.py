"""The training stage of the performer: latents and the notes that they play.

Batches are made in `performer_batches.py`, a step in `performer_step.py`. Here is what a run begins with, measures and
exports.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from musika import backend, checkpoint, draws
from musika.config import SAMPLE_RATE, PerformerConfig, PerformerTrainConfig
from musika.gan import performer
from musika.gan.basis import fit_basis
from musika.gan.performer_critic import PerformerCritic
from musika.gan.performer_load import describe_performer
from musika.metrics import performer as figures
from musika.training.stages.networks import match_weights
from musika.training.stages.performer_batches import Pairs, PerformerBatches
from musika.training.stages.performer_step import PerformerStep, start_state

if TYPE_CHECKING:
    from musika.codec.base import Codec
    from musika.score import Notes

Tree = Any
Arrays = dict[str, np.ndarray]
EXCERPT = 216  # latents of each held-out file that are measured: 20 s
SKIPPED = 108  # latents of a long file before its excerpt
MAX_EXCERPTS = 8
PREVIEWS = 4  # excerpts that each checkpoint plays


class MeasuredPairs(Pairs, Protocol):
    """Pairs whose notes are known, too."""

    def get_notes(self, file_index: int, offset: int, length: int) -> Notes:
        """Notes of latents offset ... offset + length, in seconds from the first of them."""


class PerformerStage:
    """A performer as the training loop takes it (`protocol.Stage`).

    It is trained in a basis (`gan/basis.py`): state and batches are in it, and all that is exported is plain.

    Args:
        config: sizes.
        train: hyperparameters.
        pairs: what is trained on.
        codec: decodes what is measured and heard; None leaves that out.
        codec_identity: of the codec that made the latents.
        style_names: what each style is, `config.styles` of them.
        held_out: pairs that each checkpoint is measured on; None takes those that are trained on.
        start: weights of plain latents to train further; None begins with random ones.
        precision: a Keras dtype policy to compute in.
        xla: compile the step with XLA on TensorFlow.
        trained: what else the checkpoint should say about its training, plain JSON values.
    """

    name = "performer"

    def __init__(
        self,
        config: PerformerConfig,
        train: PerformerTrainConfig,
        pairs: MeasuredPairs,
        codec: Codec | None,
        codec_identity: str,
        style_names: Sequence[str],
        held_out: MeasuredPairs | None = None,
        start: Mapping[str, np.ndarray] | None = None,
        precision: str = "float32",
        xla: bool = False,
        trained: Mapping[str, Any] | None = None,
    ) -> None:
        self.config, self.train, self.codec, self.codec_identity = config, train, codec, codec_identity
        self.style_names, self.start = tuple(style_names), start
        self.measured = pairs if held_out is None else held_out
        self.trained = {**train.to_dict(), **(trained or {})}
        self.basis = fit_basis(pairs, train.whitening)
        self.batches = PerformerBatches(config, train, pairs, self.basis)
        self.sample_rate = SAMPLE_RATE if codec is None else codec.sample_rate
        self.sample_seconds = 0.0 if codec is None else train.crop * codec.hop_total / codec.sample_rate
        self.performer = performer.Performer(config, seed=None, dtype=precision)
        self.critic = None
        if train.adversarial_weight:
            self.critic = PerformerCritic(config, train.critic_width, train.crop, seed=None, dtype=precision)
        step = PerformerStep(train, self.performer, self.critic)
        self.step = backend.compile(step, xla)
        self._play = backend.compile(step.play, xla)
        self._excerpts: list[figures.Excerpt] | None = None
        self._played: tuple[Tree, np.ndarray] | None = None
        self._note_f1_original: float | None = None

    def init_state(self, seed: int) -> Tree:
        """The state before the first example. The average begins with the performer's own weights, or the start's."""
        performer.initialise(self.performer, seed)
        weights = checkpoint.get_weights(self.performer)
        if self.start is not None:
            weights = self.basis.transform_generator(match_weights(self.start, weights))
        return start_state(weights, self.critic, seed)

    def make_batch(self, position: int) -> Tree:
        """What the step at `position` examples sees."""
        return self.batches.make(position)

    def measure(self, state: Tree) -> dict[str, float]:
        """Figures of what the averaged weights play, on excerpts of held-out pairs (`metrics/performer.py`)."""
        excerpts, played = self._list_excerpts(), self._play_excerpts(state)
        wanted = np.stack([excerpt.latents for excerpt in excerpts])
        found = figures.measure_latents(wanted, played, self.basis.transform)
        if self.codec is None:
            return found
        scores = [excerpt.notes for excerpt in excerpts]
        if self._note_f1_original is None:
            self._note_f1_original = figures.measure_notes(scores, wanted, self.codec)
        note_f1 = figures.measure_notes(scores, played, self.codec)
        return found | {"note_f1": note_f1, "note_f1_original": self._note_f1_original}

    def render_previews(self, state: Tree) -> Iterator[tuple[str, np.ndarray]]:
        """Excerpts as they are and as the averaged weights play them: (name, waveform `[N, 2]`)."""
        if self.codec is None:
            return
        played = self._play_excerpts(state)
        self._played = None
        for number, excerpt in enumerate(self._list_excerpts()[:PREVIEWS]):
            yield f"validation-{number}-original", self.codec.decode(excerpt.latents)
            yield f"validation-{number}-played", self.codec.decode(played[number])

    def export_weights(self, state: Tree) -> tuple[dict[str, Any], dict[str, Arrays]]:
        """A performer's checkpoint, averaged weights: (config.json, arrays by file)."""
        config = describe_performer(
            self.config, self.codec_identity, self.style_names, seed=self.train.seed, trained=self.trained
        )
        return config, {"weights": self.basis.invert_generator(backend.to_numpy(state["average"]))}

    def _list_excerpts(self) -> list[figures.Excerpt]:
        """The excerpts that are measured, of one length and the same every time; made at the first call."""
        if self._excerpts is None:
            lengths = self.measured.lengths
            length = min(EXCERPT, *lengths)
            count = min(MAX_EXCERPTS, len(lengths))
            files = [number * len(lengths) // count for number in range(count)]
            self._excerpts = [self._read_excerpt(file, min(SKIPPED, lengths[file] - length), length) for file in files]
        return self._excerpts

    def _read_excerpt(self, file: int, offset: int, length: int) -> figures.Excerpt:
        context = self.config.context
        tracks = self.measured.compute_tracks(file, offset - context, length + 2 * context)
        return figures.Excerpt(
            latents=self.measured.crop(file, offset, length),
            tracks=np.concatenate(tracks, axis=1),
            style=self.measured.styles[file],
            notes=self.measured.get_notes(file, offset, length),
        )

    def _play_excerpts(self, state: Tree) -> np.ndarray:
        """Plain latents `[excerpts, T, C]` that the averaged weights play, kept from measuring to the previews."""
        if self._played is None or self._played[0] is not state:
            excerpts, context = self._list_excerpts(), self.config.context
            batch = {
                "tracks": np.stack([excerpt.tracks for excerpt in excerpts]),
                "styles": np.array([excerpt.style for excerpt in excerpts], np.int32),
            }
            if self.config.noise_size:
                shape = (*batch["tracks"].shape[:2], self.config.noise_size)
                batch["noise"] = draws.normal(figures.SEED, "figures/noise", 0, shape)
            latents = self.basis.invert(backend.to_numpy(self._play(state["average"], batch)))
            self._played = state, latents[:, context : latents.shape[1] - context]
        return self._played[1]
