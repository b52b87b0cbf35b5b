"""Maps of what a checkpoint can play, to click on: similar sounds lie near each other.

A generator has a map of its **styles**. All of them play the same place of the same piece, so that only the style
differs. With z the latents `[T, C]` of that place, a style is described by the mean and the standard deviation over
time of each of its C numbers. The two principal components with the most variance are its place on the map. Loudness
and brightness are measured on some decoded styles; for the others they are estimated from the same description by ridge
regression (Hoerl & Kennard, "Ridge Regression", 1970). All of this is fitted to the first styles, so that the others
can be shown while they are made.

A composer has a map of its **seeds**: tempo and register as they are planned, with notes a second, key and metre. Notes
a second are a colour and no axis: a quarter of the pieces have the greatest density that can be written, and would lie
on a straight line.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from musika.composer.plan import Plan
from musika.config import ComposedSettings, GeneratorSettings
from musika.errors import UsageError
from musika.gan.noise import draw_rendering_noise
from musika.render import Model
from musika.render.composed import ComposedModel
from musika.render.generator import GeneratorModel
from musika.render.latents import GROUP

STYLES = 2000
SEEDS = 2000
PIECE = 0  # seed of the piece that all styles play
FITTED = 400  # first styles, which the components are fitted to
SHOWN_EVERY = 200  # styles, after the first ones
DECODED = 96  # styles whose loudness and brightness are measured
HELD_OUT = 24  # of them, to say how good the estimate is
RIDGE = 1e-2  # weight of the penalty, relative to the mean variance of a description
COMPONENTS = 24  # of the description that the estimate reads
SPARE = 1.1  # room on the map beyond the farthest fitted style
FLOOR = 1e-5  # amplitude of silence
TONICS = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")

# steps that are done, all of them, and the map so far where there is a newer one; what it raises ends the work
Report = Callable[[int, int, "PointMap | None"], None]


@dataclasses.dataclass(frozen=True)
class PointMap:
    """Points in two dimensions.

    Attributes:
        kind: "styles" or "seeds": what a point's number is.
        numbers: of the points, `[n]`.
        places: `[n, 2]`, each axis in [-1, 1].
        colours: `[n, 2]`, in [0, 1]: what the colour and the size of a point say.
        axes: names of both axes.
        legend: names of both colours.
        labels: one text for each point; none where the numbers say enough.
        note: how the map was made, for people.
    """

    kind: str
    numbers: np.ndarray
    places: np.ndarray
    colours: np.ndarray
    axes: tuple[str, str]
    legend: tuple[str, str]
    labels: tuple[str, ...]
    note: str

    def describe(self) -> dict[str, Any]:
        """The map as plain JSON values."""
        return {
            "kind": self.kind,
            "numbers": self.numbers.tolist(),
            "places": np.round(self.places, 4).tolist(),
            "colours": np.round(self.colours, 3).tolist(),
            "axes": list(self.axes),
            "legend": list(self.legend),
            "labels": list(self.labels),
            "note": self.note,
        }


def find_map_problem(model: Model) -> str:
    """Why a model has no map, as one sentence; "" where it has one."""
    if isinstance(model, (GeneratorModel, ComposedModel)):
        return ""
    return f"{model.name} plays the notes it is given and has a few fixed sounds: there is no map to draw."


def draw_map(model: Model, report: Report) -> PointMap:
    """The map of a model; a function of the model alone.

    Args:
        report: is told now and then how far the work is.

    Raises:
        UsageError: the model has no map.
    """
    if isinstance(model, GeneratorModel):
        return draw_style_map(model, report)
    if isinstance(model, ComposedModel):
        return draw_seed_map(model, report)
    raise UsageError(find_map_problem(model))


def draw_style_map(
    model: GeneratorModel, report: Report, count: int = STYLES, fitted: int = FITTED, decoded: int = DECODED
) -> PointMap:
    """The map of a generator's styles 0 to `count` - 1.

    Args:
        fitted: first styles, which components and estimates are fitted to; at most `count`.
        decoded: of these, how many are decoded for loudness and brightness.
    """
    fitted = min(fitted, count)
    decoded = min(decoded, fitted)
    rows, sounds = np.empty((count, 2 * model.config.channels)), []
    done: PointMap | None = None
    fit: MapFit | None = None
    for number, latents in enumerate(generate_styles(model, count)):
        rows[number] = np.concatenate([latents.mean(axis=0), latents.std(axis=0)])
        if number < decoded:
            sounds.append(measure_sound(model.codec.decode(latents), model.sample_rate))
        made = number + 1
        if made == fitted:
            fit = MapFit(rows[:made], np.array(sounds))
        is_new = fit is not None and (made == count or (made - fitted) % SHOWN_EVERY == 0)
        if fit is not None and is_new:
            done = _make_style_map(fit, rows[:made])
        report(made + len(sounds), count + decoded, done if is_new else None)
    assert done is not None
    return done


def _make_style_map(fit: MapFit, rows: np.ndarray) -> PointMap:
    note = (
        f"The map shows {100 * fit.share:.0f} % of the differences between styles. Loudness and brightness are "
        f"estimated; their correlation with measured ones is {fit.quality[0]:.2f} and {fit.quality[1]:.2f}."
    )
    places, sounds = fit.place(rows)
    axes, legend = ("first difference", "second difference"), ("brightness", "loudness")
    return PointMap("styles", np.arange(len(rows)), places, sounds[:, ::-1], axes, legend, (), note)


class MapFit:
    """Where descriptions lie on a map, and how they sound, fitted to some of them.

    Args:
        rows: descriptions `[n, K]`.
        sounds: loudness and brightness of the first m of them, `[m, 2]`.

    Attributes:
        share: of the variance that the map shows.
        quality: correlation of estimated with measured loudness and brightness, on rows that the fit had not seen.
    """

    def __init__(self, rows: np.ndarray, sounds: np.ndarray) -> None:
        self._mean = rows.mean(axis=0)
        self._basis, shares = find_components(rows - self._mean, COMPONENTS)
        components = self._project(rows)
        self.share = float(shares[:2].sum())
        low, high = components[:, :2].min(axis=0), components[:, :2].max(axis=0)
        self._middle, self._far = (low + high) / 2, np.maximum(SPARE * (high - low) / 2, FLOOR)
        self._inputs, self._sounds = components[: len(sounds)], sounds
        held = min(HELD_OUT, len(sounds) // 2)
        trial = fit_ridge(self._inputs[held:], sounds[held:], self._inputs[:held])
        self.quality = tuple(_correlate(trial[:, column], sounds[:held, column]) for column in range(2))
        self._ranks = np.sort(fit_ridge(self._inputs, sounds, components), axis=0)

    def place(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Places of descriptions in [-1, 1], and the ranks of their loudness and brightness in [0, 1]: both `[n, 2]`.

        The few that lie far out are brought to the border.
        """
        components = self._project(rows)
        sounds = fit_ridge(self._inputs, self._sounds, components)
        ranks = [np.searchsorted(self._ranks[:, k], sounds[:, k]) / len(self._ranks) for k in range(2)]
        return np.clip((components[:, :2] - self._middle) / self._far, -1.0, 1.0), np.stack(ranks, axis=1)

    def _project(self, rows: np.ndarray) -> np.ndarray:
        return (rows - self._mean) @ self._basis.T


