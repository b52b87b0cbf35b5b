"""An edit with all that it needs: what a piece or a recording carries.

Everything that an edit makes is a function of the edit, of the sound around it, and of position.
"""

from __future__ import annotations

import dataclasses
from typing import Any, Protocol

from musika.config import Blend, Continue, Edit, Fill, Vary, describe_edit
from musika.edit.editor import Editor, OnStep, watch_editor
from musika.edit.sounds import SharedSound
from musika.edit.with_editor import blend_sounds, continue_sound, fill_gaps, vary_sound
from musika.edit.with_generator import blend_by_coordinates, vary_by_coordinates
from musika.edit.with_notes import continue_by_notes, require_composer
from musika.errors import UsageError
from musika.render import ComposedModel, EditorModel, GeneratorModel, Model, Sound


class Openable(Protocol):
    """What can be opened as a sound: a recording or a piece."""

    def open(self) -> Sound:
        """The sound, for one reader."""

    def describe_sound(self) -> dict[str, Any] | None:
        """The fields of its recipe; None where none can be made."""


@dataclasses.dataclass(frozen=True)
class AppliedEdit:
    """An edit and the network that makes it.

    Attributes:
        edit: the value.
        editor: the network: an editor; a generator, which can only vary and blend; or a performer with a composer,
            which can only continue by notes.
        other: the second sound of a blend, a recording or a piece.
        on_step: is called before each step of the work (`OnStep`); what it raises ends it.
    """

    edit: Edit
    editor: Editor | Model
    other: Openable | None = None
    on_step: OnStep | None = dataclasses.field(default=None, compare=False)

    def apply(self, sound: Sound) -> Sound:
        """The edited sound.

        Raises:
            UsageError: the edit does not fit the sound, or the network cannot do it.
        """
        if isinstance(self.edit, Blend) and self.other is None:
            raise UsageError("blend lacks a second sound")
        if isinstance(self.edit, Continue) and self.edit.notes:
            if not isinstance(self.editor, ComposedModel):
                raise require_composer(self.editor.name)
            return continue_by_notes(self.editor, sound, self.edit)
        sound = SharedSound(sound)  # what is made of it is computed ahead in other threads
        if isinstance(self.editor, GeneratorModel):
            return self._apply_by_coordinates(self.editor, sound)
        if isinstance(self.editor, Model) and not isinstance(self.editor, EditorModel):
            raise UsageError(f"{self.editor.name} edits no recordings: it is no editor", about="editor")
        editor = self.editor if self.on_step is None else watch_editor(self.editor, self.on_step)
        if isinstance(self.edit, Fill):
            return fill_gaps(editor, sound, self.edit)
        if isinstance(self.edit, Continue):
            return continue_sound(editor, sound, self.edit)
        if isinstance(self.edit, Vary):
            return vary_sound(editor, sound, self.edit)
        assert isinstance(self.edit, Blend) and self.other is not None
        return blend_sounds(editor, sound, SharedSound(self.other.open()), self.edit)

    def watch(self, on_step: OnStep) -> AppliedEdit:
        """The same edit, which calls one more function before each step."""
        earlier = self.on_step
        if earlier is None:
            return dataclasses.replace(self, on_step=on_step)

        def call_both(share: float | None) -> None:
            earlier(share)
            on_step(share)

        return dataclasses.replace(self, on_step=call_both)

    def describe(self) -> dict[str, Any]:
        """The edit and all that made it, as JSON values: what the recipe of a file says about it."""
        editor = self.editor
        made_by: dict[str, Any] = {"editor": getattr(editor, "name", type(editor).__name__)}
        if isinstance(editor, Model) and editor.origin is not None:
            made_by |= dataclasses.asdict(editor.origin)
        if self.other is not None:
            made_by["other"] = self.other.describe_sound()
        return {**describe_edit(self.edit), **made_by}

    def _apply_by_coordinates(self, model: GeneratorModel, sound: Sound) -> Sound:
        if isinstance(self.edit, Vary):
            return vary_by_coordinates(model, sound, self.edit, self.on_step)
        if isinstance(self.edit, Blend) and self.other is not None:
            return blend_by_coordinates(model, sound, SharedSound(self.other.open()), self.edit, self.on_step)
        raise UsageError(
            f"{model.name} is a generator: it can vary and blend, but {self.edit.name} needs an editor", about="editor"
        )
