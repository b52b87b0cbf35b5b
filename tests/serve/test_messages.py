"""What people on other computers are told: names of files and checkpoints, never the folders of this computer."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from musika import render
from musika.errors import CheckpointError
from musika.serve.messages import hide_folders, name_checkpoint
from musika.serve.page.launch import make_library, serve_page
from tests.helpers.pages import write_page_checkpoints


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("/home/me/open/config.json is damaged", "config.json is damaged"),
        ("cannot read '/srv/my music/a b.wav'", "cannot read 'a b.wav'"),
        ("../../secret/open: no weights", "open: no weights"),
        ("~/music/x.mid", "x.mid"),
        (r"C:\Users\me\x.wav has no sound", "x.wav has no sound"),
        ("metre 3/4 or 6/8, and/or a / b", "metre 3/4 or 6/8, and/or a / b"),
        ("checkpoints/open holds a generator", "checkpoints/open holds a generator"),
    ],
)
def test_folders_are_hidden_and_other_slashes_stay(text: str, shown: str) -> None:
    assert hide_folders(text) == shown


def test_a_message_about_a_checkpoint_begins_with_its_name(tmp_path: Path) -> None:
    path = tmp_path / "my runs" / "open"
    with pytest.raises(CheckpointError) as caught, name_checkpoint(path):
        raise CheckpointError(f"{path}/config.json is damaged", "generator")
    assert (str(caught.value), caught.value.about) == ("open/config.json is damaged", "generator")


def test_an_open_page_does_not_say_where_its_checkpoints_lie(tmp_path: Path) -> None:
    from gradio_client import Client

    entries = write_page_checkpoints(tmp_path / "private folder")
    (entries["open"].path / "weights.safetensors").write_bytes(b"damaged")
    library = make_library(entries, lambda entry: render.load_model(entry.path))
    with serve_page(library, entries, port=17_990) as link:
        for route in ("stream.wav?seed=1&seconds=1", "settings?a=1", "score?seed=1", "map/picture?number=1", "render"):
            with pytest.raises(urllib.error.HTTPError) as caught:
                urllib.request.urlopen(f"{link}{route}", timeout=60)
            check(json.load(caught.value)["error"], tmp_path)
        client = Client(link, verbose=False)
        with pytest.raises(Exception, match=r"open/weights\.safetensors") as failed:
            client.predict(checkpoint="open", seed=1, seconds=1, api_name="/make")
        check(str(failed.value), tmp_path)
        client.close()


def check(text: str, folder: Path) -> None:
    """Checks that a message is one line without a folder."""
    assert "private folder" not in text and str(folder) not in text and "/tmp" not in text and "\n" not in text, text
