"""A page in a real browser: a server in a thread, headless Chromium, and what every visit must keep to.

`conftest.py` makes fixtures of these: `chromium` (one for all tests), `visit` (opens a link in a tab of its own).
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from musika.render import Model
from musika.serve.page.checkpoints import CheckpointEntry
from musika.serve.page.context import DEFAULTS, LIMITS, PageDefaults, PageLimits
from musika.serve.page.launch import serve_page
from musika.serve.streams.library import Library

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = ["--no-sandbox", "--disable-gpu", "--autoplay-policy=no-user-gesture-required"]
PATIENCE = 30_000  # milliseconds: machines that test are busy
PORT = 17_900


@contextlib.contextmanager
def serve_models(
    models: Mapping[str, Model],
    kinds: Mapping[str, str] | None = None,
    limits: PageLimits = LIMITS,
    defaults: PageDefaults = DEFAULTS,
) -> Iterator[str]:
    """Serves the page with models by name while the block runs; gives the link.

    Args:
        models: the first one is the default.
        kinds: of their checkpoints; "generator" where nothing is said.
        limits: of the page.
        defaults: of the page.
    """
    entries = {name: CheckpointEntry(name, Path("."), (kinds or {}).get(name, "generator")) for name in models}
    library = Library(tuple(models), models.__getitem__)
    with serve_page(library, entries, defaults, port=PORT, limits=limits) as link:
        yield link


@contextlib.contextmanager
def start_chromium() -> Iterator[Browser]:
    """The browser, without a window."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


@contextlib.contextmanager
def open_tab(browser: Browser, link: str, wait: bool = True, **options: Any) -> Iterator[Page]:
    """A tab with storage of its own. At the end: no error on its console, and no request to another host.

    Args:
        wait: until the radio is there; a page without checkpoints has none.
        options: of `Browser.new_context`, such as `viewport` or `color_scheme`.
    """
    with contextlib.closing(browser.new_context(**options)) as context:
        context.set_default_timeout(PATIENCE)
        tab = context.new_page()
        wrong: list[str] = []
        tab.on("pageerror", lambda error: wrong.append(f"error: {error}"))
        tab.on("request", lambda request: wrong.extend(_find_foreign(request.url, link)))
        tab.on("console", lambda entry: wrong.extend(_find_refusal(entry.text)))
        open_page(tab, link) if wait else tab.goto(link)
        yield tab
        assert not wrong, wrong


def open_page(tab: Page, link: str) -> None:
    """Opens a link of the page and waits until its parts are there."""
    tab.goto(link)
    tab.wait_for_selector("musika-radio button", state="attached")
    tab.wait_for_function("musika.page.checkpoint && document.querySelector('musika-radio').checkpoint")


def wait_for_history(tab: Page, count: int) -> list[dict[str, Any]]:
    """The entries of the history, once there are so many; those that there are after half a minute, otherwise.

    `wait_for_function` takes a promise for true, so the page is asked again and again.
    """
    entries: list[dict[str, Any]] = []
    for _ in range(300):
        entries = tab.evaluate("musika.history.list()")
        if len(entries) >= count:
            break
        tab.wait_for_timeout(100)
    return entries


def _find_foreign(url: str, link: str) -> list[str]:
    parts = urlsplit(url)
    own = parts.netloc == urlsplit(link).netloc or parts.scheme in ("data", "blob")
    return [] if own else [f"asks another host: {url}"]


def _find_refusal(text: str) -> list[str]:
    return [text] if "Content Security Policy" in text or "Uncaught" in text else []


Visit = Callable[..., Any]


def find_faults(tab: Page) -> list[str]:
    """Serious faults for people who do not see well, as axe-core finds them in what the tab shows now."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(tab).response["violations"]
    serious = [fault for fault in found if fault["impact"] in ("serious", "critical")]
    return [f"{fault['id']}: {node['html'][:200]}" for fault in serious for node in fault["nodes"]]
