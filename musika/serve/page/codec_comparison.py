"""What a codec makes of a recording, compared with it: sounds, pictures and figures; without Gradio."""

from __future__ import annotations

import dataclasses
import math
import threading
from collections import OrderedDict
from collections.abc import Hashable, Iterable, Mapping
from pathlib import Path

import numpy as np

from musika import checkpoint, pictures
from musika.audio.loudness import LoudnessMeter
from musika.checkpoint import locate
from musika.checkpoint.published import musika_folder
from musika.codec.base import Codec
from musika.codec.checkpoint import KIND as STEREO
from musika.codec.load import load_codec
from musika.codec.published.checkpoint import KIND as PUBLISHED
from musika.errors import CheckpointError, MusikaError, UsageError
from musika.metrics.codec import CodecFigures, code_piece, read_excerpt
from musika.metrics.pair.meanings import MEANINGS
from musika.metrics.pair.reconstruction import DIGITS
from musika.serve.messages import name_checkpoint
from musika.serve.page.checkpoints import PLACES, format_name
from musika.serve.page.work import Report, SharedWork, ignore_report

SECONDS = 60.0  # of a recording that are coded
KEPT_CODECS = 2
LARGEST_GAIN = 12.0  # dB, of the switch that makes both equally loud


@dataclasses.dataclass(frozen=True, eq=False)
class CodecComparison:
    """A recording and what a codec makes of it.

    Attributes:
        original: float32 `[N, 2]`.
        decoded: float32 `[N, 2]`, within ±1.
        sample_rate: Hz.
        pictures: spectrograms of both, `[H, W, 3]` uint8.
        rows: title, figure with its unit, and meaning of each metric.
        matched_gain: factor that makes the decoded sound as loud as the original.
        remark: about the codec, one line.
    """

    original: np.ndarray
    decoded: np.ndarray
    sample_rate: int
    pictures: tuple[np.ndarray, np.ndarray]
    rows: list[list[str]]
    matched_gain: float
    remark: str


def find_codecs(first: Path | None = None, places: Iterable[Path] = PLACES) -> dict[str, Path]:
    """Codecs that are installed, by name: checkpoints, runs of trainings and Musika folders; nothing is fetched.

    Args:
        first: a folder that comes first if it holds a codec.
        places: folders that hold others.
    """
    found: dict[str, Path] = {}
    if first is not None and _holds_codec(first):
        found[format_name(first.resolve().name)] = first
    for place in places:
        for path in sorted(place.glob("*")):
            if path.is_dir() and not path.name.startswith(".") and _holds_codec(path):
                found.setdefault(format_name(path.name), path)
    return found


def _holds_codec(path: Path) -> bool:
    """Whether a folder is a codec's, or a run of one. Damaged folders are not."""
    if musika_folder.is_musika_folder(path):
        return musika_folder.holds_codec(path)
    runs = locate.list_checkpoints(path)
    try:
        return checkpoint.read_config(runs[-1] if runs else path)["kind"] in (STEREO, PUBLISHED)
    except (CheckpointError, KeyError):
        return False


class CodecLibrary:
    """Codecs by name, each loaded when somebody asks for it, and again when a training has written a newer one.

    Args:
        folders: by name, as `find_codecs` gives them.
    """

    def __init__(self, folders: Mapping[str, Path]) -> None:
        self.folders = folders
        self._loaded: OrderedDict[Hashable, Codec] = OrderedDict()
        self._lock = threading.Lock()
        self._work: SharedWork[Codec] = SharedWork(self._load)

    def get_codec(self, name: str, report: Report = ignore_report) -> Codec:
        """The codec of a name, loaded and compiled.

        Args:
            report: is called while it is not; what it raises ends the waiting.

        Raises:
            UsageError: there is none.
            CheckpointError: it cannot be loaded.
        """
        if name not in self.folders:
            known = f"choose one of {', '.join(self.folders)}" if self.folders else "none is installed"
            raise UsageError(f"there is no codec {str(name)[:40]!r}: {known}")
        return self._work.get(name, report)

    def _load(self, name: str) -> Codec:
        with name_checkpoint(self.folders[name]):
            folder = locate.resolve_checkpoint(self.folders[name], "codec")
            key = (folder, folder.stat().st_mtime_ns)
            with self._lock:
                if key not in self._loaded:
                    self._loaded[key] = load_codec(folder)
                    compile_codec(self._loaded[key])
                self._loaded.move_to_end(key)
                while len(self._loaded) > KEPT_CODECS:
                    self._loaded.popitem(last=False)
                return self._loaded[key]


def compile_codec(codec: Codec) -> None:
    """Does what a codec does when it is used first, so that nobody waits for it later."""
    codec.reconstruct(np.zeros((codec.block * codec.hop_total, 2), np.float32))
    pictures.draw_spectrogram(np.zeros((codec.sample_rate, 2), np.float32), codec.sample_rate)


def compare_codec(codec: Codec, path: Path, report: Report, seconds: float = SECONDS) -> CodecComparison:
    """Codes the beginning of a recording, and measures and draws both.

    Args:
        path: of an audio file.
        report: is called before each part of the work, several times a second; what it raises ends it.
        seconds: that are coded.

    Raises:
        AudioError: the file cannot be read, or is shorter than half a second.
        MusikaError: the codec gives numbers that are not finite.
    """
    waveform, samples = read_excerpt(path, seconds, codec)
    piece = code_piece(codec, waveform, samples, lambda: report(None))
    if not piece.is_finite:
        raise MusikaError("the codec gives numbers that are not finite: its training has failed, take another")
    original, decoded = piece.original, piece.audible
    report(None)
    images = []
    for waveform in (original, decoded):
        report(None)
        images.append(pictures.draw_spectrogram(waveform, codec.sample_rate))
    figures = CodecFigures(codec, latents=False).add(piece, on_step=lambda: report(None))
    rate = codec.channels * codec.sample_rate / codec.hop_total
    return CodecComparison(
        original,
        decoded,
        codec.sample_rate,
        (images[0], images[1]),
        describe_figures(figures),
        match_loudness(original, decoded, codec.sample_rate),
        f"{rate:.0f} numbers stand for each second, which has {codec.sample_rate * 2} samples.",
    )


def describe_figures(figures: dict[str, float]) -> list[list[str]]:
    """Title, figure with unit, and meaning of each metric; a dash where a figure is not defined."""
    rows = []
    for name, meaning in MEANINGS.items():
        value = figures.get(name, math.nan)
        text = f"{value:.{DIGITS[name]}f} {meaning.unit}".strip() if math.isfinite(value) else "-"
        rows.append([meaning.title, text, meaning.sentence])
    return rows


def match_loudness(original: np.ndarray, decoded: np.ndarray, sample_rate: int) -> float:
    """Factor that makes one waveform as loud as another; 1 where one of them is silent or very short."""
    levels = []
    for waveform in (original, decoded):
        meter = LoudnessMeter(sample_rate)
        meter.add(waveform)
        levels.append(meter.measure())
    difference = levels[0] - levels[1]
    if not math.isfinite(difference):
        return 1.0
    return float(10 ** (min(max(difference, -LARGEST_GAIN), LARGEST_GAIN) / 20))
