"""Notes to music: a score is turned into tracks, a performer plays them, and the codec decodes its latents.

The piece lasts as long as its score and a tail in which the last notes ring. The seed chooses what the score leaves
open: the style, unless the settings name one, and small changes of the notes' strength.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from musika import checkpoint, draws
from musika.config import Config, PerformerConfig, PerformerSettings
from musika.errors import CheckpointError, ConfigError, UsageError
from musika.gan.performer_load import load_performer, parse_info
from musika.render.computing import Computation
from musika.render.decoding import count_block_latents
from musika.render.generator import GENERATOR_SIZES, name_checkpoint
from musika.render.latents import GroupedLatents, LatentSource
from musika.render.levels import parse_output_gain
from musika.render.matching import load_fitting_codec
from musika.render.piece import Model, Piece
from musika.score import Score, find_end_of_last_bar, read_score, repeat_score
from musika.tracks import DRUMS, Track, get_family, get_track_kinds, make_tracks
from musika.tracks.notes import KEYS, LONGEST_FADE, LOWEST_KEY

GROUP = 96  # latents that the performer plays at once, without their context: with more it is faster, but begins later
TAIL = 3.0  # seconds after the last note, as in rendered pairs
TOUCH = 2.5  # standard deviation of a velocity's change, with a touch of 1

Perform = Callable[[np.ndarray, np.ndarray], np.ndarray]


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class PerformerModel(Model):
    """A performer and its codec.

    Attributes:
        config: the performer's sizes.
        perform: tracks `[1, T, K]` and a style `[1, S]` to latents `[1, T, C]`.
        styles: `[styles, S]`.
        style_names: what each style is.
    """

    config: PerformerConfig
    perform: Perform
    styles: np.ndarray
    style_names: tuple[str, ...]

    settings_kind: ClassVar[type[Config]] = PerformerSettings

    def piece(self, seed: int, **settings: Any) -> Piece:
        """Raises UsageError: a performer plays notes that it is given."""
        raise UsageError(
            f"{self.name} is a performer: it plays MIDI files, and has no composer to write pieces", about="midi"
        )

    def play(self, score: Any, seed: int = 0, **settings: Any) -> Piece:
        """The piece that a `musika.score.Score`, or the MIDI file of that path, sounds like.

        Raises:
            ScoreError: the file is no MIDI file, or damaged.
            UsageError: there are no notes that the performer can play, or a setting that cannot be.
        """
        if not isinstance(score, Score):
            score = read_score(Path(score))
        chosen = self.make_settings(settings)
        self.check_style(chosen.style)
        if not self.find_playable(score).any():
            raise UsageError(f"the score has no notes that {self.name} can play: {self._describe_tracks()}")
        return Piece(self, seed, chosen, tracks=(score,))

    @property
    def seconds_per_latent(self) -> float:
        """Seconds that a latent lasts."""
        return self.codec.hop_total / self.codec.sample_rate

    def make_latents(self, piece: Piece) -> LatentSource:
        (score,) = piece.tracks
        touched, before = vary_touch(score, piece.seed, piece.settings.touch), 0
        if piece.loop:
            before = count_turns(piece, self.config.context * self.seconds_per_latent + LONGEST_FADE)
            touched = repeat_score(touched, find_end_of_last_bar(score), piece.loop_seconds, 2 * before + 1)
        tracks = make_tracks(self.config.tracks, touched, self.seconds_per_latent)
        style = self.styles[self.choose_style(piece.seed, piece.settings.style)]
        span = count_block_latents(self.codec)
        return PerformedLatents(self.config, self.perform, tracks, style, span, before * piece.loop)

    def make_score(self, piece: Piece, start: float, seconds: float) -> Score:
        """The notes of a part of a piece, as they were given, from second 0 on."""
        (score,) = piece.tracks
        if piece.loop:
            turn = start // piece.loop_seconds * piece.loop_seconds
            start -= turn
            count = math.ceil((start + seconds) / piece.loop_seconds)
            score = repeat_score(score, find_end_of_last_bar(score), piece.loop_seconds, max(count, 1))
        return score.slice(start, start + seconds).shift(-start)

    def choose_loop(self, piece: Piece, seconds: float | None) -> int:
        """As `Model` says: a score has one length, up to its last bar line, whatever is asked for."""
        del seconds
        (score,) = piece.tracks
        return self.round_loop(find_end_of_last_bar(score))

    def round_loop(self, seconds: float) -> int:
        """Latents of the loop that is nearest to a length."""
        step = self.codec.loop_step
        return step * max(1, round(seconds / self.seconds_per_latent / step))

    def describe_loop(self, piece: Piece) -> str:
        """What the length of a score's loop follows from."""
        (score,) = piece.tracks
        return "up to the next bar line after its last note" if len(score.metres) else "up to the end of its last note"

    def find_duration(self, piece: Piece) -> float | None:
        """Seconds of the score and of its tail."""
        (score,) = piece.tracks
        return float(score.duration) + TAIL

    def choose_style(self, seed: int, style: int) -> int:
        """Number of the style, from 0 on: the one that is set, or the seed's."""
        if style:
            return style - 1
        return int(draws.integers(seed, "performer/style", 0, 1)[0] % np.uint64(len(self.styles)))

    def check_style(self, style: int) -> None:
        """Checks that there is a style of that number, from 1 on; 0 is the seed's.

        Raises:
            UsageError: there is none.
        """
        if style > len(self.styles):
            raise UsageError(f"style {style}: {self.name} has {len(self.styles)}", about="style")

    def find_playable(self, score: Score) -> np.ndarray:
        """Which notes the performer hears of, bool `[n]`: of its instruments, on the keys of a piano."""
        notes = score.notes
        keys = (notes.pitches >= LOWEST_KEY) & (notes.pitches < LOWEST_KEY + KEYS)
        if "notes" in self.config.tracks:
            return keys & ~notes.is_drum
        families = {name.removeprefix("notes/") for name in self.config.tracks}
        known = [program for program in range(128) if get_family(program) in families]
        return keys & np.where(notes.is_drum, DRUMS in families, np.isin(notes.programs, known))

    def list_remarks(self, score: Score) -> list[str]:
        """What of a score is not played, one line each."""
        silent = int((~self.find_playable(score)).sum())
        lines = [f"{silent} of {len(score.notes)} notes are not played: {self._describe_tracks()}"] if silent else []
        return [*score.remarks, *lines]

    def _describe_tracks(self) -> str:
        if "notes" in self.config.tracks:
            return "it plays the keys of a piano, and no drums"
        families = [name.removeprefix("notes/") for name in self.config.tracks if name.startswith("notes/")]
        return f"it plays {', '.join(families)}, on the keys of a piano"


