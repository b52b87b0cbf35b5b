"""Write the captions of a checkpoint: facts about excerpts of the music that it learned from, in words and numbers.

The file `captions.json` in the checkpoint's folder lets `--prompt` and `--like_audio` choose a style, and settings that
a prompt leaves open. For a performer, --pairs names folders of rendered music with scores (.flac and .mid), --latents
the folder of their latents, whose sub-folders are the styles, and --midi_path the scores as they were written, with
their beats. One excerpt of 30 seconds of each pair is described. A generator without notes makes --count pieces, each
in a style of its own, and what is heard in them is described. Facts that another piece in the same style does not share
are left out. The same command writes the same file.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

import musika
from musika import console, files
from musika.config.musical.levels import DYNAMICS
from musika.errors import UsageError
from musika.listening import description
from musika.listening.beats import HOP
from musika.listening.chroma import compute_chroma, find_key
from musika.listening.recording import RATE, Recording
from musika.render import Model
from musika.render.generator import GeneratorModel
from musika.score import read_score
from musika.words import captions, wording
from tools.common import command
from tools.data.caption_facts import Sources, describe_excerpt

DIRECTIONS = 24  # in which descriptions of latents are compared
SECONDS = 12.0  # of a generator's piece
LEAST_SHARED = 0.2  # correlation of a fact of two pieces in one style below which it is left out
TEMPO = 100.0  # beats a minute that the notes a beat of a generator's piece are counted with


def listen(waveform: np.ndarray, rate: int) -> Recording:
    """A waveform `[N, 2]` as `musika.listening` takes it."""
    import librosa

    return Recording(librosa.resample(waveform.mean(axis=1), orig_sr=rate, target_sr=RATE, res_type="soxr_hq"))


def describe_pairs(model: Any, options: Any) -> Iterator[tuple[dict[str, Any], np.ndarray]]:
    """The facts and the latents of one excerpt of each pair of a performer."""
    import soundfile

    sources = Sources(options.midi_path)
    styles = list(model.style_names)
    latents = {path.name.removesuffix(".flac.npy"): path for path in sorted(options.latents.rglob("*.flac.npy"))}
    paths = sorted(path for folder in options.pairs for path in folder.rglob("*.flac"))
    rate = model.sample_rate
    with console.progress(len(paths), "files", "captions") as bar:
        for path in paths:
            bar.advance(1)
            source, stored = sources.find(path.stem), latents.get(path.stem)
            style = next((name for name in styles if name in path.parts), None)
            if source is None or stored is None or style is None:
                continue
            name = f"{path.parent.name}/{path.stem}"
            excerpt = describe_excerpt(source, read_score(path.with_suffix(".mid")), zlib.crc32(name.encode()) / 2**32)
            if excerpt is None:
                continue
            edges = round(excerpt.start * rate), round(excerpt.stop * rate)
            waveform, _ = soundfile.read(path, start=edges[0], stop=edges[1], dtype="float32", always_2d=True)
            first, last = (round(second / model.seconds_per_latent) for second in (excerpt.start, excerpt.stop))
            brightness = description.measure_brightness_level(listen(waveform, rate))
            facts = excerpt.facts | {"brightness": round(brightness, 2), "style": styles.index(style) + 1}
            yield facts, np.load(stored)[first:last]


def describe_styles(model: GeneratorModel, count: int) -> Iterator[tuple[dict[str, Any], np.ndarray]]:
    """The facts and latents of pieces in the styles 0 to `count` - 1 of a generator, two of each style, in turn."""
    length = round(SECONDS * model.sample_rate / model.codec.hop_total)
    with console.progress(2 * count, "pieces", "captions") as bar:
        for style in range(count):
            for seed in (style, count + style):
                piece = model.piece(seed, style_seed=style)
                sound = listen(piece.render(0.0, SECONDS), model.sample_rate)
                source, step = model.make_latents(piece), model.config.half_window
                latents = np.concatenate([source.get_span(k, k + step) for k in range(0, length, step)])
                yield describe_sound(sound) | {"style": style}, latents
                bar.advance(1)


def describe_sound(sound: Recording) -> dict[str, Any]:
    """What is heard in a piece without notes."""
    import librosa

    onsets = librosa.onset.onset_detect(y=sound.samples, sr=RATE, hop_length=HOP, units="time")
    mark, key = description.measure_dynamics(sound), find_key(compute_chroma(sound))
    return {
        "key": "" if key is None else str(key),
        "density": round(description.get_density(len(onsets) / sound.seconds * 60.0 / TEMPO), 2),
        "dynamics": round(DYNAMICS[mark], 2) if mark else None,
        "brightness": round(description.measure_brightness_level(sound), 2),
    }


def join_pieces(rows: list[tuple[dict[str, Any], np.ndarray]]) -> list[tuple[dict[str, Any], np.ndarray]]:
    """One row of each style, of two: means of the facts in which both are alike, relative to other styles."""
    first, second = rows[0::2], rows[1::2]
    joined = [({"style": a["style"]}, np.concatenate([x, y])) for (a, x), (_, y) in zip(first, second, strict=True)]
    for name in ("density", "dynamics", "brightness"):
        columns = np.array([[np.nan if r[name] is None else r[name] for r, _ in part] for part in (first, second)])
        known = np.isfinite(columns).all(axis=0)
        shared = float(np.corrcoef(columns[:, known])[0, 1])
        console.say(f"{name}: correlation {shared:.2f} between two pieces in one style")
        if shared >= LEAST_SHARED:
            for row, value, is_known in zip(joined, columns.mean(axis=0), known, strict=True):
                row[0].update({name: round(float(value), 2)} if is_known else {})
    modes = [[r["key"].rpartition(" ")[2] for r, _ in part] for part in (first, second)]
    console.say(f"mode: the same in {np.mean([a == b for a, b in zip(*modes, strict=True)]):.0%} of the styles")
    return joined


def word_captions(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The facts with a text, in the order in which the file has them."""
    table = np.array([[captions.get_level(facts, scale) for scale in captions.SCALES] for facts in rows])
    is_known = np.isfinite(table)
    usual = {
        scale: (float(table[known, place].mean()), float(table[known, place].std()))
        for place, (scale, known) in enumerate(zip(captions.SCALES, is_known.T, strict=True))
        if known.any()
    }
    worded = []
    for number, (facts, levels) in enumerate(zip(rows, table, strict=True)):
        known = {
            scale: float(level) for scale, level in zip(captions.SCALES, levels, strict=True) if np.isfinite(level)
        }
        key, metre, instruments = facts.get("key", ""), facts.get("metre", ""), facts.get("instruments", ())
        text = wording.describe_facts(known, usual, key, metre, instruments, turn=number)
        worded.append({"text": text, **facts})
    return worded


