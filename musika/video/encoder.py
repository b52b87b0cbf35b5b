"""Frames and sound into an mp4 file, with the program ffmpeg."""

from __future__ import annotations

import contextlib
import functools
import os
import re
import shutil
import subprocess
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from musika.audio.ffmpeg import DEMUXERS
from musika.errors import MusikaError

VIDEO_ENCODERS = ("libx264", "libopenh264", "h264_videotoolbox", "mpeg4")  # the first one that ffmpeg has
QUALITY = {"libx264": ["-preset", "veryfast", "-crf", "21"], "mpeg4": ["-q:v", "4"]}
AUDIO = ["-c:a", "aac", "-b:a", "256k"]
MOST_TEXT = 4000  # characters of ffmpeg's messages that are looked at
SPECIAL = re.compile(r"([=;#\\\n])")  # characters with a meaning in ffmpeg's metadata files
ESCAPED = r"\\\1"
MISSING = "a video needs the program ffmpeg, which is not installed here: ffmpeg.org has it, and most package managers"


class VideoError(MusikaError):
    """A video that cannot be made."""


def find_ffmpeg() -> str:
    """The program.

    Raises:
        VideoError: it is not installed (about "ffmpeg").
    """
    program = shutil.which("ffmpeg")
    if program is None:
        raise VideoError(MISSING, about="ffmpeg")
    return program


@functools.cache
def choose_encoder(program: str) -> str:
    """The encoder of the pictures that this ffmpeg has.

    Raises:
        VideoError: it has none that mp4 files can have.
    """
    options = [program, "-hide_banner", "-v", "error", "-encoders"]
    done = subprocess.run(options, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace")
    names = {words[1] for line in done.stdout.splitlines() if len(words := line.split()) > 1}
    for name in VIDEO_ENCODERS:
        if name in names:
            return name
    raise VideoError(f"ffmpeg has none of the encoders {', '.join(VIDEO_ENCODERS)}", about="ffmpeg")


def write_tags(path: Path, tags: Mapping[str, str]) -> None:
    """Writes tags in the form that ffmpeg reads from a file: they may be longer than a command can be."""
    lines = [f"{name}={SPECIAL.sub(ESCAPED, text)}" for name, text in tags.items()]
    path.write_text("\n".join([";FFMETADATA1", *lines, ""]), encoding="utf-8", errors="replace")


def encode_video(
    target: Path,
    sound: Path,
    still: Path,
    tags: Path,
    frames: Iterable[np.ndarray],
    strip: tuple[int, int, int, int],
    ink: tuple[int, int, int],
    rate: int,
    seconds: float,
) -> None:
    """Writes a video file.

    Args:
        target: of the file, which ends in `.mp4`.
        sound: audio file.
        still: PNG file behind the waveform.
        tags: as `write_tags` wrote them.
        frames: of the waveform, `[height, width]` uint8: how opaque it is.
        strip: where it is: left, top, width, height.
        ink: colour of the waveform.
        rate: frames a second.
        seconds: length of the video.

    Raises:
        VideoError: ffmpeg is missing or fails.
    """
    program = find_ffmpeg()
    options = _list_options(program, target, sound, still, tags, strip, ink, rate, seconds)
    with subprocess.Popen(options, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        assert process.stdin is not None and process.stderr is not None
        complaints: list[bytes] = []
        listener = threading.Thread(target=lambda: complaints.extend(process.stderr or ()), daemon=True)
        listener.start()
        try:
            with contextlib.suppress(BrokenPipeError):  # it has ended: its exit code says why
                for frame in frames:
                    process.stdin.write(frame.tobytes())
                process.stdin.close()
        except BaseException:
            process.kill()
            raise
        finally:
            with contextlib.suppress(OSError):
                process.stdin.close()
        process.wait()
        listener.join()
    if process.returncode:
        text = " ".join(b"".join(complaints).decode("utf-8", "replace")[-MOST_TEXT:].split())
        raise VideoError(f"the video cannot be made: ffmpeg says: {text[-200:] or f'exit code {process.returncode}'}")


def _list_options(
    program: str,
    target: Path,
    sound: Path,
    still: Path,
    tags: Path,
    strip: tuple[int, int, int, int],
    ink: tuple[int, int, int],
    rate: int,
    seconds: float,
) -> list[str]:
    left, top, width, height = strip
    colour = "0x{:02x}{:02x}{:02x}".format(*ink)
    encoder = choose_encoder(program)
    filters = (
        f"color=c={colour}:s={width}x{height}:r={rate}:d={seconds:.6f}[ink];[ink][1:v]alphamerge[bars];"
        f"[0:v][bars]overlay={left}:{top}:shortest=1,format=yuv420p[video]"
    )
    options = [program, "-hide_banner", "-v", "error", "-nostats", "-y"]
    options += ["-f", "image2", "-pattern_type", "none", "-loop", "1", "-framerate", str(rate), "-i", _name(still)]
    options += ["-f", "rawvideo", "-pixel_format", "gray", "-video_size", f"{width}x{height}"]
    options += ["-framerate", str(rate), "-i", "pipe:0"]
    options += ["-protocol_whitelist", "file", "-format_whitelist", DEMUXERS, "-i", _name(sound)]
    options += ["-f", "ffmetadata", "-i", _name(tags)]
    options += ["-filter_complex", filters, "-map", "[video]", "-map", "2:a:0", "-map_metadata", "3"]
    options += ["-map_chapters", "-1", "-c:v", encoder, *QUALITY.get(encoder, ["-b:v", "3M"]), "-r", str(rate)]
    options += ["-t", f"{seconds:.6f}"]
    return [*options, *AUDIO, "-ac", "2", "-movflags", "+faststart", "-f", "mp4", _name(target)]


def _name(path: Path) -> str:
    """A path as ffmpeg takes it for a file, whatever it begins with."""
    return f"file:{os.path.abspath(path)}"
