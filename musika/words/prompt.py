"""From a text to musical settings, by the table of words.

Words are looked up one after another, the longest entry first. `not`, `less`, `very` and the like act on the entry
that follows. Entries that say something directly win over those that suggest it, and within one kind the mean counts.
"""

from __future__ import annotations

import dataclasses
import itertools
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Mapping

from musika.config import MusicalSettings
from musika.config.musical.instruments import find_instrument
from musika.errors import UsageError
from musika.words.captions import Captions
from musika.words.encoder import Encoder, find_near_entry
from musika.words.explicit import take_settings, take_style
from musika.words.levels import BANDS, LEVELS, describe_change, describe_level, measure_level
from musika.words.meaning import Meaning
from musika.words.table import (
    CHANGES,
    DEGREES,
    DIRECT,
    EXCESS,
    FILLERS,
    INSTRUMENT_PHRASES,
    NEGATIONS,
    NOT_INSTRUMENTS,
    SUGGESTED,
)

WORD = re.compile(r"[^\W\d_]+(?:['-][^\W\d_]+)*|[,.;:!?()\n]")
TWICE = re.compile(r"\b(\w+er) and \1\b", re.IGNORECASE)  # louder and louder
LONGEST_ENTRY = 4  # words
LONGEST_PROMPT = 5000  # characters
LEAST_SUGGESTION = 0.25  # level at which a suggestion counts
WIDE = 0.5  # level from which on a word names an end of its scale
BRIGHT = 1.0  # level of a sound that is called bright
OPPOSITE = -0.5  # "not fast" is half as slow as "slow"
UNDERSTOOD = (
    "say how fast (slow, 90 bpm), how loud (soft), how dense (sparse), a key (A minor), a mood (sad, dreamy) "
    "or an instrument (piano)"
)


@dataclasses.dataclass
class _Modifier:
    """What words before an entry make of it."""

    negated: bool = False
    excess: bool = False
    degree: float = 1.0

    def apply(self, level: float) -> float:
        if self.negated:
            return 0.0 if self.excess else OPPOSITE * level
        return self.degree * level


@dataclasses.dataclass
class _Findings:
    """What the words of a prompt add up to. It is vague where moods or unknown words are among them."""

    direct: dict[str, list[float]] = dataclasses.field(default_factory=lambda: defaultdict(list))
    suggested: dict[str, list[float]] = dataclasses.field(default_factory=lambda: defaultdict(list))
    metre: str = ""
    instruments: list[str] = dataclasses.field(default_factory=list)
    without: list[str] = dataclasses.field(default_factory=list)
    guessed: list[tuple[str, str]] = dataclasses.field(default_factory=list)
    unknown: list[str] = dataclasses.field(default_factory=list)
    is_vague: bool = False

    def add(self, word: str, modifier: _Modifier) -> None:
        """Takes in an entry of the table, or an instrument, or what is both."""
        if find_instrument(word) is not None and word not in NOT_INSTRUMENTS:
            self.add_instrument(word, modifier)
        if word not in DIRECT and word not in SUGGESTED:
            return
        levels, effects = (self.direct, DIRECT[word]) if word in DIRECT else (self.suggested, SUGGESTED[word])
        self.is_vague = self.is_vague or word in SUGGESTED
        for scale, level in effects:
            if isinstance(level, str):
                self.metre = self.metre or ("" if modifier.negated else level)
            elif not (scale in CHANGES and modifier.negated):
                levels[scale].append(modifier.apply(level))

    def add_instrument(self, name: str, modifier: _Modifier) -> None:
        """Takes in an instrument, or that there is to be none."""
        names = self.without if modifier.negated else self.instruments
        if name not in names:
            names.append(name)

    def add_unknown(self, word: str, modifier: _Modifier, encoder: Encoder | None) -> None:
        """Takes in a word that is not in the table, as a suggestion of the entry that is nearest, if one is near."""
        self.is_vague = True
        near = None if encoder is None else find_near_entry(encoder, word)
        if near is None:
            self.unknown.append(word)
            return
        self.guessed.append((word, near))
        for scale, level in DIRECT.get(near) or SUGGESTED[near]:
            if isinstance(level, float) and scale not in CHANGES:
                self.suggested[scale].append(modifier.apply(level))

    def is_wide(self, scale: str) -> bool:
        """Whether both ends of a scale are asked for."""
        return min(self.direct[scale], default=0.0) <= -WIDE and max(self.direct[scale], default=0.0) >= WIDE

    def get_level(self, scale: str) -> float | None:
        """What is asked of a scale; None where nothing is."""
        if self.direct[scale]:
            return sum(self.direct[scale]) / len(self.direct[scale])
        if not self.suggested[scale]:
            return None
        level = sum(self.suggested[scale]) / len(self.suggested[scale])
        return level if abs(level) >= LEAST_SUGGESTION else None


