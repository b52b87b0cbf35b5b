"""The page in a browser beside Gradio's own streaming audio: how soon is music heard, and how much does a page weigh?

Headless Chromium opens the page, and then a page of Gradio with one streaming `gradio.Audio` and the same model. On
both, music is asked for and the time is taken until samples that are not silent leave the browser (the page), or until
the audio element plays (Gradio). The last figure is how many listeners a server feeds in real time: clients ask for
music as fast as it comes, several at once, and seconds of music for each second of the clock are counted. Chromium and
Playwright must be installed.
"""

from __future__ import annotations

import contextlib
import shutil
import statistics
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import yardstick
from musika.errors import MusikaError
from tools.common import command

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

    from musika.render import Model

PATIENCE = 120_000  # milliseconds
PART = 8  # seconds of a request, as static/player.js has it
FLAGS = ["--no-sandbox", "--disable-gpu", "--autoplay-policy=no-user-gesture-required"]
SOUNDS = "() => musika.player.state === 'playing' && Math.max(...musika.player.measure().peaks) > -60"
WEIGHT = """() => {
  const loaded = [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")];
  return [loaded.length, loaded.reduce((sum, entry) => sum + entry.encodedBodySize, 0)];
}"""


@contextlib.contextmanager
def serve_gradio(model: Model) -> Iterator[str]:
    """A page of Gradio that streams a piece through its own component, 2 s at a time."""
    import gradio
    import numpy as np

    def stream(seed: float, style: float) -> Iterator[tuple[int, Any]]:
        piece = model.piece(int(seed), **model.select_settings({"style_seed": int(style)}))
        rate = model.sample_rate
        for n in range(1800):
            yield rate, (piece.render_samples(2 * n * rate, 2 * rate) * 32767).astype(np.int16)

    with gradio.Blocks(analytics_enabled=False) as page:
        seed, style = gradio.Number(1, label="Seed"), gradio.Number(-1, label="Style")
        button = gradio.Button("Play")
        sound = gradio.Audio(streaming=True, autoplay=True, label="Sound")
        running = button.click(stream, [seed, style], sound, api_name="stream", concurrency_limit=8)
        style.change(stream, [seed, style], sound, cancels=[running], api_name="change", concurrency_limit=8)
    _, link, _ = page.launch(prevent_thread_lock=True, quiet=True, ssr_mode=False, inbrowser=False)
    try:
        yield link
    finally:
        page.close(verbose=False)


@contextlib.contextmanager
def serve_ours(model: Model) -> Iterator[str]:
    """The page with one model."""
    from musika.serve.page.checkpoints import CheckpointEntry
    from musika.serve.page.launch import serve_page
    from musika.serve.streams.library import Library

    entries = {model.name: CheckpointEntry(model.name, Path("."), "generator")}
    with serve_page(Library((model.name,), lambda _: model), entries) as link:
        yield link


