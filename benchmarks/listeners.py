"""Listeners of one radio channel, some of whom stop reading: does the music of the others ever stop?

`musika serve` runs as its own process. Listeners connect over HTTP. The stalled ones never read. The others read as
fast as data comes, and the longest time without any is measured for each: a player has 4 s in hand, so a longer pause
would be heard. Also: processor time of the server, and the time until the first byte of sound.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from benchmarks import yardstick
from musika.errors import MusikaError
from tools.common import command

HEARD = 4.0  # seconds that a listener has in hand (`musika.serve.streams.radio.BURST`)
SMALL_BUFFER = 4096  # bytes that the system holds for a stalled listener
SPARE_FILES = 200


class Listener:
    """Reads a radio and remembers the longest time without data."""

    def __init__(self) -> None:
        self.asked = time.monotonic()
        self.first: float | None = None  # seconds until the first data
        self.longest = 0.0  # seconds without data, after that
        self.ended = False

    async def listen(self, port: int, until: float) -> None:
        """Reads until a time of the clock."""
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /radio.mp3 HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await reader.readuntil(b"\r\n\r\n")
        last = self.asked
        while (now := time.monotonic()) < until:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(until - now):
                    if not await reader.read(1 << 16):
                        self.ended = True
                        break
                    now = time.monotonic()
                    if self.first is None:
                        self.first = now - self.asked
                    else:
                        self.longest = max(self.longest, now - last)
                    last = now
        writer.close()


def stall(port: int) -> socket.socket:
    """A listener that asks for the radio and never reads."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER)
    client.connect(("127.0.0.1", port))
    client.sendall(b"GET /radio.mp3 HTTP/1.1\r\nHost: localhost\r\n\r\n")
    return client


async def listen_together(port: int, count: int, stalled: int, seconds: float) -> list[Listener]:
    """So many listeners at once, beside those that are stalled."""
    clients = [stall(port) for _ in range(stalled)]
    until = time.monotonic() + seconds
    listeners = [Listener() for _ in range(count)]
    await asyncio.gather(*(listener.listen(port, until) for listener in listeners))
    for client in clients:
        client.close()
    return listeners


@contextlib.contextmanager
def run_server(words: list[str], port: int) -> Iterator[subprocess.Popen[bytes]]:
    """`musika serve`, ready.

    Raises:
        MusikaError: it does not start.
    """
    server = subprocess.Popen([sys.executable, "-m", "musika", "serve", "--port", str(port), *words])
    try:
        end = time.monotonic() + 120
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            if server.poll() is not None or time.monotonic() > end:
                raise MusikaError("the server did not start")
            time.sleep(0.2)
        yield server
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait()


def read_processor_time(process: int) -> float:
    """Seconds of processor time that a process has taken."""
    fields = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def read_dropped(port: int) -> int:
    """Listeners of the radio that the server has dropped."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer:
        text = answer.read().decode()
    found = re.search(r'^musika_dropped_total\{route="radio"\} (\d+)', text, re.MULTILINE)
    return int(found[1]) if found else 0


def raise_file_limit(count: int) -> None:
    """Lets this process have so many connections.

    Raises:
        MusikaError: the system does not.
    """
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < count:
        raise MusikaError(f"this system allows {hard} open files, and {count} are needed")
    resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))


def find_free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def main() -> int:
    parser = yardstick.make_parser("benchmarks.listeners", __doc__)
    parser.add_argument("--load_path", default="checkpoints/open", metavar="FOLDER", help="checkpoint to play")
    whole = command.parse_number(int, 1)
    parser.add_argument("--listeners", type=whole, default=1000, metavar="N", help="how many, stalled ones included")
    parser.add_argument("--stalled", type=command.parse_number(int, 0), default=100, metavar="N", help="how many")
    parser.add_argument("--seconds", type=command.parse_number(float, 1), default=60.0, metavar="X", help="how long")
    options = parser.parse_args()
    raise_file_limit(options.listeners + SPARE_FILES)
    port = find_free_port()
    words = ["--load_path", options.load_path, "--max_listeners", str(options.listeners)]
    with run_server(words, port) as server:
        before = read_processor_time(server.pid)
        heard = options.listeners - options.stalled
        found = asyncio.run(listen_together(port, heard, options.stalled, options.seconds))
        spent = read_processor_time(server.pid) - before
        dropped = read_dropped(port)
    started = sorted(listener.first for listener in found if listener.first is not None)
    row = {
        "listeners": options.listeners,
        "stalled": options.stalled,
        "never heard anything": heard - len(started),
        "dropped as too slow": dropped,
        "ended": sum(listener.ended for listener in found),
        "with a gap": sum(listener.longest > HEARD for listener in found),
        "longest pause, s": max(listener.longest for listener in found),
        "first sound, s (median)": started[len(started) // 2] if started else float("nan"),
        "cores of the server": spent / options.seconds,
    }
    yardstick.report("listeners of one channel", [row], yardstick.measure(), options.json)
    return 0


if __name__ == "__main__":
    command.run(main)
