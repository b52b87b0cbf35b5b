"""Fixtures of the tests in a browser; without Chromium or Playwright they are skipped."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.serve.page import browser


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """One browser for the tests of a module. While it is there, Playwright has an event loop running in this thread."""
    if browser.CHROMIUM is None or importlib.util.find_spec("playwright") is None:
        pytest.skip("Chromium or Playwright is not installed")
    with browser.start_chromium() as started:
        yield started


@pytest.fixture
def visit(chromium: Any) -> Iterator[browser.Visit]:
    """Opens a link in a tab with storage of its own: `visit(link, viewport=...)`."""
    with ExitStack() as stack:
        yield lambda link, **options: stack.enter_context(browser.open_tab(chromium, link, **options))
