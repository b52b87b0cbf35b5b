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

from musika.composer.continuing import ContinuedScore, Opening
from musika.composer.incremental import IncrementalComposer
from musika.composer.load import load_composer
from musika.composer.looping import LoopedScore
from musika.composer.piece import ComposedScore, Manner, Melody, make_melody
from musika.config import TRUNCATION, ComposedSettings, Config, PerformerSettings
from musika.config.fields import get_fields
from musika.config.musical import Instrument
from musika.errors import UsageError
from musika.render.computing import Computation
from musika.render.decoding import count_block_latents
from musika.render.latents import LatentSource
from musika.render.performer import PerformedLatents, PerformerModel, count_turns, load_performer_model
from musika.render.piece import Piece
from musika.score import Pedals, Score, join_pedals, read_score
from musika.tracks import DRUMS, get_family, make_tracks

COMPOSER = "composer"  # sub-folder of a performer's checkpoint
MARGIN = 12.0  # seconds before a group of latents within which notes and pedals can matter to it
HELD = 1.0  # seconds after a group that pedals are held for, so that its notes sound to its end


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
        self.check_style(chosen.style)
        tracks: tuple[Any, ...] = ()
        if melody is not None:
            if not isinstance(melody, Melody):
                melody = make_melody(melody if isinstance(melody, Score) else read_score(Path(melody)))
            tracks = (melody,)
        piece = Piece(self, seed, chosen, tracks=tracks)
        self.compose(piece)  # what cannot be met is said at once
        return piece

    def continue_notes(self, opening: Opening, seed: int, **settings: Any) -> Piece:
        """The piece of a seed that begins with given notes and goes on from them.

        Raises:
            UsageError: as `piece` says.
        """
        return Piece(self, seed, self.make_settings(settings), tracks=(opening,))

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
        """As `PerformerModel.play`; settings that are for pieces that are composed must have their defaults."""
        defaults, own = ComposedSettings(), get_fields(PerformerSettings)
        for name, value in settings.items():
            if hasattr(defaults, name) and name not in own and value != getattr(defaults, name):
                raise UsageError(f"{name} is a setting of composed pieces: the score says all notes", about=name)
        return super().play(score, seed, **settings)

    def compose(self, piece: Piece) -> ComposedScore:
        """The score of a composed piece, for one reader.

        Raises:
            UsageError: settings that cannot be met.
        """
        given, settings = piece.tracks[0] if piece.tracks else None, piece.settings
        freedom = settings.truncation / TRUNCATION
        manner = Manner(settings.touch, get_style_seed(piece), settings.variation, freedom, settings.guidance)
        kind, turn = (LoopedScore, piece.loop_seconds) if piece.loop else (ComposedScore, 0.0)
        if isinstance(given, Opening):
            return ContinuedScore(given, self.composer, piece.seed, settings, self.seconds_per_latent, None, manner)
        return kind(self.composer, piece.seed, settings, self.seconds_per_latent, given, manner, turn)

    def make_latents(self, piece: Piece) -> LatentSource:
        if not is_composed(piece):
            return super().make_latents(piece)
        style = self.styles[self.choose_style(get_style_seed(piece), piece.settings.style)]
        composed = self.compose(piece)
        reach = self.config.context * self.seconds_per_latent + MARGIN + composed.longest_ring
        return ComposedLatents(self, composed, style, piece.loop * count_turns(piece, reach))

    def make_score(self, piece: Piece, start: float, seconds: float) -> Score:
        """The notes that begin in a part of a piece, from second 0 on."""
        if not is_composed(piece):
            return super().make_score(piece, start, seconds)
        composed = self.compose(piece)
        begin = start + piece.loop_seconds * count_turns(piece, composed.longest_ring)  # with what rings into it
        return composed.get_score(begin, begin + seconds).slice(begin, begin + seconds).shift(-begin)

    def choose_loop(self, piece: Piece, seconds: float | None) -> int:
        """As `Model` says: whole sections of a composed piece, stretched to whole latents."""
        if not is_composed(piece):
            return super().choose_loop(piece, seconds)
        if seconds is None:
            raise UsageError("this piece has no end: say how long its loop is to be")
        if piece.tracks and isinstance(piece.tracks[0], Opening):
            raise UsageError("a piece that goes on from a recording cannot play in a loop", about="loop")
        clock = self.compose(piece).plan.clock
        return self.round_loop(clock.get_start(clock.count_sections(seconds)))

    def describe_loop(self, piece: Piece) -> str:
        """Sections and tempo of a composed piece, the bars of a score."""
        if not is_composed(piece):
            return super().describe_loop(piece)
        composed = self.compose(piece)
        sections = composed.plan.sections
        named = f"{sections} section{'s' if sections > 1 else ''}"
        tempo = composed.plan.settings.tempo_value
        if tempo is None or not isinstance(composed, LoopedScore):
            return named
        return f"{named}, {100 * (1 / composed.stretch - 1):+.2f} % in tempo"

    def find_duration(self, piece: Piece) -> float | None:
        """Seconds of a score that is played; None for a composed piece, which has no end."""
        return None if is_composed(piece) else super().find_duration(piece)


