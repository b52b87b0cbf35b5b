"""`evaluate --codec`: what a codec preserves of real pieces, what its latents are like, how fast it is."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from musika import audio, console, pictures
from musika.cli import evaluate_output as output
from musika.cli.flags import EvaluateOptions
from musika.codec.base import Codec
from musika.errors import AudioError, ScoreError, UsageError
from musika.files import format_path
from musika.metrics.codec import CodecFigures, CodedPiece, code_piece, read_excerpt
from musika.metrics.latents import robustness
from musika.metrics.latents.statistics import LAGS, LatentStatistics
from musika.metrics.notes.transcriber import load_network
from musika.metrics.pair import reconstruction
from musika.metrics.speed import measure_matrix_product
from musika.score import Notes, find_midi, read_score

FIGURES = "evaluation.json"
COLUMNS = {  # figure: heading of the table
    "log_mel": "log_mel",
    "log_spectral": "spectral dB",
    "band_bias": "bias dB",
    "level": "level dB",
    "loudness_error": "loud LU",
    "si_sdr": "SI-SDR dB",
    "correlation_error": "correl",
    "width_error": "width",
    "onset_f1": "onsets",
    "false_onsets": "false/s",
    "missed_onsets": "missed/s",
    "flatness_ratio": "flatness",
    "tuning_error": "cents",
    "phase_drift": "turns",
    "clicks": "clicks dB",
    "clicks_inside": "inside",
    "clicks_original": "original",
}
NOTE_COLUMNS = {
    "note_f1": "note F1",
    "note_precision": "precision",
    "note_recall": "recall",
    "original_note_f1": "of original",
}


def evaluate_folder(options: EvaluateOptions, load: Callable[[], Codec]) -> int:
    """Measures a codec on every file; returns 0, or 1 if some could not be measured.

    Raises:
        MusikaError: no such folder, no audio in it, a codec that cannot be loaded, a target that cannot be written to.
    """
    paths = audio.find_files(options.files_path)
    output.make_folder(options.save_path)
    base = options.files_path if options.files_path.is_dir() else options.files_path.parent
    scores = _find_scores(options, paths, base)
    transcriber = load_network() if scores else None
    codec = load()
    codec.decode(codec.encode(np.zeros((codec.hop_total, 2), np.float32)))  # compiles
    figures = CodecFigures(codec, options.latents, seed=options.seed, transcriber=transcriber)

    def measure(path: Path) -> dict[str, Any]:
        notes = read_score(scores[path]).notes if path in scores else None
        piece = code_piece(codec, *read_excerpt(path, options.seconds, codec))
        return _measure(options, path.relative_to(base), piece, notes, figures)

    entries, failed = output.measure_files(paths, measure, (AudioError, ScoreError))
    if entries:
        _report(options, figures, entries, failed)
    output.print_failures(failed, len(paths))
    return 1 if failed else 0


def _find_scores(options: EvaluateOptions, paths: list[Path], base: Path) -> dict[Path, Path]:
    """The MIDI file of each audio file that has one: the same path below --midi_path, but for the extension.

    Raises:
        UsageError: no audio file has one.
    """
    if options.midi_path is None:
        return {}
    folder = options.midi_path if options.midi_path.is_dir() else options.midi_path.parent
    by_name = {path.relative_to(folder).with_suffix(""): path for path in find_midi(options.midi_path)}
    names = {path: path.relative_to(base).with_suffix("") for path in paths}
    scores = {path: by_name[name] for path, name in names.items() if name in by_name}
    if not scores:
        raise UsageError(
            f"no MIDI file in {format_path(options.midi_path)} has the name of an audio file, such as "
            f"{format_path(next(iter(names.values())))}.mid"
        )
    if len(scores) < len(paths):
        console.say(f"{len(scores)} of {len(paths)} audio files have a MIDI file")
    return scores


def _measure(
    options: EvaluateOptions, name: Path, piece: CodedPiece, notes: Notes | None, figures: CodecFigures
) -> dict[str, Any]:
    """Measures a piece, saves its picture and returns its entry in the JSON file."""
    codec = figures.codec
    entry: dict[str, Any] = {"file": format_path(name), "seconds": len(piece.original) / codec.sample_rate}
    entry |= figures.add(piece, notes)
    entry["clipped"] = piece.clipped_share
    if not piece.is_finite:
        console.warn(f"{format_path(name)}: the codec gives numbers that are not finite")
    if options.pictures:
        image = pictures.draw_comparison(piece.original, np.nan_to_num(piece.audible), codec.sample_rate)
        try:
            output.save(options.save_path / name.parent / f"{name.name}.png", pictures.encode_png(image))
        except UsageError as error:  # such as a name that is too long with four letters more
            console.warn(f"no picture of {format_path(name)}: {error}")
    return entry


def _report(options: EvaluateOptions, figures: CodecFigures, entries: list[dict[str, Any]], failed: list[str]) -> None:
    """Prints tables and saves the JSON file."""
    codec, mean = figures.codec, figures.average()
    rows = [(entry["file"], entry) for entry in entries] + [(f"mean of {len(entries)}", mean)]
    columns = COLUMNS | (NOTE_COLUMNS if "note_f1" in mean else {})
    digits, none = reconstruction.DIGITS | dict.fromkeys(NOTE_COLUMNS, 3), math.nan
    cells = [[name, *(output.format_number(row.get(f, none), digits[f]) for f in columns)] for name, row in rows]
    output.print_table(["file", *columns.values()], cells)
    rate = codec.channels * codec.sample_rate / codec.hop_total
    speed = {**figures.measure_speed(), "yardstick_gflops": measure_matrix_product()}
    content: dict[str, Any] = {
        "codec": {"folder": format_path(options.codec or ""), "kind": codec.kind, "identity": codec.identity},
        "numbers_per_second": rate,
        "kbit_per_second": {f"{bits}_bits": rate * bits / 1000 for bits in (32, 16, *robustness.BITS)},
        "speed": speed,
        "mean": mean,
        "files": entries,
        "left_out": failed,
    }
    if (statistics := figures.describe_latents()) is not None:
        cycle = figures.measure_cycle()
        _print_latents(statistics, cycle)
        content["latents"] = _describe_latents(statistics) | cycle
        content["robustness"] = _report_robustness(figures.average_robustness())
    console.say(
        f"{rate:.0f} numbers a second ({rate * 32 / 1000:.1f} kbit/s as float32, {rate * 8 / 1000:.1f} at 8 bits); "
        f"encodes {speed['encode_seconds_per_second']:.0f} and decodes {speed['decode_seconds_per_second']:.0f} s of "
        f"audio a second, on a machine with {speed['yardstick_gflops']:.0f} GFLOP/s in a matrix product"
    )
    output.save(options.save_path / FIGURES, content)
    console.say(f"figures{' and pictures' if options.pictures else ''} are in {format_path(options.save_path)}")


def _print_latents(statistics: LatentStatistics, cycle: dict[str, float]) -> None:
    overall = statistics.summarize()
    lags = ", ".join(f"{lag}: {output.format_number(overall[f'autocorrelation_{lag}'], 2)}" for lag in LAGS)
    console.say(
        f"latents: standard deviation {overall['mean_deviation']:.2f} ({overall['smallest_deviation']:.2f} to "
        f"{overall['largest_deviation']:.2f}), means within ±{overall['largest_mean']:.2f}, "
        f"{overall['saturation']:.2%} beyond ±0.99; autocorrelation at lag {lags}"
    )
    if cycle:
        console.say(
            f"cycle consistency: decoded and encoded again, latents change by {cycle['cycle_error']:.1%} of their "
            f"standard deviation; the constant part of it is {cycle['cycle_shift']:.1%}"
        )


def _describe_latents(statistics: LatentStatistics) -> dict[str, Any]:
    """The figures of latents for JSON, those of each number as lists."""
    each = {
        "mean": statistics.mean,
        "deviation": statistics.deviation,
        "saturation": statistics.saturation,
        **{f"autocorrelation_{lag}": row for lag, row in zip(LAGS, statistics.autocorrelation, strict=True)},
    }
    return {"count": statistics.count, **statistics.summarize(), "each": each}


def _report_robustness(figures: dict[str, float]) -> dict[str, Any]:
    """Prints how much worse changed latents decode, and returns it for JSON."""
    changes = dict.fromkeys(name.split("/")[0] for name in figures)
    if not changes:
        console.say("robustness: the pieces are too short to change their latents")
        return {}
    by_change = {
        change: {other: figures.get(f"{change}/to_{other}", math.nan) for other in ("clean", "original")}
        for change in changes
    }
    console.say("robustness: log_mel after latents were changed, to what unchanged latents give and to the original:")
    rows = [[name.replace("_", " "), *map(output.format_number, by_change[name].values())] for name in changes]
    output.print_table(["change", "to clean", "to original"], rows)
    return by_change
