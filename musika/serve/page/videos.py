"""Videos of pieces that the page makes."""

from __future__ import annotations

import hashlib
from pathlib import Path

from musika.config.video import VideoSettings
from musika.serve.page import pieces
from musika.serve.page.context import PageContext
from musika.serve.page.pieces import PieceRequest
from musika.serve.page.work import Report
from musika.video import write_video

SOUND_SHARE = 0.3  # of the time; the rest is the video


def make_video(
    context: PageContext, request: PieceRequest, settings: VideoSettings, picture: Path | None, report: Report
) -> tuple[Path, list[str]]:
    """Makes a video file of the page.

    Args:
        picture: of a person; None has the colour.

    Returns:
        Its path, and remarks for a person.

    Raises:
        MusikaError: it cannot be made.
        work.Stopped: nobody waits any more.
    """

    def report_sound(share: float | None) -> None:
        report(None if share is None else SOUND_SHARE * share)

    sound = pieces.save_piece(context, request, "wav", report_sound)
    look = f"{settings}{'' if picture is None else hashlib.sha256(picture.read_bytes()).hexdigest()}"
    path = sound.with_name(f"{sound.stem}-{hashlib.sha256(look.encode()).hexdigest()[:6]}.mp4")

    def watch(second: float) -> None:
        report(SOUND_SHARE + (1 - SOUND_SHARE) * second / request.seconds)

    made = write_video(sound, path, settings, picture, watch, context.limits.seconds + 1)
    context.files.remove_old(path)
    return path, list(made.remarks)
