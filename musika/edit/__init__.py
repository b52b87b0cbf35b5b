"""Recordings and pieces come in: fill gaps, continue, vary, blend.

Each function takes an editor (`musika.load` of an editor's checkpoint) and a sound, and gives the edited sound of the
same kind: an array for an array, a `Recording` for a recording, a `Piece` for a piece. The last two are values: the
edit is the last one of their `edits`, nothing is computed yet, and taking it away undoes it.
"""

from musika.config import Blend, Continue, Edit, Fill, Vary, describe_edit, parse_edit
from musika.edit.apply import AppliedEdit
from musika.edit.editor import Editor
from musika.edit.functions import blend, continue_, fill, vary
from musika.edit.recording import Recording, open_recording
from musika.edit.spans import parse_spans

__all__ = [
    "AppliedEdit",
    "Blend",
    "Continue",
    "Edit",
    "Editor",
    "Fill",
    "Recording",
    "Vary",
    "blend",
    "continue_",
    "describe_edit",
    "fill",
    "open_recording",
    "parse_edit",
    "parse_spans",
    "vary",
]
