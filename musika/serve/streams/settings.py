"""What a stream server is told when it starts. Every worker process gets the same."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

VARIABLE = "MUSIKA_STREAM_SERVER"  # environment variable that carries the settings to worker processes


@dataclasses.dataclass(frozen=True)
class StreamSettings:
    """Settings of a stream server.

    Attributes:
        checkpoints: folders by the name that a request says; the first one is played without a name.
        dec_path: folder of the codec; None finds the one that fits.
        seed: of the radio's piece.
        options: settings of the radio's piece, such as its truncation.
        mixed_precision: "auto", "True" or "False", as `render.choose_computation` takes it for each checkpoint.
        xla: the same.
        max_streams: streams of single listeners at once, in each worker.
        max_listeners: listeners of the radio at once, in each worker.
        max_seconds: the longest file.
        max_waiting: requests for files that wait, in each worker; one is made at a time.
        verbose: whether faults show their traceback.
        cpu: whether a GPU is left alone.
        auth: `user:password` that every request must have; None lets everybody in.
        score_folder: where scores that clients send are kept; None is a folder of the worker's own.
    """

    checkpoints: Mapping[str, str]
    dec_path: str | None = None
    seed: int = 0
    options: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    mixed_precision: str = "auto"
    xla: str = "auto"
    max_streams: int = 8
    max_listeners: int = 1000
    max_seconds: float = 600.0
    max_waiting: int = 8
    verbose: bool = False
    cpu: bool = False
    auth: str | None = dataclasses.field(default=None, repr=False)
    score_folder: str | None = None

    def to_json(self) -> str:
        """Text that `from_json` reads."""
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def from_json(cls, text: str) -> StreamSettings:
        """The settings that `to_json` wrote."""
        return cls(**json.loads(text))

    def get_folder(self, name: str) -> Path:
        """The folder of a checkpoint."""
        return Path(self.checkpoints[name])

    def get_codec_folder(self) -> Path | None:
        """The folder of the codec, where one was named."""
        return None if self.dec_path is None else Path(self.dec_path)

    def get_score_folder(self) -> Path | None:
        """The folder of scores that several workers share."""
        return None if self.score_folder is None else Path(self.score_folder)
