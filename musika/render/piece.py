"""A piece is a value: a model, a seed, settings, tracks and edits. Everything that sounds follows from these.

What sounds at second t depends on them and on t alone. Nothing is computed until samples are asked for, and any second
can be computed without the seconds before it. Everything that plays music (commands, pages, servers) makes a piece and
calls its methods.
"""

from __future__ import annotations

import abc
import dataclasses
import operator
from collections.abc import Callable, Generator, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from musika import __version__, audio
from musika.audio import WrittenFile
from musika.codec.base import AUDIO_CHANNELS, Codec
from musika.config import MAX_SEED, Config
from musika.config.fields import get_fields, is_finite_number
from musika.errors import CheckpointError, ConfigError, UsageError
from musika.render import limiter
from musika.render.decoding import check_span, count_block_samples, decode_block, decode_samples, prefetch
from musika.render.finishing import Finish, finish_blocks
from musika.render.lanes import Helpers
from musika.render.latents import LatentSource, LoopedLatents, close_latents
from musika.render.recipe import Machine, Origin, PieceRecipe, describe_input
from musika.render.saving import save_blocks
from musika.render.sound import BLOCK, CachedSound, Sound, SoundEdit, apply_edits, find_stop, read_padded
from musika.words import Captions

MOST_SAMPLES = 2**53  # up to which a number of seconds means one sample; at 44.1 kHz, six thousand years


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Model(abc.ABC):
    """What pieces are rendered with: networks that make latents, and the codec that decodes them.

    A model does not change while it is used.

    Attributes:
        codec: decodes the latents.
        name: of the checkpoint, for file names and pages.
        origin: the files that it was loaded from; None where it was made in memory.
        output_gain: factor on all samples before the limiter; each checkpoint has its own.
        captions: of the music that it learned from, which words and recordings are compared with; None without any.
        settings_kind: class of the settings of its pieces.
    """

    codec: Codec = dataclasses.field(repr=False)
    name: str = "model"
    origin: Origin | None = None
    output_gain: float = 1.0
    captions: Captions | None = dataclasses.field(default=None, repr=False)

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
        known = get_fields(self.settings_kind)
        for name in values:
            if name not in known:
                raise UsageError(f"{self.name} has no setting {name!r}; it has {', '.join(known) or 'none'}")
        try:
            return self.settings_kind.from_dict(values)
        except ConfigError as error:
            raise UsageError(str(error)) from error

    def select_settings(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Those of some settings that pieces of this model have. A front end offers settings of all kinds of models."""
        return {name: value for name, value in values.items() if name in get_fields(self.settings_kind)}

    def choose_loop(self, piece: Piece, seconds: float | None) -> int:
        """Latents of the loop whose length is nearest to `seconds`, of all at which a piece can loop.

        Args:
            piece: not in a loop yet.
            seconds: None takes the length that the piece has.

        Raises:
            UsageError: the model cannot loop, or the piece has no length.
        """
        step = self.loop_step
        if not step:
            raise UsageError(f"{self.name} cannot play in a loop", about="loop")
        if seconds is None:
            raise UsageError("this piece has no end: say how long its loop is to be")
        wanted = seconds * self.sample_rate / self.codec.hop_total
        return step * max(1, round(wanted / step))

    def describe_loop(self, piece: Piece) -> str:
        """What there is to say about a piece in a loop beside its length."""
        return ""

    @property
    def loop_step(self) -> int:
        """Latents that the length of a loop is a multiple of; 0 where the model cannot loop."""
        return 0

    @property
    def loop_offset(self) -> int:
        """Latent of the source that a loop begins with: a place where the music flows."""
        return 0

    def check_finite(self, waveform: np.ndarray) -> np.ndarray:
        """The same waveform.

        Raises:
            CheckpointError: it has numbers that are not finite.
        """
        if not np.isfinite(waveform).all():
            raise CheckpointError(
                f"{self.name} gives numbers that are not finite: its training has failed, take another"
            )
        return waveform

    def apply_gain(self, waveform: np.ndarray) -> np.ndarray:
        """A decoded waveform times the output gain."""
        return waveform if self.output_gain == 1 else waveform * np.float32(self.output_gain)

    @property
    def sample_rate(self) -> int:
        """Hz."""
        return self.codec.sample_rate

    def count_samples(self, seconds: float) -> int:
        """Samples in a duration, rounded to the nearest.

        Raises:
            UsageError: it is no number, negative, or not finite.
        """
        most = MOST_SAMPLES / self.sample_rate
        if not is_finite_number(seconds) or not 0 <= seconds <= most:
            raise UsageError(f"{seconds!r} is no time: say seconds, a number from 0 to {most:.3g}")
        return round(float(seconds) * self.sample_rate)


@dataclasses.dataclass(frozen=True)
class Piece:
    """Music without end, as a value. Two pieces that are equal sound the same.

    Attributes:
        model: what it is rendered with.
        seed: number that fixes every random choice.
        settings: of the class that the model says.
        tracks: what is known about the music, such as its notes.
        edits: changes to parts of it, in the order in which they are applied (`musika/edit/`).
        loop: latents after which it begins again; 0 is never. `make_loop` sets it.
    """

    model: Model
    seed: int
    settings: Any
    tracks: tuple[Any, ...] = ()
    edits: tuple[SoundEdit, ...] = ()
    loop: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "seed", _check_seed(self.seed))

    @property
    def duration(self) -> float | None:
        """Seconds that the piece lasts; None where it has no end. After its end there is silence."""
        return None if self.loop else self.model.find_duration(self)

    @property
    def loop_seconds(self) -> float:
        """Seconds after which the piece begins again; 0 is never."""
        return self.loop * self.model.codec.hop_total / self.model.sample_rate

    def make_loop(self, seconds: float | None = None) -> Piece:
        """A piece of the same seed and settings that begins again after about so many seconds, without a seam.

        `loop_seconds` of the result says after how many: the nearest length at which the piece can loop. Composed
        music loops after whole sections, and a score that is played after its last bar, whatever is asked for.

        Args:
            seconds: None takes the length that the piece has.

        Raises:
            UsageError: the model cannot loop, or the piece has no length and none above 0 is given.
        """
        if seconds is not None and not self.model.count_samples(seconds):
            raise UsageError("a loop of 0 s: its length must be more than 0")
        piece = dataclasses.replace(self, loop=0)
        return dataclasses.replace(self, loop=self.model.choose_loop(piece, seconds))

    def find_rest(self, start: float) -> float | None:
        """Seconds from `start` up to the end of the piece, at least 0; None where it has no end."""
        return None if self.duration is None else max(0.0, self.duration - start)

    def render(self, start: float = 0.0, seconds: float = 10.0) -> np.ndarray:
        """A part of the piece.

        Args:
            start: seconds from the beginning of the piece, at least 0 and at most 2^53 samples.
            seconds: length.

        Returns:
            Waveform `[round(seconds * sample_rate), 2]` float32 in [-1, 1], from sample round(start * sample_rate) on.
            Its true peaks are at most -1 dBTP.

        Raises:
            UsageError: a start or a length that is negative or no finite number.
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

    def stream(
        self, start: float = 0.0, seconds: float | None = None, workers: Helpers | None = None
    ) -> Generator[np.ndarray, None, None]:
        """`render` in blocks `[n, 2]`, up to the end of the piece unless a length is given; one block ahead.

        A piece of a seed has no end. The memory it takes does not depend on the length.

        Args:
            workers: other processes that help to decode (`workers.Workers`); None decodes in this one.
        """
        seconds = self.find_rest(start) if seconds is None else seconds
        count = None if seconds is None else self.model.count_samples(seconds)
        return prefetch(self.stream_samples(self.model.count_samples(start), count, workers))

    def stream_samples(
        self, first: int, count: int | None = None, workers: Helpers | None = None
    ) -> Iterator[np.ndarray]:
        """`stream`, in samples, each block made when it is asked for."""
        check_span(first, count)
        if self.edits:
            sound = self.open()
            stop = find_stop(sound, first, count)
            count = None if stop is None else stop - first
            blocks, allowed = _read_edited(sound, first, stop), limiter.CEILING  # what is not edited was limited
        else:
            stop = None if count is None else first + count
            blocks, allowed = self._stream_context(first, stop, workers), limiter.AIM
        if count == 0:
            return
        for block in limiter.limit_blocks(blocks, skip=first % limiter.CELL, allowed=allowed):
            yield block if count is None else block[:count]
            count = None if count is None else count - len(block)
            if count is not None and count <= 0:
                break

    def _stream_context(self, first: int, stop: int | None, workers: Helpers | None) -> Iterator[np.ndarray]:
        """What the limiter reads for samples `first` to `stop`, times the output gain; silence before the piece."""
        begin, end = _find_limiter_context(first, stop)
        if begin < 0 and not self.loop:
            yield np.zeros((-begin, AUDIO_CHANNELS), np.float32)
            begin = 0
        for block in self.stream_without_levels(begin, None if end is None else end - begin, workers):
            yield self.model.apply_gain(block)

    def open(self) -> Sound:
        """The piece as a sound, for one reader; edits are applied.

        Raises:
            UsageError: an edit does not fit the piece.
        """
        return apply_edits(PieceSound(dataclasses.replace(self, edits=())), self.edits)

    def stream_without_levels(
        self, first: int, count: int | None = None, workers: Helpers | None = None
    ) -> Iterator[np.ndarray]:
        """`stream_samples` as the decoder gives it: samples may lie beyond full scale."""
        latents = self.open_latents()
        try:
            for place, length in self._split_at_loops(first, count):
                for block in decode_samples(self.model.codec, latents, place, length, self.loop, workers):
                    yield self.model.check_finite(block)
        finally:
            close_latents(latents)

    def open_latents(self) -> LatentSource:
        """The latents of the piece, for one reader."""
        latents = self.model.make_latents(self)
        return LoopedLatents(latents, self.loop, self.model.loop_offset) if self.loop else latents

    def _split_at_loops(self, first: int, count: int | None) -> Iterator[tuple[int, int | None]]:
        """The parts (first sample, samples) that a part of the piece consists of, each within one turn of the loop."""
        size = self.loop * self.model.codec.hop_total
        if not size:
            yield first, count
            return
        while count is None or count > 0:
            place = first % size
            length = size - place if count is None else min(count, size - place)
            yield place, length
            first, count = first + length, None if count is None else count - length

    def save(
        self,
        path: str | Path,
        seconds: float | None = None,
        start: float = 0.0,
        metadata: Mapping[str, str] | None = None,
        keep_existing: bool = False,
        bits: str | None = None,
        on_block: Callable[[np.ndarray], None] | None = None,
        loudness: float | None = None,
        fade_in: float = 0.0,
        fade_out: float = 0.0,
        workers: Helpers | None = None,
    ) -> WrittenFile:
        """Writes a part of the piece into a file, in the format that the name's ending says.

        The file has its recipe in its tags (`recipe.PieceRecipe`).

        Args:
            seconds: length; None goes up to the end of a piece that has one, and is one turn of a loop.
            metadata: more tags, as `audio.write` takes them; a comment takes the place of the recipe.
            keep_existing: never replace a file that holds something else; the result says the name that was taken.
            bits: "16", "24" or "32f" (floats); None is 16 where the format has a choice.
            on_block: is given each block once it is written; what it raises ends the writing.
            loudness: integrated loudness of the file, in LUFS, such as -14; None leaves it as it is rendered. The piece
                is then rendered twice.
            fade_in: seconds of a fade at the beginning.
            fade_out: seconds of a fade at the end.
            workers: as `stream` takes them.

        Raises:
            UsageError: a start or a length that is negative or no finite number, no samples, no length for a piece
                without an end, or fades that do not fit.
            AudioError: the file cannot be written.
        """
        if seconds is None:
            seconds = self.loop_seconds if self.loop else self.find_rest(start)
        if seconds is None:
            raise UsageError("this piece has no end: say how many seconds of it to save")
        finish = Finish(loudness, fade_in, fade_out)
        blocks = self.stream_finished(start, seconds, finish, workers)
        tags = {**self.make_tags(path, start, seconds, bits, finish), **(metadata or {})}
        return save_blocks(path, blocks, self.model.sample_rate, tags, keep_existing, bits, on_block)

    def make_recipe(
        self, start: float, seconds: float, bits: str = "", finish: Finish | None = None
    ) -> PieceRecipe | None:
        """What a part of the piece is made of; None where the model was not loaded from files.

        Args:
            bits: of the samples in a file; "" in a lossy format.
            finish: what is done to the file after rendering.
        """
        origin = self.model.origin
        if origin is None:
            return None

        from musika import backend

        machine = Machine(backend.NAME, origin.precision, origin.xla, backend.count_threads(), origin.decoder)
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
            finish={} if finish is None else finish.to_dict(),
            loop=self.loop,
            inputs=tuple(describe_input(value) for value in (*self.tracks, *self.edits)),
        )

    def describe_sound(self) -> dict[str, Any] | None:
        """What a recipe says of the piece where it is part of another sound; None where no recipe can be made."""
        recipe = self.make_recipe(0.0, 1.0)
        return None if recipe is None else recipe.to_fields()

    def make_tags(
        self,
        path: str | Path,
        start: float,
        seconds: float,
        bits: str | None = None,
        finish: Finish | None = None,
    ) -> dict[str, str]:
        """The tags of a file: title, software, and the recipe as the comment."""
        recipe = self.make_recipe(start, seconds, audio.choose_encoding(Path(path), bits).bits, finish)
        title = {"title": f"{self.model.name} {self.seed}", "software": f"Musika {__version__}"}
        return title if recipe is None else recipe.to_tags()

    def stream_finished(
        self, start: float, seconds: float, finish: Finish, workers: Helpers | None = None
    ) -> Generator[np.ndarray, None, None]:
        """`stream` with what is done to a file of that length after rendering; arguments and errors as `save` has."""
        count = self.model.count_samples(seconds)
        rendered: list[Generator[np.ndarray, None, None]] = []

        def render() -> Generator[np.ndarray, None, None]:
            rendered.append(self.stream(start, seconds, workers))
            return rendered[-1]

        try:
            yield from finish_blocks(render, finish, self.model.sample_rate, count)
        finally:
            for blocks in rendered:
                blocks.close()

    def score(self, start: float = 0.0, seconds: float = 60.0) -> Any:
        """The notes that are played from `start` on, a `musika.score.Score`.

        Raises:
            UsageError: the model makes music without notes.
        """
        return self.model.make_score(self, start, seconds)


