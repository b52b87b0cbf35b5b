"""Making again what a recipe describes, with its edits: a piece, or a recording that was edited.

All that a piece is made of is in the recipe, or in checkpoints that it names. A recording is not: it is looked for by
its name, and known by the hash of its samples. Where Musika made it, its own recipe makes it again.
"""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from musika import checkpoint
from musika.audio import WrittenFile, choose_encoding
from musika.checkpoint import locate
from musika.config import parse_edit
from musika.config.editing import EDITS
from musika.config.fields import get_fields
from musika.edit.apply import AppliedEdit
from musika.edit.recording import Recording, hash_samples, open_recording
from musika.errors import MusikaError
from musika.files import format_path
from musika.render import Finish, Model, Piece, again
from musika.render.recipe import (
    Origin,
    PieceRecipe,
    Recipe,
    RecipeError,
    Source,
    check_decoder_precision,
    check_precision,
    parse_recipe,
)

MOST_NESTED = 16  # recipes within each other
OWN_FIELDS = frozenset(name for kind in EDITS.values() for name in get_fields(kind)) | {"edit"}


class Maker:
    """Makes again what the recipe of a file describes.

    Args:
        file: that has the recipe: for messages, and because recordings are looked for beside it.
        load_path: folder of a checkpoint that a person named; others are looked for in `checkpoints/`.
        dec_path: of the codec; None finds the one that fits.
        sources: files of recordings that a person named.
    """

    def __init__(
        self,
        file: Path,
        load_path: Path | None = None,
        dec_path: Path | None = None,
        sources: Sequence[Path] = (),
    ) -> None:
        self.file, self.dec_path, self.sources = file, dec_path, tuple(sources)
        self._named = None if load_path is None else locate.resolve_checkpoint(load_path, "generator")
        self._folders: dict[str, Path] = {}  # by identity
        self._models: dict[Origin, Model] = {}
        self._opened: dict[Path, tuple[Recording, str]] = {}  # with the hash of its samples

    def find_checkpoints(self, recipe: Recipe) -> None:
        """Looks for the checkpoints of a recipe, before a framework is imported.

        Raises:
            RecipeError: one is not here, or the one that a person named is another (about "generator").
            CheckpointError: the one that was named cannot be read.
        """
        origins = [*list_origins(recipe)]
        if self._named is not None:
            identity = checkpoint.hash_files(self._named)
            if origins and identity not in [origin.identity for _, origin in origins]:
                name, origin = origins[0]
                raise RecipeError(
                    f"{format_path(self.file)} was made with another checkpoint than {format_path(self._named)}: "
                    f"{name}, {origin.identity}"
                )
            self._folders[identity] = self._named
        for name, origin in origins:
            self._find_folder(name, origin.identity)

    def make(self, recipe: Recipe, nested: int = 0) -> Piece | Recording:
        """The sound of a recipe.

        Raises:
            RecipeError: a recording is missing or has changed (about "source"), or the recipe cannot be followed here.
            MusikaError: a checkpoint cannot be loaded.
        """
        if nested > MOST_NESTED:
            raise RecipeError(f"{format_path(self.file)} has a damaged recipe in its tags")
        edits = tuple(self._make_edit(entry, nested) for entry in recipe.edits)
        if isinstance(recipe, PieceRecipe):
            model = self._load(recipe.checkpoint, get_origin(recipe))
            return again.make_piece(recipe, self.file, model, edits)
        return dataclasses.replace(self._find_source(recipe.source, nested), edits=edits)

    def _make_edit(self, entry: Mapping[str, Any], nested: int) -> AppliedEdit:
        """The edit that `AppliedEdit.describe` describes."""
        name, origin = read_origin(entry, self.file)
        try:
            edit = parse_edit({field: value for field, value in entry.items() if field in OWN_FIELDS})
        except MusikaError as error:
            raise self._make_error(error) from error
        other = entry.get("other")
        if not isinstance(other, Mapping):
            return AppliedEdit(edit, self._load(name, origin))
        second = self.make(parse_recipe(self.file, other), nested + 1)
        return AppliedEdit(edit, self._load(name, origin), second)

    def _find_folder(self, name: str, identity: str) -> Path:
        if identity not in self._folders:
            self._folders[identity] = again.find_checkpoint(name, identity, self.file)
        return self._folders[identity]

    def _load(self, name: str, origin: Origin) -> Model:
        if origin not in self._models:
            folder = self._find_folder(name, origin.identity)
            self._models[origin] = again.load_recipe_model(origin, self.file, folder, self.dec_path)
        return self._models[origin]

    def _find_source(self, source: Source, nested: int) -> Recording:
        """The recording that an edited file was made of: one that was named, one of its name, or made again."""
        beside = [folder / Path(source.name).name for folder in (self.file.parent, Path())] if source.name else []
        changed: Path | None = None
        for path in (*self.sources, *beside):
            if path not in self.sources and (not path.is_file() or path.resolve() == self.file.resolve()):
                continue
            recording, identity = self._open(path)
            if identity == source.identity:
                known = dataclasses.replace(recording, name=source.name, recipe=source.recipe)
                return known.make_stereo() if source.stereo else known
            changed = changed or path
        if source.recipe and (made := self._make_source(source, nested)) is not None:
            return made
        named = f"{format_path(source.name)}" if source.name else "a recording that came from no file"
        if changed is None:
            reason = "which is neither beside it nor here" if source.name else "and none was named"
        else:
            reason = f"and {format_path(changed)} holds another sound"
        raise RecipeError(f"{format_path(self.file)} was made of {named} ({source.identity}), {reason}", about="source")

    def _open(self, path: Path) -> tuple[Recording, str]:
        if path not in self._opened:
            recording = open_recording(path)
            self._opened[path] = recording, hash_samples(recording.waveform, recording.sample_rate)
        return self._opened[path]

    def _make_source(self, source: Source, nested: int) -> Recording | None:
        """A recording that Musika made, from its own recipe; None where that gives another sound."""
        recipe = parse_recipe(self.file, source.recipe)
        with tempfile.TemporaryDirectory(prefix="musika-source-") as folder:
            path = Path(folder, f"source{Path(source.name).suffix or '.wav'}")
            save(self.make(recipe, nested + 1), recipe, path)
            recording = open_recording(path)
        if hash_samples(recording.waveform, recording.sample_rate) != source.identity:
            return None
        recording = dataclasses.replace(recording, name=source.name, recipe=source.recipe)
        return recording.make_stereo() if source.stereo else recording

    def _make_error(self, error: MusikaError) -> RecipeError:
        return RecipeError(f"{format_path(self.file)} cannot be made again: {error}")


