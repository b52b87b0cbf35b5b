"""What the tabs of the page are made with: models, a folder for files, limits and defaults."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from musika.config import GeneratorSettings
from musika.serve.page.checkpoints import CheckpointEntry
from musika.serve.page.model_loading import ModelLoader
from musika.serve.page.recent_files import RecentFiles
from musika.serve.streams.library import Library

if TYPE_CHECKING:
    import gradio


@dataclasses.dataclass(frozen=True)
class PageLimits:
    """What one request may cost.

    Attributes:
        upload_bytes: size of a file that is sent to the page.
        kept_upload_bytes: of all files that were sent and are kept; they are removed after an hour.
        event_bytes: size of a request without a file.
        upload_seconds: length of a recording that is sent.
        seconds: of music in one piece that is made.
        pieces: in one request.
        waiting: requests that wait for one kind of work; further ones are refused.
    """

    upload_bytes: int = 100 << 20
    kept_upload_bytes: int = 2 << 30
    event_bytes: int = 4 << 20
    upload_seconds: float = 600.0
    seconds: float = 300.0
    pieces: int = 8
    waiting: int = 16


@dataclasses.dataclass(frozen=True)
class PageDefaults:
    """What the page opens with.

    Attributes:
        truncation: of generators.
        seed: None draws one for each piece.
        runs_path: folder of training runs, or of one run.
        log_path: folder of their logs; None looks where a run says, and beside it.
        watched: a training run that the page opens on; None opens on the radio.
    """

    truncation: float = GeneratorSettings.truncation
    seed: int | None = None
    runs_path: Path = Path("checkpoints")
    log_path: Path | None = None
    watched: Path | None = None


LIMITS, DEFAULTS = PageLimits(), PageDefaults()


@dataclasses.dataclass(frozen=True)
class PageContext:
    """What every tab is made with.

    Attributes:
        library: models by the names of their checkpoints.
        checkpoints: what is known about them without loading them, in the same order.
        files: what is handed to browsers.
        limits: of requests.
        defaults: of controls.
    """

    library: Library
    checkpoints: Mapping[str, CheckpointEntry]
    files: RecentFiles
    limits: PageLimits = LIMITS
    defaults: PageDefaults = DEFAULTS

    @functools.cached_property
    def models(self) -> ModelLoader:
        """The models of the library, made ready to play for all who ask."""
        return ModelLoader(self.library)

    def list_checkpoints(self, *kinds: str) -> list[str]:
        """Names of the checkpoints of some kinds (`musika.serve.page.checkpoints`), the default first."""
        return [name for name, entry in self.checkpoints.items() if entry.kind in kinds]


@dataclasses.dataclass(frozen=True)
class SharedComponents:
    """Components that belong to the whole page.

    Attributes:
        checkpoint: the chooser of the checkpoint that makes pieces from seeds; its value is a name in the library.
        tabs: of the page; each has the id that is the name of its file.
        link: values of the link with which the page was opened, as JSON, where the tab Make is to show them.
    """

    checkpoint: gradio.Dropdown
    tabs: gradio.Tabs
    link: gradio.Textbox
