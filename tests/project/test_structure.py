"""The structure of docs/architecture.md: imports point one way, without cycles, and each package knows what it may."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
VERBS = ("encode", "decode", "train", "generate", "test")
# A package imports from lower ranks only; packages of one rank do not import each other.
RANKS = (
    {"errors", "files"},
    {"console", "environment"},
    {"config"},
    {"draws", "backend", "spectrum", "pictures"},
    {"audio", "checkpoint", "latents", "score"},
    {"tracks", "words"},
    {"codec", "composer", "gan"},
    {"render", "metrics"},
    {"listening", "video"},
    {"training", "edit", "api"},
    {"serve"},
    {"cli"},
    {"__main__"},
)
RANK = {package: number for number, packages in enumerate(RANKS) for package in packages}
# what the ranks alone would allow
MUST_NOT_IMPORT = {
    "musika/serve/": {"musika.training", "keras"},
    "musika/training/loop.py": {"musika.codec", "musika.gan", "musika.latents", "musika.render", "musika.audio"},
    "musika/codec/stereo.py": {"musika.codec.published"},
    "musika/codec/synthesis.py": {"musika.codec.published"},
    "musika/codec/published/": {f"musika.codec.{module}" for module in ("stereo", "encoder", "decoder", "synthesis")},
    "musika/gan/coordinates.py": {"keras", "musika.backend"},
    "musika/gan/generator.py": {"musika.audio", "musika.checkpoint"},
    "musika/gan/critic.py": {"musika.audio", "musika.checkpoint"},
    "musika/audio/": {"keras", "musika.latents", "musika.codec"},
    "musika/draws.py": {"keras"},
    "musika/config": {"keras", "numpy"},
    "musika/words/": {"keras"},
    "musika/listening/": {"keras"},
    "musika/checkpoint/published/": {"keras", "h5py", "subprocess"},
}
FRAMEWORKS = {"tensorflow", "tensorflow_io", "jax", "jaxlib", "torch"}
MAY_IMPORT_A_FRAMEWORK = {
    "tensorflow": {"musika/backend.py", "musika/audio/tfio.py"},
    "tensorflow_io": {"musika/audio/tfio.py"},
    "jax": {"musika/backend.py"},
}
LONGEST_FUNCTION = 60  # lines


def list_sources(*folders: str) -> list[Path]:
    return sorted(path for folder in folders or ("musika",) for path in (ROOT / folder).rglob("*.py"))


def get_name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def get_module(path: Path) -> str:
    return get_name(path).removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def get_package(module: str) -> str | None:
    """`audio` of `musika.audio.writer`; None for `musika` itself and for other libraries."""
    parts = module.split(".")
    return parts[1] if parts[0] == "musika" and len(parts) > 1 else None


def read_imports(tree: ast.AST) -> Iterator[str]:
    """Full names of all modules that are imported anywhere below a node."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0 and node.module, "imports are absolute"
            for alias in node.names:
                inner = ROOT / f"{node.module}.{alias.name}".replace(".", "/")
                is_module = inner.is_dir() or inner.with_suffix(".py").is_file()
                yield f"{node.module}.{alias.name}" if is_module else node.module


def read_imports_at_start(tree: ast.Module) -> Iterator[str]:
    """Modules that are imported as soon as the file is: outside of functions and `if TYPE_CHECKING`."""
    for node in tree.body:
        if not isinstance(node, (ast.FunctionDef, ast.ClassDef)) and "TYPE_CHECKING" not in ast.unparse(node):
            yield from read_imports(node)


def test_every_package_has_a_rank() -> None:
    packages = {get_package(get_module(path)) for path in list_sources()} - {None}
    assert packages == set(RANK)


def test_imports_point_down() -> None:
    wrong = []
    for path in list_sources():
        own = get_package(get_module(path))
        for module in read_imports(ast.parse(path.read_text())):
            other = get_package(module)
            if own and other and other != own and RANK[other] >= RANK[own]:
                wrong.append(f"{get_name(path)} imports {module}")
    assert not wrong, "\n".join(wrong)


def find_circle(graph: dict[str, set[str]]) -> list[str]:
    """The modules of a circle of imports; none where there is no circle."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_a_circle_of_imports_is_found() -> None:
    assert set(find_circle({"a": {"b"}, "b": {"c"}, "c": {"a"}})) == {"a", "b", "c"}


def test_modules_do_not_import_each_other_in_a_circle() -> None:
    """Within packages, too, and counting imports inside functions."""
    graph: dict[str, set[str]] = {}
    for path in list_sources():
        if path.name != "__init__.py":  # a package's front page imports its modules, which may import the page's names
            imported = {module for module in read_imports(ast.parse(path.read_text())) if get_package(module)}
            graph[get_module(path)] = imported - {get_module(path)}
    assert not find_circle(graph)


def test_packages_import_only_what_they_may() -> None:
    wrong = []
    for path in list_sources():
        for start, forbidden in MUST_NOT_IMPORT.items():
            if get_name(path).startswith(start):
                imported = read_imports(ast.parse(path.read_text()))
                wrong += [
                    f"{get_name(path)} imports {m}"
                    for m in imported
                    if any(f"{m}.".startswith(f"{f}.") for f in forbidden)
                ]
    assert not wrong, "\n".join(wrong)


def test_only_the_backend_imports_a_framework() -> None:
    wrong = []
    for path in list_sources("musika", "tools"):
        for module in read_imports(ast.parse(path.read_text())):
            framework = module.split(".")[0]
            if framework in FRAMEWORKS and get_name(path) not in MAY_IMPORT_A_FRAMEWORK.get(framework, set()):
                wrong.append(f"{get_name(path)} imports {module}")
    assert not wrong, "\n".join(wrong)


def test_what_help_needs_is_the_standard_library() -> None:
    """`cli/test_flags.py` sees the same in a running process; this one says which import is to blame."""
    waiting, seen = {"musika.__main__"}, set()
    while waiting:
        module = waiting.pop()
        seen.add(module)
        path = ROOT / (module.replace(".", "/") + ".py")
        path = path if path.is_file() else path.with_suffix("") / "__init__.py"
        for other in read_imports_at_start(ast.parse(path.read_text())):
            first = other.split(".")[0]
            assert first == "musika" or first in sys.stdlib_module_names, f"{get_name(path)} imports {other}"
            if first == "musika" and other != "musika" and other not in seen:
                waiting.add(other)
    assert "musika.cli.flags" in seen and "musika.cli.train" not in seen


def test_nothing_is_unpickled() -> None:
    for path in list_sources("musika", "benchmarks", "tools"):
        text = path.read_text()
        assert "allow_pickle=True" not in text.replace(" ", ""), get_name(path)
        assert not {"pickle", "dill", "joblib"} & set(read_imports(ast.parse(text))), get_name(path)


@pytest.mark.parametrize("verb", VERBS)
def test_scripts_are_three_lines(verb: str) -> None:
    lines = [line for line in (ROOT / f"musika_{verb}.py").read_text().splitlines() if line]
    assert len(lines) == 3 and f'main("{verb}")' in lines[2]


@pytest.mark.parametrize("path", list_sources("musika", "tools", "benchmarks"), ids=get_name)
def test_files_say_what_they_are_and_functions_are_short(path: Path) -> None:
    tree = ast.parse(path.read_text())
    assert not tree.body or ast.get_docstring(tree), f"{get_name(path)} does not begin with what it is for"
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            length = (node.end_lineno or 0) - node.lineno + 1
            assert length <= LONGEST_FUNCTION, f"{get_name(path)}: {node.name} has {length} lines"
