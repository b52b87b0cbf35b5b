"""Figures of a composer beside real works: what it writes, what it copies, how its themes return."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from musika.composer import vocabulary as v
from musika.composer.incremental import IncrementalComposer
from musika.composer.piece import ComposedScore
from musika.composer.sections import join_sections
from musika.composer.works import Work
from musika.config.musical import MusicalSettings
from musika.metrics.scores.copied_runs import RunFinder
from musika.metrics.scores.features import NAMES, describe_sections
from musika.metrics.scores.overlap import compare_numbers
from musika.metrics.scores.themes import average_themes, compare_themes

SECTIONS = 16  # of a piece that is measured
PERCENTILE = 95
SECONDS_PER_LATENT = 4096 / 44100


def compose_work(composer: IncrementalComposer, seed: int, sections: int = SECTIONS) -> tuple[Work, list[int], int]:
    """The beginning of a piece as a work, the number of each section's theme, and the bars of a section."""
    piece = ComposedScore(composer, seed, MusicalSettings(), SECONDS_PER_LATENT)
    frame = piece.plan.frame
    length = frame.bars * frame.bar_length
    parts = []
    for number in range(sections):
        notes = piece.get_notes(number)
        parts.append(dataclasses.replace(notes, onsets=notes.onsets + number * length))
    notes = join_sections(parts)
    bars = np.arange(sections * frame.bars + 1) * frame.bar_length
    metres = np.full(len(bars) - 1, v.METRE_NAMES.index(frame.metre))
    tempi = np.full(len(bars) - 1, frame.tempo)
    columns = (notes.onsets, notes.durations, notes.pitches, v.get_velocity(notes.velocities))
    themes = [piece.plan.plan_section(number).theme.number for number in range(sections)]
    return Work(f"piece {seed}", *columns, bars, metres, tempi), themes, frame.bars


def measure_composer(
    composer: IncrementalComposer,
    held_out: Sequence[Work],
    training: Sequence[Work],
    minutes: float,
    first_seed: int = 0,
    advance: Callable[[float], None] = lambda minutes: None,
) -> dict[str, Any]:
    """Figures by name.

    Args:
        held_out: real works that were not trained on.
        training: works that were trained on.
        minutes: of music to write; pieces of SECTIONS sections until there are as many.
        first_seed: of the first piece.
        advance: called with the minutes of each piece.
    """
    pieces, written, seed = [], 0.0, first_seed
    while written < minutes:
        pieces.append(compose_work(composer, seed))
        work = pieces[-1][0]
        length = float(np.sum(np.diff(work.bars) / v.UNITS_PER_BEAT / work.tempi))
        written, seed = written + length, seed + 1
        advance(length)
    works = [work for work, _, _ in pieces]
    figures: dict[str, Any] = {"minutes": written, "pieces": len(pieces)}
    figures["features"] = _compare_features(works, held_out, training)
    finder = RunFinder(training)
    for name, group in (("generated", works), ("held_out", held_out)):
        runs = np.concatenate([finder.measure_runs(work) for work in group])
        figures[f"copied_run_{name}"] = float(np.percentile(runs, PERCENTILE))
        figures[f"copied_run_{name}_longest"] = float(runs.max())
    own = average_themes([compare_themes(work, themes, bars) for work, themes, bars in pieces])
    real = average_themes([compare_themes(work) for work in (*held_out, *training)])
    figures["themes"] = {"generated": dataclasses.asdict(own), "real": dataclasses.asdict(real)}
    figures["theme_contrast"], figures["theme_contrast_real"] = own.contrast, real.contrast
    return figures


def _compare_features(
    works: Sequence[Work], held_out: Sequence[Work], training: Sequence[Work]
) -> dict[str, dict[str, float]]:
    """For each feature, means, and how its distribution overlaps with that of held-out works."""
    generated, reference, known = (
        np.concatenate([describe_sections(work) for work in group]) for group in (works, held_out, training)
    )
    figures = {}
    for n, name in enumerate(NAMES):
        own, real = compare_numbers(generated[:, n], reference[:, n]), compare_numbers(known[:, n], reference[:, n])
        figures[name] = {
            "generated": float(generated[:, n].mean()),
            "held_out": float(reference[:, n].mean()),
            "overlap": own.area,
            "overlap_training": real.area,
            "ratio": own.area / real.area,
            "divergence": own.divergence,
        }
    return figures