def generate_styles(model: GeneratorModel, count: int) -> Iterator[np.ndarray]:
    """Latents `[L/2, C]` of the first half-window of one piece, in the styles 0, 1, 2 ..."""
    config = model.config
    noise = [np.repeat(layer, GROUP, axis=0) for layer in draw_rendering_noise(config, PIECE, 0, 1)]
    for first in range(0, count, GROUP):
        coordinates = np.stack([_compute_coordinates(model, number) for number in range(first, first + GROUP)])
        yield from model.generate(coordinates, noise)[: count - first]


def _compute_coordinates(model: GeneratorModel, style: int) -> np.ndarray:
    """`[L/2, 2D]`."""
    piece = dataclasses.replace(model.piece(PIECE), settings=GeneratorSettings(style_seed=style))
    return model.make_latents(piece).coordinates.compute(0, model.config.half_window)


def measure_sound(waveform: np.ndarray, sample_rate: int) -> tuple[float, float]:
    """Loudness in dB and brightness, the spectral centroid in octaves above 1 Hz, of a waveform `[N, 2]`."""
    mono = waveform.mean(axis=1)
    loudness = 20 * math.log10(max(float(np.sqrt(np.mean(mono**2))), FLOOR))
    power = np.abs(np.fft.rfft(mono * np.hanning(len(mono)))) ** 2
    frequencies = np.fft.rfftfreq(len(mono), 1 / sample_rate)
    centroid = float((power * frequencies).sum() / max(power.sum(), FLOOR))
    return loudness, math.log2(max(centroid, 1.0))


