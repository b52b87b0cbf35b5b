"""Files and folders that are whole or absent, what killed processes leave, and locks on folders."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from musika import files
from musika.files import locks, writing

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def search_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test is a new process, which has not searched any folder yet."""
    monkeypatch.setattr(writing, "_searched", set())


def list_names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def start_python(script: str, *arguments: object) -> subprocess.Popen[str]:
    words = [sys.executable, "-c", script, *map(str, arguments)]
    return subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def wait_for_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


# ------------------------------------------------------------------------------------------------ writing


def test_a_file_appears_when_it_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "song.wav"
    for content in (b"first", b"second"):
        with files.open_replacement(path) as file:
            file.write(content)
            assert len(list_names(path.parent)) == (1 if content == b"first" else 2)
        assert path.read_bytes() == content and list_names(path.parent) == ["song.wav"]
    with pytest.raises(KeyboardInterrupt), files.open_replacement(path) as file:
        file.write(b"third")
        raise KeyboardInterrupt
    assert path.read_bytes() == b"second" and list_names(path.parent) == ["song.wav"]


def write(path: Path, content: bytes) -> Path:
    with files.open_without_replacing(path) as new:
        new.file.write(content)
    return new.path


def test_another_file_of_that_name_is_never_replaced(tmp_path: Path) -> None:
    path = tmp_path / "a.b.wav"
    assert write(path, b"first") == path
    assert write(path, b"second") == tmp_path / "a.b-2.wav"
    assert write(path, b"third!") == tmp_path / "a.b-3.wav"
    for content, name in ((b"first", "a.b.wav"), (b"second", "a.b-2.wav"), (b"third!", "a.b-3.wav")):
        assert write(path, content) == tmp_path / name  # the same again: no further file
        assert (tmp_path / name).read_bytes() == content
    assert list_names(tmp_path) == ["a.b-2.wav", "a.b-3.wav", "a.b.wav"]


def test_folders_and_dead_links_are_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "song").mkdir()
    (tmp_path / "song-2").symlink_to("nowhere")
    assert write(tmp_path / "song", b"sound") == tmp_path / "song-3"
    assert (tmp_path / "song-2").is_symlink() and (tmp_path / "song").is_dir()


def test_nor_where_the_disk_has_no_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    assert [write(tmp_path / "a", content).name for content in (b"1", b"2", b"1")] == ["a", "a-2", "a"]
    assert (tmp_path / "a").read_bytes() == b"1" and list_names(tmp_path) == ["a", "a-2"]


def test_a_folder_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    folder = tmp_path / "x"
    for content in ("first", "second"):
        with files.open_folder_replacement(folder) as new:
            (new / content).touch()
        assert list_names(folder) == [content] and list_names(tmp_path) == ["x"]
    with pytest.raises(KeyboardInterrupt), files.open_folder_replacement(folder) as new:
        (new / "third").touch()
        raise KeyboardInterrupt
    assert list_names(folder) == ["second"] and list_names(tmp_path) == ["x"]
    os.rename(folder, files.get_backup(folder))  # killed between two renames
    with files.open_folder_replacement(folder) as new:
        assert list_names(folder) == ["second"]
    assert list_names(folder) == [] and list_names(tmp_path) == ["x"]


# ------------------------------------------------------------------------------------------------ killed processes


@pytest.mark.skipif(not locks.HAS_LOCKS, reason="without locks nothing is removed")
def test_what_a_killed_process_left_is_removed_by_the_next(tmp_path: Path) -> None:
    script = """
import sys, time
from pathlib import Path
from musika import files
folder = Path(sys.argv[1])
with files.open_replacement(folder / "song") as file, files.open_folder_replacement(folder / "x") as new:
    file.write(b"half"); file.flush(); (new / "half").touch()
    print("ready", flush=True); time.sleep(600)
"""
    process = start_python(script, tmp_path)
    assert wait_for_line(process) == "ready"
    writing._remove_abandoned(tmp_path)
    assert len(list_names(tmp_path)) == 2, "what is in use stays"
    end(process)
    assert all(name.startswith(".musika-") for name in list_names(tmp_path)) and len(list_names(tmp_path)) == 2
    with files.open_replacement(tmp_path / "other"):
        pass
    assert list_names(tmp_path) == ["other"]


def test_files_of_other_machines_and_other_programs_stay(tmp_path: Path) -> None:
    names = [".musika-00000000-0123456789abcdef.partial", ".hidden", "song.partial", ".0123456789abcdef.partial"]
    for name in names:
        (tmp_path / name).touch()
    (tmp_path / (writing._get_partial_prefix() + "link.partial")).symlink_to("song.partial")
    with files.open_replacement(tmp_path / "other"):
        pass
    assert {*names, "other"} < set(list_names(tmp_path)) and len(list_names(tmp_path)) == 6


# ------------------------------------------------------------------------------------------------ locks

HOLD = """
import sys, time
from pathlib import Path
from musika import files
with files.lock_folder(Path(sys.argv[1])):
    print("locked", flush=True); time.sleep(600)
"""


@pytest.mark.skipif(not locks.HAS_LOCKS, reason="the system has no locks")
def test_a_lock_ends_with_its_process(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    process = start_python(HOLD, folder)
    assert wait_for_line(process) == "locked"
    with pytest.raises(files.FolderInUse), files.lock_folder(folder):
        pytest.fail("two processes have the lock")
    waited = []
    with files.lock_folder(folder, on_wait=lambda: (waited.append(1), process.send_signal(signal.SIGKILL))):
        assert waited == [1]
    end(process)
    with files.lock_folder(folder), files.lock_folder(tmp_path / "another"):
        pass


@pytest.mark.skipif(not locks.HAS_LOCKS, reason="the system has no locks")
def test_a_folder_that_was_renamed_meanwhile_is_made_again(tmp_path: Path) -> None:
    folder = tmp_path / "partial"
    process = start_python(HOLD, folder)
    assert wait_for_line(process) == "locked"

    def finish() -> None:
        folder.rename(tmp_path / "complete")
        process.kill()

    with files.lock_folder(folder, on_wait=finish):
        assert folder.is_dir() and list_names(tmp_path) == ["complete", "partial"]
    end(process)
