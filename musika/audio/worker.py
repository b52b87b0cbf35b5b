"""Decodes one audio file to raw samples, as a process of its own: a hostile file harms nothing but this.

Run by its path, so it imports nothing of the house: the standard library and soundfile alone, to be up at once.

Standard input: one line of JSON with `path`, `memory` (bytes of address space) and `block` (bytes of samples in one
message); it stays open as long as somebody wants the samples. Standard output: messages, each a letter, four bytes of
length (little-endian), and that many bytes:

    H  JSON: rate (Hz), channels, order ("wave" or "vorbis", how channels are sorted), dtype ("<f4" or ">f4")
    S  samples, interleaved
    E  JSON: error (null, or what is wrong with the file); the last message

A process that ends without E has crashed.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import struct
import subprocess
import sys
import threading
from typing import IO, Any

UNKNOWN = 1 << 62  # frames: libsndfile's way of saying that it does not know yet
STREAMED = 0x7FFF_F000  # bytes: what programs that write wav into a pipe promise
MP3_FRAME = 1152  # samples in one frame of an mp3
MP3_SLACK = 8192  # frames that an mp3 may hold less than its header says: encoders count differently
# the containers that ffmpeg may open: no playlists, so no file can make it open another one
DEMUXERS = (
    "aac,ac3,aiff,amr,ape,asf,au,avi,caf,dsf,dts,eac3,flac,flv,gsm,iff,m4v,matroska,mp3,mov,mpc,mpc8,mpeg,mpegts,ogg,"
    "oma,rm,shn,tak,truehd,tta,voc,w64,wav,webm,wv,xwma"
)
TORN = re.compile(
    r"partial file|ended prematurely|packet corrupt|corrupt input packet|packet size too small", re.IGNORECASE
)


class Unreadable(Exception):
    """What is wrong with the file, as the end of a sentence that begins with its name."""


class NotForLibsndfile(Exception):
    """libsndfile does not know the format: ffmpeg may."""


def main() -> None:
    """Reads one request and answers it."""
    request = json.loads(sys.stdin.buffer.readline())
    _leave_with_parent()
    _limit(request["memory"])
    error = None
    try:
        try:
            _by_libsndfile(request["path"], request["block"])
        except NotForLibsndfile as reason:
            _by_ffmpeg(request["path"], request["block"], str(reason))
    except Unreadable as reason:
        error = str(reason)
    except MemoryError:
        error = "needs more memory than a decoder may take"
    except OSError as reason:
        error = f"cannot be read: {reason.strerror or reason}"
    _send(b"E", json.dumps({"error": error}).encode("ascii"))


def _leave_with_parent() -> None:
    """Ends this process and what it started as soon as standard input closes: nobody waits any more."""

    def wait() -> None:
        os.read(0, 1)
        if os.getpgrp() == os.getpid():
            os.killpg(0, signal.SIGKILL)
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def _limit(memory: int) -> None:
    """Caps the address space and forbids core dumps, for this process and for ffmpeg, where the system can."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))


def _send(kind: bytes, payload: Any) -> None:
    out = sys.stdout.buffer
    out.write(kind + struct.pack("<I", len(payload)))
    out.write(payload)
    out.flush()


def _send_header(rate: int, channels: int, order: str, dtype: str) -> None:
    _send(b"H", json.dumps({"rate": rate, "channels": channels, "order": order, "dtype": dtype}).encode("ascii"))


# ------------------------------------------------------------------------------------------------ libsndfile


