"""`evaluate --codec`: what a codec keeps of real pieces, what its latents are like, how fast it is."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from musika import audio, console, pictures
from musika.cli import evaluate_report as report
from musika.cli.flags import EvaluateOptions
from musika.codec.base import Codec
from musika.errors import AudioError, UsageError
from musika.files import format_path
from musika.metrics.latents import latent_statistics, robustness
from musika.metrics.latents.cycle import Cycle
from musika.metrics.pair import borders, reconstruction

SHORTEST = 0.5  # seconds that a file must have
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
    "flatness_ratio": "flatness",
    "tuning_error": "cents",
    "clicks": "clicks dB",
    "clicks_inside": "inside",
    "clicks_original": "before",
}
YARDSTICK = 2048  # rows of the matrices whose product says how fast the machine is


@dataclasses.dataclass
class Measured:
    """What was found so far: an entry of the JSON a file, and sums."""

    statistics: latent_statistics.Statistics
    cycle: Cycle
    files: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    figures: list[dict[str, float]] = dataclasses.field(default_factory=list)
    clicks: list[dict[str, np.ndarray]] = dataclasses.field(default_factory=list)  # ratios of each piece
    curves: list[dict[str, float]] = dataclasses.field(default_factory=list)
    refused: list[str] = dataclasses.field(default_factory=list)
    audio_seconds: float = 0.0
    encoding: float = 0.0  # seconds
    decoding: float = 0.0


def evaluate_folder(options: EvaluateOptions, load: Callable[[], Codec]) -> int:
    """Measures a codec on every file; returns 0, or 1 when some were left out.

    Raises:
        MusikaError: no such folder, no audio in it, a codec that cannot be loaded, a target that cannot be written.
    """
    paths = audio.find(options.files_path)
    report.make_folder(options.save_path)
    base = options.files_path if options.files_path.is_dir() else options.files_path.parent
    codec = load()
    codec.decode(codec.encode(np.zeros((codec.hop_total, 2), np.float32)))  # compiles
    found = Measured(latent_statistics.Statistics(codec.channels), Cycle(codec.channels, codec.context))
    with console.progress(len(paths), "files", "evaluate") as bar:
        for path in paths:
            bar.status(format_path(path.name))
            try:
                original, ahead = _read(path, options.seconds, codec)
                _measure(options, codec, path.relative_to(base), original, ahead, found)
            except AudioError as error:
                found.refused.append(str(error))
            bar.advance()
    if found.files:
        _finish(options, codec, found)
    report.failures(found.refused, len(paths))
    return 1 if found.refused else 0


def _read(path: Path, seconds: float, codec: Codec) -> tuple[np.ndarray, int]:
    """A file from its beginning, and how many of its samples count: what follows is context for the last ones.

    Raises:
        AudioError: it cannot be read, or is too short.
    """
    wanted = round(seconds * codec.sample_rate)
    latents_wanted = -(-codec.latents_of(wanted) // codec.block) * codec.block + 2 * codec.context
    held: list[np.ndarray] = []
    length = 0
    blocks = audio.blocks(path, sample_rate=codec.sample_rate)
    for block in blocks:
        held.append(block)
        length += len(block)
        if length >= latents_wanted * codec.hop_total:
            break
    blocks.close()  # type: ignore[attr-defined]
    if length < SHORTEST * codec.sample_rate:
        raise audio.FileError(path, f"has {length / codec.sample_rate:.2f} s of sound, {SHORTEST} s are needed")
    waveform = np.concatenate(held)[: latents_wanted * codec.hop_total]
    return waveform, min(wanted, len(waveform))


def _measure(
    options: EvaluateOptions,
    codec: Codec,
    name: Path,
    waveform: np.ndarray,
    samples: int,
    found: Measured,
) -> None:
    """Measures one piece `[N, 2]`, of which the first `samples` count, and writes its picture."""
    begun = time.perf_counter()
    encoded = codec.encode(waveform)
    between = time.perf_counter()
    decoded = codec.decode(encoded)
    found.encoding += between - begun
    found.decoding += time.perf_counter() - between
    found.audio_seconds += len(waveform) / codec.sample_rate
    raw = decoded[:samples]
    original, heard = waveform[: len(raw)], np.clip(raw, -1, 1)  # as it is written to a file
    clicks = borders.ratios(original, heard, codec.block * codec.hop_total)
    figures = reconstruction.evaluate(original, heard, codec.sample_rate)
    figures |= {figure: borders.decibels(each) for figure, each in clicks.items()}
    count = codec.latents_of(len(raw))
    entry: dict[str, Any] = {"file": format_path(name), "seconds": len(raw) / codec.sample_rate, **figures}
    entry["clipped"] = float(np.mean(np.abs(raw) > 1))
    if not np.isfinite(raw).all():
        console.warn(f"{format_path(name)}: the codec gives numbers that are not finite")
    elif options.latents:
        found.statistics.add(encoded[:count])
        found.cycle.add(encoded[:count], codec.encode(np.clip(decoded, -1, 1))[:count])
        found.curves.append(robustness.evaluate(codec, original, encoded[:count], options.seed, len(found.files)))
    found.files.append(entry)
    found.figures.append(figures)
    found.clicks.append(clicks)
    if options.pictures:
        image = pictures.comparison(original, np.nan_to_num(heard), codec.sample_rate)
        try:
            report.save(options.save_path / name.parent / f"{name.name}.png", pictures.png(image))
        except UsageError as error:  # a name that is too long with four letters more
            console.warn(f"no picture of {format_path(name)}: {error}")


def _finish(options: EvaluateOptions, codec: Codec, found: Measured) -> None:
    """Means, tables, JSON."""
    total = reconstruction.mean(found.figures)
    for name in found.clicks[0]:  # borders of all pieces count alike
        total[name] = borders.decibels(np.concatenate([each[name] for each in found.clicks]))
    shown_names = list(COLUMNS)
    rows = [(entry["file"], entry) for entry in found.files] + [(f"mean of {len(found.files)}", total)]
    cells = [[name, *(report.number(r[f], reconstruction.DIGITS[f]) for f in shown_names)] for name, r in rows]
    report.table(["file", *(COLUMNS[f] for f in shown_names)], cells)
    rate = codec.channels * codec.sample_rate / codec.hop_total
    speed = {
        "encode_seconds_per_second": found.audio_seconds / max(found.encoding, 1e-9),
        "decode_seconds_per_second": found.audio_seconds / max(found.decoding, 1e-9),
        "yardstick_gflops": _yardstick(),
    }
    content: dict[str, Any] = {
        "codec": {"folder": format_path(options.codec or ""), "kind": codec.kind, "identity": codec.identity},
        "numbers_per_second": rate,
        "kbit_per_second": {f"{bits}_bits": rate * bits / 1000 for bits in (32, 16, *robustness.BITS)},
        "speed": speed,
        "mean": total,
        "files": found.files,
        "left_out": found.refused,
    }
    if found.statistics.count:
        content["latents"] = _latents(found.statistics.result()) | _cycle(found.cycle.result())
        content["robustness"] = _robustness(found.curves)
    console.say(
        f"{rate:.0f} numbers a second ({rate * 32 / 1000:.1f} kbit/s as float32, {rate * 8 / 1000:.1f} at 8 bits); "
        f"encodes {speed['encode_seconds_per_second']:.0f} and decodes {speed['decode_seconds_per_second']:.0f} s of "
        f"audio a second, yardstick {speed['yardstick_gflops']:.0f} GFLOP/s"
    )
    report.save(options.save_path / FIGURES, content)
    console.say(f"figures{' and pictures' if options.pictures else ''} are in {format_path(options.save_path)}")


def _latents(found: latent_statistics.Latents) -> dict[str, Any]:
    """Prints what latents are like and returns it for JSON, each number's figures as lists."""
    overall = latent_statistics.evaluate(found)
    lags = ", ".join(f"{lag}: {report.number(overall[f'autocorrelation_{lag}'], 2)}" for lag in latent_statistics.LAGS)
    console.say(
        f"latents: deviation {overall['mean_deviation']:.2f} ({overall['smallest_deviation']:.2f} to "
        f"{overall['largest_deviation']:.2f}), mean within ±{overall['largest_mean']:.2f}, "
        f"{overall['saturation']:.2%} beyond 0.99; autocorrelation at lag {lags}"
    )
    each = {
        "mean": found.mean,
        "deviation": found.deviation,
        "saturation": found.saturation,
        **{
            f"autocorrelation_{lag}": row
            for lag, row in zip(latent_statistics.LAGS, found.autocorrelation, strict=True)
        },
    }
    return {"count": found.count, **overall, "each": each}


