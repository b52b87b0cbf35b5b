"""Decodes the first audio stream of a file with the program ffmpeg, where that is installed."""

from __future__ import annotations

import re
import shutil
import signal
import struct
import subprocess
import threading
from collections.abc import Generator, Iterator
from typing import IO

from musika.audio.layout import Unreadable
from musika.audio.messages import Format

# the containers that ffmpeg may open: no playlists, so no file can make it open another one
DEMUXERS = (
    "aac,ac3,aiff,amr,ape,asf,au,avi,caf,dsf,dts,eac3,flac,flv,gsm,iff,m4v,matroska,mp3,mov,mpc,mpc8,mpeg,mpegts,ogg,"
    "oma,rm,shn,tak,truehd,tta,voc,w64,wav,webm,wv,xwma"
)
TORN = re.compile(
    r"partial file|ended prematurely|packet corrupt|corrupt input packet|packet size too small", re.IGNORECASE
)
MOST_LINES = 100  # of messages that are kept


def decode(path: str, block: int, refusal: str, notes: tuple[str, ...] = ()) -> Iterator[Format | bytes]:
    """Decodes a file: its format, then samples (interleaved).

    Args:
        path: the file.
        block: bytes of samples to give at once.
        refusal: what libsndfile said, for the message when ffmpeg cannot read it either.
        notes: remarks to send with the format.

    Raises:
        Unreadable: damaged, truncated, without an audio stream, or not audio.
    """
    program = shutil.which("ffmpeg")
    if program is None:
        raise Unreadable(
            f"is not audio that can be read (libsndfile: {refusal}; ffmpeg, which reads more formats, is not installed)"
        )
    options = ["-nostdin", "-hide_banner", "-v", "warning", "-threads", "1", "-protocol_whitelist", "file"]
    options += ["-format_whitelist", DEMUXERS, "-i", f"file:{path}", "-map", "0:a:0", "-vn", "-sn", "-dn"]
    options += ["-map_metadata", "-1", "-c:a", "pcm_f32be", "-f", "au", "-"]
    with subprocess.Popen(
        [program, *options], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        lines: list[str] = []
        listener = threading.Thread(target=_collect_lines, args=(process.stderr, lines), daemon=True)
        listener.start()
        seconds = yield from _read_au(process.stdout, block, notes)
        process.wait()
        listener.join()
    if any("matches no streams" in line or "does not contain any stream" in line for line in lines):
        raise Unreadable("has no audio stream")
    complaint = _join_last(lines, path)
    if process.returncode < 0:
        raise Unreadable(f"cannot be decoded: ffmpeg crashed ({signal.Signals(-process.returncode).name})")
    if not seconds:
        raise Unreadable(f"is not audio that can be read (libsndfile: {refusal}; ffmpeg: {complaint})")
    torn = [line for line in lines if TORN.search(line)]
    if torn or process.returncode:
        text = _join_last(torn, path) if torn else complaint
        raise Unreadable(f"is damaged or truncated after about {seconds:.1f} s (ffmpeg: {text})")


def _collect_lines(stream: IO[bytes], lines: list[str]) -> None:
    """Keeps the first lines of a stream and the latest one."""
    for line in iter(lambda: stream.readline(4096), b""):
        text = " ".join(line.decode("utf-8", "replace").split())
        if text and len(lines) >= MOST_LINES:
            lines[-1] = text
        elif text:
            lines.append(text)


def _join_last(lines: list[str], path: str) -> str:
    """The last two lines, without the names of ffmpeg's parts and of the file."""
    text = "; ".join(lines[-2:]) or "no samples"
    return re.sub(r"\[[^\]]* @ 0x[0-9a-f]+\] ", "", text).replace(f"file:{path}: ", "").rstrip(".")[:200]


def _read_au(stream: IO[bytes], block: int, notes: tuple[str, ...]) -> Generator[Format | bytes, None, float]:
    """Gives the format and the samples of an AU stream of big-endian float32; returns its length in seconds."""
    head = stream.read(24)
    if len(head) < 24 or head[:4] != b".snd":
        return 0.0
    offset, _, _, rate, channels = struct.unpack(">5I", head[4:])
    stream.read(offset - 24)
    width = 4 * channels
    size = max(1, block // width) * width
    done = 0
    while data := stream.read(size):
        if not done:
            yield Format(rate, channels, "wave", ">f4", notes)
        whole = len(data) // width * width
        yield data[:whole]
        done += whole // width
    return done / rate
