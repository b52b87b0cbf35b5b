"""Phrases that the table of words hardly knows, to choose the constants of the text encoder and of captions with.

Some ask for what a listener would surely expect, in the form of `sentences.SENTENCES`. Others say nothing about music:
words that somebody made up, and ordinary sentences.
"""

from __future__ import annotations

from typing import Any

PHRASES: list[tuple[str, dict[str, Any]]] = [
    ("an old man sits alone by the window", {"tempo": -1, "mode": "minor"}),
    ("kids jumping on a trampoline", {"tempo": 1, "mode": "major"}),
    ("the last goodbye at the hospital", {"mode": "minor", "tempo": -1}),
    ("explosions and car crashes", {"dynamics": 1, "tempo": 1}),
    ("a kitten dozing in the sunshine", {"dynamics": -1, "tempo": -1}),
    ("knights riding to glory", {"dynamics": 1, "mode": "major"}),
    ("mourning a dead friend", {"mode": "minor", "tempo": -1}),
    ("a vampire's castle", {"mode": "minor"}),
    ("monsters under the bed", {"mode": "minor"}),
    ("a toddler giggling", {"mode": "major", "tempo": 1}),
    ("serenity of a monastery", {"tempo": -1, "dynamics": -1}),
    ("a widow's regret", {"mode": "minor"}),
    ("marching soldiers and cannons", {"dynamics": 1}),
    ("a sprint to the finish line", {"tempo": 1}),
    ("gentleness and affection between mother and child", {"dynamics": -1}),
    ("despair, nothing is left", {"mode": "minor"}),
    ("our team wins the cup", {"mode": "major"}),
    ("insomnia at three in the morning", {"dynamics": -1}),
    ("a hymn of praise and triumph", {"mode": "major", "dynamics": 1}),
    ("a maniac with an axe", {"mode": "minor", "dynamics": 1}),
    ("daydreams beside a quiet pond", {"tempo": -1, "dynamics": -1}),
    ("the tyrant's rage", {"mode": "minor", "dynamics": 1}),
    ("clowns and acrobats", {"tempo": 1, "mode": "major"}),
    ("ballet of tiny mice on tiptoe", {"dynamics": -1}),
    ("the abandoned house at the edge of town", {"mode": "minor"}),
    ("newlyweds in a meadow", {"mode": "major"}),
    ("falling asleep in a warm blanket", {"tempo": -1, "dynamics": -1}),
    ("escaping from wolves", {"tempo": 1, "mode": "minor"}),
    ("a thousand sparks flying off the grinder", {"density": 1}),
    ("the emperor enters the hall", {"dynamics": 1}),
]

NOTHING: list[str] = [
    "blorf wizzle",
    "asdf",
    "qwertz uiop",
    "xqzt",
    "flibber gronk",
    "snorp the flumbo",
    "zxcv bnm",
    "hjkl",
    "grumbuzzle",
    "frobnicate the quuxes",
    "wubba dubba",
    "plink zonk",
    "vrexil tomquar",
    "mimsy borogoves",
    "klaatu barada nikto",
    "jabberflop",
    "skreet",
    "ploonk",
    "dringle fump",
    "oogly boog",
    "the quarterly report is due on Thursday",
    "please update the spreadsheet",
    "my printer needs a new cartridge",
    "how many calories are in an egg",
    "select all users from the database",
]
