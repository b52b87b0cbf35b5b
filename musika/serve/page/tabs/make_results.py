"""Columns in which made pieces stand side by side: player, picture, what can be done with each."""

from __future__ import annotations

from typing import Any

import gradio

from musika.serve.page import pieces
from musika.serve.page.pieces import MadePiece

MOST = 4  # pieces side by side
PICTURE = "Spectrogram: left above right, low notes at the bottom"


class ResultColumn:
    """One column.

    Args:
        number: of the column, from 0 on.
    """

    def __init__(self, number: int) -> None:
        place = number + 1
        with gradio.Column(visible=False, min_width=240, elem_classes=["musika-make-column"]) as self.column:
            self.title = gradio.Markdown()
            self.sound = gradio.Audio(
                label=f"Piece {place}",
                type="filepath",
                interactive=False,
                buttons=["download"],
                elem_id=f"musika-make-sound-{place}",
            )
            self.picture = gradio.Image(label=PICTURE, interactive=False, format="png", height=170, buttons=[])
            with gradio.Row():
                self.longer = gradio.Button("Again, longer", size="sm", min_width=100)
                self.similar = gradio.Button("More like this", size="sm", min_width=100)
                self.reuse = gradio.Button("Use its settings", size="sm", min_width=100)
                self.link = gradio.Button("Copy link", size="sm", min_width=100, elem_id=f"musika-make-link-{place}")
            with gradio.Row():
                self.format = gradio.Dropdown(
                    list(pieces.FORMATS),
                    value="wav",
                    label="Format",
                    min_width=90,
                    elem_id=f"musika-make-format-{place}",
                )
                self.download = gradio.Button("Download", min_width=100, elem_id=f"musika-make-download-{place}")
            self.piece = gradio.Textbox(visible="hidden", elem_id=f"musika-make-piece-{place}")

    @property
    def outputs(self) -> list[Any]:
        """Components that `show` and `clear` change."""
        return [self.column, self.title, self.sound, self.picture, self.format, self.piece]

    def show(self, made: MadePiece) -> dict[Any, Any]:
        """Values that show a piece."""
        kinds = [*pieces.FORMATS, *([pieces.NOTES] if made.has_notes else [])]
        return {
            self.column: gradio.update(visible=True),
            self.title: f"**{escape(pieces.describe_piece(made.request))}**",
            self.sound: str(made.path),
            self.picture: made.picture,
            self.format: gradio.update(choices=kinds, value="wav"),
            self.piece: made.request.to_json(),
        }

    def clear(self) -> dict[Any, Any]:
        """Values that hide the column."""
        return {self.column: gradio.update(visible=False), self.sound: None, self.picture: None, self.piece: ""}


def escape(text: str) -> str:
    """A text as Markdown without any marks of its own."""
    return "".join(f"&#{ord(c)};" if c in "<>&*_`[]#\\!|~$" else c for c in text)


def show_waiting(text: str) -> str:
    """A progress bar, of work whose end is not known, as HTML.

    Args:
        text: plain, without marks of HTML.
    """
    return f'<label class="musika-making">{text} <progress class="musika-progress"></progress></label>'


def show_progress(share: float, number: int, count: int) -> str:
    """A progress bar as HTML."""
    what = f"piece {number} of {count}" if count > 1 else "the piece"
    label = f"Making {what}: {100 * share:.0f} %"
    return (
        f'<label class="musika-making">{label} '
        f'<progress class="musika-progress" max="1" value="{share:.3f}"></progress></label>'
    )
