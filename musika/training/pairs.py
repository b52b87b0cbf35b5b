"""Recordings and their scores: latents to train on, each with the MIDI file of what it plays.

A recording and its score have the same name: `latents/hall/waltz.flac.npy` belongs to `midi/hall/waltz.mid`, or to
`midi/waltz.mid`. Recordings in one direct sub-folder of the latents have one style: the same instrument in the same
room. Latents may be whole or in chunks, which the index of the folder tells. MIDI files may also lie in the folder of
the latents. A `manifest.json` beside the MIDI files may say how loud each recording is for its notes, as
`tools.data.render_pairs` writes it.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from musika.config import SAMPLE_RATE
from musika.errors import LatentsError, ScoreError
from musika.files import format_path, list_files
from musika.latents import (
    Index,
    LatentsFile,
    check_identity,
    find_common_identity,
    find_indexes,
    find_latents,
    open_latents,
)
from musika.latents.windows import measure_latents
from musika.score import Notes, Score, find_midi, read_score
from musika.score.midi import EXTENSIONS
from musika.tracks import Track, make_tracks, read_levels

NO_STYLE = "plain"  # of latents that are in no sub-folder
DEFAULT_SECONDS = 4096 / SAMPLE_RATE  # in a latent
MOST_REASONS = 10  # that are shown
CHUNK = re.compile(r"_\d{4,}$")  # end of the name of a chunk


@dataclasses.dataclass(frozen=True, eq=False)
class Pair:
    """A file of latents and the score that it plays.

    Attributes:
        latents: the file.
        midi: the MIDI file.
        first: number of its first latent within the recording.
        score: of the whole recording.
        tracks: of the score.
        style: name of its style.
    """

    latents: LatentsFile
    midi: Path
    first: int
    score: Score
    tracks: tuple[Track, ...]
    style: str


@dataclasses.dataclass(frozen=True, eq=False)
class PairSet:
    """Pairs to crop examples from (`performer_batches.Pairs`).

    Attributes:
        pairs: at least one.
        codec_identity: of the codec that encoded them; "" where it is not known.
        seconds_per_latent: length of a latent.
        style_names: of the styles that training tells apart.
        warnings: lines that a person should see.
    """

    pairs: tuple[Pair, ...]
    codec_identity: str
    seconds_per_latent: float
    style_names: tuple[str, ...]
    warnings: tuple[str, ...]

    @property
    def channels(self) -> int:
        """C."""
        return self.pairs[0].latents.channels

    @property
    def lengths(self) -> list[int]:
        """Latents in each file."""
        return [pair.latents.length for pair in self.pairs]

    @property
    def styles(self) -> list[int]:
        """Number of each file's style; 0 where its name is none of `style_names`."""
        return [self.style_names.index(p.style) if p.style in self.style_names else 0 for p in self.pairs]

    def crop(self, file_index: int, offset: int, length: int) -> np.ndarray:
        """Latents offset ... offset + length of a file, `[length, C]` float32."""
        return self.pairs[file_index].latents.read_rows(offset, length)

    def compute_tracks(self, file_index: int, offset: int, length: int) -> list[np.ndarray]:
        """The tracks of the same latents, each `[length, K]` float32; `offset` may lie outside the file."""
        pair = self.pairs[file_index]
        return [track.compute(pair.first + offset, length) for track in pair.tracks]

    def get_absent_values(self) -> list[np.ndarray]:
        """What each track says where it is left out, each `[K]` float32."""
        return [track.absent for track in self.pairs[0].tracks]

    def get_notes(self, file_index: int, offset: int, length: int) -> Notes:
        """Notes that begin in latents offset ... offset + length, in seconds from the first of them."""
        pair = self.pairs[file_index]
        start = (pair.first + offset) * self.seconds_per_latent
        return pair.score.slice(start, start + length * self.seconds_per_latent).shift(-start).notes

    def select(self, chosen: Sequence[int]) -> PairSet:
        """Some of the pairs, by their numbers; the styles stay those of all."""
        return dataclasses.replace(self, pairs=tuple(self.pairs[number] for number in chosen))

    def select_long(self, length: int) -> PairSet:
        """The pairs that have that many latents.

        Raises:
            LatentsError: there are none.
        """
        chosen = [number for number, own in enumerate(self.lengths) if own >= length]
        if not chosen:
            raise LatentsError(f"no file has the {length} latents of an example: choose shorter examples")
        return self.select(chosen)


@dataclasses.dataclass(frozen=True)
class MidiFile:
    """A MIDI file, and how loud the recording is for its notes, dB; None where that is not known."""

    path: Path
    level: float | None


