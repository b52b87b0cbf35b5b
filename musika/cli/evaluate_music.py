"""`evaluate --generated`: how close music is to real music, how much of that it covers, and whether it is copied."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from musika import console
from musika.cli import evaluate_output as output
from musika.cli.flags import EvaluateOptions
from musika.codec.base import Codec
from musika.errors import AudioError, LatentsError, UsageError
from musika.files import format_path
from musika.metrics import music, pieces
from musika.metrics.sets.network import Network, parse_preset

FIGURES = "music.json"


def evaluate_folders(options: EvaluateOptions, load: Callable[[], Codec] | None) -> int:
    """Compares generated with real music; returns 0, or 1 if some files could not be used.

    Args:
        options: with `generated` and `reference`.
        load: gives the codec; None to do without.

    Raises:
        MusikaError: a folder or a network that cannot be used, latents of different codecs, too few clips.
    """
    assert options.generated is not None and options.reference is not None
    paths = {"generated": options.generated, "reference": options.reference, "training": options.training}
    folders = {role: pieces.find_pieces(role, path) for role, path in paths.items() if path is not None}
    compared = [folders["generated"], folders["reference"]]
    network = _load_network(options, compared)
    output.make_folder(options.save_path)
    codec = _load_codec(list(folders.values()), load)
    analysis = pieces.Analysis(
        codec,
        channels=codec.channels if codec is not None else pieces.count_channels(compared[0]),
        log_mel=not any(folder.latents for folder in compared),
        network=network,
    )
    failed: list[str] = []
    generated, reference = _read_both(compared, analysis, failed)
    figures: dict[str, dict[str, Any]] = music.compare_pieces(generated, reference, options.seed)
    _print_spaces(figures)
    copies: dict[str, Any] | None = None
    if "training" in folders:
        search = _search_training(folders["training"], generated, reference, analysis, failed)
        copies, of_training = search.find_copies(), search.compare(options.seed)
        _print_copies(copies)
        _print_training(of_training)
        for name, values in of_training.items():
            figures[name]["training"] = values
    content = {
        "generated": {"folder": format_path(options.generated), "files": len(generated)},
        "reference": {"folder": format_path(options.reference), "files": len(reference)},
        "codec": {"folder": format_path(options.codec or ""), "identity": codec.identity} if codec else None,
        "spaces": figures,
        "copies": copies,
        "left_out": failed,
    }
    output.save(options.save_path / FIGURES, content)
    console.say(f"figures are in {format_path(options.save_path / FIGURES)}")
    output.print_failures(failed, sum(len(folder.files) for folder in folders.values()))
    return 1 if failed else 0


def _load_codec(folders: list[pieces.Folder], load: Callable[[], Codec] | None) -> Codec | None:
    """The codec, if there is audio to encode.

    Raises:
        MusikaError: it cannot be loaded, latents of different codecs, latents and audio without a codec.
    """
    codec = load() if load is not None and not all(folder.latents for folder in folders) else None
    pieces.check_same_codec(folders, codec.identity if codec is not None else "")
    if codec is None and len({folder.latents for folder in folders}) > 1:
        raise UsageError("to compare latents with audio, name the codec that made the latents with --codec")
    return codec


def _load_network(options: EvaluateOptions, compared: list[pieces.Folder]) -> Network | None:
    """The network of --embedding.

    Raises:
        UsageError: it cannot be used, or there is no audio for it.
    """
    preset = parse_preset(options.embedding_preset)
    if options.embedding is None:
        return None
    scheme, _, path = options.embedding.partition(":")
    if scheme != "onnx" or not path:
        raise UsageError(f"--embedding {options.embedding}: say onnx:FILE, such as onnx:vggish.onnx")
    for folder in compared:
        if folder.latents:
            raise UsageError(f"--embedding needs audio, and --{folder.role} {format_path(folder.path)} holds latents")
    return Network(Path(path), preset)


def _read_both(
    compared: list[pieces.Folder], analysis: pieces.Analysis, failed: list[str]
) -> tuple[list[pieces.Piece], list[pieces.Piece]]:
    """The generated and the real pieces; reasons of files that cannot be read go to `failed`.

    Raises:
        UsageError: one of the folders has none that can be read.
    """
    with console.progress(sum(len(folder.files) for folder in compared), "files", "evaluate") as bar:
        groups, reasons = [], []
        for folder in compared:
            own: list[str] = []
            groups.append(list(_read(folder, analysis, own, bar)))
            reasons.append(own)
    for folder, group, own in zip(compared, groups, reasons, strict=True):
        if not group:
            raise UsageError(f"no file in --{folder.role} {format_path(folder.path)} can be used: {own[-1]}")
        failed += own
    return groups[0], groups[1]


def _read(
    folder: pieces.Folder, analysis: pieces.Analysis, failed: list[str], bar: console.Progress
) -> Iterator[pieces.Piece]:
    """The pieces of a folder one by one; reasons of files that cannot be read go to `failed`."""
    for file in folder.files:
        bar.status(format_path(file.name))
        try:
            yield pieces.read_piece(folder, file, analysis)
        except (AudioError, LatentsError) as error:
            failed.append(str(error))
        bar.advance()


def _search_training(
    folder: pieces.Folder,
    generated: list[pieces.Piece],
    reference: list[pieces.Piece],
    analysis: pieces.Analysis,
    failed: list[str],
) -> music.TrainingSearch:
    """Goes through the training music once."""
    by_latents = generated[0].latents is not None and (folder.latents or analysis.codec is not None)
    search = music.TrainingSearch(generated, reference, by_latents)
    needed = pieces.Analysis(analysis.codec if by_latents else None, analysis.channels, log_mel=not by_latents)
    with console.progress(len(folder.files), "files", "look for copies") as bar:
        for piece in _read(folder, needed, failed, bar):
            search.add(piece)
    return search


def _print_spaces(figures: dict[str, dict[str, Any]]) -> None:
    """The tables of all spaces, and a warning about few clips."""
    head = ["space", "clips", "real", "Fréchet", "half", "quarter", "infinite", "stable", "needs"]
    rows = []
    for name, values in figures.items():
        stability = values["stability"]
        distances = (output.format_number(stability[key]) for key in ("all", "half", "quarter", "extrapolated"))
        counts = (str(values["generated_clips"]), str(values["reference_clips"]))
        needed = output.format_number(stability["rows_needed"])
        rows.append([name, *counts, *distances, "yes" if stability["stable"] else "no", needed])
    output.print_table(head, rows)
    console.say("the two halves of the real music compared, and where the generated clips lie among the real ones:")
    keys = ["frechet_real_halves", "ratio_to_real_halves", "density", "coverage"]
    keys += ["density_real_halves", "coverage_real_halves"]
    rows = [[name, *(output.format_number(values[key]) for key in keys)] for name, values in figures.items()]
    output.print_table(["space", "halves", "ratio", "density", "coverage", "(halves)", "(halves)"], rows)
    for name, values in figures.items():
        if values["rank"] < values["dimensions"]:
            console.say(
                f"{name}: with so few clips, covariances have rank {values['rank']:.0f} in "
                f"{values['dimensions']:.0f} dimensions; compare this distance only with distances of as many clips"
            )


def _print_copies(copies: dict[str, Any]) -> None:
    """Distances to the training music, and the clips that are nearest to it."""
    levels = ("nearest", "median")
    own, real = (
        [output.format_number(copies[f"{prefix}{level}"], 2) for level in levels] for prefix in ("", "held_out_")
    )
    console.say(
        f"distance to the nearest training clip (0 for a copy, 1.4 for unrelated music): smallest {own[0]}, median "
        f"{own[1]}; of the real clips {real[0]} and {real[1]}; {output.format_number(copies['closer'], 0)} of "
        f"{copies['clips']:.0f} generated clips are nearer than any real one"
    )
    if copies["shared"]:
        console.warn(f"{copies['shared']:.0f} clips of --reference are in --training, so they were not kept out of it")
    rows = [
        [n["file"], f"{n['second']:.1f}", n["training_file"], f"{n['training_second']:.1f}", f"{n['distance']:.2f}"]
        for n in copies["nearest_clips"]
    ]
    output.print_table(["nearest generated", "at s", "training", "at s", "distance"], rows)


def _print_training(figures: dict[str, dict[str, float]]) -> None:
    if not figures:
        return
    console.say("for comparison, as many clips of the training music itself beside the real music:")
    keys = ("frechet", "density", "coverage")
    rows = [
        [name, str(values["clips"]), *(output.format_number(values[key]) for key in keys)]
        for name, values in figures.items()
    ]
    output.print_table(["space", "clips", "Fréchet", "density", "coverage"], rows)
