"""Decodes one audio file to raw samples, as a process of its own: a hostile file harms nothing but this process.

Run by its path. Standard input: one line of JSON with `path`, `memory` (bytes of address space) and `block` (bytes of
samples in one message); it stays open as long as somebody wants the samples. Standard output: messages (messages.py).
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import threading
from pathlib import Path


def main() -> None:
    """Reads one request and answers it."""
    request = json.loads(sys.stdin.buffer.readline())
    _leave_with_parent()
    _limit_memory(request["memory"])
    sys.path.insert(0, str(Path(__file__).parents[2]))  # this file was started by its path
    from musika.audio import decode, messages
    from musika.audio.layout import Unreadable

    out, error = sys.stdout.buffer, None
    try:
        for item in decode.decode(request["path"], request["block"]):
            if isinstance(item, messages.Format):
                messages.send_format(out, item)
            else:
                messages.send(out, b"S", item)
    except Unreadable as reason:
        error = str(reason)
    except MemoryError:
        error = f"cannot be decoded: it needs more than {request['memory'] >> 20} MiB of memory"
    except OSError as reason:
        error = f"cannot be read: {reason.strerror or reason}"
    messages.send_end(out, error)


def _leave_with_parent() -> None:
    """Ends this process and what it started as soon as standard input closes: nobody waits any more."""

    def wait() -> None:
        os.read(0, 1)
        if os.getpgrp() == os.getpid():
            os.killpg(0, signal.SIGKILL)
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def _limit_memory(memory: int) -> None:
    """Caps the address space and forbids core dumps, for this process and for ffmpeg, where the system can."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))


if __name__ == "__main__":
    main()
