"""Checkpoints: written whole or not at all, read strictly."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from musika import checkpoint
from musika.errors import CheckpointError

CONFIG = {"kind": "generator", "config": {"channels": 4}}


def make_arrays(value=1.0):
    return {"a/kernel": np.full((2, 3), value, np.float32), "b": np.full((), value, np.float32)}


@pytest.fixture
def folder(tmp_path):
    checkpoint.write(tmp_path / "x", CONFIG, {"weights": make_arrays()})
    return tmp_path / "x"


@pytest.fixture
def unit(tmp_path):
    """With two files of arrays and an extra one."""
    state = {"count": np.asarray(7, np.int32), "m": np.ones(5, np.float32)}
    checkpoint.write(tmp_path / "unit", CONFIG, {"weights": make_arrays(), "state": state}, extra={"a.txt": b"hello"})
    return tmp_path / "unit"


# ------------------------------------------------------------------------------------------------ there and back


def test_there_and_back(folder):
    config = checkpoint.read_config(folder)
    assert config == {"format_version": 1, **CONFIG}
    found = checkpoint.read(folder, expected={"a/kernel": (2, 3), "b": ()})
    assert found.keys() == make_arrays().keys()
    for name, value in make_arrays().items():
        assert found[name].dtype == np.float32 and np.array_equal(found[name], value)
    assert sorted(p.name for p in folder.iterdir()) == ["config.json", "weights.safetensors"]


def test_whole_numbers_keep_their_type(unit):
    found = checkpoint.read(unit, "state")
    assert found["count"].dtype == np.int32 and found["count"].shape == () and found["count"] == 7
    assert checkpoint.has(unit, "state") and not checkpoint.has(unit, "other")


def test_arrays_in_any_memory_order(tmp_path):
    value = np.arange(24, dtype=np.float64).reshape(2, 3, 4).transpose(2, 0, 1)
    checkpoint.write(tmp_path / "x", CONFIG, {"weights": {"w": value, "none": np.zeros((0, 2))}})
    assert np.array_equal(checkpoint.read(tmp_path / "x")["w"], value)
    assert checkpoint.read_shapes(tmp_path / "x") == {"w": (4, 2, 3), "none": (0, 2)}


def test_half_precision_halves_the_file(tmp_path):
    value = np.linspace(-1, 1, 10_000, dtype=np.float32)
    for name, half in (("half", True), ("whole", False)):
        checkpoint.write(tmp_path / name, CONFIG, {"weights": {"w": value}}, half=half)
    size = {name: (tmp_path / name / "weights.safetensors").stat().st_size for name in ("half", "whole")}
    assert size["half"] < 0.51 * size["whole"]
    found = checkpoint.read(tmp_path / "half")["w"]
    assert found.dtype == np.float32 and np.array_equal(found, value.astype(np.float16))


def test_bfloat16_is_read(tmp_path, folder):
    value = np.array([1.0, -2.5, 0.15625], np.float32)
    data = (value.view(np.uint32) >> 16).astype("<u2").tobytes()
    written = write_by_hand(folder, {"w": {"dtype": "BF16", "shape": [3], "data_offsets": [0, 6]}}, data)
    assert np.array_equal(checkpoint.read(written)["w"], value)


def test_model_card_beside_the_weights(folder):
    (folder / "README.md").write_text("a model card")
    assert checkpoint.read(folder).keys() == make_arrays().keys()
    checkpoint.verify(folder)


def test_identity_knows_no_negative_zero():
    assert checkpoint.compute_identity(CONFIG, {"a": np.float32([0.0, 1.0])}) == checkpoint.compute_identity(
        CONFIG, {"a": np.float32([-0.0, 1.0])}
    )


def test_identity_names_configuration_and_weights():
    name = checkpoint.compute_identity(CONFIG, make_arrays())
    assert len(name) == 16 and int(name, 16) >= 0
    assert name == checkpoint.compute_identity(dict(reversed(CONFIG.items())), dict(reversed(make_arrays().items())))
    halved = {key: value.astype(np.float16) for key, value in make_arrays(1 / 3).items()}
    assert checkpoint.compute_identity(CONFIG, make_arrays(1 / 3)) == checkpoint.compute_identity(CONFIG, halved)
    others = [
        ({"kind": "generator"}, make_arrays()),
        (CONFIG, make_arrays(1.01)),
        (CONFIG, {"b": make_arrays()["b"]}),
        (CONFIG, {"a/kernel": np.ones((3, 2)), "b": np.ones(())}),
    ]
    assert name not in {checkpoint.compute_identity(*other) for other in others}


# ------------------------------------------------------------------------------------------------------- refusals


def check_refused(match, action, *args, **keywords):
    with pytest.raises(CheckpointError, match=match) as caught:
        action(*args, **keywords)
    assert "\n" not in str(caught.value)


def write_by_hand(folder: Path, header: object, data: bytes, length: int | None = None) -> Path:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    size = (len(text) if length is None else length).to_bytes(8, "little")
    (folder / "weights.safetensors").write_bytes(size + text + data)
    return folder


def test_what_is_not_there(tmp_path, folder):
    check_refused("does not exist", checkpoint.read_config, tmp_path / "nowhere")
    check_refused("does not exist", checkpoint.read, tmp_path / "nowhere")
    (tmp_path / "file").write_bytes(b"")
    check_refused("is a file", checkpoint.read_config, tmp_path / "file")
    (tmp_path / "empty").mkdir()
    check_refused(r"config\.json is missing", checkpoint.read_config, tmp_path / "empty")
    check_refused(r"state\.safetensors is missing", checkpoint.read, folder, "state")


@pytest.mark.parametrize(
    ("text", "match"),
    [
        (b"", "not readable JSON"),
        (b"\xff\xfe", "not readable JSON"),
        (b"[1]", "not a JSON object"),
        (b'{"kind": "generator", "kind": "generator"}', "twice"),
        (b"[" * 100_000, "not readable JSON"),
        (b'{"kind": "generator"}', "format_version"),
        (b'{"kind": "generator", "format_version": true}', "format_version"),
        (b'{"kind": "generator", "format_version": 2}', "newer"),
        (b'{"kind": "pickle", "format_version": 1}', "'pickle' is none of"),
        (b'{"format_version": 1}', "kind"),
        (b" " * (5 << 20), "larger than"),
    ],
)
def test_configurations_that_are_refused(folder, text, match):
    (folder / "config.json").write_bytes(text)
    check_refused(match, checkpoint.read_config, folder)


ENTRY = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}


@pytest.mark.parametrize(
    ("header", "data", "match"),
    [
        ({"w": ENTRY}, b"\0" * 7, "truncated or damaged"),
        ({"w": ENTRY}, b"\0" * 9, "truncated or damaged"),
        ({"w": {**ENTRY, "dtype": "F64"}}, b"\0" * 8, "'F64'"),
        ({"w": {**ENTRY, "dtype": ["F32"]}}, b"\0" * 8, "which is not read"),
        ({"w": {**ENTRY, "shape": [3]}}, b"\0" * 8, "does not have 8 bytes"),
        ({"w": {**ENTRY, "shape": [-2]}}, b"\0" * 8, "malformed"),
        ({"w": {**ENTRY, "shape": [1.0, 2]}}, b"\0" * 8, "malformed"),
        ({"w": {**ENTRY, "shape": [2**39, 2**39]}}, b"\0" * 8, "does not have 8 bytes"),
        ({"w": {**ENTRY, "shape": "2"}}, b"\0" * 8, "malformed"),
        ({"w": {**ENTRY, "data_offsets": [0]}}, b"\0" * 8, "malformed"),
        ({"w": {**ENTRY, "data_offsets": [8, 16]}}, b"\0" * 16, "does not begin"),
        ({"w": ENTRY, "v": ENTRY}, b"\0" * 8, "does not begin"),
        ({"w": 3}, b"", "malformed"),
        (b'{"w": {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}, "w": {}}', b"", "twice"),
        (b"not json at all", b"", "not readable JSON"),
        ({"w": ENTRY}, np.array([1, np.nan], "<f4").tobytes(), "'w' holds values that are not finite"),
        ({"w": ENTRY}, np.array([1, -np.inf], "<f4").tobytes(), "'w' holds values that are not finite"),
    ],
)
def test_files_of_arrays_that_are_refused(folder, header, data, match):
    check_refused(match, checkpoint.read, write_by_hand(folder, header, data))


def test_header_lengths_that_lie(folder):
    for length in (0, 2**20, 2**40, 2**63):
        write_by_hand(folder, {"w": ENTRY}, b"\0" * 8, length)
        check_refused("truncated or no safetensors", checkpoint.read, folder)
    (folder / "weights.safetensors").write_bytes(b"abc")
    check_refused("truncated or no safetensors", checkpoint.read, folder)


def test_a_large_hole_is_refused_before_memory_is_taken(folder):
    size = 2**39
    entry = {"dtype": "F32", "shape": [size // 4], "data_offsets": [0, size]}
    path = write_by_hand(folder, {"w": entry}, b"") / "weights.safetensors"
    with open(path, "r+b") as file:
        file.truncate(path.stat().st_size + size)  # a sparse file: no block of it is on the disk
    check_refused("more than .* are not read", checkpoint.read, folder)
    check_refused(r"'w' is \[137438953472\], but \[4\] is expected", checkpoint.read, folder, "weights", {"w": (4,)})


@pytest.mark.parametrize(
    ("expected", "match"),
    [
        ({"a/kernel": (2, 3)}, "'b' too many"),
        ({"a/kernel": (2, 3), "b": (), "c": (1,)}, "no array 'c'"),
        ({"a/kernel": (3, 2), "b": ()}, r"'a/kernel' is \[2, 3\], but \[3, 2\]"),
        ({"a/kernel": (2, 3), "b": (1,)}, r"'b' is \[\], but \[1\]"),
    ],
)
def test_the_first_thing_that_does_not_fit_is_named(folder, expected, match):
    check_refused(match, checkpoint.read, folder, expected=expected)


@pytest.mark.parametrize("at", [0, 8, 9, 60, -1])
def test_any_changed_byte_of_a_unit_is_seen(unit, at):
    for path in sorted(unit.iterdir()):
        data = bytearray(path.read_bytes())
        path.write_bytes(bytes(data[:at]) + bytes([data[at % len(data)] ^ 1]) + bytes(data[at:][1:]))
        check_refused(".", checkpoint.verify, unit)
        path.write_bytes(bytes(data))
        checkpoint.verify(unit)


def test_files_of_two_checkpoints_do_not_mix(tmp_path, unit):
    checkpoint.write(tmp_path / "y", CONFIG, {"weights": make_arrays(2.0), "state": {}})
    (unit / "weights.safetensors").write_bytes((tmp_path / "y" / "weights.safetensors").read_bytes())
    check_refused("checksum", checkpoint.read, unit)
    (unit / "more.safetensors").write_bytes((tmp_path / "y" / "weights.safetensors").read_bytes())
    check_refused("not in the manifest", checkpoint.read, unit, "more")


def test_a_missing_file_of_a_unit_is_named(unit):
    (unit / "a.txt").unlink()
    check_refused(r"a\.txt is missing", checkpoint.verify, unit)


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "..", "", "a/b", "a\\b"])
def test_manifests_do_not_lead_elsewhere(unit, name):
    manifest = json.loads((unit / "manifest.json").read_text())
    (unit / "manifest.json").write_text(json.dumps({**manifest, name: {"bytes": 1, "sha256": "0" * 64}}))
    check_refused("malformed", checkpoint.verify, unit)


@given(st.binary(max_size=200))
@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_rubbish_is_a_checkpoint_error(folder, data):
    (folder / "weights.safetensors").write_bytes(data)
    check_refused(".", checkpoint.read, folder)
    (folder / "weights.safetensors").write_bytes(len(data).to_bytes(8, "little") + data)
    check_refused(".", checkpoint.read, folder, expected={"w": (1,)})


# -------------------------------------------------------------------------------------------------------- writing


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_not_saved(folder, value):
    check_refused("'w' holds values", checkpoint.write, folder, CONFIG, {"weights": {"w": np.array([0.0, value])}})
    assert checkpoint.read(folder)["b"] == 1.0


def test_values_too_large_for_half_precision_are_not_saved(folder):
    check_refused("half precision", checkpoint.write, folder, CONFIG, {"weights": {"w": np.array([1e5])}}, half=True)
    assert checkpoint.read(folder)["b"] == 1.0


def test_a_folder_that_holds_something_else_is_left_alone(tmp_path):
    (tmp_path / "music").mkdir()
    (tmp_path / "music" / "song.wav").write_bytes(b"sound")
    check_refused("something else", checkpoint.write, tmp_path / "music", CONFIG, {"weights": make_arrays()})
    assert [p.name for p in tmp_path.rglob("*")] == ["music", "song.wav"]
    (tmp_path / "file").write_bytes(b"")
    check_refused("something else", checkpoint.write, tmp_path / "file", CONFIG, {"weights": make_arrays()})


def test_an_empty_folder_is_taken(tmp_path):
    (tmp_path / "x").mkdir()
    checkpoint.write(tmp_path / "x", CONFIG, {"weights": make_arrays()})
    checkpoint.verify(tmp_path / "x")


def test_unknown_kinds_are_not_written(tmp_path):
    check_refused("none of", checkpoint.write, tmp_path / "x", {"kind": "other"}, {"weights": make_arrays()})
    assert not list(tmp_path.iterdir())


def test_saving_replaces_the_whole_folder(unit):
    checkpoint.write(unit, CONFIG, {"weights": make_arrays(2.0)})
    assert sorted(p.name for p in unit.iterdir()) == ["config.json", "weights.safetensors"]
    assert checkpoint.read(unit)["b"] == 2.0
    assert [p.name for p in unit.parent.iterdir()] == ["unit"]


def test_dropping_one_file(unit):
    checkpoint.drop(unit, "state")
    checkpoint.verify(unit)
    assert sorted(p.name for p in unit.iterdir()) == ["a.txt", "config.json", "manifest.json", "weights.safetensors"]
    checkpoint.drop(unit, "state")
    assert checkpoint.read(unit)["b"] == 1.0


def test_dropping_keeps_what_somebody_put_there(unit):
    (unit / "notes.txt").write_text("the best so far")
    (unit / "mixes").mkdir()
    (unit / "mixes" / "one.txt").write_text("1")
    (unit / "link").symlink_to("nowhere")
    checkpoint.drop(unit, "state")
    checkpoint.verify(unit)
    assert (unit / "notes.txt").read_text() == "the best so far" and (unit / "mixes" / "one.txt").read_text() == "1"
    assert (unit / "link").is_symlink() and not checkpoint.has(unit, "state")


def test_dropping_brings_every_file_to_the_disk(unit, monkeypatch):
    synced, sync = [], os.fsync
    monkeypatch.setattr(os, "fsync", lambda handle: (synced.append(os.fstat(handle).st_ino), sync(handle)))
    checkpoint.drop(unit, "state")
    assert {path.stat().st_ino for path in unit.iterdir()} <= set(synced)


@pytest.mark.parametrize("text", ["caf\udce9", "a\nb\0", "\U0001f3b5", "\ud800"])
def test_any_text_is_kept(tmp_path, text):
    checkpoint.write(tmp_path / "x", {**CONFIG, "trained": {"name": text}}, {"weights": make_arrays()})
    assert checkpoint.read_config(tmp_path / "x")["trained"]["name"] == text


def test_saving_where_nobody_may_write(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    check_refused("cannot be saved", checkpoint.write, tmp_path / "file" / "x", CONFIG, {"weights": make_arrays()})


KILLED = """
    import json, os, signal, sys
    sys.path.insert(0, sys.argv[1])
    from pathlib import Path
    import numpy as np
    from musika import checkpoint
    from musika.errors import CheckpointError

    target = Path(sys.argv[2]) / "x"
    config = {"kind": "generator"}

    def save(value):
        weights, state = {"w": np.full(1000, value, np.float32)}, {"n": np.asarray(value, np.int32)}
        checkpoint.write(target, config, {"weights": weights, "state": state}, extra={"a": b"%d" % value})

    def run_killed_after(calls, action):
        child = os.fork()
        if child:
            _, status = os.waitpid(child, 0)
            return os.WIFSIGNALED(status)
        left = [calls]
        def count(event, *rest):
            if event == "open" or (event.startswith(("os.", "shutil.")) and event != "os.kill"):
                left[0] -= 1
                if left[0] < 0:
                    os.kill(os.getpid(), signal.SIGKILL)
        sync = os.fsync
        os.fsync = lambda handle: (count("os.fsync"), sync(handle))
        sys.addaudithook(count)
        action()
        os._exit(0)

    def read_state():
        try:
            checkpoint.verify(target)
        except CheckpointError as error:
            return str(error) if "does not exist" not in str(error) else None
        values = {float(checkpoint.read(target)["w"][0]), float(checkpoint.read(target, "state")["n"])}
        return values.pop() if len(values) == 1 else f"mixed: {values}"

    def clear():
        import shutil
        for path in target.parent.iterdir():
            shutil.rmtree(path)

    found = []
    save(0)  # everything is imported before the first fork
    for first in (True, False):
        calls = 0
        while True:
            clear()
            if not first:
                save(1)
            died = run_killed_after(calls, lambda: save(2))
            now = read_state()
            save(3)
            left = sorted(p.name for p in target.parent.iterdir())
            found.append([first, calls, died, now, read_state(), left])
            if not died:
                break
            calls += 1
    clear(); save(1)
    calls = 0
    while True:
        died = run_killed_after(calls, lambda: checkpoint.drop(target, "state"))
        found.append(["drop", calls, died, float(checkpoint.read(target)["w"][0]), 3.0, ["x"]])
        checkpoint.verify(target)
        if not died:
            break
        calls += 1
    print(json.dumps(found))
