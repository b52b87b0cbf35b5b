"""Generated music beside real music: how close it is, how much of it is covered, and whether it is copied.

`compare_pieces` compares in every space that both sets have; `TrainingSearch` goes through the training music, finds
the stretches most similar to generated clips, and says which figures the training music itself would get.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from musika.config import SAMPLE_RATE
from musika.errors import UsageError
from musika.metrics.pieces import Piece
from musika.metrics.sets import comparison, copies, frechet, spaces

SECONDS_PER_STEP = spaces.HOP / SAMPLE_RATE


@dataclasses.dataclass(frozen=True)
class Space:
    """A way to describe pieces by rows of numbers.

    Attributes:
        name: of the space.
        describe: from a piece to rows `[n, D]`; None if the piece lacks what they are made of.
        components: principal components that distances are taken on; None for all D numbers.
    """

    name: str
    describe: Callable[[Piece], np.ndarray | None]
    components: int | None


SPACES = (
    Space(
        "latent clips",
        lambda p: None if p.latents is None else spaces.describe_clips(p.latents),
        spaces.CLIPS.components,
    ),
    Space("latents", lambda p: None if p.latents is None else spaces.pick_steps(p.latents), spaces.STEPS.components),
    Space(
        "log-mel clips",
        lambda p: None if p.log_mel is None else spaces.describe_clips(p.log_mel),
        spaces.CLIPS.components,
    ),
    Space("network", lambda p: p.network, None),
)


def compare_pieces(generated: Sequence[Piece], real: Sequence[Piece], seed: int = 0) -> dict[str, dict[str, Any]]:
    """The figures of `sets/comparison.py` for each space that all pieces have.

    Args:
        generated: pieces.
        real: pieces that were kept out of training.
        seed: seed of random subsets.

    Raises:
        UsageError: a set has too few clips.
    """
    figures = {}
    for space in SPACES:
        every = [[space.describe(piece) for piece in group] for group in (generated, real)]
        if any(rows is None for group in every for rows in group):
            continue
        sets = [[rows for rows in group if rows is not None and rows.size] for group in every]
        for role, kind, rows in (("generated", "generated", sets[0]), ("reference", "real", sets[1])):
            count = sum(map(len, rows))
            if count < frechet.MIN_ROWS:
                raise UsageError(
                    f"the {kind} music has {count} clips ({space.name}), at least {frechet.MIN_ROWS} are needed: add "
                    "pieces",
                    about=role,
                )
        figures[space.name] = comparison.compare(sets[0], sets[1], space.components, seed)
    return figures


class TrainingSearch:
    """Training music beside generated and real pieces; it is added piece by piece, and only rows are kept."""

    def __init__(self, generated: Sequence[Piece], real: Sequence[Piece], by_latents: bool) -> None:
        """Cuts generated and real pieces into clips.

        Args:
            generated: pieces.
            real: pieces that were kept out of training.
            by_latents: whether clips are compared by their latents, else by log-mel.
        """
        self._generated, self._real = generated, real
        self.space = "latents" if by_latents else "log-mel"
        scale = copies.Scale.measure([self._get_sequence(piece) for piece in real])
        self._clips, self._real_clips = (
            copies.Clips([self._get_sequence(piece) for piece in group], scale) for group in (generated, real)
        )
        self._names: list[str] = []
        self._rows: dict[str, list[np.ndarray]] = {space.name: [] for space in SPACES}

    def _get_sequence(self, piece: Piece) -> np.ndarray:
        sequence = piece.latents if self.space == "latents" else piece.log_mel
        assert sequence is not None, f"{piece.name} has no {self.space}"
        return sequence

    def add(self, piece: Piece) -> None:
        """Compares all clips with one piece of training music."""
        for clips in (self._clips, self._real_clips):
            clips.search(len(self._names), self._get_sequence(piece))
        self._names.append(piece.name)
        for space in SPACES:
            if (rows := space.describe(piece)) is not None and rows.size:
                self._rows[space.name].append(rows.copy())  # single steps are a view of the whole sequence

    def find_copies(self) -> dict[str, Any]:
        """The figures of `sets/copies.py`, with `nearest_clips`: the most similar clips, with files and seconds."""
        return {
            "space": self.space,
            **copies.evaluate(self._clips, self._real_clips),
            "training_files": len(self._names),
            "nearest_clips": [self._describe_clip(index) for index in self._clips.list_nearest()],
        }

    def _describe_clip(self, index: int) -> dict[str, Any]:
        clips = self._clips
        return {
            "file": self._generated[clips.piece[index]].name,
            "second": round(float(clips.start[index] * SECONDS_PER_STEP), 2),
            "training_file": self._names[clips.neighbour[index]],
            "training_second": round(float(clips.place[index] * SECONDS_PER_STEP), 2),
            "distance": float(clips.distance[index]),
        }

    def compare(self, seed: int = 0) -> dict[str, dict[str, float]]:
        """Figures of the training music itself beside the real pieces, for each space that both have.

        It is other real music of the same kind: a generator that learned to be like it would get these figures. As many
        rows are drawn at random as there are generated ones, since all figures depend on their number.
        """
        figures: dict[str, dict[str, float]] = {}
        for space in SPACES:
            generated, real = (
                [rows for piece in group if (rows := space.describe(piece)) is not None and rows.size]
                for group in (self._generated, self._real)
            )
            if not self._rows[space.name] or not generated or not real:
                continue
            training, held_out = np.concatenate(self._rows[space.name]), np.concatenate(real)
            training = np.random.default_rng(seed).permutation(training)[: sum(map(len, generated))]
            if min(len(training), len(held_out)) >= frechet.MIN_ROWS:
                distance = frechet.evaluate(training, held_out, space.components)["frechet"]
                manifold = comparison.measure_manifold(held_out, training, space.components, seed)
                figures[space.name] = {"clips": len(training), "frechet": distance, **manifold}
        return figures