def read_prompt(text: str, encoder: Encoder | None = None, captions: Captions | None = None) -> Meaning:
    """What a text asks for.

    Args:
        text: plain words, musical terms, or what a meaning prints as.
        encoder: finds the nearest entry of the table for words that are not in it, and the nearest captions
            (`load_encoder`).
        captions: of the checkpoint that is to play (`read_captions`). They choose a style, and with an encoder also
            settings that the text leaves open.

    Raises:
        UsageError: nothing in it is understood.
        ConfigError: it names a setting that is out of range, or settings that cannot be met together.
    """
    if len(text) > LONGEST_PROMPT:
        raise UsageError(f"the prompt has {len(text):,} characters: at most {LONGEST_PROMPT:,}", about="prompt")
    text = TWICE.sub(r"getting \1", unicodedata.normalize("NFC", text).replace("\N{RIGHT SINGLE QUOTATION MARK}", "'"))
    style, rest = take_style(text)
    named, rest = take_settings(rest)
    found = _look_up(WORD.findall(rest.lower()), encoder)
    meaning = dataclasses.replace(_make_meaning(named, found), style=style)
    if captions is not None and encoder is not None and found.is_vague:
        levels = captions.find_levels(rest, encoder)
        spoken = {scale for scale, values in found.suggested.items() if values}  # also where words cancel each other
        levels = {scale: level for scale, level in levels.items() if scale not in spoken}
        meaning = _fill_from_captions(meaning, levels)
    if captions is not None and style is None:
        meaning = dataclasses.replace(meaning, style=captions.find_style(measure_levels(meaning)))
    if meaning.is_empty:
        shown = text.strip() if len(text.strip()) <= 60 else text.strip()[:57] + "..."
        raise UsageError(f"the prompt {shown!r} says nothing that is understood: {UNDERSTOOD}", about="prompt")
    return meaning


def _fill_from_captions(meaning: Meaning, levels: Mapping[str, float]) -> Meaning:
    """A meaning with what captions say about scales that it leaves open."""
    given = meaning.settings.get_given()
    added = {scale: describe_level(scale, levels[scale]) for scale in LEVELS if scale in levels and scale not in given}
    if "mode" in levels and not given.keys() & {"key", "mode", "chords"}:
        added["mode"] = "major" if levels["mode"] > 0 else "minor"
    if added.get("articulation") == "normal":
        del added["articulation"]
    brightness, names = meaning.brightness, tuple(added)
    if not brightness and abs(levels.get("brightness", 0.0)) >= BRIGHT:
        brightness, names = (1 if levels["brightness"] > 0 else -1), (*names, "brightness")
    settings = MusicalSettings(**{**added, **given})
    return dataclasses.replace(meaning, settings=settings, brightness=brightness, nearest=names)


def measure_levels(meaning: Meaning) -> dict[str, float]:
    """The levels that a meaning asks for at the beginning, by scale."""
    settings, levels = meaning.settings, {}
    for scale in LEVELS:
        value = getattr(settings, f"{scale}_value")
        if value is not None:
            middle = value.get_middle(0.0) if scale in BANDS else value.get_value(0.0)
            levels[scale] = measure_level(scale, middle)
    if meaning.brightness:
        levels["brightness"] = BRIGHT * meaning.brightness
    mode = settings.mode or (settings.key_value.get_value(0.0).mode if settings.key_value else "")
    return levels | ({"mode": 1.0 if mode == "major" else -1.0} if mode else {})


