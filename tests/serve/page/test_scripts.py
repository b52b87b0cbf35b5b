"""Static files of the page: they are loaded in order, are in the package, and are scripts that can be read."""

from __future__ import annotations

import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from musika.serve.page.scripts import FIRST, STATIC, call_when_loaded, list_static_files

ROOT = Path(__file__).resolve().parents[3]
SCRIPTS = sorted(STATIC.glob("*.js"))


def test_all_files_are_loaded_the_namespace_first() -> None:
    html = list_static_files()
    places = [html.index(f'"musika/{path.name}"') for path in SCRIPTS]
    assert min(places) == html.index(f'"musika/{FIRST}"')
    assert all(f'href="musika/{path.name}"' in html for path in STATIC.glob("*.css"))
    assert "http" not in html


def test_the_package_contains_them() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert "serve/page/static/*" in settings["tool"]["setuptools"]["package-data"]["musika"]


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_a_script_says_what_it_is_and_runs_nothing_from_text(path: Path) -> None:
    text = path.read_text()
    assert text.startswith(("// ", "/*")), "it does not begin with what it is"
    for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "http://", "https://"):
        assert word not in text.replace("http://www.w3.org", ""), word


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
def test_scripts_can_be_parsed() -> None:
    for path in SCRIPTS:
        done = subprocess.run(["node", "--check", str(path)], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr


def test_events_wait_for_the_scripts() -> None:
    script = call_when_loaded("name => name")
    assert script.startswith("async") and "musika?.started" in script and "(name => name)(...values)" in script
