"""The documents agree with the program: links lead somewhere; commands, flags and paths that they name exist."""

from __future__ import annotations

import importlib.util
import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from musika.cli import flags
from musika.training.stages.protocol import Stage
from tests.helpers.tools import list_scripts
from tests.project.test_structure import RANKS

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [
    *sorted(ROOT.glob("*.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "checkpoints").rglob("README.md")),
]
# programs that are not ours, with those of their flags that a document names
OTHER_PROGRAMS: dict[str, set[str]] = {
    ".": set(),
    ".ci/run": set(),
    "apt": set(),
    "brew": set(),
    "cd": set(),
    "git": {"depth"},
    "mypy": set(),
    "pip": {"no-deps"},
    "pytest": set(),
    "ruff": {"check"},
    "venv": set(),
}
FLAGS_OF_ALL_VERBS = {"config", "version", "help", "help_all"}
LONGEST_SENTENCE = 40  # words, up to a full stop, colon or semicolon
PLACEHOLDERS = {"NAME", "VERB", "X"}  # parts of paths that stand for any name
FOLDERS = ("musika", "tools", "tests", "benchmarks", "docs", "checkpoints/ae", "checkpoints/open")

FENCE = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
INLINE_CODE = re.compile(r"`((?:[^`\n]|\n(?! *\n))+)`")  # may go on in the next line of its paragraph
FLAG = re.compile(r"(?<![\w-])--(\w[\w-]*)")
PATH = re.compile(rf"(?<![\w./-])(?:{'|'.join(FOLDERS)})/[\w./*-]*")
FILE = re.compile(r"^[a-z_]+\.py$")


def get_name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


each_document = pytest.mark.parametrize("document", DOCUMENTS, ids=get_name)


@cache
def read_text(document: Path) -> str:
    return document.read_text(encoding="utf-8")


def read_blocks(document: Path) -> list[tuple[str, str]]:
    """Language ("" where none is named) and content of each fenced block."""
    return FENCE.findall(read_text(document))


def read_prose(document: Path) -> str:
    """The text without its fenced blocks."""
    return FENCE.sub("", read_text(document))


def read_spans(document: Path) -> list[str]:
    """Everything that is set as code inside the text, each on one line."""
    return [re.sub(r"\s*\n\s*", " ", code) for code in INLINE_CODE.findall(read_prose(document))]


def read_code(document: Path) -> list[str]:
    """Everything that is set as code: spans and fenced blocks."""
    return [*read_spans(document), *(content for _, content in read_blocks(document))]


@cache
def read_anchors(document: Path) -> set[str]:
    """Names of a document's headings, as links call them."""
    anchors: set[str] = set()
    for heading in re.findall(r"^#+ (.+)$", read_prose(document), re.MULTILINE):
        heading = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        name = re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")
        number = next(n for n in range(100) if (f"{name}-{n}" if n else name) not in anchors)
        anchors.add(f"{name}-{number}" if number else name)
    return anchors


def read_links(document: Path) -> Iterator[tuple[str, Path, str]]:
    """Links to files of the repository: the link as it is written, the file, the anchor ("" for none)."""
    for link in LINK.findall(read_prose(document)):
        if not re.match(r"[a-z]+:", link):
            path, _, anchor = link.partition("#")
            yield link, (document.parent / path).resolve() if path else document, anchor


@cache
def read_flags_of_verb(verb: str) -> set[str]:
    return {flag.name for flag in flags.list_flags(verb)}


@cache
def read_flags_of_module(module: str) -> set[str]:
    """Flags that a module of tools/ or benchmarks/ declares, itself or through what all benchmarks share."""
    sources = [ROOT / (module.replace(".", "/") + ".py")]
    if module.startswith("benchmarks."):
        sources += [ROOT / "benchmarks/yardstick.py", ROOT / "benchmarks/common/generating.py"]
    return {name for source in sources for name in re.findall(r'"--([\w-]+)"', source.read_text())}


def read_commands(document: Path) -> Iterator[list[str]]:
    """The words of each command in a fenced block, without settings of the environment in front of it."""
    for language, content in read_blocks(document):
        if language in ("", "sh", "shell"):
            for line in content.replace("\\\n", " ").splitlines():
                for command in re.split(r"&&|;", line):
                    words = shlex.split(command, comments=True)
                    while words and re.match(r"[A-Z_]+=", words[0]):
                        words = words[1:]
                    if words and not re.match(r"^[\w./-]+/$|^checkpoints/\S+$|^logs/\S+$", words[0]):
                        yield words


def check_command(words: list[str]) -> str | None:
    """What is wrong with a command; None where nothing is."""
    program, *rest = words
    if re.fullmatch(r"(\.venv[\w-]*/bin/)?python(3(\.\d+)?)?", program):
        if rest[:1] == ["-m"]:
            module, rest = rest[1], rest[2:]
            if module == "musika":
                return check_verb(rest[0], rest[1:])
            if module.split(".")[0] in ("tools", "benchmarks"):
                return check_module(module, rest)
            program = module
        else:
            script = re.fullmatch(r"musika_(\w+)\.py", rest[0])
            if script is None or not (ROOT / rest[0]).is_file():
                return f"there is no {rest[0]}"
            return check_verb(script[1], rest[1:])
    if program == "musika":
        return check_verb(rest[0], rest[1:])
    program = program.rpartition("/bin/")[2]
    if program not in OTHER_PROGRAMS:
        return f"{program} is no program that documents are known to name"
    unknown = {name for word in rest for name in FLAG.findall(word)} - OTHER_PROGRAMS[program]
    return f"{program} is not known to have --{unknown.pop()}" if unknown else None


def check_verb(verb: str, words: list[str]) -> str | None:
    if verb not in flags.VERBS:
        return f"there is no verb {verb}"
    try:
        flags.parse(verb, words)
    except flags.UsageError as error:
        return str(error)
    return None


def check_module(module: str, words: list[str]) -> str | None:
    if importlib.util.find_spec(module) is None:
        return f"there is no module {module}"
    named = {name for word in words for name in FLAG.findall(word)}
    unknown = named - read_flags_of_module(module) - {"help"}
    return f"{module} has no flag --{unknown.pop()}" if unknown else None


@each_document
def test_links_lead_to_files_and_headings(document: Path) -> None:
    for link, target, anchor in read_links(document):
        assert target.is_relative_to(ROOT) and target.exists(), f"{get_name(document)}: {link} leads nowhere"
        if anchor:
            assert target.suffix == ".md" and anchor in read_anchors(target), f"{get_name(document)}: no heading {link}"


def test_every_document_can_be_reached_from_the_readme() -> None:
    waiting, seen = [ROOT / "README.md"], set()
    while waiting:
        document = waiting.pop()
        seen.add(document)
        waiting += [target for _, target, _ in read_links(document) if target.suffix == ".md" and target not in seen]
    assert not set(DOCUMENTS) - seen, "no way leads to " + ", ".join(sorted(map(get_name, set(DOCUMENTS) - seen)))


@each_document
def test_commands_can_be_typed(document: Path) -> None:
    """Each command in a fenced block: the program is known, the verb or module exists, flags and values are allowed."""
    for words in read_commands(document):
        wrong = check_command(words)
        assert wrong is None, f"{get_name(document)}: {shlex.join(words)}: {wrong}"


@each_document
def test_flags_and_modules_in_the_text_exist(document: Path) -> None:
    ours = [read_flags_of_verb(verb) for verb in flags.VERBS]
    modules = list_scripts()
    known = FLAGS_OF_ALL_VERBS.union(*ours, *map(read_flags_of_module, modules), *OTHER_PROGRAMS.values())
    for code in read_spans(document):
        for name in FLAG.findall(code):
            assert name in known, f"{get_name(document)}: no program has --{name}"
        for module in re.findall(r"python -m ((?:tools|benchmarks)\.[\w.]+)", code):
            assert module in modules, f"{get_name(document)}: there is no module {module}"
        for verb in re.findall(r"(?:python -m musika|^musika) (\w+)", code):
            assert verb in flags.VERBS or verb in PLACEHOLDERS, f"{get_name(document)}: there is no verb {verb}"


@each_document
def test_paths_in_the_text_exist(document: Path) -> None:
    names = {
        path.name for folder in (".", *FOLDERS) for path in (ROOT / folder).glob("**/*.py" if folder != "." else "*.py")
    }
    for code in read_code(document):
        for path in PATH.findall(code):
            if not PLACEHOLDERS & set(re.split(r"[/.]", path)):
                assert any(ROOT.glob(path.rstrip("./") or ".")), f"{get_name(document)}: there is no {path}"
        if FILE.match(code):
            assert code in names, f"{get_name(document)}: there is no file {code}"


@each_document
def test_sentences_are_short(document: Path) -> None:
    prose = re.sub(r"^(\||#|!\[).*$", "", read_prose(document), flags=re.MULTILINE)  # no tables, headings, pictures
    prose = LINK.sub("link", INLINE_CODE.sub("code", prose))
    for paragraph in re.split(r"\n\s*\n|\n *(?=- |\d+\. )", prose):
        for sentence in re.split(r"(?<=[.!?:;])[\s*)]", paragraph):
            assert len(sentence.split()) <= LONGEST_SENTENCE, f"{get_name(document)}: too long: {sentence}"


def test_the_map_has_the_ranks_that_are_tested() -> None:
    text = read_text(ROOT / "docs/architecture.md")
    rows = re.findall(r"^\| (\d+) \| ([^|]*) \|", text[text.index("## Ranks") :], re.MULTILINE)
    found = {int(number): set(re.findall(r"`([\w]+)`", packages)) for number, packages in rows}
    assert found == dict(enumerate(RANKS))


def test_the_training_loop_has_the_methods_of_a_stage() -> None:
    """Public methods of the protocol, in the order of the table."""
    described = re.findall(r"^\| `(\w+)\(", read_text(ROOT / "docs/design/training-loop.md"), re.MULTILINE)
    assert described == [name for name, member in vars(Stage).items() if callable(member) and name[0] != "_"]


NEEDS_SERVER = {"docs/guide/api.md"}  # tests/serve/page/test_api.py runs them


@pytest.mark.parametrize(
    "document",
    [d for d in DOCUMENTS if get_name(d) not in NEEDS_SERVER and any(b[0] == "python" for b in read_blocks(d))],
    ids=get_name,
)
def test_python_in_the_text_runs(document: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    names: dict[str, object] = {}
    for language, content in read_blocks(document):
        if language == "python":
            exec(compile(content, get_name(document), "exec"), names)
    assert names, "nothing was run"
