"""The house of docs/architecture.md: imports point one way, and each room knows only what it may."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
VERBS = ("encode", "decode", "train", "generate", "test")
# from the ground up; rooms of one line do not import each other
RANKS = (
    {"errors", "files"},
    {"flags", "config", "console", "ports"},
    {"draws", "tensorfile"},
    {"backend"},
    {"spectrum", "optim", "checkpoint", "legacy", "audio", "pictures"},
    {"codec", "gan", "latents", "hub"},
    {"render", "metrics"},
    {"training"},
    {"serve"},
    {"commands"},
    {"__main__"},
)
LEVEL = {room: level for level, rooms in enumerate(RANKS) for room in rooms}
# what the arrows alone would allow
MUST_NOT_KNOW = {
    "musika/serve/": {"musika.training", "keras"},
    "musika/training/loop.py": {"musika.codec", "musika.gan", "musika.latents", "musika.render"},
    "musika/codec/stereo.py": {"musika.codec.published"},
    "musika/codec/published.py": {"musika.codec.stereo"},
    "musika/gan/coordinates.py": {"keras", "musika.backend"},
    "musika/gan/generator.py": {"musika.audio", "musika.optim", "musika.checkpoint"},
    "musika/gan/critic.py": {"musika.audio", "musika.optim", "musika.checkpoint"},
    "musika/audio": {"keras", "musika.latents", "musika.codec"},
    "musika/draws.py": {"keras"},
    "musika/legacy": {"keras", "h5py", "subprocess"},
}
FRAMEWORKS = {"tensorflow", "tensorflow_io", "jax", "jaxlib", "torch"}
MAY_NAME_A_FRAMEWORK = {
    "tensorflow": {"musika/backend.py", "musika/audio_tfio.py"},
    "tensorflow_io": {"musika/audio_tfio.py"},
    "jax": {"musika/backend.py"},
}


def sources() -> list[Path]:
    return sorted((ROOT / "musika").rglob("*.py"))


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def room(module: str) -> str | None:
    """The room of `musika.x.y`; `audio_write.py` belongs to the room `audio`. None for `musika` itself."""
    parts = module.split(".")
    if len(parts) == 1:
        return None
    return parts[1] if parts[1] in LEVEL else parts[1].split("_")[0]


def imported(tree: ast.AST) -> Iterator[str]:
    """Full names of all modules that are imported anywhere below a node."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0 and node.module, "imports inside the house are absolute"
            package = (ROOT / node.module.replace(".", "/")).is_dir()  # then names may be modules
            modules = (f"{node.module}.{alias.name}" for alias in node.names) if package else (node.module,)
            yield from (m for m in modules if m != "musika.__version__")


def at_import(tree: ast.Module) -> Iterator[str]:
    """Modules that are imported as soon as the file is: outside of functions and `if TYPE_CHECKING`."""
    for node in tree.body:
        if not isinstance(node, (ast.FunctionDef, ast.ClassDef)) and "TYPE_CHECKING" not in ast.unparse(node):
            yield from imported(node)


def test_every_room_has_its_place() -> None:
    rooms = {room(name(path).removesuffix(".py").replace("/", ".")) for path in sources()} - {
        "",
        None,
    }  # "": __init__.py
    assert rooms <= set(LEVEL), f"not in RANKS: {rooms - set(LEVEL)}"


def test_imports_point_down() -> None:
    wrong = []
    for path in sources():
        own = room(name(path).removesuffix(".py").replace("/", "."))
        for module in imported(ast.parse(path.read_text())):
            other = room(module) if module.split(".")[0] == "musika" else None
            if own in LEVEL and other is not None and other != own and LEVEL[other] >= LEVEL[own]:
                wrong.append(f"{name(path)} imports {module}")
    assert not wrong, "\n".join(wrong)


def test_rooms_know_only_what_they_may() -> None:
    wrong = []
    for path in sources():
        for start, forbidden in MUST_NOT_KNOW.items():
            if name(path).startswith(start):
                found = imported(ast.parse(path.read_text()))
                wrong += [
                    f"{name(path)} imports {m}" for m in found if any(f"{m}.".startswith(f"{f}.") for f in forbidden)
                ]
    assert not wrong, "\n".join(wrong)


def test_frameworks_stay_in_their_room() -> None:
    wrong = []
    for path in sources():
        for module in imported(ast.parse(path.read_text())):
            framework = module.split(".")[0]
            if framework in FRAMEWORKS and name(path) not in MAY_NAME_A_FRAMEWORK.get(framework, set()):
                wrong.append(f"{name(path)} imports {module}")
    assert not wrong, "\n".join(wrong)


def test_what_help_needs_is_the_standard_library() -> None:
    """`test_flags.py` sees the same in a running process; this one says which import is to blame."""
    waiting, seen = {"musika.__main__"}, set()
    while waiting:
        module = waiting.pop()
        seen.add(module)
        path = ROOT / (module.replace(".", "/") + ".py")
        for other in at_import(ast.parse(path.read_text())):
            first = other.split(".")[0]
            assert first == "musika" or first in sys.stdlib_module_names, f"{name(path)} imports {other}"
            if first == "musika" and other != "musika" and other not in seen:
                waiting.add(other)
    assert "musika.flags" in seen and not any(module.startswith("musika.commands") for module in seen)


def test_nothing_is_unpickled() -> None:
    tools = [*sources(), *(ROOT / "benchmarks").glob("*.py"), *(ROOT / "checkpoints").glob("*.py")]
    for path in tools:
        text = path.read_text()
        assert "allow_pickle=True" not in text.replace(" ", ""), name(path)
        assert not {"pickle", "dill", "joblib"} & set(imported(ast.parse(text))), name(path)


@pytest.mark.parametrize("verb", VERBS)
def test_scripts_are_three_lines(verb: str) -> None:
    lines = [line for line in (ROOT / f"musika_{verb}.py").read_text().splitlines() if line]
    assert len(lines) == 3 and f'main("{verb}")' in lines[2]


@pytest.mark.parametrize("path", sources(), ids=name)
def test_files_say_what_they_are(path: Path) -> None:
    text = path.read_text()
    assert not text.strip() or ast.get_docstring(ast.parse(text)), f"{name(path)} does not begin with what it is for"
    assert len(text.splitlines()) <= 400, f"{name(path)} has more than one subject, it seems"