class ComposedLatents(PerformedLatents):
    """What a performer plays of a composed score.

    Args:
        model: the performer.
        composed: its notes.
        style: `[S]`.
        begin: latent of the score that is number 0: in a loop, the beginning of a later turn.
    """

    def __init__(self, model: ComposedModel, composed: ComposedScore, style: np.ndarray, begin: int = 0) -> None:
        super().__init__(model.config, model.perform, (), style, count_block_latents(model.codec), begin)
        self.composed, self.seconds_per_latent = composed, model.seconds_per_latent

    def announce_end(self, stop: int) -> None:
        """As `GroupedLatents` says: the composer writes no section that begins later."""
        super().announce_end(stop)
        seen = self.begin + stop + self.size + self.config.context
        self.composed.announce_end(seen * self.seconds_per_latent)

    def close(self) -> None:
        """As `GroupedLatents` says: a section that nobody will hear is not written to its end."""
        self.composed.close()

    def compute_tracks(self, first: int, count: int) -> np.ndarray:
        """The tracks of some latents, from the notes around them."""
        first += self.begin
        start, stop = first * self.seconds_per_latent, (first + count) * self.seconds_per_latent
        score = hold_pedals(self.composed.get_score(max(start - MARGIN, 0.0), stop), stop + HELD)
        tracks = make_tracks(self.config.tracks, score, self.seconds_per_latent)
        return np.concatenate([track.compute(first, count) for track in tracks], axis=1)


def hold_pedals(score: Score, until: float) -> Score:
    """The beginning of a longer score: pedals that are down at its end stay down until that second."""
    pedals = score.pedals
    programs = np.unique(pedals.programs)
    values = np.array([pedals.values[pedals.programs == program][-1] for program in programs])
    held = Pedals(np.full(len(programs), until), values, programs)
    return dataclasses.replace(score, pedals=join_pedals([pedals, held]))


def get_style_seed(piece: Piece) -> int:
    """The number that chooses room and touch of a composed piece."""
    return piece.seed if piece.settings.style_seed < 0 else int(piece.settings.style_seed)


def is_composed(piece: Piece) -> bool:
    """Whether a piece has no score of its own."""
    return not piece.tracks or isinstance(piece.tracks[0], (Melody, Opening))


def load_performer_or_composed_model(
    folder: Path, dec_path: Path | None, sizes: Mapping[str, Any], how: Computation
) -> PerformerModel:
    """The model of a performer's checkpoint, with the composer beside it; as `load.load_model`."""
    performer = load_performer_model(folder, dec_path, sizes, how)
    if not (folder / COMPOSER).is_dir():
        return performer
    parts = {field.name: getattr(performer, field.name) for field in dataclasses.fields(performer)}
    return ComposedModel(**parts, composer=load_composer(folder / COMPOSER))
