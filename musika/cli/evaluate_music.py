"""`evaluate --generated`: how near music is to real music, how much of it is there, and whether it is copied."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from musika import console
from musika.cli import evaluate_pieces as pieces
from musika.cli import evaluate_report as report
from musika.cli.flags import EvaluateOptions
from musika.codec.base import Codec
from musika.config import SAMPLE_RATE
from musika.errors import UsageError
from musika.files import format_path
from musika.metrics.sets import copies, frechet, manifold, spaces
from musika.metrics.sets.network import Network, preset

FIGURES = "music.json"
MOST = 5000  # rows of a set, drawn at random, that density and coverage look at
STEP = spaces.HOP / SAMPLE_RATE  # seconds from one step of a sequence to the next


@dataclasses.dataclass(frozen=True)
class Space:
    """One way to turn a piece into rows `[n, D]`, and the components that distances are taken on (None: all D)."""

    name: str
    rows: Callable[[pieces.Piece], np.ndarray | None]
    components: int | None


SPACES = (
    Space("latent windows", lambda p: None if p.latents is None else spaces.windows(p.latents), spaces.COMPONENTS),
    Space("latents", lambda p: None if p.latents is None else spaces.singles(p.latents), None),
    Space("log-mel windows", lambda p: None if p.log_mel is None else spaces.windows(p.log_mel), spaces.COMPONENTS),
    Space("network", lambda p: p.network, None),
)


def evaluate_folders(options: EvaluateOptions, load: Callable[[], Codec] | None) -> int:
    """Compares; returns 0, or 1 when some files were left out. `load` gives the codec, None where there is none.

    Raises:
        MusikaError: a folder or a network that cannot be used, latents of different codecs, too few clips.
    """
    assert options.generated is not None and options.reference is not None
    named = {"generated": options.generated, "reference": options.reference, "training": options.training}
    folders = {flag: pieces.find(flag, path) for flag, path in named.items() if path is not None}
    compared = [folders["generated"], folders["reference"]]
    network = _network(options, compared)
    report.make_folder(options.save_path)
    codec = load() if load is not None and not all(folder.latents for folder in folders.values()) else None
    pieces.check_codec(list(folders.values()), codec.identity if codec is not None else "")
    if codec is None and len({folder.latents for folder in folders.values()}) > 1:
        raise UsageError("latents and audio compare by a codec alone: name the one that made the latents with --codec")
    channels = codec.channels if codec is not None else pieces.channels(compared[0])
    tools = pieces.Tools(codec, channels, not any(folder.latents for folder in compared), network)
    left_out: tuple[list[str], list[str]] = ([], [])  # of either folder, why
    with console.progress(sum(len(folder.files) for folder in compared), "files", "evaluate") as bar:
        generated, reference = (
            list(pieces.read(folder, tools, why, bar)) for folder, why in zip(compared, left_out, strict=True)
        )
    refused = [*left_out[0], *left_out[1]]
    if not generated or not reference:
        empty = compared[1 if generated else 0]
        why = left_out[1 if generated else 0]
        raise UsageError(f"nothing in --{empty.flag} {format_path(empty.path)} can be used: {why[-1]}")
    found = {space.name: _compare(space, generated, reference, options) for space in SPACES}
    found = {name: figures for name, figures in found.items() if figures}
    _say(found)
    copied: dict[str, Any] | None = None
    learned: dict[str, dict[str, float]] = {}
    if "training" in folders:
        copied, learned = _learned_from(folders["training"], generated, reference, tools, refused, options)
    for name, figures in learned.items():
        found[name]["training"] = figures
    content = {
        "generated": {"folder": format_path(options.generated), "files": len(generated)},
        "reference": {"folder": format_path(options.reference), "files": len(reference)},
        "codec": {"folder": format_path(options.codec or ""), "identity": codec.identity}
        if codec is not None
        else None,
        "spaces": found,
        "copies": copied,
        "left_out": refused,
    }
    report.save(options.save_path / FIGURES, content)
    console.say(f"figures are in {format_path(options.save_path / FIGURES)}")
    report.failures(refused, sum(len(folder.files) for folder in folders.values()))
    return 1 if refused else 0


def _network(options: EvaluateOptions, compared: list[pieces.Folder]) -> Network | None:
    """The network of --embedding.

    Raises:
        UsageError: it cannot be used, or there is no audio for it.
    """
    kind = preset(options.embedding_preset)
    if options.embedding is None:
        return None
    scheme, _, path = options.embedding.partition(":")
    if scheme != "onnx" or not path:
        raise UsageError(f"--embedding {options.embedding}: say onnx:FILE, such as onnx:vggish.onnx")
    for folder in compared:
        if folder.latents:
            raise UsageError(f"--embedding hears audio, and --{folder.flag} {format_path(folder.path)} holds latents")
    return Network(Path(path), kind)


def _compare(
    space: Space, generated: list[pieces.Piece], reference: list[pieces.Piece], options: EvaluateOptions
) -> dict[str, Any]:
    """All figures of one space; {} where it has no rows.

    Raises:
        UsageError: there are too few.
    """
    every = [[space.rows(piece) for piece in group] for group in (generated, reference)]
    if any(rows is None for group in every for rows in group):
        return {}
    sets = [[rows for rows in group if rows is not None and rows.size] for group in every]
    for flag, rows in zip(("generated", "reference"), sets, strict=True):
        count = sum(map(len, rows))
        if count < frechet.FEWEST:
            path = getattr(options, flag)
            raise UsageError(
                f"--{flag} {format_path(path)} has {count} clips ({space.name}), at least {frechet.FEWEST} are needed: "
                "add pieces"
            )
    made, real = (np.concatenate(rows) for rows in sets)
    first, second = (np.concatenate(rows) for rows in _halves(sets[1]))
    stability = frechet.stability(made, real, space.components, options.seed)
    between = frechet.evaluate(first, second, space.components)["frechet"]
    distance = frechet.evaluate(made, real, space.components)
    return {
        **distance,
        "generated_clips": len(made),
        "reference_clips": len(real),
        "stability": stability,
        "frechet_real_halves": between,
        "ratio_to_real_halves": distance["frechet"] / between if between > 0 else None,
        **_manifold(real, made, space.components, options.seed),
        **{f"{n}_real_halves": v for n, v in _manifold(first, second, space.components, options.seed).items()},
    }


def _halves(rows: list[np.ndarray]) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Real pieces in two halves at random, whole pieces; where one half gets too little, all are cut in the middle."""
    order = np.random.default_rng(0).permutation(len(rows))
    halves = [rows[i] for i in order[::2]], [rows[i] for i in order[1::2]]
    if 4 * min(sum(map(len, half)) for half in halves) >= sum(map(len, rows)):
        return halves
    every = np.concatenate(rows)
    return [every[: len(every) // 2]], [every[len(every) // 2 :]]


def _manifold(real: np.ndarray, made: np.ndarray, components: int | None, seed: int) -> dict[str, float]:
    """Density and coverage; NaN for too few real rows."""
    if len(real) <= manifold.NEAREST or not len(made):
        return {"density": float("nan"), "coverage": float("nan")}
    rng = np.random.default_rng(seed)
    real, made = (rows[rng.permutation(len(rows))[:MOST]].astype(np.float64) for rows in (real, made))
    if components is not None:
        real, made = frechet.projected(real, made, components)
    return manifold.evaluate(real, made)


def _learned_from(
    training: pieces.Folder,
    generated: list[pieces.Piece],
    reference: list[pieces.Piece],
    tools: pieces.Tools,
    refused: list[str],
    options: EvaluateOptions,
) -> tuple[dict[str, Any], dict[str, dict[str, float]]]:
    """Looks through the training music once, says what was found, and returns it for JSON.

    Returns:
        Each clip's nearest neighbour in it; and, by space, how it lies itself beside the real pieces held out: other
        real music of its kind, which is what a generator learns to be like.
    """
    by_latents = generated[0].latents is not None and (training.latents or tools.codec is not None)
    sequence: Callable[[pieces.Piece], Any] = (lambda p: p.latents) if by_latents else (lambda p: p.log_mel)
    scale = copies.Scale.of([sequence(piece) for piece in reference])
    clips = [copies.Clips([sequence(piece) for piece in group], scale) for group in (generated, reference)]
    names: list[str] = []
    every: dict[str, list[np.ndarray]] = {space.name: [] for space in SPACES}
    used = pieces.Tools(tools.codec if by_latents else None, tools.channels, not by_latents)
    with console.progress(len(training.files), "files", "look for copies") as bar:
        for piece in pieces.read(training, used, refused, bar):
            for looking in clips:
                looking.look(len(names), sequence(piece))
            names.append(piece.name)
            for space in SPACES:
                if (rows := space.rows(piece)) is not None and rows.size:
                    every[space.name].append(rows.copy())  # single rows are a view of all latents
    figures = copies.evaluate(*clips)
    listed = [_neighbour(clips[0], index, generated, names) for index in copies.suspicious(clips[0])]
    _say_copies(figures, listed)
    space_of_copies = "latents" if by_latents else "log-mel"
    copied = {"space": space_of_copies, **figures, "training_files": len(names), "nearest": listed}
    return copied, _say_training(every, generated, reference, options)


def _say_training(
    every: dict[str, list[np.ndarray]],
    generated: list[pieces.Piece],
    reference: list[pieces.Piece],
    options: EvaluateOptions,
) -> dict[str, dict[str, float]]:
    """How training music, as rows by space, lies beside the real pieces held out: said, and returned by space.

    As many rows of it, drawn at random, as there are generated ones, since all figures depend on their number.
    """
    found: dict[str, dict[str, float]] = {}
    for space in SPACES:
        made, real = (
            [rows for piece in group if (rows := space.rows(piece)) is not None and rows.size]
            for group in (generated, reference)
        )
        if not every[space.name] or not made or not real:
            continue
        learned, held_out = np.concatenate(every[space.name]), np.concatenate(real)
        learned = np.random.default_rng(options.seed).permutation(learned)[: sum(map(len, made))]
        if min(len(learned), len(held_out)) >= frechet.FEWEST:
            distance = frechet.evaluate(learned, held_out, space.components)["frechet"]
            figures = _manifold(held_out, learned, space.components, options.seed)
            found[space.name] = {"clips": len(learned), "frechet": distance, **figures}
    if found:
        console.say("as many clips of the training music itself, real music of the kind, beside the real set:")
        keys = ("frechet", "density", "coverage")
        table = [
            [name, str(figures["clips"]), *(report.number(figures[key]) for key in keys)]
            for name, figures in found.items()
        ]
        report.table(["space", "clips", "Fréchet", "density", "coverage"], table)
    return found


def _neighbour(clips: copies.Clips, index: int, generated: list[pieces.Piece], names: list[str]) -> dict[str, Any]:
    return {
        "file": generated[clips.piece[index]].name,
        "second": round(float(clips.start[index] * STEP), 2),
        "training_file": names[clips.neighbour[index]],
        "training_second": round(float(clips.place[index] * STEP), 2),
        "distance": float(clips.distance[index]),
    }


def _say(found: dict[str, dict[str, Any]]) -> None:
    """The table of all spaces, and what to know about few clips."""
    head = ["space", "clips", "real", "Fréchet", "half", "quarter", "endless", "stable", "needs"]
    rows = []
    for name, figures in found.items():
        kept = figures["stability"]
        distances = (report.number(kept[key]) for key in ("all", "half", "quarter", "extrapolated"))
        counts = (str(figures["generated_clips"]), str(figures["reference_clips"]))
        rows.append([name, *counts, *distances, "yes" if kept["stable"] else "no", report.number(kept["rows_needed"])])
    report.table(head, rows)
    console.say("two halves of the real set, and how the generated clips lie among the real ones:")
    keys = ["frechet_real_halves", "ratio_to_real_halves", "density", "coverage"]
    keys += ["density_real_halves", "coverage_real_halves"]
    rows = [[name, *(report.number(figures[key]) for key in keys)] for name, figures in found.items()]
    report.table(["space", "halves", "ratio", "density", "coverage", "(halves)", "(halves)"], rows)
    for name, figures in found.items():
        if figures["rank"] < figures["dimensions"]:
            console.say(
                f"{name}: so few clips that covariances have rank {figures['rank']:.0f} in {figures['dimensions']:.0f} "
                "dimensions; compare this distance only with others of as many clips"
            )


def _say_copies(figures: dict[str, float], listed: list[dict[str, Any]]) -> None:
    """What was found about copying."""
    levels = ("nearest", "fifth_percentile", "median")
    own, real = ([report.number(figures[f"{who}{level}"], 2) for level in levels] for who in ("", "held_out_"))
    console.say(
        f"distance to the nearest training clip (0 a copy, 1.4 unrelated): generated {own[0]} at least, {own[2]} in "
        f"the middle; held-out {real[0]} and {real[2]}; {report.number(figures['closer'], 0)} of "
        f"{figures['clips']:.0f} generated clips are nearer than any held-out one"
    )
    if figures["shared"]:
        console.warn(f"{figures['shared']:.0f} clips of --reference are in --training: these are not held out")
    rows = [
        [n["file"], f"{n['second']:.1f}", n["training_file"], f"{n['training_second']:.1f}", f"{n['distance']:.2f}"]
        for n in listed
    ]
    report.table(["nearest generated", "at s", "training", "at s", "distance"], rows)
