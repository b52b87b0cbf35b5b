"""What a composer's checkpoint writes, written when somebody asks and not by the run."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable
from pathlib import Path

from musika.composer.load import load_composer
from musika.composer.piece import ComposedScore
from musika.config import CodecConfig, MusicalSettings
from musika.errors import UsageError
from musika.score import Score
from musika.serve.messages import name_checkpoint
from musika.serve.streams.places import ServerBusy

SECONDS = 20.0  # of an excerpt: the first sections
MAX_WAITING = 4  # excerpts that are asked for at once
KEPT = 40  # excerpts


class ExcerptWriter:
    """Beginnings of pieces that composers' checkpoints write, one written at a time; the latest are kept."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Hashable, Score] = OrderedDict()
        self._one = threading.Lock()
        self._waiting = 0

    def write(self, folder: Path, seed: int) -> Score:
        """The beginning of the piece of a seed.

        Args:
            folder: of a composer's checkpoint, which is only read.

        Raises:
            ServerBusy: too many are asked for.
            CheckpointError: it is no composer's checkpoint, or it is damaged.
            UsageError: the composer writes no notes.
        """
        if self._waiting >= MAX_WAITING:
            raise ServerBusy("too many pieces are being written: try again later")
        self._waiting += 1
        try:
            with self._one:
                return self._write(folder, seed)
        finally:
            self._waiting -= 1

    def _write(self, folder: Path, seed: int) -> Score:
        with name_checkpoint(folder.parent):
            return self._find(folder, seed)

    def _find(self, folder: Path, seed: int) -> Score:
        key = (folder, folder.stat().st_mtime_ns, seed)
        if key not in self._kept:
            codec = CodecConfig()
            piece = ComposedScore(load_composer(folder), seed, MusicalSettings(), codec.hop_total / codec.sample_rate)
            score = piece.get_score(0.0, SECONDS).slice(0.0, SECONDS)
            if not len(score.notes):
                raise UsageError("this checkpoint writes no notes yet")
            self._kept[key] = score
            if len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return self._kept[key]