class PerformedLatents(GroupedLatents):
    """What a performer plays of tracks.

    Args:
        config: the performer's sizes.
        perform: tracks `[1, GROUP + 2 context, K]` and a style `[1, S]` to latents `[1, GROUP + 2 context, C]`.
        tracks: those that the performer was trained with.
        style: `[S]`.
        span: as `GroupedLatents` has it.
        begin: latent of the tracks that is number 0.
    """

    def __init__(
        self,
        config: PerformerConfig,
        perform: Perform,
        tracks: Sequence[Track],
        style: np.ndarray,
        span: int,
        begin: int = 0,
    ) -> None:
        super().__init__(config.channels, GROUP, span)
        self.config, self.perform, self.tracks, self.style = config, perform, tracks, style
        self.begin = begin

    def make_group(self, index: int) -> np.ndarray:
        context = self.config.context
        first, count = index * self.size - context, self.size + 2 * context
        values = self.compute_tracks(first, count)
        latents = self.perform(values[None], self.style[None])[0, context : context + self.size]
        return np.clip(latents, -1.0, 1.0)  # the range of latents

    def compute_tracks(self, first: int, count: int) -> np.ndarray:
        """All tracks of `count` latents from number `first` on, `[T, K]`."""
        return np.concatenate([track.compute(self.begin + first, count) for track in self.tracks], axis=1)


def count_turns(piece: Piece, reach: float) -> int:
    """Turns of a loop that hold so many seconds before its beginning; 0 where a piece has no loop."""
    return math.ceil(reach / piece.loop_seconds) if piece.loop else 0


def vary_touch(score: Score, seed: int, touch: float) -> Score:
    """The score with small changes of its velocities, a function of the seed and of each note's number.

    Args:
        touch: standard deviation of the changes, in units of TOUCH; 0 gives the same score.
    """
    if touch <= 0 or not len(score.notes):
        return score
    change = draws.normal(seed, "performer/touch", 0, (len(score.notes),)) * (TOUCH * touch)
    velocities = np.clip(np.rint(score.notes.velocities + change), 1, 127).astype(np.int64)
    return dataclasses.replace(score, notes=score.notes.replace(velocities=velocities))


def load_performer_model(
    folder: Path, dec_path: Path | None, sizes: Mapping[str, Any], how: Computation
) -> PerformerModel:
    """The model of a performer's checkpoint; arguments and errors are those of `load.load_model`."""
    for name in GENERATOR_SIZES:
        if sizes.get(name) is not None:
            raise UsageError(f"{name} belongs to generators, and {folder.name} is a performer: leave it out")
    info = checkpoint.read_config(folder)
    config, _, codec_identity = parse_info(folder, info)
    _check_tracks(folder, config)
    # first, since what it decodes with compiles while the performer loads
    codec = load_fitting_codec(folder, dec_path, codec_identity, config.channels, sizes, how)
    loaded = load_performer(folder, how.precision)
    return PerformerModel(
        config=config,
        perform=compile_performer(loaded.performer, how.xla),
        styles=loaded.styles,
        style_names=loaded.style_names,
        codec=codec,
        name=name_checkpoint(folder.resolve()),
        output_gain=parse_output_gain(folder, info),
    )


def _check_tracks(folder: Path, config: PerformerConfig) -> None:
    """Whether the tracks that it was trained with exist here, with the same widths."""
    try:
        widths = tuple(kind.width for kind in get_track_kinds(config.tracks))
    except ConfigError as error:
        raise CheckpointError(f"{folder / checkpoint.CONFIG}: {error}") from error
    if widths != config.track_widths:
        raise CheckpointError(
            f"{folder / checkpoint.CONFIG}: tracks of {config.track_widths} numbers, but here they have {widths}"
        )


def compile_performer(performer: Any, xla: bool = False) -> Perform:
    """A performer layer as a function of NumPy arrays, compiled at its first call."""
    from musika import backend

    call = backend.compile(lambda tracks, style: performer(tracks, style), xla)
    return lambda tracks, style: backend.to_numpy(call(tracks, style))