def find_components(rows: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The first principal components of centred rows `[n, K]`: directions `[count, K]`, and the variance of each.

    Variances are shares of the whole. The sign of each direction is chosen so that its largest entry is positive.
    """
    _, sizes, basis = np.linalg.svd(rows, full_matrices=False)
    basis = basis[:count]
    signs = np.sign(basis[np.arange(len(basis)), np.abs(basis).argmax(axis=1)])
    return basis * signs[:, None], (sizes**2 / max(float((sizes**2).sum()), FLOOR))[:count]


def fit_ridge(inputs: np.ndarray, values: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Values `[n, V]` of `rows` `[n, K]`, by ridge regression from `inputs` `[m, K]` and their values `[m, V]`."""
    centre, mean = inputs.mean(axis=0), values.mean(axis=0)
    moved = inputs - centre
    penalty = RIDGE * max(float((moved**2).sum(axis=0).mean()), FLOOR)
    weights = np.linalg.solve(moved.T @ moved + penalty * np.eye(moved.shape[1]), moved.T @ (values - mean))
    return mean + (rows - centre) @ weights


def _correlate(first: np.ndarray, second: np.ndarray) -> float:
    if len(first) < 2 or first.std() < FLOOR or second.std() < FLOOR:
        return 0.0
    return float(np.corrcoef(first, second)[0, 1])


def rank(values: np.ndarray) -> np.ndarray:
    """The rank of each value from 0 (least) to 1, so that all colours are used: `[n]`."""
    return np.argsort(np.argsort(values, kind="stable"), kind="stable") / max(len(values) - 1, 1)


def draw_seed_map(model: ComposedModel, report: Report, count: int = SEEDS) -> PointMap:
    """The map of the seeds 0 to `count` - 1 of a composer, as their pieces are planned. No note is written for it."""
    settings = ComposedSettings()
    seconds_per_latent = model.codec.hop_total / model.codec.sample_rate
    rows, labels = [], []
    for seed in range(count):
        frame = Plan(seed, settings, seconds_per_latent).frame
        notes = frame.density * frame.tempo / 60.0
        rows.append((frame.tempo, frame.register, notes, frame.mode))
        key = f"{TONICS[frame.tonic]} {'minor' if frame.mode else 'major'}"
        labels.append(f"{frame.tempo:.0f} beats a minute, {notes:.1f} notes a second, {key}, {frame.metre}")
        report(seed + 1, count, None)
    table = np.array(rows)
    low, high = table.min(axis=0), table.max(axis=0)
    places = 2 * (table[:, :2] - low[:2]) / np.maximum(high[:2] - low[:2], FLOOR) - 1
    colours = np.stack([rank(table[:, 2]), 1 - table[:, 3]], axis=1)
    span, rates = f"{low[1]:.0f} to {high[1]:.0f}", f"{low[2]:.1f} to {high[2]:.1f}"
    return PointMap(
        "seeds",
        np.arange(count),
        places,
        colours,
        (
            f"tempo: {low[0]:.0f} to {high[0]:.0f} beats a minute",
            f"middle of the notes: MIDI key {span}",
        ),
        (f"notes a second: {rates}", "size: large is major, small is minor"),
        tuple(labels),
        "Each point is the seed of a piece. The map shows what is planned for it before a note is written.",
    )
