"""The page for programs: functions, addresses, a password, tools for assistants. The document's examples run here."""

from __future__ import annotations

import importlib.util
import io
import json
import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import soundfile

from musika.errors import UsageError
from musika.serve.page.context import PageLimits
from musika.serve.page.launch import serve_page
from tests.helpers.pages import write_page_library
from tests.project.test_documents import FENCE
from tests.serve.page import browser
from tests.serve.page.browser import PORT

DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "guide" / "api.md"
ADDRESS = "http://127.0.0.1:7860/"
LIMITS = PageLimits(upload_bytes=1 << 20, seconds=120.0)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any]:
    return write_page_library(tmp_path_factory.mktemp("api"))


@pytest.fixture(scope="module")
def link(library: tuple[Any, Any]) -> Iterator[str]:
    with serve_page(*library, port=PORT, limits=LIMITS) as address:
        yield address


@pytest.fixture
def client(link: str, tmp_path: Path) -> Iterator[Any]:
    from gradio_client import Client

    made = Client(link, verbose=False, analytics_enabled=False, download_files=str(tmp_path))
    yield made
    made.close()


def test_the_examples_of_the_document_run(link: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADIO_ANALYTICS_ENABLED", "False")
    monkeypatch.chdir(tmp_path)
    blocks = [content for language, content in FENCE.findall(DOCUMENT.read_text()) if language == "python"]
    names: dict[str, Any] = {}
    for block in blocks:
        exec(compile(block.replace(ADDRESS, link), str(DOCUMENT), "exec"), names)
    assert len(blocks) == 5
    assert soundfile.info(names["file"]).frames == 88_200 and soundfile.info(names["longer"]).frames == 176_400
    assert names["sound"] == Path(names["file"]).read_bytes()  # both ways give the same file
    assert len(names["second"]) == 44 + 4 * 44_100 and names["notes"]["pitches"]


def test_functions_say_what_they_take(client: Any) -> None:
    described = client.view_api(return_format="dict")["named_endpoints"]
    assert {"/make", "/list_checkpoints", "/read_words", "/read_recipe", "/make_video"} <= set(described)
    made = [parameter["parameter_name"] for parameter in described["/make"]["parameters"]]
    assert made == ["checkpoint", "seed", "seconds", "start", "settings", "words", "format"]
    assert described["/make"]["parameters"][4]["type"]["type"] == "object", "assistants refuse a schema without a type"
    assert all(parameter["parameter_has_default"] for parameter in described["/make"]["parameters"])
    listed = client.predict(api_name="/list_checkpoints")
    assert [entry["name"] for entry in listed] == ["open", "piano"]
    assert listed[0]["settings"]["truncation"]["high"] == 10 and "help" in listed[1]["settings"]["tempo"]


def test_words_make_settings_and_settings_win(client: Any) -> None:
    told = client.predict(words="slow piano in A minor", api_name="/read_words")
    assert told["settings"]["key"] == "A minor" and told["lines"]
    _, piece = client.predict(
        checkpoint="piano", seed=1, seconds=1, words="in A minor", settings={"key": "C major"}, api_name="/make"
    )
    assert piece["settings"] == {"key": "C major"}
    notes, _ = client.predict(checkpoint="piano", seed=1, seconds=4, format="mid", api_name="/make")
    assert Path(notes).read_bytes().startswith(b"MThd")


@pytest.mark.parametrize(
    ("values", "part"),
    [
        ({"checkpoint": "../open"}, "choose one of open, piano"),
        ({"seconds": 1e6}, "from 0.1 to 120"),
        ({"seed": 1.5}, "seed"),
        ({"settings": {"nothing": 1}}, "nothing"),
        ({"settings": [1]}, "settings must be"),
        ({"words": "slow"}, "words mean nothing"),
        ({"format": "exe"}, "choose wav"),
    ],
)
def test_a_wrong_value_is_one_line(client: Any, values: dict[str, Any], part: str) -> None:
    with pytest.raises(Exception, match=part) as caught:
        client.predict(**{"seed": 1, "seconds": 1, **values}, api_name="/make")
    assert "\n" not in str(caught.value) and "Traceback" not in str(caught.value)


@pytest.mark.parametrize(
    "file",
    [{"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}}, {"path": "/etc/passwd"}, "/etc/passwd", None],
)
def test_no_path_of_a_caller_is_opened(link: str, file: Any) -> None:
    events = ask(f"{link}gradio_api/call/read_recipe", {"data": [file]})
    assert "event: error" in events and "root" not in events and "Traceback" not in events


def ask(address: str, body: dict[str, Any]) -> str:
    """What a function tells a program that knows HTTP alone."""
    request = urllib.request.Request(address, json.dumps(body).encode(), {"content-type": "application/json"})
    with urllib.request.urlopen(request) as reply:
        event = json.load(reply)["event_id"]
    with urllib.request.urlopen(f"{address}/{event}") as reply:
        return reply.read().decode()


def test_the_page_works_behind_the_password(library: tuple[Any, Any], visit: browser.Visit) -> None:
    with serve_page(*library, port=PORT, auth="me:my-secret") as address:
        tab = visit(address, http_credentials={"username": "me", "password": "my-secret"})
        tab.click("musika-radio .musika-primary")
        tab.wait_for_function("musika.player.state === 'playing'")
        tab.get_by_role("tab", name="Make").click()
        tab.locator("#musika-make").get_by_label("number input for Length").fill("2")
        tab.keyboard.press("Tab")
        tab.click("#musika-make-make")
        assert "made" in [entry.get("kind") for entry in browser.wait_for_history(tab, 1)]


def test_everything_is_behind_the_password(library: tuple[Any, Any], tmp_path: Path) -> None:
    import httpx
    from gradio_client import Client

    with serve_page(*library, port=PORT, auth="me:my-secret") as address:
        for path in (
            "",
            "stream.wav",
            "render",
            "health",
            "metrics",
            "musika/page.js",
            "config",
            "gradio_api/info",
            "x",
        ):
            with pytest.raises(urllib.error.HTTPError) as caught:
                urllib.request.urlopen(address + path)
            assert caught.value.code == 401, path
        auth = httpx.BasicAuth("me", "my-secret")
        assert httpx.get(f"{address}stream.wav?seconds=1&seed=1", auth=auth).status_code == 200
        with pytest.raises(Exception, match="credentials"):
            Client(address, verbose=False, httpx_kwargs={"auth": httpx.BasicAuth("me", "wrong")})
        client = Client(address, verbose=False, httpx_kwargs={"auth": auth}, download_files=str(tmp_path))
        file, _ = client.predict(checkpoint="open", seed=1, seconds=1, api_name="/make")
        assert soundfile.info(file).frames == 44_100
        client.close()


def test_without_its_package_assistants_get_one_line(library: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match="pip install") as caught, serve_page(*library, port=PORT, mcp=True):
        pass
    assert caught.value.about == "mcp"


@pytest.mark.skipif(importlib.util.find_spec("mcp") is None, reason="the package mcp is not installed")
def test_assistants_find_tools_and_use_them(library: tuple[Any, Any]) -> None:
    import anyio
    from mcp import ClientSession
    from mcp.client.streamable_http import streamablehttp_client

    async def use(address: str) -> tuple[dict[str, Any], str, list[Any]]:
        async with (
            streamablehttp_client(f"{address}gradio_api/mcp/") as (read, write, _),
            ClientSession(read, write) as session,
        ):
            await session.initialize()
            tools = {tool.name: tool for tool in (await session.list_tools()).tools}
            words = await session.call_tool("read_words", {"words": "slow piano in A minor"})
            made = await session.call_tool("make", {"checkpoint": "open", "seed": 3, "seconds": 1, "format": "flac"})
            return tools, str(words.content[0]), made.content

    with serve_page(*library, port=PORT, mcp=True) as address:
        tools, told, made = anyio.run(use, address)
        found = re.search(r"'url': '(http[^']+\.flac)'", made[0].text)
        assert found is not None, made
        with urllib.request.urlopen(found[1]) as reply:
            sound = reply.read()
    assert soundfile.info(io.BytesIO(sound)).frames == 44_100
    assert {"make", "list_checkpoints", "read_words", "read_recipe", "make_video"} <= set(tools)
    assert tools["make"].description.startswith("Makes a piece of music")
    assert "length" in tools["make"].inputSchema["properties"]["seconds"]["description"]
    assert "A minor" in told
