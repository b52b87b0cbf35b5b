"""Published checkpoints: fetched once, whole or not at all, and what is said when that cannot be."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from musika import console
from musika.checkpoint import locate
from musika.checkpoint.published import catalogue, fetch
from musika.errors import CheckpointError
from tests.helpers import hubserver

ROOT = Path(__file__).resolve().parents[2]
TECHNO = "marcop/musika_techno"
RANDOM = np.random.default_rng(1)
LARGE = RANDOM.bytes(12_000_000)  # more than the library reads at once
FILES = {"gen_ema.h5": LARGE, "critic.h5": RANDOM.bytes(3000), "gen.h5": RANDOM.bytes(2000), "switch.npy": b"\x93NUMPY"}
NOT_OURS = {"opt_dec.npy": b"a pickle", "opt_disc.npy": b"another", "README.md": b"words"}
CODEC = {name: RANDOM.bytes(1000 + k) for k, name in enumerate(("enc.h5", "enc2.h5", "dec.h5", "dec2.h5"))}
PROGRAM = (
    "import sys, pathlib; from musika.checkpoint import locate; locate.fetch_if_missing(pathlib.Path(sys.argv[1]))"
)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[hubserver.Server]:
    with hubserver.serve() as serving:
        serving.repositories = {name: {**FILES, **NOT_OURS} for name in (TECHNO, f"{TECHNO[:14]}misc")}
        serving.repositories |= {"marcop/musika_misc_small": dict(FILES), "marcop/musika_ae": dict(CODEC)}
        monkeypatch.setenv("HF_ENDPOINT", serving.address)
        yield serving


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "checkpoints" / "techno"


def read_files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != catalogue.FETCHED}


def check_refused(folder: Path, *parts: str) -> str:
    """The one line that is said instead of a folder, of which nothing is visible afterwards."""
    with pytest.raises(CheckpointError) as caught:
        locate.fetch_if_missing(folder)
    text = str(caught.value)
    assert all(part in text for part in parts) and "\n" not in text, text
    visible = [path.name for path in folder.parent.iterdir()] if folder.parent.exists() else []
    assert [name for name in visible if not name.startswith(".")] == []
    return text


def get_partial(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.fetching")


# ------------------------------------------------------------------------------------------------------- fetching


def test_a_generator_is_fetched_without_what_is_not_needed(server: hubserver.Server, folder: Path) -> None:
    assert locate.fetch_if_missing(folder) == folder
    assert read_files(folder) == FILES
    assert [path.name for path in folder.parent.iterdir()] == ["techno"], "nothing else is left"
    said = json.loads((folder / catalogue.FETCHED).read_text())
    assert (said["repository"], said["revision"]) == (TECHNO, hubserver.REVISION)
    assert said["files"]["gen_ema.h5"] == {
        "bytes": len(LARGE),
        "sha256": catalogue.compute_sha256(folder / "gen_ema.h5"),
    }
    assert not any("opt_" in path or "README" in path for _, path, _ in server.asked)


@pytest.mark.parametrize(("name", "files"), [("misc", FILES), ("misc_small", FILES), ("musika_ae", CODEC)])
def test_every_published_name(server: hubserver.Server, tmp_path: Path, name: str, files: dict[str, bytes]) -> None:
    assert read_files(locate.fetch_if_missing(tmp_path / "anywhere" / name)) == files


def test_the_second_time_needs_no_server(
    server: hubserver.Server, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    locate.fetch_if_missing(folder)
    asked = len(server.asked)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:1")
    assert locate.resolve_folder(folder) == folder and len(server.asked) == asked
    catalogue.verify(folder)


def test_nothing_of_a_person_is_sent(
    server: hubserver.Server, folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "token").write_text("hf_secret")
    program = [sys.executable, "-c", PROGRAM, str(folder)]
    subprocess.run(program, cwd=ROOT, env={**os.environ, "HF_TOKEN": "hf_secret", "HF_HOME": str(tmp_path)}, check=True)
    assert read_files(folder) == FILES
    assert all("authorization" not in headers and "hf_secret" not in str(headers) for headers in server.headers)
    assert all(headers["user-agent"].startswith("musika/") for headers in server.headers)
    assert all("/resolve/" in path or "/content/" in path for _, path, _ in server.asked), "and nothing else is asked"


def test_optional_files_may_be_missing_there(server: hubserver.Server, folder: Path) -> None:
    server.repositories[TECHNO] = {"gen_ema.h5": b"weights"}
    assert read_files(locate.fetch_if_missing(folder)) == {"gen_ema.h5": b"weights"}


def test_an_empty_folder_and_a_link_to_a_place_elsewhere_are_filled(server: hubserver.Server, tmp_path: Path) -> None:
    (tmp_path / "techno").mkdir()
    assert read_files(locate.fetch_if_missing(tmp_path / "techno")) == FILES
    (tmp_path / "links").mkdir()
    (tmp_path / "links" / "musika_ae").symlink_to(tmp_path / "large disk" / "codec")
    assert read_files(locate.fetch_if_missing(tmp_path / "links" / "musika_ae")) == CODEC
    assert read_files(tmp_path / "large disk" / "codec") == CODEC


def test_other_names_and_folders_that_are_there_are_left_alone(server: hubserver.Server, tmp_path: Path) -> None:
    assert locate.fetch_if_missing(tmp_path / "mine") == tmp_path / "mine" and not (tmp_path / "mine").exists()
    (tmp_path / "techno").mkdir()
    (tmp_path / "techno" / "gen_ema.h5").write_bytes(b"placed by hand")
    assert read_files(locate.fetch_if_missing(tmp_path / "techno")) == {"gen_ema.h5": b"placed by hand"}
    assert server.asked == []


def test_progress_adds_up(server: hubserver.Server, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bars: list[console.Progress] = []
    advanced: list[float] = []

    class Bar(console.Progress):
        def __init__(self, total: float | None, unit: str, label: str) -> None:
            super().__init__(total, unit, label)
            bars.append(self)

        def advance(self, amount: float = 1) -> None:
            advanced.append(amount)
            super().advance(amount)

    monkeypatch.setattr(console, "Progress", Bar)
    server.cut, server.ranges = {"gen_ema.h5": [11_000_000]}, False
    locate.fetch_if_missing(folder)
    (bar,) = bars
    assert bar.unit == "MB" and bar.total == pytest.approx(sum(map(len, FILES.values())) / 1e6)
    assert bar.done == pytest.approx(bar.total) and len(advanced) > 4


# ------------------------------------------------------------------------------------------------ going on, waiting


def test_a_cut_connection_is_taken_up_where_it_ended(server: hubserver.Server, folder: Path) -> None:
    server.cut = {"gen_ema.h5": [11_000_000], "critic.h5": [1000]}
    assert read_files(locate.fetch_if_missing(folder)) == FILES
    first, second = server.list_downloads("gen_ema.h5")
    assert first is None and second is not None and second.startswith("bytes=")
    assert int(second.removeprefix("bytes=").rstrip("-")) > 10_000_000


def test_a_server_without_ranges_begins_again(server: hubserver.Server, folder: Path) -> None:
    server.cut, server.ranges = {"gen_ema.h5": [11_000_000]}, False
    assert read_files(locate.fetch_if_missing(folder)) == FILES


def test_what_a_killed_run_left_is_gone_on_with(server: hubserver.Server, folder: Path) -> None:
    get_partial(folder).mkdir(parents=True)
    source = {"repository": TECHNO, "revision": hubserver.REVISION}
    (get_partial(folder) / catalogue.FETCHED).write_text(json.dumps(source))
    (get_partial(folder) / "gen_ema.h5").write_bytes(LARGE[:5_000_000])
    (get_partial(folder) / "critic.h5").write_bytes(FILES["critic.h5"])
    (get_partial(folder) / "gen.h5").write_bytes(FILES["gen.h5"] + b"too long")
    (get_partial(folder) / "something else").mkdir()
    assert read_files(locate.fetch_if_missing(folder)) == FILES and not get_partial(folder).exists()
    assert server.list_downloads("gen_ema.h5") == ["bytes=5000000-"]
    assert server.list_downloads("critic.h5") == []


def test_what_is_left_of_another_revision_is_not_mixed_in(server: hubserver.Server, folder: Path) -> None:
    get_partial(folder).mkdir(parents=True)
    (get_partial(folder) / catalogue.FETCHED).write_text(json.dumps({"repository": TECHNO, "revision": "f" * 40}))
    (get_partial(folder) / "gen_ema.h5").write_bytes(b"x" * 1000)
    assert read_files(locate.fetch_if_missing(folder)) == FILES
    assert server.list_downloads("gen_ema.h5") == [None]


def test_a_damaged_left_over_is_told_and_gone(server: hubserver.Server, folder: Path) -> None:
    get_partial(folder).mkdir(parents=True)
    source = {"repository": TECHNO, "revision": hubserver.REVISION}
    (get_partial(folder) / catalogue.FETCHED).write_text(json.dumps(source))
    (get_partial(folder) / "gen_ema.h5").write_bytes(b"x" * 1000)
    check_refused(folder, "gen_ema.h5 arrived damaged")
    assert read_files(locate.fetch_if_missing(folder)) == FILES


def test_two_processes_at_once_fetch_once(server: hubserver.Server, folder: Path) -> None:
    server.pause = threading.Event()
    command = [sys.executable, "-c", PROGRAM, str(folder)]
    first = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert server.reached.wait(60)
    second = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert second.stdout is not None and "another process is fetching" in second.stdout.readline()
    server.pause.set()
    assert first.wait(60) == 0 and second.wait(60) == 0
    assert read_files(folder) == FILES and len(server.list_downloads("gen_ema.h5")) == 1
    assert [path.name for path in folder.parent.iterdir()] == ["techno"]
    first.stdout.close() if first.stdout else None
    second.stdout.close()


# ------------------------------------------------------------------------------------------------- what goes wrong


def test_no_server(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:1")
    check_refused(folder, str(folder), "cannot be reached", TECHNO, "gen_ema.h5", "critic.h5", "fine-tune")
    check_refused(folder.with_name("musika_ae"), "enc.h5, enc2.h5, dec.h5, dec2.h5", "marcop/musika_ae")


def test_offline_mode_and_a_strange_endpoint(folder: Path) -> None:
    for name, value, part in (
        ("HF_HUB_OFFLINE", "1", "HF_HUB_OFFLINE is set"),
        ("HF_ENDPOINT", "a b", "not be fetched"),
    ):
        environment = {**os.environ, name: value}
        script = [sys.executable, "musika_generate.py", "--load_path", str(folder), "--save_path", str(folder.parent)]
        done = subprocess.run(script, cwd=ROOT, env=environment, capture_output=True, text=True)
        assert done.returncode == 2 and part in done.stderr and done.stderr.count("\n") == 1, done.stderr
        assert TECHNO in done.stderr and not folder.exists()


def test_a_required_file_is_not_there(server: hubserver.Server, folder: Path) -> None:
    del server.repositories[TECHNO]["gen_ema.h5"]
    check_refused(folder, "the repository has no gen_ema.h5")
    del server.repositories["marcop/musika_ae"]["dec2.h5"]
    check_refused(folder.with_name("musika_ae"), "the repository has no dec2.h5")


def test_no_such_repository(server: hubserver.Server, folder: Path) -> None:
    server.repositories.clear()
    check_refused(folder, "no such repository")


def test_something_else_answers(server: hubserver.Server, folder: Path) -> None:
    server.revision = ""
    check_refused(folder, "not a server of such repositories")


def test_the_server_fails_half_way(server: hubserver.Server, folder: Path) -> None:
    server.statuses = {"critic.h5": 503}
    check_refused(folder, "the server answers 503", "12.0 MB were fetched", "continues from there")
    server.statuses.clear()
    assert read_files(locate.fetch_if_missing(folder)) == FILES
    assert server.list_downloads("gen_ema.h5") == [None], "the large file came once"


def test_the_connection_is_cut_for_good(
    server: hubserver.Server, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)  # between the library's tries
    server.cut = {"gen_ema.h5": [11_000_000, *[5] * 50]}
    check_refused(folder, "the connection was cut", "continues from there")
    server.cut.clear()
    assert read_files(locate.fetch_if_missing(folder)) == FILES


@pytest.mark.parametrize("name", ["gen_ema.h5", "switch.npy"])
def test_another_checksum_than_announced(server: hubserver.Server, folder: Path, name: str) -> None:
    server.etags = {name: "0" * (64 if name.endswith(".h5") else 40)}
    check_refused(folder, f"{name} arrived damaged")
    assert not (get_partial(folder) / name).exists()


@pytest.mark.parametrize("announced", [2000, 4000])
def test_another_size_than_announced(server: hubserver.Server, folder: Path, announced: int) -> None:
    server.sizes = {"critic.h5": announced}
    check_refused(folder, "could not be fetched")


def test_a_size_beyond_reason(server: hubserver.Server, folder: Path) -> None:
    server.sizes = {"gen_ema.h5": 5 << 30}
    check_refused(folder, "more than 4294967296 are not fetched")


def test_a_full_disk(server: hubserver.Server, folder: Path) -> None:
    limited = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000)); {PROGRAM}"
    done = subprocess.run([sys.executable, "-c", limited, str(folder)], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1 and "cannot be fetched: file too large" in done.stderr, done.stderr
    assert list(folder.parent.iterdir()) == [], "what has come does not stay on a disk that is full"


def test_too_little_room_is_said_before_anything_comes(
    server: hubserver.Server, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = fetch.shutil.disk_usage(folder.anchor)
    monkeypatch.setattr(fetch.shutil, "disk_usage", lambda _: usage._replace(free=1_000_000))
    check_refused(folder, "12.0 MB are needed, 1.0 MB are free")
    assert server.list_downloads("gen_ema.h5") == []


def test_a_place_that_cannot_be_written_to(server: hubserver.Server, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CheckpointError, match="cannot be fetched: file exists"):
        locate.fetch_if_missing(tmp_path / "file" / "techno")


def test_an_interrupted_run_leaves_nothing_visible(server: hubserver.Server, folder: Path) -> None:
    server.pause = threading.Event()
    script = [sys.executable, "musika_generate.py", "--load_path", str(folder), "--save_path", str(folder.parent / "g")]
    process = subprocess.Popen(script, cwd=ROOT, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    assert server.reached.wait(60)
    process.send_signal(signal.SIGINT)
    _, shown = process.communicate(timeout=60)
    assert process.returncode == 130 and "Traceback" not in shown, shown
    assert not folder.exists()
    server.pause.set()
    assert read_files(locate.fetch_if_missing(folder)) == FILES


# --------------------------------------------------------------------------------------------------- the next use


@pytest.mark.parametrize(
    ("harm", "part"),
    [
        (lambda folder: (folder / "gen_ema.h5").write_bytes(b"short"), "has 5 bytes, 12000000 were fetched"),
        (lambda folder: (folder / "gen_ema.h5").unlink(), "is missing, though it was fetched"),
        (lambda folder: (folder / catalogue.FETCHED).write_text("not JSON"), "not readable JSON"),
        (lambda folder: (folder / catalogue.FETCHED).write_text("{}"), "does not list files"),
        (
            lambda folder: (folder / catalogue.FETCHED).write_text('{"files": {"../a": {"bytes": 1}}}'),
            "does not list files",
        ),
        (lambda folder: (folder / catalogue.FETCHED).write_text('{"files": {"gen.h5": {}}}'), "does not say the size"),
    ],
)
def test_a_folder_that_was_harmed_is_told(server: hubserver.Server, folder: Path, harm, part: str) -> None:
    locate.fetch_if_missing(folder)
    harm(folder)
    with pytest.raises(CheckpointError, match=part):
        locate.fetch_if_missing(folder)


def test_a_changed_byte_is_found_when_checksums_are_asked_for(server: hubserver.Server, folder: Path) -> None:
    locate.fetch_if_missing(folder)
    changed = bytearray(LARGE)
    changed[7] ^= 1
    (folder / "gen_ema.h5").write_bytes(changed)
    locate.fetch_if_missing(folder)
    with pytest.raises(CheckpointError, match=r"gen_ema\.h5 is not what was fetched: remove the folder"):
        catalogue.verify(folder)


def test_errors_of_writing_are_known(folder: Path) -> None:
    assert errno.ENOSPC in fetch.FULL <= fetch.WRITING
