"""What a codec preserves of real pieces, what its latents are like, and how robust its decoder is.

figures = CodecFigures(codec)
for path in paths:
    waveform, samples = read_excerpt(path, 60.0, codec)
    figures.add(code_piece(codec, waveform, samples))
print(figures.average()["log_mel"])
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Collection, Iterable
from pathlib import Path

import numpy as np

from musika import audio
from musika.codec.base import AUDIO_CHANNELS, Codec
from musika.metrics.latents import robustness
from musika.metrics.latents.cycle_consistency import CycleConsistency
from musika.metrics.latents.statistics import LatentStatistics, StatisticsSum
from musika.metrics.notes import note_onsets
from musika.metrics.notes.transcriber import Network
from musika.metrics.pair import clicks, reconstruction
from musika.metrics.pair.reconstruction import do_nothing
from musika.score import Notes

MIN_SECONDS = 0.5  # that a file must have
LOGGED_STATISTICS = ("mean_deviation", "saturation", "largest_saturation", "autocorrelation_1")


@dataclasses.dataclass(frozen=True)
class CodedPiece:
    """A piece and what a codec makes of it.

    Attributes:
        original: `[N, 2]`.
        latents: `[T, C]`, T = ceil(N / hop).
        decoded: `[M, 2]` with M >= N, not clipped; what lies beyond N is context.
        encoding_seconds: time that encoding took.
        decoding_seconds: time that decoding took.
        coded_samples: samples that were encoded and decoded in that time.
    """

    original: np.ndarray
    latents: np.ndarray
    decoded: np.ndarray
    encoding_seconds: float = 0.0
    decoding_seconds: float = 0.0
    coded_samples: int = 0

    @property
    def audible(self) -> np.ndarray:
        """The decoded piece as it is written to a file: `[N, 2]`, clipped to ±1."""
        return np.clip(self.decoded[: len(self.original)], -1, 1)

    @property
    def clipped_share(self) -> float:
        """The share of decoded samples beyond full scale."""
        return float(np.mean(np.abs(self.decoded[: len(self.original)]) > 1))

    @property
    def is_finite(self) -> bool:
        """Whether the codec gave finite numbers."""
        return bool(np.isfinite(self.decoded).all() and np.isfinite(self.latents).all())


def read_excerpt(path: Path, seconds: float, codec: Codec) -> tuple[np.ndarray, int]:
    """The first seconds of a file with the context after them: a waveform `[N, 2]`, and how many samples count.

    Raises:
        AudioError: it cannot be read, or is shorter than half a second.
    """
    wanted = round(seconds * codec.sample_rate)
    latents_wanted = -(-codec.count_latents(wanted) // codec.block) * codec.block + 2 * codec.context
    pending: list[np.ndarray] = []
    length = 0
    blocks = audio.read_blocks(path, sample_rate=codec.sample_rate)
    for block in blocks:
        pending.append(block)
        length += len(block)
        if length >= latents_wanted * codec.hop_total:
            break
    blocks.close()  # type: ignore[attr-defined]
    if length < MIN_SECONDS * codec.sample_rate:
        raise audio.FileError(path, f"has {length / codec.sample_rate:.2f} s of sound, {MIN_SECONDS} s are needed")
    waveform = np.concatenate(pending)[: latents_wanted * codec.hop_total]
    return waveform, min(wanted, len(waveform))


def code_piece(
    codec: Codec, waveform: np.ndarray, samples: int | None = None, on_step: Callable[[], object] = do_nothing
) -> CodedPiece:
    """Encodes and decodes a waveform `[N, 2]`.

    Args:
        samples: the first ones that count; None is all.
        on_step: is called after each block; what it raises ends the work.
    """
    samples = len(waveform) if samples is None else samples
    start = time.perf_counter()
    latents = _join(codec.encode_blocks([waveform]), codec.channels, on_step)
    middle = time.perf_counter()
    decoded = _join(codec.decode_blocks([latents]), AUDIO_CHANNELS, on_step)
    end = time.perf_counter()
    return CodedPiece(
        waveform[:samples],
        latents[: codec.count_latents(samples)],
        decoded,
        encoding_seconds=middle - start,
        decoding_seconds=end - middle,
        coded_samples=len(waveform),
    )


def _join(blocks: Iterable[np.ndarray], channels: int, on_step: Callable[[], object]) -> np.ndarray:
    """All blocks, `[N, channels]`."""
    done = [np.zeros((0, channels), np.float32)]
    for block in blocks:
        done.append(block)
        on_step()
    return np.concatenate(done)


class CodecFigures:
    """The figures of a codec over pieces that are added one by one; of each piece, only numbers are kept.

    Attributes:
        pieces: the figures of each piece so far (`pair/reconstruction.py`).
    """

    def __init__(
        self,
        codec: Codec,
        latents: bool = True,
        changes: Collection[str] | None = None,
        seed: int = 0,
        transcriber: Network | None = None,
    ) -> None:
        """Begins without pieces.

        Args:
            codec: the codec of all pieces.
            latents: whether to measure latents and robustness, too.
            changes: of latents, to measure robustness with (`latents/robustness.py`); None for all.
            seed: seed of the noise.
            transcriber: hears notes, of pieces that come with a score (`notes/transcriber.py`).
        """
        self.codec, self.seed, self.changes, self.transcriber = codec, seed, changes, transcriber
        self.pieces: list[dict[str, float]] = []
        self._with_latents = latents
        self._seconds = self._encoding_seconds = self._decoding_seconds = 0.0
        self._clicks: list[dict[str, np.ndarray]] = []  # energy ratios of each piece
        self._robustness: list[dict[str, float]] = []
        self._statistics = StatisticsSum(codec.channels)
        self._cycle = CycleConsistency(codec.channels, codec.context)

    def add(
        self, piece: CodedPiece, notes: Notes | None = None, on_step: Callable[[], object] = do_nothing
    ) -> dict[str, float]:
        """Adds a piece and returns its figures; they are NaN, and its latents do not count, if it is not finite.

        Args:
            notes: its score, where there is one; a transcriber then hears the original and the decoded piece.
            on_step: is called after each metric of the pair; what it raises ends the work, and nothing is added.
        """
        codec, audible = self.codec, piece.audible
        ratios = clicks.compute_ratios(piece.original, audible, codec.block * codec.hop_total)
        if not piece.is_finite:
            ratios = {name: values[:0] for name, values in ratios.items()}
        figures = reconstruction.evaluate(piece.original, audible, codec.sample_rate, on_step)
        figures |= clicks.evaluate([ratios])
        if self.transcriber is not None and notes is not None and piece.is_finite:
            original = note_onsets.evaluate(self.transcriber, notes, piece.original, codec.sample_rate)
            figures |= note_onsets.evaluate(self.transcriber, notes, audible, codec.sample_rate)
            figures["original_note_f1"] = original["note_f1"]
        if self._with_latents and piece.is_finite:
            recoded = codec.encode(np.clip(piece.decoded, -1, 1))[: len(piece.latents)]
            self._cycle.add(piece.latents, recoded)
            self._statistics.add(piece.latents)
            number = len(self.pieces)
            self._robustness.append(
                robustness.evaluate(codec, piece.original, piece.latents, self.seed, number, self.changes)
            )
        self.pieces.append(figures)
        self._clicks.append(ratios)
        self._seconds += piece.coded_samples / codec.sample_rate
        self._encoding_seconds += piece.encoding_seconds
        self._decoding_seconds += piece.decoding_seconds
        return figures

    def average(self) -> dict[str, float]:
        """The mean of each figure over the pieces where it is defined; the borders of all pieces count alike."""
        return reconstruction.average_figures(self.pieces) | clicks.evaluate(self._clicks)

    def measure_speed(self) -> dict[str, float]:
        """Seconds of audio that were encoded and decoded in a second of time."""
        return {
            "encode_seconds_per_second": self._seconds / max(self._encoding_seconds, 1e-9),
            "decode_seconds_per_second": self._seconds / max(self._decoding_seconds, 1e-9),
        }

    def describe_latents(self) -> LatentStatistics | None:
        """Statistics of all latents; None if there are none."""
        return self._statistics.compute() if self._statistics.count else None

    def measure_cycle(self) -> dict[str, float]:
        """Cycle consistency over all latents (`latents/cycle_consistency.py`)."""
        return self._cycle.compute()

    def average_robustness(self) -> dict[str, float]:
        """`CHANGE/to_clean` and `CHANGE/to_original`, averaged over the pieces; {} if all were too short."""
        return reconstruction.average_figures([figures for figures in self._robustness if figures])

    def summarize(self) -> dict[str, float]:
        """All figures in one dictionary for a log, without those that are not defined; of latents as `latent_...`."""
        figures = self.average() | self.average_robustness()
        statistics = self.describe_latents()
        if statistics is not None:
            overall = statistics.summarize()
            of_latents = {name: overall[name] for name in LOGGED_STATISTICS} | self.measure_cycle()
            figures |= {f"latent_{name}": value for name, value in of_latents.items()}
        return {name: value for name, value in figures.items() if np.isfinite(value)}
