"""Models that are ready to play: loaded, and compiled by a first short rendering.

Compiling takes seconds and cannot be interrupted. So it is begun when a checkpoint is chosen, and done once for all
requests; each of them waits for it, and can be cancelled meanwhile.
"""

from __future__ import annotations

import contextlib
import threading
import weakref

import numpy as np

from musika import console, pictures
from musika.config import Fill
from musika.edit import AppliedEdit, Recording
from musika.errors import UsageError
from musika.render import Model, read_in_blocks
from musika.render.editor import EditorModel
from musika.serve.page.work import Report, SharedWork
from musika.serve.streams.library import Library

TRIED = 0.1  # seconds of a piece that are rendered
EDITED, PITCH = 8.0, 220.0  # seconds and Hz of a tone that an editor edits; silence would be refused
GAP = (3.0, 4.0)  # what it fills in them, in seconds


class ModelLoader:
    """Models by the names of their checkpoints, made ready in threads of their own.

    Args:
        library: loads them.
    """

    def __init__(self, library: Library) -> None:
        self._library = library
        self._work: SharedWork[Model] = SharedWork(self._load)
        self._ready: weakref.WeakSet[Model] = weakref.WeakSet()
        self._lock = threading.Lock()

    def start(self, name: object) -> None:
        """Begins to make a model ready, if there is one of that name; returns at once."""
        if name in self._library.names:
            self._work.start(name)

    def get_model(self, name: str, report: Report) -> Model:
        """The model of a name, loaded and compiled.

        Args:
            report: is called while it is not; what it raises ends the waiting.

        Raises:
            MusikaError: there is none, or it cannot be loaded.
        """
        return self._work.get(name, report)

    def _load(self, name: str) -> Model:
        model = self._library.get_model(name)
        with self._lock:
            is_new = model not in self._ready
            self._ready.add(model)
        if is_new:
            try:
                compile_model(model)
            except Exception as error:  # who plays it is told the same
                console.warn(f"{name}: {error}")
        return model


def compile_model(model: Model) -> None:
    """Does what a model does when it is used first, so that nobody waits for it later.

    Raises:
        MusikaError: the model cannot be used.
    """
    pictures.draw_spectrogram(np.zeros((model.sample_rate, 2), np.float32), model.sample_rate)
    if isinstance(model, EditorModel):
        times = np.arange(round(EDITED * model.sample_rate)) / model.sample_rate
        tone = np.repeat(0.1 * np.sin(2 * np.pi * PITCH * times)[:, None], 2, axis=1).astype(np.float32)
        edited = Recording(tone, model.sample_rate).add(AppliedEdit(Fill(spans=(GAP,)), model))
        for _ in read_in_blocks(edited.open(), 0, len(tone)):
            pass
    else:
        with contextlib.suppress(UsageError):  # performers without a composer wait for notes
            model.piece(0).render(0.0, TRIED)
