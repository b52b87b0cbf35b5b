"""Prompts: what words mean, how much of sixty sentences is understood, and that a meaning is read back."""

from __future__ import annotations

import pytest

from musika.config import MusicalSettings
from musika.config.musical.levels import DYNAMICS
from musika.errors import ConfigError, MusikaError, UsageError
from musika.words import Meaning, read_prompt
from musika.words.table import DIRECT, FILLERS, SUGGESTED
from tests.words.measure import list_answers
from tests.words.sentences import SENTENCES

MEANINGS = [
    ("tempo 62, A minor, soft, sparse, piano", "tempo 62, A minor, sparse, soft, piano"),
    ("slow", "tempo 64"),
    ("Very slow!", "tempo 53"),
    ("not slow", "tempo 120"),
    ("not too fast", "tempo 100"),
    ("less busy", "density 0.33"),
    ("neither loud nor fast", "tempo 82, rather soft"),
    ("slow but not sad", "tempo 64, major, rather loud"),
    ("softly", "soft"),
    ("sadder", "tempo 71, minor, density 0.36, rather soft"),
    ("sad, but fast and loud", "tempo 144, minor, density 0.36, loud"),
    ("a waltz at 3/8", "tempo 116, 3/8"),
    ("in six eight time", "6/8"),
    ("in F", "F major"),
    ("in F#m", "F# minor"),
    ("a minor piece", "minor"),
    ("a piece in a minor", "A minor"),
    ("in B-flat minor", "Bb minor"),
    ("at 120", "tempo 120"),
    ("chords: Am F C G", "chords Am F C G"),
    ("Am - F - C - G over and over", "chords Am F C G"),
    ("AABA form", "form AABA"),
    ("pp..ff", "dynamics pp..ff"),
    ("low piano, high strings", "register low..high, piano, strings"),
    ("orchestra without brass or drums", "strings, no brass, no drums"),
    ("don't play drums", "no drums"),
    ("dark timbre", "dark sound"),
    ("gets faster and faster", "tempo 0:00=64; 1:00=144"),
    ("soft, then a crescendo", "dynamics 0:00=p; 1:00=f"),
    ("tempo 0:00=90; 1:00=120, key: F# minor", "tempo 0:00=90; 1:00=120, F# minor"),
]


@pytest.mark.parametrize(("text", "meaning"), MEANINGS)
def test_what_words_mean(text: str, meaning: str) -> None:
    assert str(read_prompt(text)) == meaning


def test_most_of_what_sixty_sentences_ask_for_is_understood() -> None:
    answers = list_answers(read_prompt, SENTENCES)
    assert len(SENTENCES) == 60
    assert sum(right for *_, right in answers) / len(answers) >= 0.85


def check_reads_back(meaning: Meaning) -> None:
    again = read_prompt(str(meaning))
    assert (again.settings, again.brightness, again.without) == (meaning.settings, meaning.brightness, meaning.without)
    assert not again.unknown


@pytest.mark.parametrize("text", [text for text, _ in SENTENCES] + [text for text, _ in MEANINGS])
def test_a_meaning_is_read_back(text: str) -> None:
    try:
        meaning = read_prompt(text)
    except UsageError:
        pytest.skip("not understood")
    check_reads_back(meaning)


@pytest.mark.parametrize(
    "asked",
    [
        *({"dynamics": mark} for mark in DYNAMICS),
        *({"register": level} for level in ("low", "mid", "high", "66", "low..high")),
        *({"density": level} for level in ("sparse", "medium", "dense", "0.62", "0:00=0.1, 0:30=0.9")),
        *({"articulation": level} for level in ("staccato", "detached", "normal", "legato", "0.9")),
        {"key": "0:00=A minor, 1:00=C major"},
        {"chords": "Am:2 F#m7b5*1/2 C/E", "form": "ABAC", "metre": "6/8", "instruments": "piano, string ensemble"},
        {"tempo": "0:00=90.5, 1:30=120", "mode": "minor"},
    ],
)
def test_all_settings_are_read_back_from_their_words(asked: dict[str, str]) -> None:
    check_reads_back(Meaning(MusicalSettings(**asked)))


def test_words_that_are_not_understood_are_named() -> None:
    assert read_prompt("slow xylofunk with a grumbuzzle").unknown == ("xylofunk", "grumbuzzle")
    assert read_prompt("please play me something slow").unknown == ()


@pytest.mark.parametrize("text", ["asdf", "", "  ", "!!!", "the", "\0", "💧", "key key key"])
def test_a_prompt_that_says_nothing_is_refused_with_what_would_be_understood(text: str) -> None:
    with pytest.raises(UsageError, match="says nothing that is understood: say how fast") as failure:
        read_prompt(text)
    assert failure.value.about == "prompt" and "\n" not in str(failure.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("at 20 bpm", "tempo: 20 is out of range"),
        ("tempo 400", "tempo: 400 is out of range"),
        ("tempo 0:00=500", "500 is out of range"),
        ("metre 3/7", "no metre"),
        ("key of H", "'H' is no key"),
        ("in C major with chords F# B", "outside C major"),
        ("a" * 5001, "at most 5,000"),
    ],
)
def test_a_setting_that_is_named_and_wrong_is_an_error(text: str, message: str) -> None:
    with pytest.raises(MusikaError, match=message) as failure:
        read_prompt(text)
    assert isinstance(failure.value, (ConfigError, UsageError))


def test_the_table_has_each_word_once() -> None:
    assert not DIRECT.keys() & SUGGESTED.keys()
    assert not FILLERS & {word for word in (*DIRECT, *SUGGESTED) if " " not in word}
    assert all(word == word.lower().strip() for word in (*DIRECT, *SUGGESTED))


@pytest.mark.parametrize("word", [*DIRECT, *SUGGESTED])
def test_every_word_of_the_table_is_understood(word: str) -> None:
    assert not read_prompt(word).is_empty
