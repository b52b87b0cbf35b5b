"""Work of the page: who waits for it can leave at once, also while a model is loaded and compiled."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from musika.config import EditorConfig
from musika.errors import MusikaError, UsageError
from musika.gan.basis import Basis
from musika.render.editor import EditorModel
from musika.serve.page.model_loading import ModelLoader
from musika.serve.page.work import SharedWork, Stopped, Work, ignore_report
from musika.serve.streams.library import Library
from tests.helpers.editors import FourNumberCodec
from tests.helpers.tones import ToneModel

PATIENCE = 30.0  # seconds for what happens in a moment


class Slow:
    """Something that goes on until it is let go, and counts how often it was begun."""

    def __init__(self) -> None:
        self.begun, self.may_end = threading.Event(), threading.Event()
        self.times = 0

    def run(self, key: Any) -> Any:
        self.times += 1
        self.begun.set()
        assert self.may_end.wait(PATIENCE)
        return f"{key} {self.times}"


def leave(work: Work[Any], begun: threading.Event) -> None:
    """Waits for work until it has begun, and then no more."""
    for _ in work.wait():
        if begun.is_set():
            break


def test_who_waits_for_shared_work_can_leave_while_it_goes_on() -> None:
    slow, left = Slow(), threading.Event()
    shared: SharedWork[str] = SharedWork(slow.run)

    def ask(report: Any) -> str:
        try:
            return shared.get("model", report)
        except Stopped:
            left.set()
            raise

    leave(Work(ask), slow.begun)
    assert left.wait(PATIENCE) and not slow.may_end.is_set()
    others = [Work(lambda report: shared.get("model", report)) for _ in range(2)]
    asking = [iter(other.wait()) for other in others]
    for each in asking:
        next(each)
    slow.may_end.set()
    for each in asking:
        for _ in each:
            pass
    assert [other.result for other in others] == ["model 1", "model 1"], "one run serves all who ask"
    assert shared.get("model", ignore_report) == "model 2", "later requests look again"


def test_what_shared_work_raises_is_raised_to_who_asks() -> None:
    def fail(key: Any) -> None:
        raise MusikaError(f"no {key}")

    shared: SharedWork[None] = SharedWork(fail)
    for _ in range(2):
        with pytest.raises(MusikaError, match="no model"):
            shared.get("model", ignore_report)


def test_a_model_is_compiled_once_before_it_is_given_to_anybody() -> None:
    models = {"tones": ToneModel()}
    loader = ModelLoader(Library(("tones",), models.__getitem__))
    for _ in range(3):
        assert loader.get_model("tones", ignore_report) is models["tones"]
    assert models["tones"].made == [0]
    loader.start("nothing")  # a page may ask for anything
    with pytest.raises(UsageError, match="choose one of tones"):
        loader.get_model("nothing", ignore_report)


def test_an_editor_is_compiled_before_it_is_given_to_anybody(capsys: pytest.CaptureFixture[str]) -> None:
    sizes: list[int] = []

    def make(tracks: np.ndarray, noise: np.ndarray) -> np.ndarray:
        sizes.append(tracks.shape[1])
        return np.zeros((1, tracks.shape[1], 4), np.float32)

    config, basis = EditorConfig(width=8).fit(4), Basis(np.zeros(4), np.eye(4), np.eye(4))
    editor = EditorModel(config=config, make=make, basis=basis, codec=FourNumberCodec(), name="edit")
    models = {"edit": editor}
    assert ModelLoader(Library(("edit",), models.__getitem__)).get_model("edit", ignore_report) is editor
    assert sizes and "warning" not in capsys.readouterr().err


def test_a_page_without_checkpoints_says_so(tmp_path: Path) -> None:
    library = Library((), {}.__getitem__)
    with pytest.raises(UsageError, match="none is here"):
        library.get_model(library.default)
