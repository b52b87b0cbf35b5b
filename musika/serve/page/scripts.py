"""How the page loads its own style sheets and scripts (`static/`), and how Gradio's events call them."""

from __future__ import annotations

import json
from pathlib import Path

STATIC = Path(__file__).with_name("static")
ROUTE = "musika"  # relative, so that the page also works below a path of a proxy
FIRST = "page.js"  # makes the namespace `window.musika` of the others
LOADER = """<script>{
  let rest = NAMES.length;
  for (const name of NAMES) {
    const script = document.createElement("script");
    script.src = name;
    script.async = false;
    script.onload = script.onerror = () => --rest || musika.start();
    document.head.append(script);
  }
}</script>"""


def list_static_files() -> str:
    """The HTML that loads all style sheets and scripts of the page.

    Gradio inserts it with a script, and scripts that are inserted run in any order unless they are asked not to. The
    elements of the page are defined when all of them have run (`musika.define` in page.js).
    """
    sheets = sorted(path.name for path in STATIC.glob("*.css"))
    scripts = sorted((path.name for path in STATIC.glob("*.js")), key=lambda name: (name != FIRST, name))
    links = [f'<link rel="stylesheet" href="{ROUTE}/{name}">' for name in sheets]
    return "\n".join([*links, LOADER.replace("NAMES", json.dumps([f"{ROUTE}/{name}" for name in scripts]))])


def call_when_loaded(function: str) -> str:
    """A function for `js=` of an event that may come before the page's scripts have run, such as `Blocks.load`.

    Args:
        function: JavaScript, such as "name => musika.page.setCheckpoint(name)".
    """
    wait = "while (!window.musika?.started) await new Promise((resolve) => setTimeout(resolve, 20));"
    return f"async (...values) => {{ {wait} return ({function})(...values); }}"
