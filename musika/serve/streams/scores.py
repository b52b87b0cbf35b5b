"""Scores that browsers send, kept for a while, so that streams and files of them can be asked for.

The name of a score is a hash of its content: the same notes have the same name, and a request that names it is a pure
function of its values. Scores lie as files in one folder, which several workers can share.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import tempfile
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

from musika.errors import ScoreError
from musika.files import open_replacement
from musika.score import MAX_BYTES, Score, pack_score, parse_midi, unpack_score
from musika.serve.streams.query import QueryError
from musika.serve.streams.score_json import MAX_NOTES, parse_score

NAME = re.compile(r"[0-9a-f]{24}")
KEPT = 64  # scores; the one that was not used for longest is given up first
OPEN = 16  # scores that stay in memory: requests that follow each other get the same object
LONGEST_UNUSED = 6 * 3600.0  # seconds after which a score is given up
SUFFIX = ".score"
MAX_UPLOAD = MAX_BYTES  # bytes of a request's body


class ScoreStore:
    """Scores by their names.

    Args:
        folder: where they lie; None makes one that `close` removes.
        now: the clock, seconds since 1970.
    """

    def __init__(self, folder: Path | None = None, now: Callable[[], float] = time.time) -> None:
        self._own = None
        if folder is None:
            self._own = tempfile.TemporaryDirectory(prefix="musika-scores-", ignore_cleanup_errors=True)
            folder = Path(self._own.name)
        self._folder, self._now = folder, now
        self._open: OrderedDict[str, Score] = OrderedDict()
        self._lock = threading.Lock()

    def add(self, score: Score) -> str:
        """Keeps a score and returns its name.

        Raises:
            ScoreError: it has too many notes.
        """
        if len(score.notes) > MAX_NOTES:
            raise ScoreError(f"the score has {len(score.notes):,} notes; at most {MAX_NOTES:,} can be sent")
        data = pack_score(score).encode()
        name = hashlib.sha256(data).hexdigest()[:24]
        path = self._find_path(name)
        if not path.exists():
            with open_replacement(path) as file:
                file.write(data)
        self._mark_used(path)
        self._remove_old(path)
        return name

    def get(self, name: str) -> Score:
        """The score of a name.

        Raises:
            QueryError: there is none, or no more.
        """
        path = self._find_path(name) if NAME.fullmatch(name) else None
        try:
            text = "" if path is None else path.read_text("ascii")
        except FileNotFoundError:
            text = ""
        if path is None or not text:
            raise QueryError("score: there is no such score, or it is no longer kept: send the notes again")
        self._mark_used(path)
        with self._lock:
            score = self._open.pop(name, None) or unpack_score(text)
            self._open[name] = score
            if len(self._open) > OPEN:
                self._open.popitem(last=False)
            return score

    def close(self) -> None:
        """Removes the scores."""
        if self._own is not None:
            self._own.cleanup()

    def _find_path(self, name: str) -> Path:
        return self._folder / f"{name}{SUFFIX}"

    def _mark_used(self, path: Path) -> None:
        now = self._now()
        with contextlib.suppress(OSError):
            os.utime(path, (now, now))

    def _remove_old(self, newest: Path) -> None:
        """Removes scores that were not used for long, and the oldest above the limit."""
        used: list[tuple[float, Path]] = []
        for path in self._folder.glob(f"*{SUFFIX}"):
            with contextlib.suppress(OSError):  # another worker has removed it
                used.append((path.stat().st_mtime, path))
        used.sort(key=lambda item: (item[1] != newest, -item[0]))
        for place, (mtime, path) in enumerate(used):
            if place >= KEPT or (path != newest and self._now() - mtime > LONGEST_UNUSED):
                path.unlink(missing_ok=True)


def read_upload(data: bytes, content_type: str) -> Score:
    """The score of a request's body: a MIDI file, or JSON as `score_json` says.

    Args:
        data: the body.
        content_type: of the body.

    Raises:
        QueryError: another type.
        ScoreError: it cannot be read.
    """
    kind = content_type.split(";")[0].strip().lower()
    if kind == "application/json":
        return parse_score(data)
    if kind in ("audio/midi", "audio/mid", "audio/x-midi"):
        return parse_midi(data, "the file")
    raise QueryError("a score must be sent as audio/midi or application/json")


def encode_midi(score: Score) -> bytes:
    """The MIDI file of a score."""
    with tempfile.TemporaryDirectory(prefix="musika-midi-") as folder:
        return score.save(Path(folder) / "score.mid").read_bytes()
