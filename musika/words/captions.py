"""Captions: what is known about excerpts of the music that a checkpoint learned from, in words and as facts.

`tools.data.write_captions` measures the facts and writes them beside the weights, as `captions.json`. A prompt is
compared with all captions. The nearest ones say two things: settings that the prompt leaves open, where they agree, and
the style (instrument, room, seed) that played them. A recording is compared with what the latents of the excerpts are
like, and takes the style of the nearest.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from musika.errors import CheckpointError
from musika.files import format_path
from musika.words.encoder import Encoder
from musika.words.levels import LEVELS, measure_level
from musika.words.table import FILLERS

FILE = "captions.json"
FORMAT = 1
LARGEST = 4 << 20  # bytes of the file
SCALES = (*LEVELS, "brightness", "mode")
NEAREST = 8  # captions that vote for settings
SHARPNESS = 20.0  # how much more a nearer caption counts: the weight is e to the power of this times its similarity
CLEAR = 0.4  # standard deviations by which the votes must differ from the mean of all captions
LEAST_RELEVANCE = 0.1  # share of a value's variance between styles below which it says nothing about them
CLEAR_ODDS = 3.0  # how much better the odds of a style must be among the nearest captions than among all
FARTHEST = 3.0  # standard deviations; what is farther counts as this far
LEAST_SIMILAR = 0.2  # cosine of two words up to which they are not alike
WORD = re.compile(r"[^\W\d_]+(?:['-][^\W\d_]+)*")
STYLE_SETTINGS = ("style", "style_seed")


@dataclasses.dataclass(frozen=True, eq=False)
class Captions:
    """The captions of a checkpoint.

    Attributes:
        setting: name of the setting that chooses a style: `style` or `style_seed`.
        texts: of each caption.
        levels: level of each scale, -2 to 2, float `[n, 7]` in the order of SCALES; NaN where it is not known.
        instruments: families of instruments of each caption.
        styles: value of the setting for each caption, int `[n]`.
        mean: of descriptions of latents (see `describe_latents`), float `[2 C]`; empty where none were measured.
        basis: directions in which descriptions are compared, float `[d, 2 C]`.
        places: of the captions in these directions, float `[n, d]`.
    """

    setting: str
    texts: tuple[str, ...]
    levels: np.ndarray
    instruments: tuple[tuple[str, ...], ...]
    styles: np.ndarray
    mean: np.ndarray
    basis: np.ndarray
    places: np.ndarray

    def find_levels(self, text: str, encoder: Encoder) -> dict[str, float]:
        """The levels that the captions nearest to a text agree on.

        Args:
            text: what is left of a prompt without the settings that it names.
        """
        similarity = self._compare(text, encoder)
        if similarity is None or not similarity.max() > 0:
            return {}
        chosen = np.argsort(-similarity, kind="stable")[:NEAREST]
        weights = np.exp(SHARPNESS * (similarity[chosen] - similarity[chosen[0]]))
        found = {}
        for place, scale in enumerate(SCALES):
            column, near = self.levels[:, place], self.levels[chosen, place]
            is_known = np.isfinite(near)
            spread = float(np.nanstd(column)) if np.isfinite(column).any() else 0.0
            if is_known.sum() < NEAREST // 2 or not spread:
                continue
            vote = float(np.average(near[is_known], weights=weights[is_known]))
            if abs(vote - float(np.nanmean(column))) >= CLEAR * spread:
                found[scale] = vote
        return found

    def find_style(self, levels: Mapping[str, float]) -> int | None:
        """The style of the music that is nearest to levels that are asked for; None where all styles fit alike.

        A scale counts as far as it differs from style to style.
        """
        distance = np.zeros(len(self.texts))
        for place, scale in enumerate(SCALES):
            column = self.levels[:, place]
            is_known = np.isfinite(column)
            if scale not in levels or not is_known.any() or not column[is_known].std():
                continue
            steps = np.minimum(np.abs(column - levels[scale]) / column[is_known].std(), FARTHEST)
            relevance = measure_relevance(column[is_known], self.styles[is_known])
            if relevance < LEAST_RELEVANCE:
                continue
            distance += relevance * np.where(is_known, steps, FARTHEST)
        return self._choose(distance) if distance.std() > 0 else None

    def find_style_of_latents(self, latents: np.ndarray) -> int | None:
        """The style whose music has latents most like these, `[T, C]`; None where none is clearly nearest."""
        if not len(self.basis):
            return None
        place = self.basis @ (describe_latents(latents) - self.mean)
        relevance = np.array([measure_relevance(column, self.styles) for column in self.places.T])
        relevance[relevance < LEAST_RELEVANCE] = 0.0
        if not relevance.any():
            return None
        return self._choose(np.sqrt(((self.places - place) ** 2 * relevance).sum(axis=1)))

    def _choose(self, distance: np.ndarray) -> int | None:
        """The style whose captions are clearly more frequent among the nearest than among all."""
        chosen = np.argsort(distance, kind="stable")[:NEAREST]
        weights = np.exp(distance[chosen[0]] - distance[chosen])
        best, found = CLEAR_ODDS, None
        for style in self.styles[chosen]:
            share = weights[self.styles[chosen] == style].sum() / weights.sum()
            usual = float((self.styles == style).mean())
            odds = [min(value, 0.99) / (1.0 - min(value, 0.99)) for value in (share, usual)]
            if odds[0] / odds[1] > best:
                best, found = odds[0] / odds[1], int(style)
        return found

    def _compare(self, text: str, encoder: Encoder) -> np.ndarray | None:
        """How near each caption is to a text, 0 to 1, float `[n]`; None where no word of the text is known.

        Each word of the text counts by the word of the caption that is nearest to it.
        """
        words = [word for word in WORD.findall(text.lower()) if word not in FILLERS and len(word) > 2]
        rows = encoder(words) if words else np.zeros((0, 1))
        rows = rows[np.abs(rows).max(axis=1) > 0]
        if not len(rows):
            return None
        vectors, members = _encode_words(encoder, self.texts)
        cosines = np.maximum(rows @ vectors.T - LEAST_SIMILAR, 0.0)  # [words of the text, words of captions]
        best = np.array([cosines[:, own].max(axis=1) for own in members])  # [n, words of the text]
        return best.mean(axis=1)


@functools.lru_cache(maxsize=4)
def _encode_words(encoder: Encoder, texts: tuple[str, ...]) -> tuple[np.ndarray, list[list[int]]]:
    """Vectors of all parts of captions, `[m, d]`, and which of them each caption has."""
    parts = [text.split(", ") for text in texts]
    numbers = {part: number for number, part in enumerate(dict.fromkeys(itertools.chain(*parts)))}
    return encoder(list(numbers)), [[numbers[part] for part in own] for own in parts]


def measure_relevance(values: np.ndarray, styles: np.ndarray) -> float:
    """The share of the variance of values, float `[n]`, that lies between styles, int `[n]`: 0 to 1."""
    total = float(values.var())
    means = {style: float(values[styles == style].mean()) for style in np.unique(styles)}
    return float(np.array([means[style] for style in styles]).var()) / total if total else 0.0


def describe_latents(latents: np.ndarray) -> np.ndarray:
    """Mean and standard deviation over time of latents `[T, C]`, float64 `[2 C]`."""
    latents = np.asarray(latents, np.float64)
    return np.concatenate([latents.mean(axis=0), latents.std(axis=0)])


def read_captions(folder: Path) -> Captions | None:
    """The captions of a checkpoint folder; None where it has none.

    Raises:
        CheckpointError: the file is damaged.
    """
    path = folder / FILE
    if not path.is_file():
        return None
    try:
        if path.stat().st_size > LARGEST:
            raise ValueError("it is too large")
        return parse_captions(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(f"{format_path(path)} does not hold captions: {error}", about="generator") from None


def parse_captions(content: Mapping[str, Any]) -> Captions:
    """Captions of plain JSON values.

    Raises:
        ValueError, KeyError, TypeError: they are none.
    """
    if content["format"] != FORMAT or content["setting"] not in STYLE_SETTINGS:
        raise ValueError("it has another format")
    rows = content["captions"]
    if not rows:
        raise ValueError("there are none")
    levels = np.array([[get_level(row, scale) for scale in SCALES] for row in rows])
    latents = content.get("latents") or {"mean": [], "basis": [], "places": []}
    mean, basis, places = (np.array(latents[name], np.float64) for name in ("mean", "basis", "places"))
    if len(basis) and (basis.shape[1:] != mean.shape or places.shape != (len(rows), len(basis))):
        raise ValueError("its descriptions of latents do not fit together")
    return Captions(
        content["setting"],
        tuple(str(row["text"]) for row in rows),
        levels,
        tuple(tuple(str(name) for name in row.get("instruments", ())) for row in rows),
        np.array([int(row["style"]) for row in rows]),
        mean,
        basis,
        places,
    )


def get_level(row: Mapping[str, Any], scale: str) -> float:
    """The level of a scale that the facts of a caption say; NaN where they do not."""
    if scale == "mode":
        return {"major": 1.0, "minor": -1.0}.get(str(row.get("key", "")).rpartition(" ")[2], np.nan)
    if row.get(scale) is None:
        return np.nan
    return float(row[scale]) if scale == "brightness" else measure_level(scale, float(row[scale]))
