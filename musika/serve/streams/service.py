"""What the server does for each kind of request, without HTTP's own matters."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

from starlette.responses import JSONResponse, Response

from musika import console
from musika.audio import FORMATS
from musika.config import MAX_SEED
from musika.errors import MusikaError
from musika.render import Model, Piece
from musika.render.performer import PerformerModel
from musika.serve.streams import query
from musika.serve.streams.counters import Counters
from musika.serve.streams.description import describe_model, describe_score
from musika.serve.streams.files import FileMaker, read_and_remove
from musika.serve.streams.library import Library
from musika.serve.streams.open_pieces import OpenPieces
from musika.serve.streams.places import Places
from musika.serve.streams.production import Workshop, make_live_encoder
from musika.serve.streams.query import QueryError
from musika.serve.streams.radio import Channel
from musika.serve.streams.response import LiveResponse
from musika.serve.streams.score_json import describe_whole_score
from musika.serve.streams.scores import MAX_UPLOAD, ScoreStore, encode_midi, read_upload
from musika.serve.streams.settings import StreamSettings
from musika.serve.streams.single import play

STREAM_KINDS = ("wav", "flac", "mp3", "ogg", "opus")
RADIO_KINDS = ("mp3", "ogg", "opus")  # a listener can join these in the middle
FILE_KINDS = ("wav", "flac", "mp3", "ogg", "opus")
DRAWN_SEEDS = 2**32
MAX_SCORE_SECONDS = 300.0  # of one request


class NoSuchStream(MusikaError):
    """A kind of stream that there is not."""


class StreamService:
    """One worker's streams, radio and files.

    Args:
        settings: of the server.
        library: its models.
    """

    def __init__(self, settings: StreamSettings, library: Library) -> None:
        self.settings, self.library = settings, library
        self.counters = Counters()
        self._workshop = Workshop(self.counters)
        self._opened = OpenPieces()
        self._files = FileMaker()
        self._store = ScoreStore(settings.get_score_folder())
        self._channels: dict[str, Channel] = {}
        self._streams = Places(settings.max_streams, "streams", self.counters.streams)
        self._listeners = Places(settings.max_listeners, "listeners", self.counters.listeners)
        self._downloads = Places(settings.max_waiting, "files being made or sent", self.counters.files)
        self._scores = Places(settings.max_waiting, "scores being written", self.counters.scores)

    async def stream(self, kind: str, values: Mapping[str, str]) -> Response:
        """A stream for one listener.

        Raises:
            NoSuchStream: of that kind.
            QueryError: a value that cannot be used.
            ServerBusy: there are too many.
        """
        _check_kind(kind, STREAM_KINDS)
        start = query.read_number(values, "start", 0.0, 0.0, query.MAX_START)
        seconds = query.read_number(values, "seconds", 0.0, 0.0, query.MAX_START)
        piece = await self._make_piece(values, ("start", "seconds"))
        rest = piece.find_rest(start)
        if rest is not None and rest <= 0:
            raise QueryError(f"start: the piece lasts {piece.duration:g} seconds")
        seconds = seconds or rest or 0.0
        self._streams.take()
        model = piece.model
        encoder = make_live_encoder(kind, model.sample_rate, describe_stream(piece))
        count = model.count_samples(seconds) if seconds else None
        reader = self._opened.take(piece, model.count_samples(start))
        chunks = play(self._workshop, self._opened, reader, count, encoder)
        return self._answer("stream", kind, chunks, self._streams)

    async def radio(self, kind: str, values: Mapping[str, str]) -> Response:
        """The radio.

        Raises:
            NoSuchStream: of that kind.
            QueryError: a value that cannot be used.
            ServerBusy: there are too many listeners.
        """
        _check_kind(kind, RADIO_KINDS)
        query.check_names(values, ("checkpoint",))
        model = await self._get_model(values)
        name = values.get("checkpoint", self.library.default)
        if name not in self._channels:
            piece = model.piece(self.settings.seed, **model.select_settings(self.settings.options))
            self._channels[name] = Channel(piece, self._workshop, describe_stream(piece))
        self._listeners.take()
        return self._answer("radio", kind, self._channels[name].listen(kind), self._listeners)

    async def render(self, values: Mapping[str, str], has_left: Callable[[], Awaitable[bool]]) -> Response:
        """A file.

        Args:
            values: of the request.
            has_left: whether the client has left.

        Raises:
            QueryError: a value that cannot be used.
            ServerBusy: too many files are being made.
            ClientLeft: nobody waits for it any more.
        """
        kind = query.read_choice(values, "format", "wav", FILE_KINDS)
        start = query.read_number(values, "start", 0.0, 0.0, query.MAX_START)
        longest = self.settings.max_seconds
        piece = await self._make_piece(values, ("start", "seconds", "format"))
        usual = piece.find_rest(start) or query.DEFAULT_SECONDS
        seconds = query.read_number(values, "seconds", min(usual, longest), 0.01, longest)
        self._downloads.take()
        try:
            path = await self._files.make(piece, start, seconds, kind, has_left)
        except BaseException:
            self._downloads.release()
            raise
        self.counters.rendered.inc(seconds)
        name = "".join(c if c.isascii() and c.isprintable() and c not in '"\\' else "_" for c in piece.model.name)
        headers = {
            "content-disposition": f'attachment; filename="{name}-seed-{piece.seed}.{kind}"',
            "content-length": str(path.stat().st_size),
        }
        return self._answer("render", kind, read_and_remove(path), self._downloads, headers)

    async def score(self, values: Mapping[str, str]) -> Response:
        """The notes of a part of a piece, as JSON.

        Raises:
            UsageError: a value that cannot be used, or a model without notes.
            ServerBusy: too many are being written.
        """
        start = query.read_number(values, "start", 0.0, 0.0, query.MAX_START)
        seconds = query.read_number(values, "seconds", query.DEFAULT_SECONDS, 0.01, MAX_SCORE_SECONDS)
        piece = await self._make_piece(values, ("start", "seconds"))
        self._scores.take()
        try:
            score = await asyncio.to_thread(piece.score, start, seconds)  # not in the threads of the streams
        finally:
            self._scores.release()
        return JSONResponse(describe_score(score, start))

    async def describe_settings(self, values: Mapping[str, str]) -> Response:
        """What a piece of a checkpoint can be asked for, as JSON.

        Raises:
            QueryError: there is no such checkpoint.
        """
        query.check_names(values, ("checkpoint",))
        return JSONResponse(describe_model(await self._get_model(values)))

    async def add_score(self, chunks: AsyncIterator[bytes], content_type: str, values: Mapping[str, str]) -> Any:
        """Keeps a score that a client sends, so that requests can name it.

        Args:
            chunks: the body: a MIDI file, or JSON as `score_json` says.
            content_type: of the body.
            values: of the request; a checkpoint says what of the score it does not play.

        Returns:
            Plain JSON values: the score's name, its length in seconds, its notes, and remarks.

        Raises:
            QueryError: the body is too large or of another type.
            ScoreError: it cannot be read.
        """
        query.check_names(values, ("checkpoint",))
        data = bytearray()
        async for chunk in chunks:
            data += chunk
            if len(data) > MAX_UPLOAD:
                raise QueryError(f"the file is larger than {MAX_UPLOAD >> 20} MiB: it is no score")
        score = await asyncio.to_thread(read_upload, bytes(data), content_type)
        name = await asyncio.to_thread(self._store.add, score)
        remarks = list(score.remarks)
        if "checkpoint" in values:
            model = await self._get_model(values)
            remarks = model.list_remarks(score) if isinstance(model, PerformerModel) else remarks
        return {"score": name, **describe_whole_score(score), "remarks": remarks}

    async def get_midi(self, name: str) -> bytes:
        """The MIDI file of a score that was sent.

        Raises:
            QueryError: there is none of that name.
        """
        return await asyncio.to_thread(lambda: encode_midi(self._store.get(name)))

    async def close(self) -> None:
        """Ends everything."""
        for channel in self._channels.values():
            await channel.close()
        self._workshop.close()
        self._files.close()
        self._store.close()

    async def _get_model(self, values: Mapping[str, str]) -> Model:
        name = values.get("checkpoint", self.library.default)
        return await asyncio.to_thread(self.library.get_model, name)

    async def _make_piece(self, values: Mapping[str, str], own: tuple[str, ...]) -> Piece:
        """The piece that a request asks for.

        Args:
            values: of the request.
            own: names that the request has beside those of a piece.

        Raises:
            UsageError: a value that cannot be used.
        """
        model = await self._get_model(values)
        query.check_names(values, ("seed", "checkpoint", "score", *own), model.settings_kind)
        seed = query.read_whole_number(values, "seed", secrets.randbelow(DRAWN_SEEDS), MAX_SEED)
        settings = query.read_settings(values, model.settings_kind)
        if "score" not in values:
            return model.piece(seed, **settings)
        score = await asyncio.to_thread(self._store.get, values["score"])
        return await asyncio.to_thread(lambda: model.play(score, seed, **settings))

    def _answer(
        self,
        route: str,
        kind: str,
        chunks: AsyncGenerator[bytes, None],
        places: Places,
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        dropped = self.counters.dropped.labels(route)
        media_type = FORMATS[f".{kind}"].media_type
        return LiveResponse(_report_failure(chunks), media_type, dropped.inc, places.release, headers)


def describe_stream(piece: Piece) -> dict[str, str]:
    """The tags of a stream."""
    return {"title": f"{piece.model.name} {piece.seed}", "software": "musika"}


def _check_kind(kind: str, kinds: tuple[str, ...]) -> None:
    """Raises NoSuchStream if a stream of this kind is not made."""
    if kind not in kinds:
        raise NoSuchStream(f"there is no stream of kind {kind[:20]!r}: choose one of {', '.join(kinds)}")


async def _report_failure(chunks: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    """The same bytes; a failure is a line on the console, and ends the stream."""
    async with contextlib.aclosing(chunks):
        try:
            async for chunk in chunks:
                yield chunk
        except MusikaError as error:
            console.warn(f"a stream ended: {error}")
        except TimeoutError:
            raise
        except Exception as error:
            console.warn(f"a stream ended by a fault of the program: {type(error).__name__}: {error}")