"""


def test_a_save_killed_at_any_call_leaves_a_whole_checkpoint_or_none(tmp_path):
    root = Path(__file__).parents[2]
    command = [sys.executable, "-c", textwrap.dedent(KILLED), str(root), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert len(found) > 40
    for first, calls, died, now, after, left in found:
        where = f"{first=}, killed after {calls} calls"
        if first == "drop":
            assert now == 1.0, where
        else:
            assert now in ((None, 2.0) if first else (1.0, 2.0)), where
            assert died or now == 2.0, where
        assert after == 3.0 and left == ["x"], where


# --------------------------------------------------------------------------------------------------------- layers


def make_layer():
    keras = pytest.importorskip("keras")
    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [keras.Input((4,)), keras.layers.Dense(3, name="first"), keras.layers.Dense(2, name="second")], name="net"
    )


def test_names_read_like_the_module_tree():
    net = make_layer()
    assert checkpoint.list_weight_names(net) == ["first/kernel", "first/bias", "second/kernel", "second/bias"]
    named = checkpoint.get_weights(net)
    assert all(isinstance(value, np.ndarray) for value in named.values())
    other = make_layer()
    checkpoint.assign(other, {name: value + 1 for name, value in named.items()})
    for name, value in checkpoint.get_weights(other).items():
        assert np.array_equal(value, named[name] + 1)


def test_assigning_is_a_strict_bijection():
    net = make_layer()
    before = checkpoint.get_weights(net)
    check_refused(
        "no array 'second/bias'", checkpoint.assign, net, {k: v for k, v in before.items() if k != "second/bias"}
    )
    check_refused("too many", checkpoint.assign, net, {**before, "third/bias": np.zeros(2)})
    wrong = {name: value + 1 for name, value in before.items()} | {"second/bias": np.zeros(3)}
    check_refused("'second/bias' is", checkpoint.assign, net, wrong)
    assert all(np.array_equal(value, before[name]) for name, value in checkpoint.get_weights(net).items())