def _check_seed(seed: Any) -> int:
    """The seed of a piece.

    Raises:
        UsageError: it is no whole number, or out of its range.
    """
    try:
        number = operator.index(seed)  # also one of NumPy's
    except TypeError:
        number = -1
    if isinstance(seed, bool) or not 0 <= number <= MAX_SEED:
        raise UsageError(f"seed {seed!r}: must be a whole number, at least 0 and at most {MAX_SEED}")
    return number


def _find_limiter_context(first: int, stop: int | None) -> tuple[int, int | None]:
    """The samples that the limiter reads for some others: from a multiple of its cells on."""
    begin = first // limiter.CELL * limiter.CELL - limiter.BEHIND
    return begin, None if stop is None else -(-stop // limiter.CELL) * limiter.CELL + limiter.AHEAD


def _read_edited(sound: Sound, first: int, stop: int | None) -> Iterator[np.ndarray]:
    """What the limiter reads of an edited sound for samples `first` to `stop`; silence before and after it."""
    position, end = _find_limiter_context(first, stop)
    while end is None or position < end:
        # blocks end at multiples of one size, so that they fit those in which sound is made
        until = (position // BLOCK + 1) * BLOCK
        until = until if end is None else min(until, end)
        yield read_padded(sound, position, until - position)
        position = until


def detach(piece: Piece) -> Piece:
    """The piece without its model, which is replaced in another process."""
    return dataclasses.replace(piece, model=None)  # type: ignore[arg-type]


class PieceSound(CachedSound):
    """A piece without edits, in the blocks in which it is decoded."""

    def __init__(self, piece: Piece) -> None:
        size = count_block_samples(piece.model.codec)
        super().__init__(piece.model.sample_rate, AUDIO_CHANNELS, None, size)
        self.piece, self.decoded = piece, DecodedSound(piece)

    def make_block(self, index: int) -> np.ndarray:
        if self.piece.loop:  # whose blocks do not lie where those of the decoder do
            return self.piece.render_samples(index * self.size, self.size)
        first, count = index * self.size - limiter.BEHIND, limiter.BEHIND + self.size + limiter.AHEAD
        return limiter.limit(read_padded(self.decoded, first, count))


class DecodedSound(CachedSound):
    """A piece without edits before the limiter, in the same blocks."""

    def __init__(self, piece: Piece) -> None:
        model = piece.model
        super().__init__(model.sample_rate, AUDIO_CHANNELS, None, count_block_samples(model.codec))
        self.model, self.latents = model, model.make_latents(piece)

    def make_block(self, index: int) -> np.ndarray:
        block = decode_block(self.model.codec, self.latents, index)
        return self.model.apply_gain(self.model.check_finite(block))
