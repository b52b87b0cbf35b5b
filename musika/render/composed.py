"""Composed pieces: a composer writes the notes, a performer plays them, and the codec decodes its latents.

A performer's checkpoint with a composer in its sub-folder `composer` makes pieces of its own. They have no end, and any
second of them is computed without the seconds before it: each group of latents asks for the notes around it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from musika.composer.incremental import IncrementalComposer
from musika.composer.load import load_composer
from musika.composer.piece import ComposedScore, Melody, make_melody
from musika.config import ComposedSettings, Config
from musika.config.fields import get_fields
from musika.config.musical import Instrument, MusicalSettings
from musika.errors import UsageError
from musika.render.decoding import count_block_latents
from musika.render.latents import LatentSource
from musika.render.performer import PerformedLatents, PerformerModel, load_performer_model
from musika.render.piece import Piece
from musika.score import Score, read_score
from musika.tracks import DRUMS, get_family, make_tracks

COMPOSER = "composer"  # sub-folder of a performer's checkpoint
MARGIN = 12.0  # seconds around a group of latents within which notes and pedals can matter to it


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class ComposedModel(PerformerModel):
    """A performer with a composer.

    Attributes:
        composer: writes the notes of pieces.
    """

    composer: IncrementalComposer

    settings_kind: ClassVar[type[Config]] = ComposedSettings

    def piece(self, seed: int, melody: Score | Melody | Path | str | None = None, **settings: Any) -> Piece:
        """The piece of a seed.

        Args:
            melody: the highest voice from the beginning on, as a score or the path of a MIDI file; None leaves it to
                the composer.
            settings: such as `key="F# minor"` or `tempo=90`; see `musika.config.ComposedSettings`.

        Raises:
            UsageError: a setting that does not exist, means nothing, or cannot be met.
            ScoreError: the melody cannot be read, or has no notes.
        """
        chosen = self.make_settings(settings)
        self.check_instruments(chosen.instruments_value)
        tracks: tuple[Any, ...] = ()
        if melody is not None:
            if not isinstance(melody, Melody):
                melody = make_melody(melody if isinstance(melody, Score) else read_score(Path(melody)))
            tracks = (melody,)
        piece = Piece(self, seed, chosen, tracks=tracks)
        self.compose(piece)  # what cannot be met is said at once
        return piece

    def check_instruments(self, instruments: Sequence[Instrument]) -> None:
        """Checks that pieces can have these instruments.

        Raises:
            UsageError: the performer does not play them, or the composer does not write for them.
        """
        for instrument in instruments:
            if instrument.is_drum:
                raise UsageError("instruments: the composer writes no drums", about="instruments")
            if get_family(instrument.program) not in self.list_families():
                known = ", ".join(self.list_families())
                raise UsageError(f"instruments: {self.name} plays {known}, no {instrument}", about="instruments")

    def list_families(self) -> tuple[str, ...]:
        """Families of instruments that the performer plays, drums left out."""
        names = (name.removeprefix("notes/") for name in self.config.tracks if name.startswith("notes/"))
        return ("piano",) if "notes" in self.config.tracks else tuple(name for name in names if name != DRUMS)

    def play(self, score: Any, seed: int = 0, **settings: Any) -> Piece:
        """As `PerformerModel.play`; musical settings are for pieces that are composed and must have their defaults."""
        defaults = MusicalSettings()
        for name, value in settings.items():
            if name in get_fields(MusicalSettings) and value != getattr(defaults, name):
                raise UsageError(f"{name} is a setting of composed pieces: the score says it already", about=name)
        return super().play(score, seed, **settings)

    def compose(self, piece: Piece) -> ComposedScore:
        """The score of a composed piece, for one reader.

        Raises:
            UsageError: settings that cannot be met.
        """
        melody = piece.tracks[0] if piece.tracks else None
        seconds_per_latent = self.codec.hop_total / self.codec.sample_rate
        settings = piece.settings
        return ComposedScore(self.composer, piece.seed, settings, seconds_per_latent, melody, settings.touch)

    def make_latents(self, piece: Piece) -> LatentSource:
        if not is_composed(piece):
            return super().make_latents(piece)
        style = self.styles[self.choose_style(piece.seed, piece.settings.style)]
        return ComposedLatents(self, self.compose(piece), style)

    def make_score(self, piece: Piece, start: float, seconds: float) -> Score:
        """The notes that begin in a part of a piece, from second 0 on."""
        if not is_composed(piece):
            return super().make_score(piece, start, seconds)
        stop = start + seconds
        return self.compose(piece).get_score(start, stop).slice(start, stop).shift(-start)

    def find_duration(self, piece: Piece) -> float | None:
        """Seconds of a score that is played; None for a composed piece, which has no end."""
        return None if is_composed(piece) else super().find_duration(piece)


class ComposedLatents(PerformedLatents):
    """What a performer plays of a composed score.

    Args:
        model: the performer.
        composed: its notes.
        style: `[S]`.
    """

    def __init__(self, model: ComposedModel, composed: ComposedScore, style: np.ndarray) -> None:
        super().__init__(model.config, model.perform, (), style, count_block_latents(model.codec))
        self.composed = composed
        self.seconds_per_latent = model.codec.hop_total / model.codec.sample_rate

    def compute_tracks(self, first: int, count: int) -> np.ndarray:
        """The tracks of some latents, from the notes around them."""
        start, stop = first * self.seconds_per_latent, (first + count) * self.seconds_per_latent
        score = self.composed.get_score(max(start - MARGIN, 0.0), stop + MARGIN)
        tracks = make_tracks(self.config.tracks, score, self.seconds_per_latent)
        return np.concatenate([track.compute(first, count) for track in tracks], axis=1)


def is_composed(piece: Piece) -> bool:
    """Whether a piece has no score of its own."""
    return not piece.tracks or isinstance(piece.tracks[0], Melody)


def load_performer_or_composed_model(
    folder: Path, dec_path: Path | None, sizes: Mapping[str, Any], dtype: str, xla: bool
) -> PerformerModel:
    """The model of a performer's checkpoint, with the composer beside it; as `load.load_model`."""
    performer = load_performer_model(folder, dec_path, sizes, dtype, xla)
    if not (folder / COMPOSER).is_dir():
        return performer
    parts = {field.name: getattr(performer, field.name) for field in dataclasses.fields(performer)}
    return ComposedModel(**parts, composer=load_composer(folder / COMPOSER))
