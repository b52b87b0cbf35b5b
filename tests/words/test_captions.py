"""Captions: the styles and settings that the nearest ones choose, and files that are damaged."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from musika.errors import CheckpointError, UsageError
from musika.words import Captions, describe_meaning, find_folder, load_encoder, read_captions, read_prompt
from musika.words.captions import FILE, describe_latents, measure_relevance, parse_captions
from musika.words.wording import describe_facts
from tests.words.measure import list_answers
from tests.words.phrases import NOTHING, PHRASES
from tests.words.sentences import SENTENCES
from tests.words.test_encoder import encode_letters

PIANO = Path(__file__).parents[2] / "checkpoints" / "piano"
needs_encoder = pytest.mark.skipif(find_folder() is None, reason="wordllama is not installed")


def make_content(rng: np.random.Generator) -> dict[str, Any]:
    """Twenty captions in two styles: the first is bright and its music has large latents."""
    rows = []
    for number in range(20):
        style = 1 + number % 2
        slow = number < 10
        facts = {"tempo": 60 + number if slow else 140 + number, "key": "A minor" if slow else "C major"}
        text = "slow, rain, sad" if slow else "fast, sunny, party"
        rows.append({"text": text, **facts, "brightness": 3.0 - 2 * style, "instruments": ["piano"], "style": style})
    places = np.array([[3.0 - 2 * row["style"]] for row in rows]) + 0.1 * rng.normal(size=(20, 1))
    basis = np.append(np.ones(4), np.zeros(4))[None] / 4
    latents = {"mean": [0.0] * 8, "basis": basis.tolist(), "places": places.tolist()}
    return {"format": 1, "setting": "style", "captions": rows, "latents": latents}


@pytest.fixture
def captions() -> Captions:
    return parse_captions(make_content(np.random.default_rng(0)))


def test_the_nearest_captions_choose_a_style_by_what_tells_styles_apart(captions: Captions) -> None:
    assert captions.find_style({"brightness": 1.0}) == 1 and captions.find_style({"brightness": -1.0}) == 2
    assert captions.find_style({"tempo": -1.0}) is None, "both styles play slow music"
    assert captions.find_style({}) is None


def test_latents_choose_the_style_of_the_nearest_music(captions: Captions) -> None:
    for level, style in ((1.0, 1), (-1.0, 2)):
        assert captions.find_style_of_latents(np.full((9, 4), level, np.float32)) == style
    assert describe_latents(np.ones((5, 4))).tolist() == [1.0] * 4 + [0.0] * 4


def test_nearest_captions_agree_on_levels(captions: Captions) -> None:
    found = captions.find_levels("rains", encode_letters)
    assert found["tempo"] < -0.5 and found["mode"] < 0
    assert captions.find_levels("xx", lambda texts: np.zeros((len(texts), 26))) == {}


def test_a_prompt_takes_what_it_leaves_open_from_captions(captions: Captions) -> None:
    meaning = read_prompt("rain, bright sound", encode_letters, captions)
    assert meaning.settings.mode == "minor" and "mode" in meaning.nearest and meaning.style == 1
    assert any(line.startswith("as in the nearest of the music") for line in describe_meaning(meaning))
    named = read_prompt("rain, tempo 150, C major, style 2", encode_letters, captions)
    assert (named.settings.tempo, named.settings.key, named.style) == ("150", "C major", 2)
    assert read_prompt("slow", encode_letters, captions).nearest == (), "nothing is vague in it"


def test_a_meaning_with_a_style_is_read_back(captions: Captions) -> None:
    meaning = read_prompt("slow, dark sound", None, captions)
    assert str(meaning) == "tempo 64, dark sound, style 2"
    again = read_prompt(str(meaning), encode_letters, captions)
    assert (again.settings, again.brightness, again.style) == (meaning.settings, -1, 2)


def test_how_far_a_value_depends_on_the_style() -> None:
    styles = np.array([1, 1, 2, 2])
    assert measure_relevance(np.array([1.0, 1.0, 3.0, 3.0]), styles) == pytest.approx(1.0)
    assert measure_relevance(np.array([1.0, 3.0, 1.0, 3.0]), styles) == 0.0 == measure_relevance(np.ones(4), styles)


def test_facts_in_words() -> None:
    usual = {"tempo": (0.0, 1.0), "dynamics": (0.0, 1.0), "density": (0.0, 1.0)}
    levels = {"tempo": -1.0, "dynamics": -1.0, "density": -0.7, "mode": -1.0}
    text = describe_facts(levels, usual, "A minor", "3/4", ["piano"])
    assert text.startswith("piano in A minor in 3/4, slow, soft, sparse, ") and "nostalgic" in text


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content.update(format=2),
        lambda content: content.update(setting="tempo"),
        lambda content: content.update(captions=[]),
        lambda content: content["captions"][0].pop("style"),
        lambda content: content["captions"][0].update(tempo="fast"),
        lambda content: content["latents"].update(places=[[1.0]]),
        lambda content: content.update(captions=7),
    ],
)
def test_damaged_captions_are_one_line(tmp_path: Path, damage: Any) -> None:
    content = make_content(np.random.default_rng(0))
    damage(content)
    (tmp_path / FILE).write_text(json.dumps(content))
    with pytest.raises(CheckpointError, match=r"captions.json does not hold captions") as failure:
        read_captions(tmp_path)
    assert "\n" not in str(failure.value)


def test_a_folder_without_captions_has_none(tmp_path: Path) -> None:
    assert read_captions(tmp_path) is None


def test_words_choose_between_the_two_pianos() -> None:
    captions = read_captions(PIANO)
    assert captions is not None
    assert read_prompt("bright sound", None, captions).style == 1
    assert read_prompt("dark sound", None, captions).style == 2
    assert read_prompt("in A minor", None, captions).style is None


@needs_encoder
def test_more_is_understood_with_captions_and_nonsense_is_still_refused() -> None:
    encoder, captions = load_encoder(), read_captions(PIANO)
    shares = {}
    for sentences in ("SENTENCES", "PHRASES"):
        chosen = {"SENTENCES": SENTENCES, "PHRASES": PHRASES}[sentences]
        for name, own in (("without", None), ("with", captions)):
            answers = list_answers(lambda text, own=own: read_prompt(text, encoder, own), chosen)
            shares[sentences, name] = sum(right for *_, right in answers) / len(answers)
    assert shares["SENTENCES", "with"] >= max(0.92, shares["SENTENCES", "without"])
    assert shares["PHRASES", "with"] > shares["PHRASES", "without"]
    refused = 0
    for text in NOTHING:
        try:
            read_prompt(text, encoder, captions)
        except UsageError:
            refused += 1
    assert refused >= len(NOTHING) - 2
