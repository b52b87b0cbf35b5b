"""The preview page: what it refuses, what it keeps, and the real server with a real client."""

from __future__ import annotations

import dataclasses
import http.server
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import soundfile

from musika import render
from musika.checkpoint import locate
from musika.errors import CheckpointError, UsageError
from musika.serve import isolation, ports
from musika.serve.page import application, checkpoints, launch
from musika.serve.page.recent_files import RecentFiles
from musika.serve.streams.library import Library
from tests.helpers import tiny

ROOT = Path(__file__).resolve().parents[2]
NOWHERE = "127.0.0.1:9"  # nobody listens there
HOSTILE = {
    "http_proxy": f"http://{NOWHERE}",
    "ALL_PROXY": f"socks://{NOWHERE}/",  # as GNOME sets it
    "no_proxy": "example.com",
    "SSL_CERT_FILE": f"{os.devnull}/certificates",
    "HOME": f"{os.devnull}/home",
    "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    "GRADIO_SERVER_NAME": "192.0.2.1",
    "GRADIO_SERVER_PORT": "none",
    "GRADIO_ROOT_PATH": "/elsewhere",
    "GRADIO_MCP_SERVER": "True",
}


def make_model() -> render.Model:
    """A tiny model from a folder whose name is not text."""
    return dataclasses.replace(tiny.make_model(tiny.SMALL), name="é\udcff")


def test_the_folder_keeps_only_the_latest(tmp_path: Path) -> None:
    files = RecentFiles(tmp_path, limit=3)
    for number in range(6):
        path = files.add(f"{number}.wav", np.zeros((10, 2), np.float32), 1000)
        os.utime(path, (number + 1, number + 1))
    assert sorted(file.name for file in tmp_path.iterdir()) == ["3.wav", "4.wav", "5.wav"]


def test_a_newer_checkpoint_is_loaded_and_a_missing_one_is_an_error(tmp_path: Path) -> None:
    tiny.write_checkpoints(tmp_path)
    run = tmp_path / "run"
    run.mkdir()
    loaded = []

    def load(entry: checkpoints.CheckpointEntry) -> render.Model:
        loaded.append(locate.resolve_checkpoint(entry.path).name)
        return tiny.make_model(tiny.SMALL)

    shutil.copytree(tmp_path / "open", run / "1")
    entry = checkpoints.describe_checkpoint(run)
    assert entry == checkpoints.CheckpointEntry("run", run, "generator", is_run=True)
    watched = launch.make_library({"run": entry}, load)
    watched.get_model("run")
    watched.get_model("run")
    shutil.copytree(tmp_path / "open", run / "2")
    watched.get_model("run")
    assert loaded == ["1", "2"]
    shutil.rmtree(run / "1")
    shutil.rmtree(run / "2")
    with pytest.raises(CheckpointError):
        watched.get_model("run")


@contextmanager
def hold_port() -> Iterator[int]:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        yield holder.getsockname()[1]