def save(
    sound: Piece | Recording,
    recipe: Recipe,
    path: Path,
    keep_existing: bool = False,
    on_block: Callable[[np.ndarray], None] | None = None,
) -> WrittenFile:
    """Writes what a recipe says. In the format of the first file, this is the same file again.

    Args:
        sound: that `Maker.make` made.
        path: of the new file; its ending names the format.
        keep_existing: as `Piece.save` has it.
        on_block: as `Piece.save` has it.

    Raises:
        UsageError: the recipe asks for more than the edited recording has.
        MusikaError: it cannot be rendered or written.
    """
    if isinstance(recipe, PieceRecipe):
        assert isinstance(sound, Piece)
        return again.save(sound, recipe, path, keep_existing, on_block)
    assert isinstance(sound, Recording)
    bits = recipe.bits if recipe.bits in choose_encoding(path).depths else None
    return sound.save(path, recipe.seconds, recipe.start, None, keep_existing, bits, on_block)


def stream(sound: Piece | Recording, recipe: Recipe) -> Generator[np.ndarray, None, None]:
    """What `save` writes, in blocks; arguments and errors as `save` has."""
    if isinstance(recipe, PieceRecipe):
        assert isinstance(sound, Piece)
        return sound.stream_finished(recipe.start, recipe.seconds, Finish(**recipe.finish))
    return sound.stream(recipe.start, recipe.seconds)


def list_origins(recipe: Recipe) -> Iterator[tuple[str, Origin]]:
    """Name and origin of each network of a recipe, those of sounds within it left out."""
    if isinstance(recipe, PieceRecipe):
        yield recipe.checkpoint, get_origin(recipe)
    for entry in recipe.edits:
        yield read_origin(entry)


def get_origin(recipe: PieceRecipe) -> Origin:
    """What the model of a piece was loaded from, and how."""
    return Origin(recipe.identity, recipe.codec, recipe.machine.precision, recipe.machine.xla, recipe.machine.decoder)


def read_origin(entry: Mapping[str, Any], file: Path = Path("the file")) -> tuple[str, Origin]:
    """Name and origin of the network of an edit, as `AppliedEdit.describe` gives them. They may come from anybody.

    Raises:
        RecipeError: they are not there, or damaged.
    """
    texts = [entry.get(name) for name in ("editor", "identity", "codec", "precision")]
    try:
        if not all(isinstance(text, str) for text in texts) or type(entry.get("xla")) is not bool:
            raise ValueError
        name, identity, codec, precision = map(str, texts)
        decoder = check_decoder_precision(entry)
        return name, Origin(identity, codec, check_precision(precision), bool(entry["xla"]), decoder)
    except ValueError:
        what = str(entry.get("edit"))[:20]
        raise RecipeError(f"{format_path(file)} does not say which network made its edit ({what})") from None