def _cycle(found: dict[str, float]) -> dict[str, float]:
    """Prints how decoding and encoding again changes latents, and returns it for JSON."""
    if found:
        console.say(
            f"decoded and encoded again they change by {found['cycle_error']:.1%} of their deviation, "
            f"of which {found['cycle_shift']:.1%} are always the same"
        )
    return found


def _robustness(curves: list[dict[str, float]]) -> dict[str, Any]:
    """Prints log-mel distances after changes of the latents and returns their means for JSON."""
    overall = reconstruction.mean([curve for curve in curves if curve])
    changes = dict.fromkeys(name.split("/")[0] for name in overall)
    if not changes:
        console.say("pieces are too short to change latents and decode them")
        return {}
    rows = [
        [
            change.replace("_", " "),
            *(report.number(overall.get(f"{change}/to_{other}")) for other in ("clean", "original")),
        ]
        for change in changes
    ]
    console.say("decoding changed latents, log_mel:")
    report.table(["change", "to clean", "to original"], rows)
    return {c: {to: overall.get(f"{c}/to_{to}") for to in ("clean", "original")} for c in changes}


def _yardstick() -> float:
    """GFLOP/s of a float32 matrix product on the backend, best of five: speeds of other machines compare by it."""
    from keras import ops

    from musika import backend

    matrix = backend.to_device(np.ones((YARDSTICK, YARDSTICK), np.float32))
    spent = []
    for _ in range(5):
        begun = time.perf_counter()
        backend.to_numpy(ops.matmul(matrix, matrix)[:1])
        spent.append(time.perf_counter() - begun)
    return 2 * YARDSTICK**3 / min(spent) / 1e9