@contextlib.contextmanager
def start_chromium() -> Iterator[Browser]:
    """A browser without a window.

    Raises:
        MusikaError: there is none.
    """
    from playwright.sync_api import sync_playwright

    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if path is None:
        raise MusikaError("Chromium is not installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


def time_action(tab: Page, action: str, heard: str) -> float:
    """Seconds from an action of a page until something is heard, both JavaScript, measured in the browser."""
    script = f"""async () => {{
      const begun = performance.now();
      await ({action})();
      while (!({heard})()) await new Promise((resolve) => setTimeout(resolve, 5));
      return (performance.now() - begun) / 1000;
    }}"""
    return float(tab.evaluate(script))


@contextlib.contextmanager
def open_tab(browser: Browser, link: str) -> Iterator[Page]:
    """A page in a tab with storage of its own."""
    with contextlib.closing(browser.new_context()) as context:
        context.set_default_timeout(PATIENCE)
        tab = context.new_page()
        tab.goto(link, wait_until="load")
        yield tab


def measure_ours(browser: Browser, link: str, repeats: int) -> dict[str, Any]:
    """Times and weight of the page."""
    with open_tab(browser, link) as tab:
        tab.wait_for_function("window.musika?.started && document.querySelector('musika-radio')?.checkpoint")
        tab.wait_for_timeout(3000)
        requests, size = tab.evaluate(WEIGHT)
        opened = time_action(tab, "() => musika.radio.toggle()", SOUNDS)
        clicks, changes = [], []
        for number in range(repeats):
            tab.evaluate("musika.player.stop()")
            tab.wait_for_timeout(1500)  # until the meter has nothing of it left
            action = f"() => musika.player.play({{checkpoint: musika.page.checkpoint, seed: {number + 900}}})"
            clicks.append(time_action(tab, action, SOUNDS))
            tab.wait_for_timeout(2000)
            tab.evaluate("musika.player.addEventListener('changed', () => { window.changed = true; })")
            action = f"() => {{ window.changed = false; musika.player.change({{style_seed: {number}}}); }}"
            changes.append(time_action(tab, action, "() => window.changed"))
    return {
        "page": "Musika",
        "click to sound, s": statistics.median(clicks),
        "first click, s": opened,
        "style to hearing it, s": statistics.median(changes),
        "requests": requests,
        "page weight, MB": size / 1e6,
    }


def measure_gradio(browser: Browser, link: str, repeats: int) -> dict[str, Any]:
    """The same of Gradio's own component; it begins anew for another style."""
    plays = "() => [...document.querySelectorAll('audio')].some((sound) => !sound.paused && sound.currentTime > 0.02)"
    press = "() => [...document.querySelectorAll('button')].find((one) => one.textContent.trim() === 'Play').click()"
    clicks: list[float] = []
    changes: list[float] = []
    for number in range(repeats + 1):
        with open_tab(browser, link) as tab:
            tab.wait_for_selector("button:has-text('Play')")
            tab.wait_for_timeout(1000)
            requests, size = tab.evaluate(WEIGHT)
            tab.get_by_label("Seed").fill(str(number + 1900))  # pieces of which nothing was composed before
            clicks.append(time_action(tab, press, plays))
            tab.wait_for_timeout(2000)
            tab.evaluate("window.before = document.querySelector('audio').src")
            tab.get_by_label("Style").fill(str(number))
            again = f"() => document.querySelector('audio')?.src !== window.before && ({plays})()"
            changes.append(time_action(tab, "() => document.activeElement.blur()", again))
    return {
        "page": "gradio.Audio",
        "click to sound, s": statistics.median(clicks[1:]),
        "first click, s": clicks[0],
        "style to hearing it, s": statistics.median(changes[1:]),
        "requests": requests,
        "page weight, MB": size / 1e6,
    }


def count_tabs(read: Callable[[int, float], float], clients: int, seconds: float) -> float:
    """Seconds of music that several clients get together for each second of the clock.

    Args:
        read: takes the number of a client and the time at which to stop; returns seconds of music.
        clients: at once.
        seconds: how long.
    """
    got = [0.0] * clients
    until = time.monotonic() + seconds

    def run(number: int) -> None:
        got[number] = read(number, until)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(clients)]
    begun = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(got) / (time.monotonic() - begun)


def read_ours(link: str) -> Callable[[int, float], float]:
    """A client that asks for parts, as the player does."""

    def read(number: int, until: float) -> float:
        part = 0
        while time.monotonic() < until:
            query = f"seed={number + 50}&start={PART * part}&seconds={PART}"
            with urllib.request.urlopen(f"{link}stream.wav?{query}", timeout=120) as answer:
                answer.read()
            part += 1
        return float(PART * part)

    return read


def read_gradio(link: str) -> Callable[[int, float], float]:
    """A client of Gradio's queue, which gets 2 s with each message."""
    from gradio_client import Client

    def read(number: int, until: float) -> float:
        client = Client(link, verbose=False, download_files=False, analytics_enabled=False)
        job = client.submit(number + 50, -1, api_name="/stream")
        got = 0
        for _ in job:
            got += 2
            if time.monotonic() > until:
                break
        job.cancel()
        return float(got)

    return read


def main() -> int:
    parser = yardstick.make_parser("benchmarks.page", __doc__)
    parser.add_argument("--load_path", default="checkpoints/open", metavar="FOLDER", help="checkpoint to play")
    parser.add_argument("--repeats", type=command.parse_number(int, 1), default=5, metavar="N", help="of each time")
    parser.add_argument("--clients", type=command.parse_number(int, 1), default=4, metavar="N", help="at once")
    parser.add_argument("--seconds", type=command.parse_number(float, 1), default=20.0, metavar="X", help="of counting")
    options = parser.parse_args()

    from musika import environment, render

    environment.prepare()
    before = yardstick.measure()
    how = render.choose_computation(Path(options.load_path))
    model = render.load_model(Path(options.load_path), None, None, *how)
    next(model.piece(0).stream_samples(0))  # compiles
    rows = []
    with start_chromium() as browser:
        with serve_ours(model) as link:
            row = measure_ours(browser, link, options.repeats)
            rows.append({**row, "tabs in real time": count_tabs(read_ours(link), options.clients, options.seconds)})
        with serve_gradio(model) as link:
            row = measure_gradio(browser, link, options.repeats)
            rows.append({**row, "tabs in real time": count_tabs(read_gradio(link), options.clients, options.seconds)})
    yardstick.report("page", rows, yardstick.pick_faster(before, yardstick.measure()), options.json)
    return 0


if __name__ == "__main__":
    command.run(main)