@contextmanager
def start_page(folder: Path, port: int, **variables: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    words = [sys.executable, "musika_test.py", "--load_path", str(folder), "--port", str(port), "--seed", "5"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(words, cwd=ROOT, env={**os.environ, **variables}, **pipes) as process:
        assert process.stdout is not None
        try:
            ready, _, _ = select.select([process.stdout], [], [], 120)
            line = process.stdout.readline() if ready else ""
            found = re.search(r"http://\S+", line)
            if found is None:
                process.kill()
                raise AssertionError(f"no address in {line!r}: {process.communicate()}")
            yield process, found[0]
        finally:
            if process.poll() is None:
                process.kill()


def test_the_page_from_start_to_ctrl_c(tmp_path: Path) -> None:
    from gradio_client import Client

    folder = tiny.write_checkpoints(tmp_path)
    with hold_port() as port, start_page(folder, port, **HOSTILE) as (process, address):
        assert int(address.rstrip("/").rsplit(":", 1)[1]) > port
        assert "127.0.0.1" in address
        with urllib.request.urlopen(address, timeout=30) as reply:
            html = reply.read().decode()
        assert "fonts.googleapis.com" not in html
        client = Client(address, verbose=False, analytics_enabled=False, download_files=str(tmp_path / "got"))
        sound, piece = client.predict(checkpoint="open", seed=11, seconds=1.5, api_name="/make")
        assert (soundfile.info(sound).frames, soundfile.info(sound).channels) == (66_150, 2)
        assert (piece["seed"], piece["seconds"]) == (11, 1.5)
        with pytest.raises(Exception, match="length in seconds"):
            client.predict(checkpoint="open", seed=11, seconds=1e6, api_name="/make")
        (folder / "config.json").write_text("{")
        os.utime(folder, (1, 1))
        with pytest.raises(Exception, match=r"config\.json") as caught:
            client.predict(checkpoint="open", seed=12, seconds=1.5, api_name="/make")
        assert "Traceback" not in str(caught.value)
        client.close()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert err.strip() == "interrupted" and out.strip() == ""


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as listener:
            listener.bind(("::1", 0))
    except OSError:
        return False
    return True


@pytest.mark.skipif(not has_ipv6(), reason="this computer has no IPv6")
def test_the_page_on_ipv6_and_behind_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The only page in this process: Gradio remembers the first one's temporary folder, and would make it again."""
    monkeypatch.setenv("all_proxy", f"socks5://{NOWHERE}")
    before = dict(os.environ)
    entries = {"tiny": checkpoints.CheckpointEntry("tiny", Path("."), "generator")}
    library = Library(("tiny",), lambda _: make_model())
    with launch.serve_page(library, entries, host="::1", port=17_860) as link:
        assert re.fullmatch(r"http://\[::1\]:\d+/", link)
        with urllib.request.urlopen(link, timeout=30) as reply:  # urllib asks NO_PROXY, too
            assert application.TITLE in reply.read().decode()
        folder = Path(os.environ["GRADIO_TEMP_DIR"]).parent
        assert folder.is_dir()
    assert dict(os.environ) == before and not folder.exists()


class Proxy(http.server.BaseHTTPRequestHandler):
    """Answers every request itself and says so."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(f"proxy: {self.path}".encode())

    def log_message(self, *words: object) -> None:
        pass


def test_a_page_that_is_shared_uses_the_proxy_but_not_for_itself(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import httpx

    with http.server.HTTPServer(("127.0.0.1", 0), Proxy) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{server.server_port}")
        monkeypatch.setenv("all_proxy", f"socks://{NOWHERE}")
        monkeypatch.setenv("no_proxy", "example.org")
        own = f"http://127.0.0.1:{server.server_port}/own"
        with isolation.isolate_page("127.0.0.2", share=True):
            assert httpx.get("http://example.com/far").text == "proxy: http://example.com/far"
            assert httpx.get(own).text == "proxy: /own"  # asked directly: a proxy gets the whole address
            assert os.environ["no_proxy"] == "example.org,localhost,127.0.0.1,::1,127.0.0.2"
        with isolation.isolate_page("127.0.0.1", share=False):
            assert httpx.get(own).text == "proxy: /own"
            assert not {"http_proxy", "all_proxy"} & set(os.environ)
        server.shutdown()
    assert capsys.readouterr().err == "warning: the socks proxy of all_proxy cannot be used and is left out\n"


def test_a_port_that_is_in_use_is_passed_over() -> None:
    with hold_port() as port:
        assert next(ports.find_ports("127.0.0.1", port)) > port
        with pytest.raises(UsageError, match=rf"127\.0\.0\.1, port {port}: it is in use") as caught:
            next(ports.find_ports("127.0.0.1", port, tried=1))
    assert caught.value.about == "port"


@pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::1", "nobody.invalid", "999.0.0.1", "a\udcff", "\u00e9" * 70])
def test_a_host_that_cannot_be_listened_on_is_one_line(host: str) -> None:
    with pytest.raises(UsageError, match=r"cannot listen on .*: ") as caught:
        next(ports.find_ports(host, 17_860))
    assert caught.value.about == "host" and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("host", "link"),
    [
        ("127.0.0.1", "http://127.0.0.1:80/"),
        ("0.0.0.0", "http://127.0.0.1:80/"),
        ("localhost", "http://localhost:80/"),
        ("::", "http://[::1]:80/"),
        ("[::1]", "http://[::1]:80/"),
        ("fe80::1%eth0", "http://[fe80::1%25eth0]:80/"),
    ],
)
def test_links_are_what_a_browser_opens(host: str, link: str) -> None:
    assert ports.format_url(host, 80) == link


def test_a_wrong_host_is_reported_before_a_model_is_loaded(tmp_path: Path) -> None:
    words = [sys.executable, "musika_test.py", "--load_path", str(tmp_path / "none"), "--host", "192.0.2.1"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert "192.0.2.1" in done.stderr and "--host" in done.stderr


def test_a_missing_checkpoint_is_reported_before_anything_is_served(tmp_path: Path) -> None:
    words = [sys.executable, "musika_test.py", "--load_path", str(tmp_path / "none")]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert "none" in done.stderr
