"""`evaluate --composer`: what a composer writes, beside real works and the works that it was trained on."""

from __future__ import annotations

from typing import Any

from musika import checkpoint, console
from musika.checkpoint import locate
from musika.cli import evaluate_output as output
from musika.cli.flags import EvaluateOptions
from musika.composer.load import load_composer
from musika.errors import UsageError
from musika.files import format_path
from musika.metrics.composer import PERCENTILE, measure_composer
from musika.training.setup.composer import read_works


def evaluate_composer(options: EvaluateOptions) -> int:
    """Measures a composer, prints its figures and writes them as JSON; returns 0.

    Raises:
        MusikaError: a checkpoint or a folder that cannot be used; no work, or all works, were trained on.
    """
    assert options.composer is not None and options.midi_path is not None
    folder = locate.resolve_checkpoint(options.composer, "composer")
    composer = load_composer(folder)
    trained = checkpoint.read_config(folder).get("trained")
    names = set(trained.get("names", ())) if isinstance(trained, dict) else set()
    works = read_works(options.midi_path)
    training = [work for work in works if work.name in names]
    held_out = [work for work in works if work.name not in names]
    if not training or not held_out:
        which = "none" if not training else "all"
        raise UsageError(
            f"{which} of the works in {format_path(options.midi_path)} were trained on: "
            "give a folder with those that were and others",
            about="midi",
        )
    output.make_folder(options.save_path)
    console.say(f"{len(held_out)} works beside {len(training)} that it was trained on")
    with console.progress(options.minutes, "min", "compose") as bar:
        figures = measure_composer(composer, held_out, training, options.minutes, options.seed, bar.advance)
    _print_figures(figures)
    path = options.save_path / "composer.json"
    output.save(path, figures)
    console.say(f"figures: {format_path(path)}")
    return 0


def _print_figures(figures: dict[str, Any]) -> None:
    number = output.format_number
    console.say(
        f"{figures['pieces']} pieces, {figures['minutes']:.1f} minutes; sections of 8 bars beside held-out works:"
    )
    keys = ("generated", "held_out", "overlap", "overlap_training", "ratio", "divergence")
    head = ["feature", "generated", "held out", "overlap", "(training)", "ratio", "divergence"]
    rows = [[name, *(number(values[key]) for key in keys)] for name, values in figures["features"].items()]
    output.print_table(head, rows)
    console.say(
        f"longest run copied from the training works in a minute, {PERCENTILE}th percentile: "
        f"{number(figures['copied_run_generated'], 0)} notes; in held-out works "
        f"{number(figures['copied_run_held_out'], 0)}"
    )
    console.say(
        f"sections with the same theme are {number(figures['theme_contrast'])} more alike than others; "
        f"in real works {number(figures['theme_contrast_real'])}"
    )
