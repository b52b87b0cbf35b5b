"""The recipe of a piece: everything that a file was made of, small enough for its tags.

A file that Musika writes has its recipe as JSON in the comment, where every tag reader shows it. From the recipe, the
same samples can be made again, or more of the same piece.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from musika import __version__, audio
from musika.composer.piece import Melody
from musika.environment import BACKENDS
from musika.errors import MusikaError
from musika.files import format_path
from musika.score import Score, pack_score

FORMAT = 2  # of recipes; a reader refuses those with a higher number
FORMAT_OF_PIECES = 1  # since which they are what they are
NAME = "musika"  # of the one field of the comment's JSON
LONGEST = 1 << 20  # characters of a comment that is read
SCORE, MELODY, EDIT = "score", "melody", "edit"  # kinds of inputs
MAX_NUMBER = 2**63 - 1  # for whole numbers of a recipe
FINISHES = ("loudness", "fade_in", "fade_out")
MAX_RATE = 192_000  # Hz
MAX_THREADS = 256
PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16", "bfloat16", "float16")


@runtime_checkable
class DescribedEdit(Protocol):
    """An edit that says what it does."""

    def describe(self) -> dict[str, Any]:
        """The edit and what made it, as JSON values."""


class RecipeError(MusikaError):
    """A file whose recipe is missing, or cannot be followed here."""


@dataclasses.dataclass(frozen=True)
class Origin:
    """What a model was loaded from, and how.

    Attributes:
        identity: hash of the checkpoint's files.
        codec: hash of the codec's files.
        precision: dtype policy of the networks.
        xla: whether they are compiled with XLA.
        decoder: dtype policy of the networks of the codec's decoder; "" is `precision`.
    """

    identity: str
    codec: str
    precision: str
    xla: bool
    decoder: str = ""


@dataclasses.dataclass(frozen=True)
class Machine:
    """What decides the last bits of the samples beside the other fields of the recipe.

    Attributes:
        backend: "tensorflow" or "jax".
        precision: dtype policy of the networks.
        xla: whether they were compiled with XLA.
        threads: of one operation.
        decoder: dtype policy of the networks of the codec's decoder; "" is `precision`.
    """

    backend: str
    precision: str
    xla: bool
    threads: int
    decoder: str = ""


class _FilePart:
    """Which part of a sound a file holds."""

    first: int
    samples: int
    rate: int

    @property
    def start(self) -> float:
        """Second of the sound that the file begins with."""
        return self.first / self.rate

    @property
    def seconds(self) -> float:
        """Length of the file."""
        return self.samples / self.rate


@dataclasses.dataclass(frozen=True)
class PieceRecipe(_FilePart):
    """What a file was made of.

    Attributes:
        checkpoint: name of the checkpoint's folder.
        identity: hash of the checkpoint's files.
        codec: hash of the files of the codec.
        seed: of the piece.
        settings: of the piece.
        first: sample of the piece that the file begins with.
        samples: per channel. Opus files are at 48 kHz, but this counts at `rate`.
        rate: Hz, of the piece.
        machine: what it was rendered on.
        bits: of the samples in the file; "" in a lossy format.
        finish: what was done after rendering, by the names that `Piece.save` has for it.
        inputs: what was played, such as the notes of a MIDI file: a description of each.
        loop: latents after which the piece begins again; 0 is never.
        version: of Musika.
    """

    checkpoint: str
    identity: str
    codec: str
    seed: int
    settings: Mapping[str, Any]
    first: int
    samples: int
    rate: int
    machine: Machine
    bits: str = ""
    finish: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    inputs: tuple[Mapping[str, Any], ...] = ()
    loop: int = 0
    version: str = __version__

    @property
    def title(self) -> str:
        """Of the file, for its tags."""
        return f"{self.checkpoint} {self.seed}"

    @property
    def edits(self) -> list[Mapping[str, Any]]:
        """What was done to the piece, in order, as `describe_input` gives it."""
        return [entry for entry in self.inputs if entry.get("kind") == EDIT]

    def to_fields(self) -> dict[str, Any]:
        """The recipe as JSON values."""
        fields = _drop_empty({"format": FORMAT_OF_PIECES, **dataclasses.asdict(self)})
        if not self.loop:
            del fields["loop"]
        return fields

    def to_tags(self) -> dict[str, str]:
        """Tags for the file: title, comment (the recipe) and software."""
        return _make_tags(self)


@dataclasses.dataclass(frozen=True)
class Source:
    """A recording that a file was made of.

    Attributes:
        identity: hash of its samples and their rate (`musika.edit.recording`).
        name: of its file; "" where it came from none.
        recipe: where Musika made that file, the fields of its recipe.
        stereo: whether it was mono, and was made stereo first.
    """

    identity: str
    name: str = ""
    recipe: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    stereo: bool = False


@dataclasses.dataclass(frozen=True)
class RecordingRecipe(_FilePart):
    """What a file was made of that is an edit of a recording.

    Attributes:
        source: the recording.
        edits: what was done to it, in order, as `describe_input` gives it.
        first: sample of the edited recording that the file begins with.
        samples: per channel. Opus files are at 48 kHz, but this counts at `rate`.
        rate: Hz, of the recording.
        machine: what it was rendered on; precision and XLA are those of the last edit.
        bits: of the samples in the file; "" in a lossy format.
        version: of Musika.
    """

    source: Source
    edits: tuple[Mapping[str, Any], ...]
    first: int
    samples: int
    rate: int
    machine: Machine
    bits: str = ""
    version: str = __version__

    @property
    def title(self) -> str:
        """Of the file, for its tags."""
        words = [Path(self.source.name).stem or "recording", *(str(entry.get("edit")) for entry in self.edits)]
        return " ".join(words)

    def to_fields(self) -> dict[str, Any]:
        """The recipe as JSON values."""
        fields = {"format": FORMAT, **dataclasses.asdict(self)}
        return _drop_empty({**fields, "source": _drop_empty(fields["source"])})

    def to_tags(self) -> dict[str, str]:
        """Tags for the file: title, comment (the recipe) and software."""
        return _make_tags(self)


Recipe = PieceRecipe | RecordingRecipe


def _drop_empty(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value not in ({}, (), [], "")}


def _make_tags(recipe: Recipe) -> dict[str, str]:
    text = json.dumps({NAME: recipe.to_fields()}, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return {"title": recipe.title, "comment": text, "software": f"Musika {recipe.version}"}


def describe_edits(edits: Sequence[Mapping[str, Any]]) -> str:
    """Edits of a recipe in a few words, such as `fill, seed 3`."""
    return "; ".join(f"{str(entry.get('edit'))[:20]}, seed {str(entry.get('seed'))[:20]}" for entry in edits)


def describe_input(value: Any) -> dict[str, Any]:
    """What a recipe says about something that a piece was made of, beside its seed."""
    if isinstance(value, Score):
        return {"kind": SCORE, "packed": pack_score(value)}
    if isinstance(value, Melody):
        return {"kind": MELODY, "notes": value.to_rows()}
    if isinstance(value, DescribedEdit):
        return {"kind": EDIT, **value.describe()}
    return {"kind": type(value).__name__}


def read_recipe(path: Path) -> Recipe:
    """The recipe in the tags of an audio file. The file may come from anybody: everything is checked.

    Raises:
        AudioError: the file cannot be read.
        RecipeError: there is no recipe in it, a damaged one, or one of a later version.
    """
    fields = find_recipe_fields(audio.read_tags(path))
    if fields is None:
        raise RecipeError(f"{format_path(path)} has no recipe: Musika did not make it, or its tags were removed")
    return parse_recipe(path, fields)


def read_piece_recipe(path: Path) -> PieceRecipe:
    """`read_recipe` for a file that is to be a piece.

    Raises:
        AudioError, RecipeError: as `read_recipe`; or it is an edit of a recording.
    """
    recipe = read_recipe(path)
    if isinstance(recipe, RecordingRecipe):
        raise RecipeError(f"{format_path(path)} is an edit of a recording ({describe_edits(recipe.edits)}), no piece")
    return recipe


def find_recipe_fields(tags: Mapping[str, Sequence[str]]) -> Mapping[str, Any] | None:
    """The fields of the recipe in the tags of a file, not checked; None where there is none."""
    found = (_parse_comment(text) for text in tags.get("comment", ()))
    return next((fields for fields in found if fields is not None), None)


def _parse_comment(text: str) -> Mapping[str, Any] | None:
    """The fields of a recipe; None where a comment is something else."""
    if len(text) > LONGEST or not text.startswith("{"):
        return None
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    fields = found.get(NAME)
    return fields if isinstance(fields, dict) else None


def parse_recipe(path: Path, fields: Mapping[str, Any]) -> Recipe:
    """A recipe from the fields of a comment, which may come from anybody.

    Args:
        path: of the file, for messages.
        fields: as `to_fields` gives them.

    Raises:
        RecipeError: they are not those of a recipe that can be followed.
    """
    form = fields.get("format")
    if type(form) is int and form > FORMAT:
        made_by = fields.get("version")
        raise RecipeError(
            f"{format_path(path)} was made by a later version of Musika ({str(made_by)[:20]}): update this one"
        )
    try:
        common: dict[str, Any] = {
            "first": _check_whole(fields["first"]),
            "samples": _check_whole(fields["samples"], low=1),
            "rate": _check_whole(fields["rate"], 1, MAX_RATE),
            "machine": _check_machine(fields["machine"]),
            "bits": _check_choice(fields.get("bits", ""), ("", "16", "24", "32f")),
            "version": _check_text(fields["version"]),
        }
        if "source" in fields:
            edits = _check_mappings(fields.get("edits", []))
            return RecordingRecipe(source=_check_source(fields["source"]), edits=edits, **common)
        return PieceRecipe(
            checkpoint=_check_name(fields["checkpoint"]),
            identity=_check_text(fields["identity"]),
            codec=_check_text(fields["codec"]),
            seed=_check_whole(fields["seed"]),
            settings=_check_mapping(fields.get("settings", {})),
            finish=_check_finish(fields.get("finish", {})),
            loop=_check_whole(fields.get("loop", 0)),
            inputs=_check_mappings(fields.get("inputs", [])),
            **common,
        )
    except (KeyError, TypeError, ValueError):
        raise RecipeError(f"{format_path(path)} has a damaged recipe in its tags") from None


def _check_machine(value: Any) -> Machine:
    fields = _check_mapping(value)
    return Machine(
        _check_choice(fields["backend"], BACKENDS),
        check_precision(fields["precision"]),
        _check_kind(fields["xla"], bool),
        _check_whole(fields["threads"], 1, MAX_THREADS),
        check_decoder_precision(fields),
    )


def _check_source(value: Any) -> Source:
    fields = _check_mapping(value)
    return Source(
        _check_text(fields["identity"]),
        _check_name(fields["name"]) if fields.get("name", "") else "",
        _check_mapping(fields.get("recipe", {})),
        _check_kind(fields.get("stereo", False), bool),
    )


def check_precision(value: Any) -> str:
    """A dtype policy of networks; ValueError for anything else."""
    return _check_choice(value, PRECISIONS)


def check_decoder_precision(fields: Mapping[str, Any]) -> str:
    """The dtype policy of the decoder that some fields name, "" where they do not; ValueError for anything else."""
    return _check_choice(fields.get("decoder", ""), ("", *PRECISIONS))


def _check_mappings(value: Any) -> tuple[Mapping[str, Any], ...]:
    return tuple(map(_check_mapping, _check_kind(value, list)))


def _check_kind(value: Any, kind: type) -> Any:
    if type(value) is not kind:
        raise ValueError
    return value


def _check_text(value: Any) -> str:
    if len(_check_kind(value, str)) > 200 or not value.isprintable():
        raise ValueError
    return value


def _check_name(value: Any) -> str:
    """The name of a file or folder, which leads to no other folder: new files are named after it."""
    if not _check_text(value) or value in (".", "..") or "/" in value or "\\" in value:
        raise ValueError
    return value


def _check_choice(value: Any, choices: Collection[str]) -> str:
    if value not in choices:
        raise ValueError
    return str(value)


def _check_whole(value: Any, low: int = 0, high: int = MAX_NUMBER) -> int:
    if not low <= _check_kind(value, int) <= high:
        raise ValueError
    return value


def _check_finish(value: Any) -> Mapping[str, Any]:
    """What is done to a file: numbers by the names that `Piece.save` has for them."""
    for name, number in _check_mapping(value).items():
        _check_choice(name, FINISHES)
        if type(number) not in (int, float) or not math.isfinite(number):
            raise ValueError
    return value


def _check_mapping(value: Any) -> Mapping[str, Any]:
    for name in _check_kind(value, dict):
        _check_text(name)
    return value