def _look_up(words: list[str], encoder: Encoder | None) -> _Findings:
    """Goes through the words of a prompt, in lower case, with signs between them."""
    found = _Findings()
    modifier = _Modifier()
    position = 0
    while position < len(words):
        entry, length = _find_entry(words, position)
        word = words[position]
        if entry is not None:
            found.add(entry, modifier)
        elif _modify(modifier, word):
            position += 1
            continue
        elif not word[0].isalpha() or word in ("and", "but"):
            modifier = _Modifier()
        elif word not in FILLERS and len(word) > 2:
            found.add_unknown(word, modifier, encoder)
        if entry is not None:
            goes_on = words[position + length : position + length + 1] in (["or"], ["nor"])
            modifier = _Modifier(negated=modifier.negated and goes_on)
        position += length
    return found


def _modify(modifier: _Modifier, word: str) -> bool:
    """Lets a word act on what follows; whether it is such a word."""
    if word in NEGATIONS or word.endswith("n't"):
        modifier.negated = True
    elif word in EXCESS and modifier.negated:
        modifier.excess = True
    elif word == "less":
        modifier.degree = OPPOSITE
    elif word in DEGREES:
        modifier.degree = DEGREES[word]
    elif word != "too":
        return False
    return True


def _find_entry(words: list[str], position: int) -> tuple[str | None, int]:
    """The longest entry or instrument that begins at a word, and its number of words; (None, 1) where none does."""
    for length in range(min(LONGEST_ENTRY, len(words) - position), 0, -1):
        phrase = " ".join(words[position : position + length])
        if phrase in FILLERS:
            continue
        forms = list(_list_forms(phrase)) if length == 1 else [phrase]
        for form in forms:
            if form in DIRECT or form in SUGGESTED:
                return form, length
            if form in INSTRUMENT_PHRASES:
                return INSTRUMENT_PHRASES[form], length
        instrument = find_instrument(phrase) if phrase not in NOT_INSTRUMENTS else None
        if instrument is not None and phrase.rstrip("s") not in NOT_INSTRUMENTS:
            return instrument.name, length
    return None, 1


def _list_forms(word: str) -> Iterator[str]:
    """A word and what it may come from: `softly`, `happier`, `clouds`."""
    yield word
    stem = word.removesuffix("'s")
    yield stem
    for ending, others in ENDINGS.items():
        if stem.endswith(ending) and len(stem) - len(ending) >= 2:
            base = stem.removesuffix(ending)
            yield from (base + other for other in others)
            if len(base) > 3 and base[-1] == base[-2]:
                yield base[:-1]


# endings of words, and what stands in their place in the table
ENDINGS = {
    "ally": ("",),
    "s": ("",),
    "es": ("",),
    "ies": ("y",),
    "ily": ("y",),
    "ly": ("", "le"),
    "ier": ("y",),
    "iest": ("y",),
    "er": ("", "e"),
    "est": ("", "e"),
    "iness": ("y",),
    "ness": ("",),
    "ish": ("",),
}


def _make_meaning(named: dict[str, str], found: _Findings) -> Meaning:
    """The settings of what was named and of what words add up to."""
    asked = dict(named)
    for scale in LEVELS:
        level, change = found.get_level(scale), found.get_level(f"{scale}_change")
        if scale not in asked and change is not None:
            asked[scale] = describe_change(scale, level, change)
        elif scale not in asked and scale in BANDS and found.is_wide(scale):
            ends = min(found.direct[scale]), max(found.direct[scale])
            asked[scale] = "..".join(describe_level(scale, end) for end in ends)
        elif scale not in asked and level is not None:
            asked[scale] = describe_level(scale, level)
    if "articulation" not in named and asked.get("articulation") == "normal":
        del asked["articulation"]
    mode = found.get_level("mode")
    if mode is not None and mode != 0 and not asked.keys() & {"key", "mode", "chords"}:
        asked["mode"] = "major" if mode > 0 else "minor"
    if found.metre:
        asked.setdefault("metre", found.metre)
    names = [name for name in found.instruments if name not in found.without]
    if names:
        asked["instruments"] = ", ".join(
            itertools.chain([asked["instruments"]] if "instruments" in asked else [], names)
        )
    brightness = found.get_level("brightness") or 0.0
    sign = 0 if abs(brightness) < 0.5 else 1 if brightness > 0 else -1
    unknown, guessed = tuple(dict.fromkeys(found.unknown)), tuple(dict.fromkeys(found.guessed))
    return Meaning(MusicalSettings(**asked), sign, tuple(found.without), unknown, guessed)