def describe_latents(parts: list[np.ndarray]) -> dict[str, Any]:
    """Directions in which descriptions of latents differ most, relative to their spread, and each one's place."""
    table = np.stack([captions.describe_latents(part) for part in parts])
    mean = table.mean(axis=0)
    _, sizes, basis = np.linalg.svd(table - mean, full_matrices=False)
    count = min(DIRECTIONS, int((sizes > 1e-6 * sizes[0]).sum()))
    basis = basis[:count] / (sizes[:count, None] / np.sqrt(len(table)))  # each place has a spread of 1
    basis = np.array([[float(f"{value:.4g}") for value in row] for row in basis])
    mean = mean.round(5)
    places = ((table - mean) @ basis.T).round(2)
    return {"mean": mean.tolist(), "basis": basis.tolist(), "places": places.tolist()}


def write(folder: Path, setting: str, rows: list[tuple[dict[str, Any], np.ndarray]]) -> Path:
    """Writes the file of a checkpoint, one caption a line."""
    worded = word_captions([facts for facts, _ in rows])
    latents = describe_latents([part for _, part in rows])
    parts = [f'"format": {captions.FORMAT}', f'"setting": "{setting}"']
    parts.append('"captions": [\n' + ",\n".join(json.dumps(row) for row in worded) + "\n]")
    parts.append(f'"latents": {json.dumps(latents)}')
    path = folder / captions.FILE
    with files.open_replacement(path) as file:
        file.write(("{\n" + ",\n".join(parts) + "\n}\n").encode())
    return path


def make_rows(model: Model, options: Any) -> tuple[str, list[tuple[dict[str, Any], np.ndarray]]]:
    """The setting that chooses a style, and facts and latents of all captions.

    Raises:
        UsageError: a folder is not named, or there is nothing to describe.
    """
    if isinstance(model, GeneratorModel):
        return "style_seed", join_pieces(list(describe_styles(model, options.count)))
    if not options.pairs or options.latents is None or options.midi_path is None:
        raise UsageError("captions of a performer need --pairs, --latents and --midi_path")
    rows = list(describe_pairs(model, options))
    if not rows:
        raise UsageError("no pair has latents, a source of its name, and a style of the checkpoint")
    return "style", rows


def main() -> int:
    parser = command.make_parser("tools.data.write_captions", __doc__)
    parser.add_argument("checkpoint", type=Path, metavar="CHECKPOINT", help="of a performer or a generator")
    parser.add_argument("--pairs", type=Path, nargs="+", default=[], metavar="FOLDER", help="rendered pairs")
    parser.add_argument("--latents", type=Path, metavar="FOLDER", help="latents of the pairs")
    parser.add_argument("--midi_path", type=Path, metavar="FOLDER", help="scores that the pairs were made of")
    parser.add_argument(
        "--count", type=command.parse_number(int, 2), default=96, metavar="N", help="styles of a generator"
    )
    options = parser.parse_args()
    setting, rows = make_rows(musika.load(options.checkpoint), options)
    path = write(options.checkpoint, setting, rows)
    console.say(f"{len(rows)} captions, {path.stat().st_size / 1000:.0f} kB: {path}")
    return 0


if __name__ == "__main__":
    command.run(main)
