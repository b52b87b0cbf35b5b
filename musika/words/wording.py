"""Facts about music in words: what captions say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from musika.words.table import SUGGESTED

MOODS, WORDS = 2, 4  # kinds of moods that a caption names, and words of each
LEAST_FIT = 0.35  # mean agreement of a mood with the levels
# words for levels below -1.2, below -0.6, about 0, above 0.6 and above 1.2
_NAMES = {
    "tempo": ("very slow", "slow", "moderate tempo", "fast", "very fast"),
    "dynamics": ("very soft", "soft", "medium volume", "loud", "very loud"),
    "density": ("very few notes", "sparse", "medium density", "busy", "dense, many notes"),
    "register": ("very low, deep bass", "low register", "middle register", "high register", "very high, treble"),
    "articulation": ("staccato, short notes", "detached", "", "sustained", "legato, smooth"),
    "brightness": ("very dark sound", "dark, warm sound", "", "bright sound", "brilliant, very bright sound"),
}
_EDGES = (-1.2, -0.6, 0.6, 1.2)


def describe_facts(
    levels: Mapping[str, float],
    usual: Mapping[str, tuple[float, float]],
    key: str = "",
    metre: str = "",
    instruments: Sequence[str] = (),
    turn: int = 0,
) -> str:
    """A caption.

    Args:
        levels: -2 to 2 by scale, as `musika.words.levels` has them, `brightness` and `mode` too.
        usual: mean and standard deviation of the levels of all captions; moods are relative to them, but for the mode.
        key: such as `A minor`.
        metre: such as `3/4`.
        instruments: names.
        turn: which of the words for a mood are taken; several captions together name all of them.
    """
    words = [name for scale in _NAMES if (name := _name(scale, levels.get(scale)))]
    named = " and ".join(instruments)
    places = [f"in {key}"] * bool(key) + [f"in {metre}"] * bool(metre)
    first = " ".join([*([named] if named else []), *places])
    relative = dict(levels)
    for scale in usual.keys() & levels.keys() - {"mode"}:
        relative[scale] = (levels[scale] - usual[scale][0]) / max(usual[scale][1], 0.1)
    return ", ".join([*([first] if first else []), *words, *list_moods(relative, turn)])


def _name(scale: str, level: float | None) -> str:
    return "" if level is None else _NAMES[scale][sum(level > edge for edge in _EDGES)]


def list_moods(levels: Mapping[str, float], turn: int = 0) -> list[str]:
    """Words for moods whose levels agree best with these, the best first."""
    moods: dict[tuple[tuple[str, float | str], ...], list[str]] = {}
    for word, effects in SUGGESTED.items():
        moods.setdefault(effects, []).append(word)
    fits = sorted(((_measure_fit(effects, levels), number) for number, effects in enumerate(moods)), reverse=True)
    groups = list(moods.values())
    found = []
    for fit, number in fits[:MOODS]:
        if fit >= LEAST_FIT:
            group = groups[number]
            count = min(WORDS, len(group))
            found += [group[(turn * WORDS + k) % len(group)] for k in range(count)]
    return found


def _measure_fit(effects: Sequence[tuple[str, float | str]], levels: Mapping[str, float]) -> float:
    """How well a mood agrees with levels, -1 to 1: its effects count by their size, and missing ones against it."""
    total = agreed = 0.0
    for scale, effect in effects:
        if isinstance(effect, str):
            return -1.0
        total += abs(effect)
        level = levels.get(scale)
        if level is not None:
            agreed += abs(effect) * max(-1.0, min(1.0, level / effect))
    return agreed / total if total >= 1.2 else -1.0
