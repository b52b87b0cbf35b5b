"""A video of a made piece, for sharing."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import gradio

from musika.config.video import SHAPES, VideoSettings
from musika.errors import ConfigError, UsageError
from musika.serve.page import uploads, videos
from musika.serve.page.context import PageContext
from musika.serve.page.pieces import PieceRequest, check_whole
from musika.serve.page.tabs.failures import tell_failures
from musika.serve.page.tabs.make_results import show_progress
from musika.serve.page.tabs.settings import add_setting
from musika.serve.page.work import Report, Work
from musika.video import has_ffmpeg

MISSING = "Videos need the program `ffmpeg`, which is not installed on the computer that this page runs on."
RGB = re.compile(r"rgba?\(\s*([\d.]+)\s*,\s*([\d.]+)\s*,\s*([\d.]+)")
LARGEST_PICTURE = 20 << 20  # bytes


def add_video(context: PageContext, tickets: Sequence[Any]) -> None:
    """Adds the form for a video.

    Args:
        tickets: components that hold the made pieces.
    """
    with gradio.Accordion("A video to share", open=False, elem_id="musika-video"):
        if not has_ffmpeg():
            gradio.Markdown(MISSING)
            return
        with gradio.Row():
            number = gradio.Dropdown([str(n + 1) for n in range(len(tickets))], value="1", label="Piece", min_width=80)
            title = add_setting(VideoSettings, "title", scale=3)
            colour = gradio.ColorPicker(VideoSettings.colour, label="Colour")
            shape = gradio.Radio(list(SHAPES), value=VideoSettings.shape, label="Shape")
        picture = gradio.File(label="Picture behind it (PNG, JPEG or WebP), or none", height=140)
        with gradio.Row():
            make = gradio.Button("Make the video", elem_id="musika-video-make")
            cancel = gradio.Button("Cancel")
        status = gradio.HTML(min_height=28, elem_id="musika-video-status")
        video = gradio.Video(label="Video", interactive=False, buttons=["download"], elem_id="musika-video-file")

    def run(place: Any, title: Any, colour: Any, shape: Any, picture: Any, *pieces: Any) -> Iterator[dict[Any, Any]]:
        with tell_failures():
            position = check_whole("the piece", int(place) if str(place).isdigit() else None, len(pieces))
            request = PieceRequest.from_json(pieces[max(position, 1) - 1], context.limits)
            settings = read_look(title, colour, shape)
            if picture is None:
                yield from follow(request, settings, None)
                return
            with uploads.open_upload(picture, LARGEST_PICTURE, keep=True) as path:
                yield from follow(request, settings, path)

    def follow(request: PieceRequest, settings: VideoSettings, picture: Path | None) -> Iterator[dict[Any, Any]]:
        def make(report: Report) -> tuple[Path, list[str]]:
            return videos.make_video(context, request, settings, picture, report)

        running = Work(make)
        for share in running.wait():
            yield {status: show_progress(share, 1, 1).replace("the piece", "the video")}
        path, remarks = running.result
        yield {video: str(path), status: "".join(f"<p>{remark}</p>" for remark in remarks)}

    made = make.click(
        run,
        [number, title, colour, shape, picture, *tickets],
        [status, video],
        api_name="make_video_of_piece",
        api_visibility="undocumented",  # programs have `make_video` of make_api.py
        preprocess=False,
        concurrency_limit=1,
        concurrency_id="video",
        show_progress="minimal",
        show_progress_on=[status],
    )
    told = "Cancelled: no video was made."
    cancel.click(lambda: told, None, [status], cancels=[made], queue=False, api_visibility="private")


def read_look(title: Any, colour: Any, shape: Any) -> VideoSettings:
    """The settings of a video as a browser sends them.

    Raises:
        UsageError: one of them means nothing.
    """
    texts = [title or "", colour or VideoSettings.colour, shape or VideoSettings.shape]
    if not all(isinstance(text, str) for text in texts):
        raise UsageError("title, colour and shape of a video must be texts")
    found = RGB.match(texts[1])
    if found is not None:  # as the colour picker of a browser may write it
        texts[1] = "#" + "".join(f"{min(round(float(part)), 255):02x}" for part in found.groups())
    try:
        return VideoSettings(*texts)
    except ConfigError as error:
        raise UsageError(str(error)) from None
