"""The training stage of the codec: crops of audio in, encoder and decoder trained together.

Batches are made in `codec_batches.py`, a step in `codec_step.py`. Here is what a run begins with, measures and exports.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from musika import backend, checkpoint
from musika.codec import critic
from musika.codec.checkpoint import make_checkpoint
from musika.codec.decoder import Decoder
from musika.codec.encoder import Encoder
from musika.codec.principal_components import fit_principal_components
from musika.codec.stereo import StereoCodec
from musika.codec.weights import initialise
from musika.config import CodecConfig, CodecTrainConfig
from musika.training import optim
from musika.training.pool import Pool
from musika.training.stages.codec_batches import CodecBatches
from musika.training.stages.codec_step import CodecStep

Tree = Any
Arrays = dict[str, np.ndarray]
CHANGES = ("noise_0.1", "interpolated")  # of latents, that the decoder's robustness is measured with
FIT_CROPS = 256  # that new weights are fitted to before training


class CodecStage:
    """The codec as the training loop takes it (`protocol.Stage`).

    Args:
        config: sizes.
        train: hyperparameters.
        pool: decoded audio to crop from.
        start: weights `{"encoder": {name: array}, "decoder": {...}}` to train further, with "critic" where a checkpoint
            has them; None begins with new ones.
        previews: (name, waveform `[N, 2]`) whose reconstruction each checkpoint shows.
        precision: a Keras dtype policy.
        xla: compile spectra, losses and the optimizer with XLA; the networks never are.
        trained: what else the checkpoint should say about its training, plain JSON values.
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
        self.config, self.train, self.xla = config, train, xla
        self.start, self.previews, self.trained = start, previews or [], dict(trained or {})
        self.encoder = Encoder(config, name="encoder", dtype=precision)
        self.decoder = Decoder(config, name="decoder", dtype=precision)
        for network in (self.encoder, self.decoder):
            initialise(network, train.seed)
        self.critics = critic.Critics(train.critic_width, name="critic", dtype=precision)
        self.batches = CodecBatches(config, train, pool)
        self.step = CodecStep(config, train, self.encoder, self.decoder, self.critics, xla)
        self.sample_seconds = train.crop * config.hop_total / config.sample_rate
        self.sample_rate = config.sample_rate
        self._coded: tuple[Tree, StereoCodec, list[tuple[np.ndarray, np.ndarray]]] | None = None

    def init_state(self, seed: int) -> Tree:
        """The state before the first sample."""
        for network in (self.encoder, self.decoder):
            initialise(network, seed)
        critic.initialise(self.critics, seed)
        weights = {"encoder": checkpoint.get_weights(self.encoder), "decoder": checkpoint.get_weights(self.decoder)}
        critics = checkpoint.get_weights(self.critics)
        if self.start is None:
            weights = fit_principal_components(self.config, weights, self._compute_example_powers())
        else:
            weights = {part: dict(self.start[part]) for part in weights}
            critics = dict(self.start.get("critic", critics))
        return {
            "weights": weights,
            "average": keras.tree.map_structure(np.copy, weights),
            "adam": optim.init_adam({part: weights[part] for part in self.step.trained_parts}),
            "critic": critics,
            "critic_adam": optim.init_adam(critics),
            "rate": np.asarray(1.0, np.float32),
        }

    def _compute_example_powers(self) -> np.ndarray:
        """Powers `[crops, 4, frames, K]` of the crops that new weights are fitted to."""
        compute_powers = backend.compile(lambda waveform: self.step.prepare(waveform)[1], xla=self.xla)
        count = -(-FIT_CROPS // self.train.bs)
        batches = [self.batches.make(index * self.train.bs)["waveform"] for index in range(count)]
        return np.concatenate([backend.to_numpy(compute_powers(waveform)) for waveform in batches])

    def make_batch(self, position: int) -> dict[str, np.ndarray]:
        """What the step at `position` samples sees."""
        return self.batches.make(position)

    def render_previews(self, state: Tree) -> list[tuple[str, np.ndarray]]:
        """Originals and what the averaged weights make of them: (name, waveform `[N, 2]`)."""
        pairs = []
        for (name, original), (_, decoded) in zip(self.previews, self._code_previews(state)[1], strict=True):
            pairs += [(f"{name}-original", original), (f"{name}-decoded", decoded)]
        self._coded = None  # which holds a whole state
        return pairs

    def measure(self, state: Tree) -> dict[str, float]:
        """Figures of the averaged weights on the previews (`metrics/codec.py`)."""
        from musika.metrics.codec import CodecFigures, CodedPiece

        codec, pieces = self._code_previews(state)
        figures = CodecFigures(codec, changes=CHANGES)
        for (_, waveform), (latents, decoded) in zip(self.previews, pieces, strict=True):
            figures.add(CodedPiece(waveform, latents, decoded))
        return figures.summarize()

    def _code_previews(self, state: Tree) -> tuple[StereoCodec, list[tuple[np.ndarray, np.ndarray]]]:
        """The codec of the averaged weights; and the latents `[T, C]` and waveforms `[N, 2]` it makes of the previews.

        They are kept from measuring to the previews of one checkpoint, and no longer: on JAX a compiled codec keeps the
        weights it had.
        """
        if self._coded is None or self._coded[0] is not state:
            for network, part in ((self.encoder, "encoder"), (self.decoder, "decoder")):
                checkpoint.assign(network, backend.to_numpy(state["average"][part]))
            codec, pieces = StereoCodec(self.config, lambda: self.encoder, self.decoder, identity=""), []
            for _, waveform in self.previews:
                latents = codec.encode(waveform)
                pieces.append((latents, codec.decode(latents)[: len(waveform)]))
            self._coded = state, codec, pieces
        return self._coded[1:]

    def export_weights(self, state: Tree) -> tuple[dict[str, Any], dict[str, Arrays]]:
        """A codec's checkpoint, averaged weights, with its critics for fine-tuning: (config.json, arrays by file)."""
        config, arrays = make_checkpoint(self.config, backend.to_numpy(state["average"]))
        if int(state["critic_adam"]["step"]) or (self.start is not None and "critic" in self.start):
            arrays["critic"] = backend.to_numpy(state["critic"])
        return {**config, "trained": {**self.train.to_dict(), **self.trained}}, arrays
