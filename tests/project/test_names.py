"""Names say what they are: a function is a verb phrase, not a participle alone."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.project.test_structure import get_name, list_sources

# verbs and nouns that end like participles
NO_PARTICIPLES = {"embed", "exceed", "feed", "need", "proceed", "seed", "shed", "speed"}
IRREGULAR = {"begun", "built", "done", "drawn", "found", "given", "heard", "held", "kept", "known", "left", "made"}
IRREGULAR |= {"said", "sent", "shown", "spent", "taken", "told", "whole", "written"}
VALUES = {"property", "cached_property", "overload"}  # decorators of functions that are read like a value


def list_functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            names = {ast.unparse(decorator).split(".")[-1] for decorator in node.decorator_list}
            if not names & VALUES:
                yield node


def is_participle(name: str) -> bool:
    word = name.strip("_")
    return word in IRREGULAR or (word.isalpha() and word.endswith("ed") and word not in NO_PARTICIPLES)


@pytest.mark.parametrize("path", list_sources("musika", "tools", "benchmarks"), ids=get_name)
def test_no_function_is_named_by_a_participle_alone(path: Path) -> None:
    wrong = [node.name for node in list_functions(ast.parse(path.read_text())) if is_participle(node.name)]
    assert not wrong, f"{get_name(path)}: say what {', '.join(wrong)} do, as a verb phrase"


def test_what_counts_as_a_participle() -> None:
    assert is_participle("settled") and is_participle("_made") and is_participle("found")
    assert not is_participle("feed") and not is_participle("load_codec") and not is_participle("with_resumed_weights")
