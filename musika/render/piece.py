"""A piece is a value: a model, a seed, settings, tracks and edits. Everything that sounds follows from these.

What sounds at second t depends on them and on t alone. Nothing is computed until samples are asked for, and any second
can be computed without the seconds before it. Everything that plays music (commands, pages, servers) makes a piece and
calls its methods.
"""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from musika import __version__, audio
from musika.audio import WrittenFile
from musika.codec.base import AUDIO_CHANNELS, Codec
from musika.config import Config
from musika.config.fields import get_fields
from musika.errors import CheckpointError, ConfigError, UsageError
from musika.render.decoding import count_block_samples, decode_samples, prefetch
from musika.render.latents import LatentSource
from musika.render.recipe import Machine, Origin, PieceRecipe, describe_input
from musika.render.sound import CachedSound, Sound, SoundEdit, apply_edits, read_in_blocks


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Model(abc.ABC):
    """What pieces are rendered with: networks that make latents, and the codec that decodes them.

    A model does not change while it is used.

    Attributes:
        codec: decodes the latents.
        name: of the checkpoint, for file names and pages.
        origin: the files that it was loaded from; None where it was made in memory.
        settings_kind: class of the settings of its pieces.
    """

    codec: Codec
    name: str = "model"
    origin: Origin | None = None

    settings_kind: ClassVar[type[Config]]

    @abc.abstractmethod
    def make_latents(self, piece: Piece) -> LatentSource:
        """A source of the latents of a piece, for one reader."""

    def make_score(self, piece: Piece, start: float, seconds: float) -> Any:
        """The notes of a part of a piece, a `musika.score.Score`.

        Raises:
            UsageError: the model makes music without notes.
        """
        raise UsageError(f"{self.name} makes music without notes: its pieces have no score", about="generator")

    def play(self, score: Any, seed: int = 0, **settings: Any) -> Piece:
        """The piece that a score, or the MIDI file of that path, sounds like.

        Raises:
            UsageError: the model does not play notes.
        """
        raise UsageError(f"{self.name} does not play notes: choose a checkpoint of a performer", about="generator")

    def find_duration(self, piece: Piece) -> float | None:
        """Seconds that a piece lasts; None where it has no end."""
        return None

    def piece(self, seed: int, **settings: Any) -> Piece:
        """The piece of a seed.

        Args:
            settings: fields of the model's settings, such as `truncation=1.5`.

        Raises:
            UsageError: a setting that the model does not have, or a value out of its range.
        """
        return Piece(self, seed, self.make_settings(settings))

    def make_settings(self, values: Mapping[str, Any]) -> Any:
        """Settings of the class `settings_kind`; those that are not named have their defaults.

        Raises:
            UsageError: as `piece` says.
        """
        try:
            return self.settings_kind.from_dict(values)
        except ConfigError as error:
            raise UsageError(str(error)) from error

    def select_settings(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Those of some settings that pieces of this model have. A front end offers settings of all kinds of models."""
        return {name: value for name, value in values.items() if name in get_fields(self.settings_kind)}

    @property
    def sample_rate(self) -> int:
        """Hz."""
        return self.codec.sample_rate

    def count_samples(self, seconds: float) -> int:
        """Samples in a duration, rounded to the nearest."""
        return round(seconds * self.sample_rate)


@dataclasses.dataclass(frozen=True)
class Piece:
    """Music without end, as a value. Two pieces that are equal sound the same.

    Attributes:
        model: what it is rendered with.
        seed: number that fixes every random choice.
        settings: of the class that the model says.
        tracks: what is known about the music, such as its notes.
        edits: changes to parts of it, in the order in which they are applied (`musika/edit/`).
    """

    model: Model
    seed: int
    settings: Any
    tracks: tuple[Any, ...] = ()
    edits: tuple[SoundEdit, ...] = ()

    @property
    def duration(self) -> float | None:
        """Seconds that the piece lasts; None where it has no end. After its end there is silence."""
        return self.model.find_duration(self)

    def find_rest(self, start: float) -> float | None:
        """Seconds from `start` up to the end of the piece, at least 0; None where it has no end."""
        return None if self.duration is None else max(0.0, self.duration - start)

    def render(self, start: float = 0.0, seconds: float = 10.0) -> np.ndarray:
        """A part of the piece.

        Args:
            start: seconds from the beginning of the piece, at least 0, without an upper limit.
            seconds: length.

        Returns:
            Waveform `[round(seconds * sample_rate), 2]` float32 in [-1, 1], from sample round(start * sample_rate) on.

        Raises:
            UsageError: a negative start or length.
            CheckpointError: the networks give no finite numbers.
        """
        return self.render_samples(self.model.count_samples(start), self.model.count_samples(seconds))

    def render_samples(self, first: int, count: int) -> np.ndarray:
        """`render`, in samples: `[count, 2]` from sample `first` on."""
        waveform = np.empty((max(count, 0), AUDIO_CHANNELS), np.float32)
        position = 0
        for block in self.stream_samples(first, count):
            waveform[position : position + len(block)] = block
            position += len(block)
        return waveform

    def stream(self, start: float = 0.0, seconds: float | None = None) -> Generator[np.ndarray, None, None]:
        """`render` in blocks `[n, 2]`, up to the end of the piece unless a length is given; one block ahead.

        A piece of a seed has no end. The memory it takes does not depend on the length.
        """
        seconds = self.find_rest(start) if seconds is None else seconds
        count = None if seconds is None else self.model.count_samples(seconds)
        return prefetch(self.stream_samples(self.model.count_samples(start), count))

    def stream_samples(self, first: int, count: int | None = None) -> Iterator[np.ndarray]:
        """`stream`, in samples, each block made when it is asked for."""
        if self.edits:
            yield from read_in_blocks(self.open(), first, count)
            return
        for block in self.stream_without_levels(first, count):
            yield np.clip(block, -1.0, 1.0)

    def open(self) -> Sound:
        """The piece as a sound, for one reader; edits are applied.

        Raises:
            UsageError: an edit does not fit the piece.
        """
        return apply_edits(PieceSound(dataclasses.replace(self, edits=())), self.edits)

    def stream_without_levels(self, first: int, count: int | None = None) -> Iterator[np.ndarray]:
        """`stream_samples` as the decoder gives it: samples may lie beyond full scale."""
        for block in decode_samples(self.model.codec, self.model.make_latents(self), first, count):
            if not np.isfinite(block).all():
                raise CheckpointError(
                    f"{self.model.name} gives numbers that are not finite: its training has failed, take another"
                )
            yield block

    def save(
        self,
        path: str | Path,
        seconds: float | None = None,
        start: float = 0.0,
        metadata: Mapping[str, str] | None = None,
        keep_existing: bool = False,
        bits: str | None = None,
        on_block: Callable[[np.ndarray], None] | None = None,
    ) -> WrittenFile:
        """Writes a part of the piece into a file, in the format that the name's ending says.

        The file has its recipe in its tags (`recipe.PieceRecipe`).

        Args:
            seconds: length; None goes up to the end of a piece that has one.
            metadata: more tags, as `audio.write` takes them; a comment takes the place of the recipe.
            keep_existing: never replace a file that holds something else; the result says the name that was taken.
            bits: "16", "24" or "32f" (floats); None is 16 where the format has a choice.
            on_block: is given each block once it is written; what it raises ends the writing.

        Raises:
            UsageError: a negative start, no samples, or no length for a piece without an end.
            AudioError: the file cannot be written.
        """
        seconds = self.find_rest(start) if seconds is None else seconds
        if seconds is None:
            raise UsageError("this piece has no end: say how many seconds of it to save")
        blocks = self.stream(start, seconds)
        try:
            watched = blocks if on_block is None else _watch(blocks, on_block)
            tags = {**self.make_tags(path, start, seconds, bits), **(metadata or {})}
            return audio.write(Path(path), watched, self.model.sample_rate, tags, keep_existing, bits)
        finally:
            blocks.close()

    def make_recipe(self, start: float, seconds: float, bits: str = "") -> PieceRecipe | None:
        """What a part of the piece is made of; None where the model was not loaded from files.

        Args:
            bits: of the samples in a file; "" in a lossy format.
        """
        origin = self.model.origin
        if origin is None:
            return None

        from musika import backend

        machine = Machine(backend.NAME, origin.precision, origin.xla, backend.count_threads())
        return PieceRecipe(
            checkpoint=self.model.name,
            identity=origin.identity,
            codec=origin.codec,
            seed=self.seed,
            settings=self.settings.to_dict(),
            first=self.model.count_samples(start),
            samples=self.model.count_samples(seconds),
            rate=self.model.sample_rate,
            machine=machine,
            bits=bits,
            inputs=tuple(describe_input(value) for value in (*self.tracks, *self.edits)),
        )

    def make_tags(self, path: str | Path, start: float, seconds: float, bits: str | None = None) -> dict[str, str]:
        """The tags of a file: title, software, and the recipe as the comment."""
        recipe = self.make_recipe(start, seconds, audio.choose_encoding(Path(path), bits).bits)
        title = {"title": f"{self.model.name} {self.seed}", "software": f"Musika {__version__}"}
        return title if recipe is None else recipe.to_tags()

    def score(self, start: float = 0.0, seconds: float = 60.0) -> Any:
        """The notes that are played from `start` on, a `musika.score.Score`.

        Raises:
            UsageError: the model makes music without notes.
        """
        return self.model.make_score(self, start, seconds)


def _watch(blocks: Iterable[np.ndarray], on_block: Callable[[np.ndarray], None]) -> Iterator[np.ndarray]:
    for block in blocks:
        yield block
        on_block(block)


class PieceSound(CachedSound):
    """A piece without edits, made in the blocks in which it is decoded."""

    def __init__(self, piece: Piece) -> None:
        size = count_block_samples(piece.model.codec)
        super().__init__(piece.model.sample_rate, AUDIO_CHANNELS, None, size)
        self.piece = piece

    def make_block(self, index: int) -> np.ndarray:
        return self.piece.render_samples(index * self.size, self.size)


def measure_clipping(block: np.ndarray) -> float:
    """Share of a rendered block's numbers that are at full scale because they were clipped, 0 to 1."""
    return float(np.mean(np.abs(block) >= 1.0)) if block.size else 0.0
