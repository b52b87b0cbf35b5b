"""`video`: an audio file as a video for sharing, with a picture or a colour, a title and the moving waveform."""

from __future__ import annotations

import time

from musika import console, video
from musika.cli.flags import VideoOptions
from musika.cli.pieces import format_speed
from musika.cli.targets import describe_kept, make_folder
from musika.config.video import VideoSettings
from musika.files import format_path


def run(options: VideoOptions) -> int:
    """Makes the video and returns 0.

    Raises:
        MusikaError: a file or a flag that cannot be used; ffmpeg is not installed, or fails.
    """
    make_folder(options.target.parent)
    settings = VideoSettings(options.title, options.colour, options.shape)
    started, seconds = time.perf_counter(), 0.0
    with console.progress(None, "s", "video") as bar:

        def advance(now: float) -> None:
            nonlocal seconds
            bar.advance(now - seconds)
            seconds = now

        made = video.write_video(options.file, options.target, settings, options.picture, advance, keep_existing=True)
        for remark in made.remarks:
            bar.note(remark)
        if made.path != options.target:
            bar.note(describe_kept(options.target, made.path))
        bar.note(f"{format_path(made.path)}: {format_speed(seconds, time.perf_counter() - started)}")
    return 0
