"""The interface of every codec, and why coding block by block gives the same result as coding everything at once.

Each latent depends on a finite stretch of the input. `encode_window` and `decode_window` take one fixed shape: `block`
latents with `context` latents on both sides, whose results are thrown away. Waveforms and latents are zero before their
start and after their end. Whole files, streams and seeks run the same windows at the same absolute positions, so they
agree bit for bit, and memory does not grow with length.
"""

from __future__ import annotations

import abc
from collections.abc import Iterable, Iterator

import numpy as np

from musika.errors import LatentsError

AUDIO_CHANNELS = 2


class Codec(abc.ABC):
    """Waveform `[N, 2]` to latents `[T, C]` and back.

    Attributes:
        channels: C, numbers in one latent.
        hop_total: samples in one latent.
        sample_rate: Hz.
        identity: a short hash of what gives the latents their meaning.
        block: latents coded by one window.
        context: latents on either side that a window must see to be exact.
        kind: "stereo" or "musika", for messages; no caller depends on it.
        files_hash: of the files that it was loaded from; "" where it was made in memory.
        stereo_halves: whether the first half of a latent is the left channel alone and the second half the right one,
            so that swapping the halves swaps the channels.
    """

    kind: str = ""
    files_hash: str = ""
    stereo_halves: bool = False

    channels: int
    hop_total: int
    sample_rate: int
    identity: str
    block: int
    context: int

    @property
    def loop_step(self) -> int:
        """Latents that the length of a loop must be a multiple of."""
        return self.block

    @property
    def encoder_context(self) -> int:
        """Latents on either side that encoding alone reaches to, at most `context`."""
        return self.context

    @abc.abstractmethod
    def encode_window(self, waveform: np.ndarray) -> np.ndarray:
        """`[B, (block + 2 context) hop_total, 2]` to `[B, block, C]`."""

    @abc.abstractmethod
    def decode_window(self, latents: np.ndarray) -> np.ndarray:
        """`[B, block + 2 context, C]` to `[B, block hop_total, 2]`."""

    def decode_window_at(self, number: int, latents: np.ndarray, period: int = 0) -> np.ndarray:
        """`decode_window` of the windows `number`, `number` + 1 ... of a sequence.

        Only codecs whose decoder depends on absolute position override it.

        Args:
            number: of the first of these windows; that at the beginning of the sequence is number 0.
            latents: `[B, block + 2 context, C]`.
            period: latents after which the sequence begins again, a multiple of `loop_step`; 0 is never.

        Returns:
            `[B, block hop_total, 2]`.
        """
        return self.decode_window(latents)

    def prepare_decoding(self) -> None:
        """Compiles what decoding one window needs, once; called in a thread while other things load or compute.

        There is nothing to do for a codec that compiles quickly.
        """
        return

    def count_latents(self, samples: int) -> int:
        """The number of latents of a waveform with `samples` samples, rounded up."""
        return -(-samples // self.hop_total)

    def encode(self, waveform: np.ndarray) -> np.ndarray:
        """`[N, 2]` float32 to `[ceil(N / hop_total), C]` float32 in [-1, 1].

        Raises:
            LatentsError: the waveform is not of shape `[N, 2]`, not of floats, or not finite.
        """
        return _join(self.encode_blocks([waveform]), self.channels)

    def decode(self, latents: np.ndarray) -> np.ndarray:
        """`[T, C]` to `[T hop_total, 2]` float32, nominally in [-1, 1]; nothing is clipped.

        Raises:
            LatentsError: the latents are not of shape `[T, C]`, not of floats, or not finite.
        """
        return _join(self.decode_blocks([latents]), AUDIO_CHANNELS)

    def reconstruct(self, waveform: np.ndarray) -> np.ndarray:
        """A waveform `[N, 2]` after encoding and decoding, `[N, 2]`."""
        return self.decode(self.encode(waveform))[: len(waveform)]

    def encode_blocks(self, blocks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """Waveform in pieces `[n, 2]` of any length to latents in pieces `[at most block, C]`."""
        counter = _LengthCounter(blocks, AUDIO_CHANNELS, "waveform")
        done = 0
        for window in _cut_windows(counter, self.hop_total, self.block, self.context, AUDIO_CHANNELS):
            latents = self.encode_window(window[None])[0]
            # the last window's tail lies beyond the end: the length is final once the blocks have run out
            yield latents[: min(self.block, self.count_latents(counter.length) - done)]
            done += self.block

    def decode_blocks(self, blocks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """Latents in pieces `[n, C]` of any length to waveform in pieces `[at most block hop_total, 2]`."""
        counter = _LengthCounter(blocks, self.channels, "latents")
        done = 0
        for window in _cut_windows(counter, 1, self.block, self.context, self.channels):
            waveform = self.decode_window_at(done // self.block, window[None])[0]
            yield waveform[: min(self.block, counter.length - done) * self.hop_total]
            done += self.block


class _LengthCounter:
    """Blocks `[n, channels]` as they come; `length` is the sum of their lengths so far."""

    def __init__(self, blocks: Iterable[np.ndarray], channels: int, what: str) -> None:
        self.blocks, self.channels, self.what = blocks, channels, what
        self.length = 0

    def __iter__(self) -> Iterator[np.ndarray]:
        for block in map(np.asarray, self.blocks):
            if block.dtype.kind != "f" or not np.isfinite(block).all():
                kind = "numbers that are not finite" if block.dtype.kind == "f" else f"values of type {block.dtype}"
                raise LatentsError(f"{self.what} with {kind}: this codec takes finite floats")
            if block.ndim != 2 or block.shape[1] != self.channels:
                found = f"{self.what} of shape {list(block.shape)}"
                raise LatentsError(f"{found}: this codec takes [length, {self.channels}]")
            self.length += len(block)
            yield block


def _join(blocks: Iterable[np.ndarray], channels: int) -> np.ndarray:
    return np.concatenate([np.zeros((0, channels), np.float32), *blocks])


def _cut_windows(
    blocks: Iterable[np.ndarray], unit: int, block: int, context: int, channels: int
) -> Iterator[np.ndarray]:
    """Cuts a sequence that comes in pieces into overlapping windows of (block + 2 context) units, zeros outside.

    Window w covers units [w block - context, (w + 1) block + context). There are as many windows as have units of the
    sequence in their block.

    Args:
        blocks: `[n, channels]` each.
        unit: rows of a block in one unit.
        block: units in a window without its context.
        context: units on either side.
        channels: numbers in a row.
    """
    size, step = (block + 2 * context) * unit, block * unit
    pending = np.zeros((context * unit, channels), np.float32)  # what the next window begins with
    remaining = 0  # samples of the sequence that are here and in the block of no window yet
    for piece in blocks:
        pending = np.concatenate([pending, np.asarray(piece, np.float32)])
        remaining += len(piece)
        while len(pending) >= size:
            yield pending[:size]
            pending, remaining = pending[step:], remaining - step
    while remaining > 0:
        yield np.concatenate([pending[:size], np.zeros((max(0, size - len(pending)), channels), np.float32)])
        pending, remaining = pending[step:], remaining - step
