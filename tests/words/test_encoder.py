"""The optional text encoder: words that the table lacks count as the nearest that it has."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from musika.errors import UsageError
from musika.words import find_folder, load_encoder, read_prompt
from tests.words.measure import list_answers
from tests.words.phrases import NOTHING
from tests.words.sentences import SENTENCES

needs_encoder = pytest.mark.skipif(find_folder() is None, reason="wordllama is not installed")


def encode_letters(texts: Sequence[str]) -> np.ndarray:
    """Counts of letters, each text of length 1: words with the same letters are near."""
    counts = np.array([[text.count(letter) for letter in "abcdefghijklmnopqrstuvwxyz"] for text in texts], float)
    return counts / np.maximum(np.linalg.norm(counts, axis=1, keepdims=True), 1e-9)


def test_an_unknown_word_counts_as_its_nearest_and_is_named() -> None:
    meaning = read_prompt("legnot piano", encode_letters)
    assert meaning.guessed and meaning.guessed[0][0] == "legnot" and not meaning.unknown
    assert read_prompt("legnot piano").unknown == ("legnot",)


def test_words_of_the_table_are_not_guessed() -> None:
    assert read_prompt("slow sad piano", encode_letters).guessed == ()


def test_guesses_yield_to_words_that_say_it() -> None:
    assert read_prompt("slow wolsy", encode_letters).settings.tempo == read_prompt("slow").settings.tempo


@needs_encoder
def test_more_is_understood_with_the_encoder() -> None:
    encoder = load_encoder()
    shares = []
    for read in (read_prompt, lambda text: read_prompt(text, encoder)):
        answers = list_answers(read, SENTENCES)
        shares.append(sum(right for *_, right in answers) / len(answers))
    assert shares[1] > shares[0] >= 0.85


@needs_encoder
def test_words_that_somebody_made_up_are_refused_with_the_encoder_too() -> None:
    encoder = load_encoder()
    refused = []
    for text in NOTHING:
        try:
            read_prompt(text, encoder)
        except UsageError as error:
            assert "says nothing that is understood: say how fast" in str(error)
            refused.append(text)
    assert "blorf wizzle" in refused and len(refused) >= len(NOTHING) - 2


@needs_encoder
def test_of_several_words_the_known_ones_count_and_the_others_are_named() -> None:
    meaning = read_prompt("slow blorf wizzle", load_encoder())
    assert str(meaning) == "tempo 64" and meaning.unknown == ("blorf", "wizzle")


def test_a_missing_or_damaged_encoder_says_how_to_install_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("musika.words.encoder.find_folder", lambda: None)
    with pytest.raises(UsageError, match=r'not installed: pip install "\.\[words\]"'):
        load_encoder()
    pytest.importorskip("tokenizers")
    with pytest.raises(UsageError, match="damaged"):
        load_encoder(tmp_path)