class PairReader:
    """Opens folders of latents whose scores are in one folder of MIDI files, each of which is read once.

    Args:
        midi_path: folder of MIDI files; None looks in the folders of the latents alone.
        track_names: what to compute of the scores.
        channels: C that is expected, where known.
        codec_identity: the codec that is expected, where known.

    Raises:
        ScoreError: there are no MIDI files.
    """

    def __init__(
        self, midi_path: Path | None, track_names: Sequence[str], channels: int | None = None, codec_identity: str = ""
    ) -> None:
        self.track_names, self.channels, self.codec_identity = track_names, channels, codec_identity
        self.midi: dict[str, MidiFile] = {} if midi_path is None else list_midi(midi_path)
        self.scores: dict[Path, Score | str] = {}  # or why it cannot be read
        self.tracks: dict[MidiFile, tuple[Track, ...]] = {}

    def open_folder(self, folder: Path, least: int) -> PairSet:
        """All latents of a folder that have a score, checked so that training can begin.

        Args:
            least: latents that a file must have; shorter ones are left out.

        Raises:
            LatentsError: there are no latents, latents of another codec, or none that has a score.
        """
        paths, indexes = find_latents(folder), find_indexes(folder)
        identity = find_common_identity(indexes)
        check_identity(folder, identity, self.codec_identity)
        seconds_per_latent = _read_seconds_per_latent(indexes)
        firsts = _list_first_latents(indexes)
        midi_files = self.midi | (list_midi(folder) if _holds_midi(folder) else {})
        pairs, missing, failed, short = [], [], {}, 0
        for path in paths:
            latents = open_latents(path, self.channels)
            relative = path.relative_to(folder) if folder.is_dir() else Path(path.name)
            midi = next((midi_files[name] for name in list_names(relative) if name in midi_files), None)
            if latents.length < least:
                short += 1
            elif midi is None:
                missing.append(relative)
            elif isinstance(score := self._read_score(midi.path), str):
                failed[midi.path] = score
            else:
                tracks = self._make_tracks(midi, score, seconds_per_latent)
                style = relative.parts[0] if len(relative.parts) > 1 else NO_STYLE
                pairs.append(Pair(latents, midi.path, firsts.get(path.resolve(), 0), score, tracks, style))
        if not pairs:
            raise LatentsError(
                f"none of the {len(paths)} files of latents in {format_path(folder)} has {least} latents and a MIDI "
                "file of its name",
                about="midi",
            )
        _, warnings = measure_latents([pair.latents for pair in pairs], pairs[0].latents.channels)
        names = tuple(sorted({pair.style for pair in pairs}))
        left_out = _describe_left_out(short, missing, list(failed.values()))
        return PairSet(tuple(pairs), identity, seconds_per_latent, names, (*warnings, *left_out))

    def _read_score(self, midi: Path) -> Score | str:
        """The score, or why it cannot be read."""
        if midi not in self.scores:
            try:
                self.scores[midi] = read_score(midi)
            except ScoreError as error:
                self.scores[midi] = str(error)
        return self.scores[midi]

    def _make_tracks(self, midi: MidiFile, score: Score, seconds_per_latent: float) -> tuple[Track, ...]:
        if midi not in self.tracks:
            self.tracks[midi] = make_tracks(self.track_names, score, seconds_per_latent, midi.level)
        return self.tracks[midi]


def _describe_left_out(short: int, missing: Sequence[Path], failed: Sequence[str]) -> list[str]:
    """What was left out, a line for each reason."""
    lines = [f"left out: {reason}" for reason in failed[:MOST_REASONS]]
    if len(failed) > MOST_REASONS:
        lines.append(f"and {len(failed) - MOST_REASONS} more MIDI files that cannot be read")
    if missing:
        lines.append(f"left out: {len(missing)} files of latents without a MIDI file, such as {missing[0]}")
    if short:
        lines.append(f"left out: {short} files of latents that are shorter than an example")
    return lines


def _read_seconds_per_latent(indexes: Mapping[Path, Index]) -> float:
    """Length of a latent, as the index says; that of our codec where there is none."""
    settings = next((index.settings for index in indexes.values()), None)
    return DEFAULT_SECONDS if settings is None else settings.hop_total / settings.sample_rate


def list_midi(folder: Path) -> dict[str, MidiFile]:
    """The MIDI files of a folder by their names without ending, relative to the folder.

    Raises:
        ScoreError: there are none, or their manifest cannot be read.
    """
    levels = read_levels(folder)
    found = {}
    for path in find_midi(folder):
        name = (path.relative_to(folder) if folder.is_dir() else Path(path.name)).with_suffix("").as_posix()
        found[name] = MidiFile(path, levels.get(name))
    return found


def _holds_midi(folder: Path) -> bool:
    return folder.is_dir() and any(path.suffix.lower() in EXTENSIONS for path in list_files(folder))


def list_names(latents: Path) -> list[str]:
    """Names, without their ending, that the MIDI file of latents may have, the most exact first.

    `hall/waltz.flac_0001.npy` may belong to `hall/waltz.flac`, `hall/waltz`, `waltz.flac` or `waltz`.
    """
    name = CHUNK.sub("", latents.name.removesuffix(".npy"))
    names = dict.fromkeys((name, Path(name).stem if Path(name).suffix else name))
    folders = [latents.parts[:-1][n:] for n in range(len(latents.parts))]
    return ["/".join((*parents, name)) for parents in folders for name in names]


def _list_first_latents(indexes: Mapping[Path, Index]) -> dict[Path, int]:
    """Number within its recording of the first latent of each file that an index names."""
    firsts = {}
    for place, index in indexes.items():
        size = index.settings.max_lat_len
        for source in index.sources:
            for number, name in enumerate(source.files):
                # the last chunk ends where the recording does
                first = 0 if index.settings.whole else max(0, min(number * size, source.latents - size))
                firsts[(place / name).resolve()] = first
    return firsts
