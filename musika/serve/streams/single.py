"""A stream for one listener: a piece from any second on, as fast as it is heard."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

from musika.audio import LiveEncoder
from musika.serve.streams.open_pieces import OpenPieces, PieceReader
from musika.serve.streams.production import PART, Workshop

AHEAD = 10.0  # seconds of music that are sent before they are heard


async def play(
    workshop: Workshop, opened: OpenPieces, reader: PieceReader, count: int | None, encoder: LiveEncoder
) -> AsyncGenerator[bytes, None]:
    """Encodes a piece for one listener.

    The first `AHEAD` seconds come as fast as they are made, everything after that at the speed of the music. A listener
    who reads slowly slows it further.

    Args:
        opened: gets the reader back when the last of `count` samples was sent.
        reader: of the piece.
        count: samples; None is without end.
        encoder: closed at the end.
    """
    rate = reader.piece.model.sample_rate
    parts = reader.read_parts(round(PART * rate), count)
    clock = asyncio.get_running_loop().time
    begun, made = clock(), 0.0
    try:
        while (part := await workshop.make_part(parts, rate)) is not None:
            if data := encoder.encode(part):
                yield data
            made += len(part) / rate
            lead = made - (clock() - begun)
            if lead > AHEAD:
                await asyncio.sleep(lead - AHEAD)
        opened.keep(reader)
        yield encoder.finish()
    finally:
        encoder.close()
