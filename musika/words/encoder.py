"""An optional text encoder: words that the table lacks count as the nearest that it has.

The encoder is wordllama (`pip install ".[words]"`): one vector for each of 32,000 pieces of words, 16 MB, which come
with the package. The vector of a text is the mean of its pieces. Words that somebody made up fall into small pieces,
whose mean is near to something by chance, so words of small pieces are left out. The package itself is not imported:
its two files are read here.
"""

from __future__ import annotations

import functools
import importlib.util
import itertools
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from musika.errors import UsageError
from musika.words.table import DIRECT, SUGGESTED

WEIGHTS = Path("weights", "l2_supercat_256.safetensors")
TOKENIZER = Path("tokenizers", "l2_supercat_tokenizer_config.json")
NEAR = 0.35  # least cosine of a word and an entry of the table that counts for it
KNOWN = 0.6  # least share of a word's letters that its first piece has; of other words, the pieces mean nothing
BEGIN = "\u2581"  # marks a piece that begins a word
INSTALL = 'pip install ".[words]"'

# texts -> vectors of length 1, `[n, d]`
Encoder = Callable[[Sequence[str]], np.ndarray]


def find_folder() -> Path | None:
    """The folder of the installed package, which is not imported; None where it, or what it needs, is not installed."""
    try:
        package = importlib.util.find_spec("wordllama")
        has_tokenizers = importlib.util.find_spec("tokenizers") is not None
    except (ImportError, ValueError):
        return None
    folders = [] if package is None or not has_tokenizers else list(package.submodule_search_locations or [])
    return next((f for f in map(Path, folders) if (f / WEIGHTS).is_file() and (f / TOKENIZER).is_file()), None)


def load_encoder(folder: Path | None = None) -> Encoder:
    """The encoder of a folder; None looks for the installed one.

    Raises:
        UsageError: it is not installed, or the files are damaged.
    """
    folder = folder or find_folder()
    if folder is None:
        raise UsageError(f"the text encoder is not installed: {INSTALL}")
    from safetensors.numpy import load_file
    from tokenizers import Tokenizer

    try:
        (vectors,) = load_file(folder / WEIGHTS).values()
        tokenizer = Tokenizer.from_file(str(folder / TOKENIZER))
    except Exception as error:  # tokenizers raises plain exceptions
        raise UsageError(f"the text encoder in {folder} is damaged: {INSTALL}") from error
    tokenizer.no_padding()
    return lambda texts: _encode(tokenizer, vectors, texts)


def find_near_entry(encoder: Encoder, word: str) -> str | None:
    """The entry of the table that is nearest to a word; None where none is near."""
    entries, vectors = _encode_table(encoder)
    similarity = vectors @ encoder([word])[0]
    best = int(np.argmax(similarity))
    return entries[best] if similarity[best] >= NEAR else None


@functools.lru_cache(maxsize=2)
def _encode_table(encoder: Encoder) -> tuple[tuple[str, ...], np.ndarray]:
    """The entries of the table and their vectors."""
    entries = (*DIRECT, *SUGGESTED)
    return entries, encoder(entries)


def _encode(tokenizer: object, vectors: np.ndarray, texts: Sequence[str]) -> np.ndarray:
    """Vectors of texts, `[n, d]`; a text without known words has zeros."""
    rows = np.zeros((len(texts), vectors.shape[1]))
    for row, encoding in zip(rows, tokenizer.encode_batch(list(texts), add_special_tokens=False), strict=True):  # type: ignore[attr-defined]
        chosen = _find_known(encoding.tokens)
        if chosen:
            row[:] = vectors[np.array(encoding.ids)[chosen]].astype(np.float32).mean(axis=0)
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)


def _find_known(pieces: Sequence[str]) -> list[int]:
    """Places of the pieces of words that are known: their first piece has most of their letters."""
    known: list[int] = []
    begins = [
        place
        for place, piece in enumerate(pieces)
        if place == 0 or piece.startswith(BEGIN) or not (pieces[place - 1][-1:].isalpha() and piece[:1].isalpha())
    ]
    for begin, end in itertools.pairwise([*begins, len(pieces)]):
        lengths = [len(piece.removeprefix(BEGIN)) for piece in pieces[begin:end]]
        if lengths[0] >= KNOWN * sum(lengths):
            known += range(begin, end)
    return known
