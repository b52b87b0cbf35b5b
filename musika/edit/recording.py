"""A recording is a value, as a piece is: samples at their own rate, and edits. Taking an edit away undoes it.

recording = musika.edit.open_recording("song.flac")
filled = musika.edit.fill(editor, recording, [(3.5, 7.0)], seed=1)
filled.save("filled.flac")
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import threading
from collections.abc import Callable, Generator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from musika import __version__, audio
from musika.audio import WrittenFile
from musika.config import describe_edit
from musika.edit.apply import AppliedEdit
from musika.edit.editor import OnStep
from musika.errors import UsageError
from musika.files import escape
from musika.render import Model, Sound, apply_edits, prefetch, read_in_blocks, save_blocks
from musika.render.recipe import Machine, RecordingRecipe, Source, describe_input, find_recipe_fields

DIGITS = 16  # of a hash
LONGEST_RECIPE = 1 << 18  # characters of a recipe that is kept in another one
CHECKED = 1 << 20  # samples whose bits are counted at once


@dataclasses.dataclass(frozen=True, eq=False)
class Recording:
    """A waveform with edits. Nothing is computed until samples are asked for.

    Attributes:
        waveform: float32 `[N, 1]` or `[N, 2]`.
        sample_rate: Hz.
        edits: what is done to it, in order.
        name: of its file; "" for none.
        recipe: where Musika made that file, the fields of its recipe.
        stereo: whether it was mono, and was made stereo (`make_stereo`).
    """

    waveform: np.ndarray
    sample_rate: int
    edits: tuple[AppliedEdit, ...] = ()
    name: str = ""
    recipe: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    stereo: bool = False

    def __post_init__(self) -> None:
        if self.waveform.ndim != 2 or self.waveform.shape[1] not in (1, 2) or not len(self.waveform):
            raise UsageError(f"a waveform of shape {list(self.waveform.shape)}: it must be [samples, 1 or 2]")
        if not np.isfinite(self.waveform).all():
            raise UsageError("the waveform holds numbers that are not finite")

    def open(self) -> Sound:
        """The recording as a sound, for one reader; edits are applied.

        Raises:
            UsageError: an edit does not fit.
        """
        return apply_edits(_ArraySound(self.waveform, self.sample_rate), self.edits)

    def render(self, start: float = 0.0, seconds: float | None = None) -> np.ndarray:
        """A part of the edited recording, all of it by default: float32 `[n, channels]`.

        Raises:
            UsageError: an edit does not fit; a part outside the recording; all of one that has no end.
        """
        sound, stop = self._open_until_stopped()
        first, count = self._locate(sound, start, seconds)
        if count is None:
            raise UsageError("the recording goes on without end: say how many seconds of it")
        blocks = prefetch(read_in_blocks(sound, first, count), stop)
        return np.concatenate([np.zeros((0, sound.channels), np.float32), *blocks])

    def stream(self, start: float = 0.0, seconds: float | None = None) -> Generator[np.ndarray, None, None]:
        """`render` in blocks `[n, channels]`, one ahead of its reader; to the end, where there is one."""
        sound, stop = self._open_until_stopped()
        return prefetch(read_in_blocks(sound, *self._locate(sound, start, seconds)), stop)

    def save(
        self,
        path: str | Path,
        seconds: float | None = None,
        start: float = 0.0,
        metadata: Mapping[str, str] | None = None,
        keep_existing: bool = False,
        bits: str | None = None,
        on_block: Callable[[np.ndarray], None] | None = None,
        on_step: OnStep | None = None,
    ) -> WrittenFile:
        """Writes the edited recording into a file, in the format that the name's ending says.

        An edited one has its recipe in its tags (`recipe.RecordingRecipe`).

        Args:
            metadata: more tags, as `audio.write` takes them; a comment takes the place of the recipe.
            keep_existing: never replace a file that holds something else; the result says the name that was taken.
            bits: "16", "24" or "32f" (floats); None is as few as hold every sample of the recording exactly.
            on_block: is given each block once it is written; what it raises ends the writing.
            on_step: is called in another thread before each step of an edit's work (`OnStep`), so also before the
                first block.

        Raises:
            UsageError: as `render` says.
            AudioError: the file cannot be written.
        """
        bits = bits or choose_bits(self.waveform, Path(path))
        sound, stop = (self if on_step is None else self._watch(on_step))._open_until_stopped()
        first, count = self._locate(sound, start, seconds)
        tags = self._make_tags(first, count, audio.choose_encoding(Path(path), bits).bits)
        blocks = prefetch(read_in_blocks(sound, first, count), stop)
        return save_blocks(path, blocks, self.sample_rate, {**tags, **(metadata or {})}, keep_existing, bits, on_block)

    def add(self, edit: AppliedEdit) -> Recording:
        """The recording with one more edit."""
        return dataclasses.replace(self, edits=(*self.edits, edit))

    def undo(self, number: int = -1) -> Recording:
        """The recording without one of its edits, the last one by default; the others stay.

        Raises:
            UsageError: there is no such edit.
        """
        if not -len(self.edits) <= number < len(self.edits):
            raise UsageError(f"there is no edit {number}: there are {len(self.edits)}")
        edits = list(self.edits)
        del edits[number]
        return dataclasses.replace(self, edits=tuple(edits))

    def make_stereo(self) -> Recording:
        """The recording with two channels: those of a mono one are the same."""
        if self.waveform.shape[1] == 2:
            return self
        return dataclasses.replace(self, waveform=np.repeat(self.waveform, 2, axis=1), stereo=True)

    def _make_tags(self, first: int, count: int | None, bits: str) -> dict[str, str]:
        """The tags of a file: with its recipe where there are edits."""
        recipe = self.make_recipe(first, count, bits) if self.edits and count else None
        return {"software": f"Musika {__version__}"} if recipe is None else recipe.to_tags()

    def make_recipe(self, first: int, count: int, bits: str = "") -> RecordingRecipe | None:
        """What a part of the edited recording is made of; None where a network was not loaded from files.

        Args:
            first: sample that the part begins with.
            count: its samples.
            bits: of the samples in a file; "" in a lossy format.
        """
        from musika import backend

        machine = Machine(backend.NAME, "float32", False, backend.count_threads())
        for applied in self.edits:
            origin = applied.editor.origin if isinstance(applied.editor, Model) else None
            if origin is None:
                return None
            machine = dataclasses.replace(machine, precision=origin.precision, xla=origin.xla, decoder=origin.decoder)
        source = Source(hash_samples(self.get_original(), self.sample_rate), self.name, self.recipe, self.stereo)
        edits = tuple(describe_input(applied) for applied in self.edits)
        return RecordingRecipe(source, edits, first, count, self.sample_rate, machine, bits)

    def describe_sound(self) -> dict[str, Any] | None:
        """What a recipe says of the recording where it is part of another sound; None where none can be made."""
        recipe = self.make_recipe(0, len(self.waveform))
        return None if recipe is None else recipe.to_fields()

    def get_original(self) -> np.ndarray:
        """The samples as they were in the file, `[N, channels]`."""
        return self.waveform[:, :1] if self.stereo else self.waveform

    def describe_edits(self) -> list[dict[str, Any]]:
        """The edits as plain JSON values."""
        return [describe_edit(applied.edit) for applied in self.edits]

    @property
    def seconds(self) -> float:
        """Length of the waveform without edits."""
        return len(self.waveform) / self.sample_rate

    def _open_until_stopped(self) -> tuple[Sound, threading.Event]:
        """The edited sound, and what ends the work on it once it is set."""
        stop = threading.Event()
        return self._watch(lambda share: _give_up(stop)).open(), stop

    def _watch(self, on_step: OnStep) -> Recording:
        """The same recording, whose edits call one more function before each step of their work."""
        return dataclasses.replace(self, edits=tuple(edit.watch(on_step) for edit in self.edits))

    def _locate(self, sound: Sound, start: float, seconds: float | None) -> tuple[int, int | None]:
        """First sample and number of samples of a part."""
        first = round(start * self.sample_rate)
        if seconds is not None:
            return first, round(seconds * self.sample_rate)
        return first, None if sound.length is None else max(sound.length - first, 0)


class _ArraySound:
    """A waveform as a sound."""

    def __init__(self, waveform: np.ndarray, sample_rate: int) -> None:
        self.waveform, self.sample_rate = waveform, sample_rate
        self.length, self.channels = waveform.shape

    def read(self, first: int, count: int) -> np.ndarray:
        """As `Sound` says."""
        return self.waveform[first : first + count].astype(np.float32)  # a copy


def hash_samples(waveform: np.ndarray, sample_rate: int) -> str:
    """A short hash of samples `[N, channels]` and their rate (Hz): the same for all files that hold the same sound."""
    total = hashlib.sha256(f"{sample_rate} {waveform.shape[1]}\n".encode())
    for first in range(0, len(waveform), CHECKED):
        total.update(np.ascontiguousarray(waveform[first : first + CHECKED], "<f4").tobytes())
    return total.hexdigest()[:DIGITS]


class AbandonedError(Exception):
    """Nobody waits for the result any more. It is raised in a thread of its own, and nobody sees it."""


def _give_up(stop: threading.Event) -> None:
    if stop.is_set():
        raise AbandonedError


def open_recording(path: str | Path, note: Callable[[str], object] | None = None) -> Recording:
    """The recording in an audio file, at its own rate; mono stays mono, more than two channels become two.

    Args:
        note: is called with remarks on the file, as `audio.read_blocks` does.

    Raises:
        FileError: the file cannot be read.
    """
    waveform, rate = audio.read_unchanged(Path(path), note)
    return Recording(waveform, rate, name=escape(Path(path).name), recipe=_read_recipe_fields(Path(path)))


def _read_recipe_fields(path: Path) -> Mapping[str, Any]:
    """The fields of a file's recipe; none where it has none, or one that is too long to be kept in another."""
    with contextlib.suppress(audio.FileError):  # a format without tags
        fields = find_recipe_fields(audio.read_tags(path)) or {}
        if len(json.dumps(fields)) <= LONGEST_RECIPE:
            return fields
    return {}


def choose_bits(waveform: np.ndarray, path: Path) -> str | None:
    """The fewest bits that hold every sample exactly, of those that the format of a file offers; None for the rest."""
    depths = audio.choose_encoding(path).depths
    for bits in ("16", "24"):
        if bits in depths and _holds_every_sample(waveform, int(bits)):
            return bits
    return depths[-1] if depths else None


def _holds_every_sample(waveform: np.ndarray, bits: int) -> bool:
    """Whether every sample is a whole number of steps of so many bits. It is looked at in parts, to save memory."""
    for first in range(0, len(waveform), CHECKED):
        steps = waveform[first : first + CHECKED].astype(np.float64) * 2.0 ** (bits - 1)
        if not np.array_equal(steps, np.rint(steps)):
            return False
    return True