def _by_libsndfile(path: str, block: int) -> None:
    """Sends what libsndfile reads.

    Raises:
        NotForLibsndfile: before anything was sent.
        Unreadable: damaged or truncated.
    """
    try:
        import soundfile  # type: ignore[import-untyped]
    except (ImportError, OSError) as reason:
        raise NotForLibsndfile(f"soundfile is not installed: {reason}") from None

    class Forward(soundfile.SoundFile):
        """A file that is read from front to back: soundfile seeks after each read of a seekable one, which fails at
        the end of flac files of unstated length and in Opus files of more than two channels."""

        def seekable(self) -> bool:
            return False

    feed = None
    try:
        sound = Forward(os.open(path, os.O_RDONLY))  # a descriptor has no extension that libsndfile could believe in
        if sound.format == "MP3" and not _first_frame_counts(path):
            sound.close()
            feed = Feed(path)  # libsndfile would guess the length of a file and stop there; of a pipe it does not
            sound = Forward(feed.descriptor)
    except soundfile.LibsndfileError as reason:
        raise NotForLibsndfile(_plain(reason.error_string)) from None
    with sound:
        _check_chunks(sound.extra_info)
        order = "vorbis" if sound.format == "OGG" and sound.subtype in ("VORBIS", "OPUS") else "wave"
        _send_header(sound.samplerate, sound.channels, order, "<f4" if sys.byteorder == "little" else ">f4")
        width = 4 * sound.channels
        # what a failing read has read is lost, so an uncounted mp3 is read frame by frame
        buffer = bytearray((MP3_FRAME if feed is not None else max(1, block // width)) * width)
        done = 0
        try:
            while count := sound.buffer_read_into(buffer, dtype="float32"):
                _send(b"S", memoryview(buffer)[: count * width])
                done += count
        except soundfile.LibsndfileError as reason:
            if feed is None or not feed.finished:  # otherwise it is what old programs leave behind an mp3's last frame
                after = f"after {done / sound.samplerate:.1f} s ({_plain(reason.error_string)})"
                raise Unreadable(f"is damaged or truncated {after}") from None
        slack = MP3_SLACK if sound.format == "MP3" else 0
        if feed is None and done + slack < sound.frames < UNKNOWN:
            raise Unreadable(_truncated(sound.frames / sound.samplerate, done / sound.samplerate))
    if order == "vorbis":
        _check_last_page(path)


def _plain(text: str) -> str:
    """libsndfile's words without its "Error : " and full stop."""
    return text.strip().removeprefix("Error : ").rstrip(".")


def _truncated(promised: float, held: float) -> str:
    return f"is truncated: its header promises {promised:.1f} s and it holds {held:.1f} s"


def _check_chunks(log: str) -> None:
    """Compares the size that a wav or aiff header gives the samples with what is there, by libsndfile's own log."""
    for name, promised, held in re.findall(r"^\s*(data|SSND)\s*:\s*(\d+) \(should be (\d+)\)", log, re.MULTILINE):
        if int(held) + 1 < int(promised) < STREAMED:
            raise Unreadable(f"is truncated: its {name} chunk promises {promised} bytes and holds {held}")


def _check_last_page(path: str) -> None:
    """Whether the last page of an Ogg file is whole. Ending between two pages is not seen."""
    with open(path, "rb") as file:
        file.seek(max(0, os.fstat(file.fileno()).st_size - 70_000))  # a page has at most 65 307 bytes
        tail = file.read()
    start = tail.rfind(b"OggS")
    while start >= 0 and tail[start + 4 : start + 5] not in (b"\0", b""):
        start = tail.rfind(b"OggS", 0, start)  # four letters by chance inside a page
    if start < 0:
        return
    page = tail[start:]
    segments = page[26] if len(page) > 26 else 255
    if len(page) < 27 + segments or len(page) < 27 + segments + sum(page[27 : 27 + segments]):
        raise Unreadable("is truncated: its last page is not complete")


def _first_frame_counts(path: str) -> bool:
    """Whether the first frame of an mp3 file says how many there are."""
    with open(path, "rb") as file:
        head = file.read(10)
        if head[:3] == b"ID3" and len(head) == 10:
            file.seek(10 + sum((byte & 0x7F) << shift for byte, shift in zip(head[6:], (21, 14, 7, 0), strict=True)))
        start = file.read(4096)
    return any(tag in start for tag in (b"Xing", b"Info", b"VBRI"))


class Feed:
    """A file as a pipe: `descriptor` gives the same bytes but cannot seek; `finished` when all have been put in."""

    def __init__(self, path: str) -> None:
        self.descriptor, self._writing = os.pipe()
        self.finished = False
        threading.Thread(target=self._run, args=(path,), daemon=True).start()

    def _run(self, path: str) -> None:
        with contextlib.suppress(OSError), open(path, "rb") as source, os.fdopen(self._writing, "wb") as sink:
            shutil.copyfileobj(source, sink, 1 << 14)
        self.finished = True


# ---------------------------------------------------------------------------------------------------- ffmpeg


def _by_ffmpeg(path: str, block: int, refusal: str) -> None:
    """Sends what ffmpeg reads of the first audio stream.

    Args:
        path: the file.
        block: bytes in one message.
        refusal: what libsndfile said, for the message when ffmpeg cannot read it either.

    Raises:
        Unreadable: damaged, truncated, without an audio stream, or not audio.
    """
    program = shutil.which("ffmpeg")
    if program is None:
        raise Unreadable(f"is not audio for libsndfile ({refusal}), and ffmpeg, which reads more, is not installed")
    options = ["-nostdin", "-hide_banner", "-v", "warning", "-threads", "1", "-protocol_whitelist", "file"]
    options += ["-format_whitelist", DEMUXERS, "-i", f"file:{path}", "-map", "0:a:0", "-vn", "-sn", "-dn"]
    options += ["-map_metadata", "-1", "-c:a", "pcm_f32be", "-f", "au", "-"]
    with subprocess.Popen(
        [program, *options], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        said: list[str] = []
        listener = threading.Thread(target=_listen, args=(process.stderr, said), daemon=True)
        listener.start()
        done, rate = _forward_au(process.stdout, block)
        process.wait()
        listener.join()
    if any("matches no streams" in line or "does not contain any stream" in line for line in said):
        raise Unreadable("has no audio stream")
    complaint = _last_words(said, path)
    if process.returncode < 0:
        raise Unreadable(f"crashed ffmpeg (signal {-process.returncode})")
    if not done:
        raise Unreadable(f"is not audio for libsndfile ({refusal}) nor for ffmpeg ({complaint})")
    torn = [line for line in said if TORN.search(line)]
    if torn or process.returncode:
        text = _last_words(torn, path) if torn else complaint
        raise Unreadable(f"is damaged or truncated after about {done / rate:.1f} s (ffmpeg: {text})")


def _listen(stream: IO[bytes], said: list[str]) -> None:
    """Keeps the first hundred lines that are said and the latest one."""
    for line in iter(lambda: stream.readline(4096), b""):
        text = " ".join(line.decode("utf-8", "replace").split())
        if text and len(said) >= 100:
            said[-1] = text
        elif text:
            said.append(text)


def _last_words(said: list[str], path: str) -> str:
    """The last two lines, without the names of ffmpeg's parts and of the file."""
    text = "; ".join(said[-2:]) or "no samples"
    return re.sub(r"\[[^\]]* @ 0x[0-9a-f]+\] ", "", text).replace(f"file:{path}: ", "").rstrip(".")[:200]


def _forward_au(stream: IO[bytes], block: int) -> tuple[int, int]:
    """Sends an .au stream of big-endian float32 on as messages; returns frames and rate."""
    head = stream.read(24)
    if len(head) < 24 or head[:4] != b".snd":
        return 0, 1
    offset, _, _, rate, channels = struct.unpack(">5I", head[4:])
    stream.read(offset - 24)
    width = 4 * channels
    size = max(1, block // width) * width
    done = 0
    while data := stream.read(size):
        whole = len(data) // width * width
        if not done:
            _send_header(rate, channels, "wave", ">f4")
        _send(b"S", data[:whole])
        done += whole // width
    return done, rate


if __name__ == "__main__":
    main()
