"""A browser without a window plays the radio: the time of its player advances."""

from __future__ import annotations

import http.server
import queue
import shutil
import subprocess
import threading
import urllib.parse
from pathlib import Path

import pytest

from tests.helpers.stream_servers import run_server
from tests.helpers.tones import ToneModel

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
PAGE = """<!doctype html><body><audio autoplay src="{link}"></audio><script>
const player = document.querySelector("audio"), tell = text => fetch("/told?" + encodeURIComponent(text));
player.onerror = () => tell("error " + player.error.message);
player.ontimeupdate = () => tell("time " + player.currentTime);
</script>"""


class Visited(http.server.BaseHTTPRequestHandler):
    """Gives the browser a page, and remembers what the page tells."""

    def do_GET(self) -> None:
        told = self.path.startswith("/told?")
        if told:
            self.server.told.put(urllib.parse.unquote(self.path.split("?", 1)[1]))  # type: ignore[attr-defined]
        self.send_response(200)
        self.send_header("content-type", "text/html")
        self.end_headers()
        self.wfile.write(b"" if told else self.server.page.encode())  # type: ignore[attr-defined]

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
@pytest.mark.parametrize("path", ["radio.mp3", "stream.ogg?seed=1"])
def test_a_browser_plays_what_is_sent(path: str, tmp_path: Path) -> None:
    assert CHROMIUM is not None
    with (
        run_server({"tones": ToneModel()}) as port,
        http.server.ThreadingHTTPServer(("127.0.0.1", 0), Visited) as site,
    ):
        site.page, site.told = PAGE.format(link=f"http://127.0.0.1:{port}/{path}"), queue.Queue()  # type: ignore[attr-defined]
        threading.Thread(target=site.serve_forever, daemon=True).start()
        command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}/profile"]
        command += ["--autoplay-policy=no-user-gesture-required", "--remote-debugging-port=0"]  # so that it stays
        address = f"http://127.0.0.1:{site.server_port}/"
        browser = subprocess.Popen([*command, address], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            time = 0.0
            while time < 1:
                what, value = site.told.get(timeout=60).split(" ", 1)  # type: ignore[attr-defined]
                assert what == "time", value
                time = float(value)
        finally:
            browser.terminate()
            browser.wait()
            site.shutdown()
