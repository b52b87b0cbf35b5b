"""Every script of tools/ and benchmarks/: help without a heavy import, one line for a mistake."""

from __future__ import annotations

import re
import runpy
import sys
from pathlib import Path

import pytest

from musika.errors import UsageError
from tests.helpers.tools import list_scripts
from tools.common import command

ROOT = Path(__file__).resolve().parents[2]
MODULES = list_scripts()


def run_in_process(module: str, words: list[str], monkeypatch: pytest.MonkeyPatch) -> int | str | None:
    """The exit code of `python -m MODULE WORDS`."""
    monkeypatch.setattr(sys, "argv", [module, *words])
    with pytest.raises(SystemExit) as ended:
        runpy.run_module(module, run_name="__main__", alter_sys=False)
    return ended.value.code


@pytest.mark.parametrize("module", MODULES)
def test_help_says_how_to_call_it_and_what_it_does(
    module: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_in_process(module, ["--help"], monkeypatch) == 0
    text = capsys.readouterr().out
    assert text.startswith(f"usage: python -m {module} ")
    assert "sys.path" not in (ROOT / (module.replace(".", "/") + ".py")).read_text()
    options = text[text.index("options:") :]
    assert all(line.startswith("   ") or len(line.split("  ")) > 2 for line in options.splitlines()[1:] if line.strip())
    named = re.findall(r"(?<![\w`-])--[a-z]\w*", re.sub(r"`[^`]*`|python .*", "", text[: text.index("options:")]))
    assert set(named) <= set(re.findall(r"--[a-z]\w*", options)), "the text names flags that are not there"
    assert "Path(" not in text and str(ROOT) not in text


@pytest.mark.parametrize("module", MODULES)
def test_a_mistake_is_one_line(
    module: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_in_process(module, ["--no_such_flag", "a", "b", "c", "d"], monkeypatch) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ") and said.count("\n") == 1


def test_numbers_have_bounds() -> None:
    parser = command.make_parser("tools.x", "Does something.")
    parser.add_argument("--takes", type=command.parse_number(int, 1, 9), default=1, help="how often")
    assert parser.parse_args(["--takes", "9"]).takes == 9
    for text in ("0", "10", "1.5", "x", "nan"):
        with pytest.raises(UsageError, match="--takes"):
            parser.parse_args(["--takes", text])
