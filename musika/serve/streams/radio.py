"""Radio: one piece that all listeners hear together, rendered once, whatever their number.

What is on the air is a function of the clock: sample n of the piece is played n samples after `EPOCH`. So every worker
and every server with the same piece and the same clock plays the same thing, without knowing of the others.

A channel runs while it has listeners. It keeps the last seconds of what it sent, and a new listener gets a few of them
at once. All listeners read the same parts. One who falls behind what is kept is dropped, as Icecast does, and costs the
others nothing.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable, Mapping

import numpy as np

from musika.audio import LiveEncoder
from musika.render import Piece
from musika.serve.streams.production import PART, Workshop, cut_parts, make_live_encoder

EPOCH = 1_767_225_600  # 2026-01-01 00:00 UTC: second 0 of every radio piece
BURST = 4.0  # seconds that a new listener gets at once
KEPT = 30.0  # seconds of music that are kept for slow listeners
LINGER = 5.0  # seconds that a channel goes on without listeners
LATE = 8.0  # seconds behind the clock after which music is left out, or before it where the clock was put back
CYCLE = 100 * 365 * 86_400  # seconds after which the radio begins again; a clock before `EPOCH` is in an earlier cycle


class TooSlow(TimeoutError):
    """A listener has fallen behind what is kept."""


class Output:
    """A channel in one format.

    Attributes:
        listeners: how many there are.

    Args:
        encoder: of the format.
    """

    def __init__(self, encoder: LiveEncoder) -> None:
        self.encoder = encoder
        self.listeners = 0
        self._parts: deque[bytes] = deque(maxlen=round(KEPT / PART))
        self._end = 0  # number of the part that comes next
        self._more = asyncio.Event()
        self._failure: Exception | None = None

    def publish(self, data: bytes) -> None:
        """Gives all listeners the next part."""
        self._parts.append(data)
        self._end += 1
        self._wake()

    def fail(self, error: Exception) -> None:
        """Ends the streams of all listeners with an error."""
        self._failure = error
        self._wake()

    async def listen(self) -> AsyncGenerator[bytes, None]:
        """What a new listener gets, from a few seconds ago on.

        Raises:
            TooSlow: the listener has fallen behind.
            Exception: that of `fail`.
        """
        number = max(self._end - round(BURST / PART), self._end - len(self._parts))
        head = self.encoder.header if number else b""  # the first part has it
        while True:
            if self._failure is not None:
                raise self._failure
            if number == self._end:
                await self._more.wait()
                continue
            oldest = self._end - len(self._parts)
            if number < oldest:
                raise TooSlow
            data = head + b"".join(self._parts[k - oldest] for k in range(number, self._end))
            head, number = b"", self._end
            if data:
                yield data

    def _wake(self) -> None:
        more, self._more = self._more, asyncio.Event()
        more.set()


class Channel:
    """A radio channel.

    Args:
        piece: that is played.
        workshop: renders it.
        tags: of the streams.
        now: the clock, seconds since 1970.
    """

    def __init__(
        self, piece: Piece, workshop: Workshop, tags: Mapping[str, str], now: Callable[[], float] = time.time
    ) -> None:
        self._piece, self._workshop, self._tags, self._now = piece, workshop, tags, now
        self._rate = piece.model.sample_rate
        self._outputs: dict[str, Output] = {}
        self._past: deque[np.ndarray] = deque(maxlen=round(BURST / PART))
        self._task: asyncio.Task[None] | None = None

    async def listen(self, kind: str) -> AsyncGenerator[bytes, None]:
        """What one listener gets, until the listener leaves.

        Args:
            kind: of stream: "mp3", "ogg" ...

        Raises:
            TooSlow: the listener has fallen behind.
            MusikaError: the piece cannot be rendered.
        """
        output = self._outputs.get(kind) or self._open_output(kind)
        output.listeners += 1
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())
        try:
            async for data in output.listen():
                yield data
        finally:
            output.listeners -= 1

    async def close(self) -> None:
        """Ends the channel."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def _open_output(self, kind: str) -> Output:
        """A format that nobody hears yet; it begins with what the channel played last."""
        output = self._outputs[kind] = Output(make_live_encoder(kind, self._rate, self._tags))
        for part in self._past:
            output.publish(output.encoder.encode(part))
        return output

    async def _run(self) -> None:
        """Plays until nobody has listened for a while."""
        self._workshop.counters.channels.inc()
        try:
            await self._play()
        except Exception as error:  # whatever it is, listeners must not wait for ever
            for output in self._outputs.values():
                output.fail(error)
        finally:
            for output in self._outputs.values():
                output.encoder.close()
            self._outputs.clear()
            self._past.clear()
            self._workshop.counters.channels.dec()

    async def _play(self) -> None:
        position = max(0, self._find_position() - round(BURST * self._rate))
        parts = cut_parts(self._piece, position)
        idle = 0.0
        while idle < LINGER:
            part = await self._workshop.make_part(parts, self._rate)
            assert part is not None, "a piece has no end"
            position += len(part)
            await self._publish(part)
            heard = any(output.listeners for output in self._outputs.values())
            idle = 0.0 if heard else idle + len(part) / self._rate
            lead = (position - self._find_position()) / self._rate
            if abs(lead) > LATE:
                position = self._find_position()
                parts = cut_parts(self._piece, position)
                self._workshop.counters.jumps.inc()
            elif lead > 0:
                await asyncio.sleep(lead)

    async def _publish(self, part: np.ndarray) -> None:
        """Encodes a part in each format that has listeners, and gives it to them."""
        self._past.append(part)  # first, so that a format that is opened meanwhile has this part from there
        for kind in [kind for kind, output in self._outputs.items() if not output.listeners]:
            self._outputs.pop(kind).encoder.close()
        outputs = list(self._outputs.values())
        encoded = await self._workshop.run(lambda: [output.encoder.encode(part) for output in outputs])
        for output, data in zip(outputs, encoded, strict=True):
            output.publish(data)

    def _find_position(self) -> int:
        """The sample that is on the air now."""
        return round((self._now() - EPOCH) % CYCLE * self._rate)
