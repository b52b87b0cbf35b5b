"""`evaluate --performer`: MIDI files are played, and an independent transcriber says which notes are heard."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from musika.cli import evaluate_output as output
from musika.cli import models
from musika.cli.flags import EvaluateOptions
from musika.errors import ScoreError, UsageError
from musika.metrics.notes import note_onsets, velocities
from musika.metrics.notes.transcriber import Network, load_network
from musika.render import PerformerModel
from musika.score import find_midi, read_score

FIGURES = "evaluation.json"
COLUMNS = {
    "note_f1": "note F1",
    "note_precision": "precision",
    "note_recall": "recall",
    "velocity_correlation": "velocities",
}


def evaluate_performer(options: EvaluateOptions) -> int:
    """Measures a performer on every MIDI file; returns 0, or 1 if some could not be measured.

    Raises:
        MusikaError: no such folder, no MIDI file in it, no transcriber, a performer that cannot be loaded.
    """
    assert options.performer is not None and options.midi_path is not None
    paths = find_midi(options.midi_path)
    output.make_folder(options.save_path)
    network = load_network()
    model = models.load_performer(options.performer, options)

    def measure(path: Path) -> dict[str, Any]:
        return {"file": path.name, **measure_file(model, network, path, options.seconds)}

    entries, failed = output.measure_files(paths, measure, (ScoreError, UsageError))
    if entries:
        _report(options, model, entries, failed)
    output.print_failures(failed, len(paths))
    return 1 if failed else 0


def measure_file(model: PerformerModel, network: Network, path: Path, seconds: float) -> dict[str, float]:
    """Figures of the first seconds of a MIDI file, played exactly as it is written.

    Raises:
        ScoreError: the file cannot be read.
        UsageError: it has no notes that the performer can play.
    """
    score = read_score(path)
    waveform = model.play(score, seed=0, touch=0.0).render(0.0, min(seconds, score.duration + 1.0))
    found = note_onsets.evaluate(network, score.notes, waveform, model.sample_rate)
    return {**found, "velocity_correlation": velocities.evaluate(score.notes, waveform, model.sample_rate)}


def _report(options: EvaluateOptions, model: PerformerModel, entries: list[dict[str, Any]], failed: list[str]) -> None:
    """Prints a row for each file and their mean, and writes all figures as JSON."""
    mean = {name: _average([entry[name] for entry in entries]) for name in COLUMNS}
    rows = [*entries, {"file": "mean", **mean}]
    numbers = [[row["file"], *(output.format_number(row[name], 2) for name in COLUMNS)] for row in rows]
    output.print_table(["", *COLUMNS.values()], numbers)
    said = {"performer": model.name, "seconds": options.seconds, "mean": mean, "files": entries, "failed": failed}
    output.save(options.save_path / FIGURES, said)


def _average(values: list[float]) -> float:
    """The mean of the values that are known; NaN where none is."""
    known = [value for value in values if np.isfinite(value)]
    return float(np.mean(known)) if known else float("nan")
