"""The recipe of a piece: everything that a file was made of, small enough for its tags.

A file that Musika writes has its recipe as JSON in the comment, where every tag reader shows it. From the recipe, the
same samples can be made again, or more of the same piece.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from musika import __version__, audio
from musika.composer.piece import Melody
from musika.environment import BACKENDS
from musika.errors import MusikaError
from musika.files import format_path
from musika.score import Score, pack_score

FORMAT = 1  # of recipes; a reader refuses those with a higher number
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
    """

    identity: str
    codec: str
    precision: str
    xla: bool


@dataclasses.dataclass(frozen=True)
class Machine:
    """What decides the last bits of the samples beside the recipe's other fields.

    Attributes:
        backend: "tensorflow" or "jax".
        precision: dtype policy of the networks.
        xla: whether they were compiled with XLA.
        threads: of one process.
    """

    backend: str
    precision: str
    xla: bool
    threads: int


@dataclasses.dataclass(frozen=True)
class PieceRecipe:
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
    def start(self) -> float:
        """Second of the piece that the file begins with."""
        return self.first / self.rate

    @property
    def seconds(self) -> float:
        """Length of the file."""
        return self.samples / self.rate

    def to_tags(self) -> dict[str, str]:
        """Tags for the file: title, comment (the recipe) and software."""
        fields = {"format": FORMAT, **dataclasses.asdict(self)}
        fields = {name: value for name, value in fields.items() if value not in ({}, (), [], "")}
        if not self.loop:
            del fields["loop"]
        text = json.dumps({NAME: fields}, sort_keys=True, separators=(",", ":"), allow_nan=False)
        return {"title": f"{self.checkpoint} {self.seed}", "comment": text, "software": f"Musika {self.version}"}


def describe_input(value: Any) -> dict[str, Any]:
    """What a recipe says about something that a piece was made of, beside its seed."""
    if isinstance(value, Score):
        return {"kind": SCORE, "packed": pack_score(value)}
    if isinstance(value, Melody):
        return {"kind": MELODY, "notes": value.to_rows()}
    if isinstance(value, DescribedEdit):
        return {"kind": EDIT, **value.describe()}
    return {"kind": type(value).__name__}


def read_recipe(path: Path) -> PieceRecipe:
    """The recipe in the tags of an audio file. The file may come from anybody: everything is checked.

    Raises:
        AudioError: the file cannot be read.
        RecipeError: there is no recipe in it, a damaged one, or one of a later version.
    """
    for text in audio.read_tags(path).get("comment", ()):
        fields = _parse_comment(text)
        if fields is not None:
            return _make_recipe(path, fields)
    reasons = "it is an edit of a recording, Musika did not make it, or its tags were removed"
    raise RecipeError(f"{format_path(path)} has no recipe: {reasons}")


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


def _make_recipe(path: Path, fields: Mapping[str, Any]) -> PieceRecipe:
    """A recipe from the fields of a comment.

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
        machine = _check_mapping(fields["machine"])
        return PieceRecipe(
            checkpoint=_check_text(fields["checkpoint"]),
            identity=_check_text(fields["identity"]),
            codec=_check_text(fields["codec"]),
            seed=_check_whole(fields["seed"]),
            settings=_check_mapping(fields.get("settings", {})),
            first=_check_whole(fields["first"]),
            samples=_check_whole(fields["samples"], low=1),
            rate=_check_whole(fields["rate"], 1, MAX_RATE),
            machine=Machine(
                _check_choice(machine["backend"], BACKENDS),
                _check_choice(machine["precision"], PRECISIONS),
                _check_kind(machine["xla"], bool),
                _check_whole(machine["threads"], 1, MAX_THREADS),
            ),
            bits=_check_choice(fields.get("bits", ""), ("", "16", "24", "32f")),
            finish=_check_finish(fields.get("finish", {})),
            loop=_check_whole(fields.get("loop", 0)),
            inputs=tuple(map(_check_mapping, _check_kind(fields.get("inputs", []), list))),
            version=_check_text(fields["version"]),
        )
    except (KeyError, TypeError, ValueError):
        raise RecipeError(f"{format_path(path)} has a damaged recipe in its tags") from None


def _check_kind(value: Any, kind: type) -> Any:
    if type(value) is not kind:
        raise ValueError
    return value


def _check_text(value: Any) -> str:
    if len(_check_kind(value, str)) > 200 or not value.isprintable():
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
