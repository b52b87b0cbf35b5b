"""How many of the asked attributes a reader of prompts gets right."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from musika.errors import UsageError
from musika.words import Meaning

# below the first a setting counts as -1, from the second on as 1
BOUNDS = {
    "tempo": (90.0, 115.0),
    "dynamics": (0.45, 0.6),
    "density": (0.4, 0.6),
    "register": (56.0, 64.0),
    "articulation": (0.9, 1.1),
}
CHANGING = ("tempo", "dynamics")


def classify(meaning: Meaning) -> dict[str, Any]:
    """The attributes of a meaning, named as in the sentences."""
    asked = meaning.settings
    found: dict[str, Any] = asked.get_given()
    for name, (low, high) in BOUNDS.items():
        value = getattr(asked, f"{name}_value")
        if value is None:
            continue
        middle = value.get_middle(0) if hasattr(value, "get_middle") else value.get_value(0)
        values = (value.low if hasattr(value, "low") else value).values
        if values[0] != values[-1] and name in CHANGING:
            found[f"{name}_change"] = 1 if values[-1] > values[0] else -1
        found[name] = -1 if middle < low else 1 if middle >= high else 0
        if name == "tempo":
            found["exact tempo"] = middle
    if asked.key_value:
        found["mode"] = asked.key_value.values[0].mode
    if meaning.brightness:
        found["brightness"] = meaning.brightness
    return found | {"no": ", ".join(meaning.without)}


def is_right(name: str, wanted: Any, found: dict[str, Any]) -> bool:
    """Whether an attribute is what the sentence asks for."""
    if name == "tempo" and wanted >= 30:
        return bool(found.get("exact tempo") == wanted)
    if name == "instruments":
        return set(wanted.split(", ")) <= set(found.get(name, "").split(", "))
    return bool(found.get(name) == wanted)


def list_answers(
    read: Callable[[str], Meaning], sentences: Iterable[tuple[str, dict[str, Any]]]
) -> list[tuple[str, str, bool]]:
    """Sentence, attribute and whether it is right, for every asked attribute; a refused prompt has none right."""
    answers = []
    for text, wanted in sentences:
        try:
            found = classify(read(text))
        except UsageError:
            found = {}
        answers += [(text, name, is_right(name, value, found)) for name, value in wanted.items()]
    return answers
