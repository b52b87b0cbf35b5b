"""What the forms of the page ask for, checked and made; without Gradio."""

from __future__ import annotations

import secrets
from typing import Any

from musika import pictures, render
from musika.errors import UsageError
from musika.serve.page.recent_files import RecentFiles

MAX_SECONDS = 300.0  # of one request
MAX_SEED = 2**53 - 1  # what a browser can count to
DRAWN_SEEDS = 2**32


def answer_request(
    model: render.Model, files: RecentFiles, seconds: Any, truncation: Any, seed: Any, draw: bool
) -> tuple[str, Any, int]:
    """One request: (path of a wav file, picture `[H, W, 3]`, the seed that was used).

    Raises:
        MusikaError: a value outside its range, or a checkpoint that cannot be used.
    """
    length = _check_number("the length in seconds", seconds, 0.001, MAX_SECONDS)
    bound = _check_number("the truncation", truncation, 0.01, 10)
    number = secrets.randbelow(DRAWN_SEEDS) if draw else int(_check_number("the seed", seed, 0, MAX_SEED))
    waveform = model.piece(number, **model.select_settings({"truncation": bound})).render(0.0, length)
    name = "".join(c if c.isprintable() else "_" for c in model.name)  # Gradio sends file names as UTF-8
    path = files.add(f"{name}-seed-{number}-{length:g}s-{bound:g}.wav", waveform, model.sample_rate)
    return str(path), pictures.draw_spectrogram(waveform, model.sample_rate), number


def _check_number(what: str, value: Any, low: float, high: float) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
        raise UsageError(f"{what} must be a number from {low:g} to {high:g}")
    return float(value) if isinstance(value, float) else value
