"""Musika folders that someone made to do harm: each is refused in one line that says what is wrong, and cheaply."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from musika.checkpoint.published import musika_folder
from musika.errors import CheckpointError
from tests.helpers import keras2, reference

ROOT = Path(__file__).resolve().parents[2]
KERNEL = "00d/00d/kernel:0"
GROUP = "00d/00d"
SHAPE = (8, 56)
MEMORY = 64 << 20  # bytes that refusing a file may take
SECRET = np.full(SHAPE, 0.123456789, np.float32)


def check_refused(folder: Path, part: str) -> str:
    """The one line that the generator of a folder is refused with, in little memory."""
    tracemalloc.start()
    try:
        with pytest.raises(CheckpointError, match=part) as caught:
            musika_folder.read_generator(folder)
        assert tracemalloc.get_traced_memory()[1] < MEMORY
    finally:
        tracemalloc.stop()
    text = str(caught.value)
    assert text.isprintable() and len(text) < 600
    assert "gen_ema.h5" in text
    return text


def change_file(folder: Path, change: Callable[[h5py.File], object], **storage) -> Path:
    """A folder whose generator was good before `change`."""
    data = io.BytesIO(keras2.encode_h5(keras2.make_generator(), **storage))
    with h5py.File(data, "r+") as file:
        change(file)
    (folder / "gen_ema.h5").write_bytes(data.getvalue())
    return folder


def replace_kernel(**options) -> Callable[[h5py.File], object]:
    """Puts another array in the place of a kernel."""

    def change(file: h5py.File) -> None:
        del file[KERNEL]
        file[GROUP].create_dataset("kernel:0", **options)

    return change


def add_link(link: Callable[[h5py.File], object]) -> Callable[[h5py.File], object]:
    """Puts a link in the place of a kernel."""

    def change(file: h5py.File) -> None:
        del file[KERNEL]
        file[KERNEL] = link(file)

    return change


def set_names(layers: list[str]) -> Callable[[h5py.File], object]:
    """Other layer names."""
    return lambda file: file.attrs.create("layer_names", np.array([name.encode() for name in layers]))


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A file of this machine, that would fit."""
    path = tmp_path / "secret"
    path.write_bytes(SECRET.tobytes())
    with h5py.File(tmp_path / "secret.h5", "w") as file:
        file["kernel"] = SECRET
    return path


# ------------------------------------------------------------------------------------------------ other files


def test_external_storage(secret: Path, tmp_path: Path) -> None:
    change = replace_kernel(shape=SHAPE, dtype="<f4", external=[(str(secret), 0, SECRET.nbytes)])
    check_refused(change_file(tmp_path, change), "in another file .external storage")
    with h5py.File(tmp_path / "gen_ema.h5") as file:
        assert np.array_equal(file[KERNEL][...], SECRET)  # so it was worth refusing


def test_external_link(secret: Path, tmp_path: Path) -> None:
    change = add_link(lambda file: h5py.ExternalLink(f"{secret}.h5", "/kernel"))
    check_refused(change_file(tmp_path, change), "an external link in group '00d/00d'")


def test_external_link_at_the_root(secret: Path, tmp_path: Path) -> None:
    def change(file: h5py.File) -> None:
        file["more"] = h5py.ExternalLink(f"{secret}.h5", "/")

    check_refused(change_file(tmp_path, change), "its root with links of a newer kind, such as external ones")


def test_soft_link(tmp_path: Path) -> None:
    check_refused(
        change_file(tmp_path, add_link(lambda file: h5py.SoftLink("/00d/00d/bias:0"))), f"a soft link, '{KERNEL}'"
    )


def test_virtual_dataset(secret: Path, tmp_path: Path) -> None:
    def change(file: h5py.File) -> None:
        del file[KERNEL]
        layout = h5py.VirtualLayout(SHAPE, "<f4")
        layout[:] = h5py.VirtualSource(f"{secret}.h5", "kernel", shape=SHAPE)
        file[GROUP].create_virtual_dataset("kernel:0", layout)

    check_refused(change_file(tmp_path, change), f"a virtual array, '{KERNEL}'")


def test_hard_links_in_a_circle_and_to_the_same(tmp_path: Path) -> None:
    def circle(file: h5py.File) -> None:
        file["00d/again"] = file["/"]

    def twice(file: h5py.File) -> None:
        file["0ai/same"] = file["00ai"]

    for change in (circle, twice, add_link(lambda file: file["00n/00n/noise_weight:0"])):
        check_refused(change_file(tmp_path, change), "the same object under two names")


# ------------------------------------------------------------------------------------------------ bombs


@pytest.mark.parametrize(
    ("options", "part"),
    [
        ({"shape": (2**20, 2**20), "dtype": "<f4"}, "439804[0-9]+ bytes of arrays"),
        ({"shape": (2**40,), "dtype": "<f4"}, "bytes of arrays"),
        ({"shape": (2**20, 2**20), "dtype": "<f4", "chunks": (1024, 1024), "compression": "gzip"}, "bytes of arrays"),
        ({"shape": (2**14, 2**13), "dtype": "<f4"}, "which are not there"),
        ({"shape": (2**14, 2**13), "dtype": "<f4", "chunks": (2**14, 2**13), "compression": "gzip"}, "can hold"),
    ],
)
def test_declared_sizes(options: dict, part: str, tmp_path: Path) -> None:
    check_refused(change_file(tmp_path, replace_kernel(**options)), part)


def test_gzip_bomb(tmp_path: Path) -> None:
    """A chunk of the right shape that inflates to more than that: nothing beyond is inflated."""

    def change(file: h5py.File) -> None:
        import zlib

        replace_kernel(shape=SHAPE, dtype="<f4", chunks=SHAPE, compression="gzip")(file)
        file[KERNEL].id.write_direct_chunk((0, 0), zlib.compress(bytes(1 << 29), 9))

    check_refused(
        change_file(tmp_path, change), f"a chunk of array '{KERNEL.replace('00d/00d', '00d').removesuffix(':0')}'"
    )


def test_arrays_that_share_their_numbers(tmp_path: Path) -> None:
    """Thousands of large arrays at one address."""
    layers = {f"layer_{n}": {"kernel": np.full((64, 64), n + 0.5, np.float32)} for n in range(40)}
    layers["large"] = {"kernel": np.zeros((1000, 1000), np.float32)}
    data = bytearray(keras2.encode_h5(layers))
    with h5py.File(io.BytesIO(data)) as file:
        places = [file[f"{layer}/{layer}/kernel:0"].id.get_offset() for layer in layers]

    def words(*numbers: int) -> bytes:
        return np.array(numbers, "<u8").tobytes()

    for place in places[:-1]:
        at = data.index(words(place, 4 * 64 * 64))  # a layout message
        data[at : at + 16] = words(places[-1], 4 * 10**6)
    data = data.replace(words(64, 64), words(1000, 1000))
    (tmp_path / "gen_ema.h5").write_bytes(data)
    with h5py.File(tmp_path / "gen_ema.h5") as file:
        assert file["layer_7/layer_7/kernel:0"][...].shape == (1000, 1000)
    check_refused(tmp_path, "more than its .* bytes can hold")


def test_thousands_of_groups(tmp_path: Path) -> None:
    def change(file: h5py.File) -> None:
        for n in range(5000):
            file.create_group(f"group_{n}")

    check_refused(change_file(tmp_path, change), "its layer_names do not list|more structure than any network")


def test_groups_within_groups(tmp_path: Path) -> None:
    check_refused(change_file(tmp_path, lambda file: file.create_group("/".join("a" * 200))), "more than 4 deep")


def test_large_attributes(tmp_path: Path) -> None:
    def many(file: h5py.File) -> None:
        for n in range(500):
            file["00d"].attrs[f"attribute_{n}"] = np.zeros(8000)

    check_refused(change_file(tmp_path, many), "more structure than any network")
    with h5py.File(tmp_path / "gen_ema.h5", "w", libver="latest") as file:
        file.attrs["layer_names"] = np.zeros(10**6)
    check_refused(tmp_path, "a form of HDF5 .superblock 3. that Keras 2 does not write")
    check_refused(change_file(tmp_path, set_names([f"{n:04}" for n in range(5000)])), "no list of at most 4096 names")
    check_refused(change_file(tmp_path, set_names(["a" * 30_000])), "names of at most 1024 bytes")


# ------------------------------------------------------------------------------------------------ what does not fit


@pytest.mark.parametrize("compression", ["lzf", "shuffle", "fletcher32", "scaleoffset"])
def test_other_filters(compression: str, tmp_path: Path) -> None:
    kind = (
        {"compression": "lzf"} if compression == "lzf" else {compression: 4 if compression == "scaleoffset" else True}
    )
    check_refused(
        change_file(tmp_path, replace_kernel(data=SECRET, chunks=SHAPE, **kind)), "by something else than gzip"
    )


@pytest.mark.parametrize(
    ("dtype", "part"),
    [
        ("<f8", "floating-point numbers of another kind"),
        (">f4", "floating-point numbers of another kind"),
        ("<f2", "floating-point numbers of another kind"),
        ("<i4", "whole numbers"),
        (h5py.string_dtype(), "text or lists of any length"),
        ("S4", "text"),
        (h5py.ref_dtype, "references"),
        (h5py.vlen_dtype(np.float32), "text or lists of any length"),
        ([("a", "<f4")], "compound values"),
        (np.dtype("V4"), "opaque values"),
        (h5py.enum_dtype({"a": 1}), "enumerated values"),
    ],
)
def test_other_types(dtype: object, part: str, tmp_path: Path) -> None:
    text = check_refused(change_file(tmp_path, replace_kernel(shape=SHAPE, dtype=dtype)), f"array '{KERNEL}' of {part}")
    assert text.endswith("float32 is expected")


def test_type_with_a_name_of_its_own(tmp_path: Path) -> None:
    def change(file: h5py.File) -> None:
        file["type"] = np.dtype("<f4")
        replace_kernel(shape=SHAPE, dtype=file["type"])(file)

    check_refused(change_file(tmp_path, change), "neither a group nor an array|shares its type")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_not_finite(value: float, tmp_path: Path) -> None:
    def change(file: h5py.File) -> None:
        file["4c/4c/kernel:0"][0, 1, 2, 3] = value

    check_refused(change_file(tmp_path, change), "numbers that are not finite, in '4c/kernel'")


def test_layers_that_are_missing_or_too_many(tmp_path: Path) -> None:
    for missing, part in (("4c", "no array '4c/kernel'"), ("00d", "no array '00d/kernel'"), ("9c", "'9c/kernel'")):
        layers = keras2.make_generator()
        del layers[missing]
        (tmp_path / "gen_ema.h5").write_bytes(keras2.encode_h5(layers))
        check_refused(tmp_path, part)
    layers = {**keras2.make_generator(), "10c": {"kernel": SECRET}}
    (tmp_path / "gen_ema.h5").write_bytes(keras2.encode_h5(layers))
    check_refused(tmp_path, "an array '10c/kernel' too many")
    layers = keras2.make_generator()
    layers["4c"]["gamma"] = SECRET
    (tmp_path / "gen_ema.h5").write_bytes(keras2.encode_h5(layers))
    check_refused(tmp_path, "an array '4c/gamma' too many")


def test_names_and_contents_that_differ(tmp_path: Path) -> None:
    layers = list(keras2.make_generator())
    for change, part in (
        (lambda file: file.create_group("more"), "a group 'more' that its layer_names do not list"),
        (lambda file: file["00d"].create_dataset("more", data=SECRET), "an array '00d/more' that no layer lists"),
        (set_names(layers[1:]), "a group 'input_1' that its layer_names do not list"),
        (set_names([name for name in layers if name != "9c"]), "an array '9c/9c/bias:0' that no layer lists"),
        (set_names([*layers, "nothing"]), "no group 'nothing'"),
        (set_names([*layers, layers[0]]), "one name twice"),
        (lambda file: file.attrs.__delitem__("layer_names"), "no attribute layer_names at its root"),
        (lambda file: file["4c"].attrs.__delitem__("weight_names"), "no attribute weight_names at group '4c'"),
        (lambda file: file.attrs.create("layer_names", np.zeros(3)), "does not hold names"),
        (lambda file: file["4c"].attrs.create("weight_names", [b"a"]), "no array '4c/a'"),
        (lambda file: file.move("4c", "4d"), "no group '4c'"),
    ):
        check_refused(change_file(tmp_path, change), part)


def test_shapes_that_differ(tmp_path: Path) -> None:
    check_refused(
        change_file(tmp_path, replace_kernel(data=SECRET[:, :-1].copy())),
        "arrays of no Musika network: base_channels 1 is odd",
    )
    check_refused(change_file(tmp_path, replace_kernel(data=np.pad(SECRET, ((0, 0), (0, 1))))), "array '00d/kernel' is")
    check_refused(change_file(tmp_path, replace_kernel(data=SECRET[None])), "2 dimensions are expected")
    check_refused(change_file(tmp_path, replace_kernel(data=np.float32(1))), "empty or a single value")
    check_refused(change_file(tmp_path, replace_kernel(shape=(0, 56), dtype="<f4")), "empty or a single value")
    check_refused(change_file(tmp_path, replace_kernel(shape=(1,) * 5, dtype="<f4")), "of 5 dimensions")
    layers = keras2.make_generator()
    layers["2c"]["bias"] = layers["2c"]["bias"][1:]
    (tmp_path / "gen_ema.h5").write_bytes(keras2.encode_h5(layers))
    check_refused(tmp_path, "array '2c/bias' is .9., but .10. is expected")


def test_no_numbers(tmp_path: Path) -> None:
    check_refused(
        change_file(tmp_path, replace_kernel(shape=SHAPE, dtype="<f4")), "which are not there"
    )  # never written
    change = replace_kernel(shape=SHAPE, dtype="<f4", chunks=(4, 56))
    check_refused(change_file(tmp_path, change), "lacks 2 of 2 chunks")


# ------------------------------------------------------------------------------------------------ no such file


def test_what_is_no_weight_file(tmp_path: Path) -> None:
    good = keras2.encode_h5(keras2.make_generator())
    path = tmp_path / "gen_ema.h5"
    for data, part in (
        (b"", "is no HDF5 file"),
        (b"these are words\n" * 100, "is no HDF5 file"),
        (b"\0" * 512 + good, "is no HDF5 file"),  # a block of the user's before it
        (good[:200], "is truncated"),
        (good[: len(good) // 2], "is truncated: it has"),
        (good[:-1], "is truncated: it has"),
        (good[:8] + b"\xff" * 200, "is in a form of HDF5"),
    ):
        path.write_bytes(data)
        check_refused(tmp_path, part)
    path.unlink()
    (tmp_path / "gen.h5").write_bytes(good)
    check_refused(tmp_path, "is missing")
    path.mkdir()
    check_refused(tmp_path, "is missing")
    path.rmdir()
    os.mkfifo(path)
    check_refused(tmp_path, "is missing")


def test_user_block_as_h5py_writes_it(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "gen_ema.h5", "w", userblock_size=512) as file:
        file.attrs["layer_names"] = ["a"]
    check_refused(tmp_path, "is no HDF5 file")


def test_names_that_would_break_a_line(tmp_path: Path) -> None:
    layers = {**keras2.make_generator(), "a\nb\x1b[31m": {"kernel": SECRET}}
    (tmp_path / "gen_ema.h5").write_bytes(keras2.encode_h5(layers))
    check_refused(tmp_path, "too many")


def test_codec_files(tmp_path: Path) -> None:
    keras2.write_codec(tmp_path)
    good = keras2.make_codec()

    def check_broken(network: str, layers: dict, part: str) -> None:
        (tmp_path / f"{network}.h5").write_bytes(keras2.encode_h5(layers))
        with pytest.raises(CheckpointError, match=part) as caught:
            musika_folder.read_codec(tmp_path)
        assert f"{network}.h5" in str(caught.value) and "\n" not in str(caught.value)
        (tmp_path / f"{network}.h5").write_bytes(keras2.encode_h5(good[network]))

    def drop_layer(network: str, number: int) -> dict:
        return {name: layer for n, (name, layer) in enumerate(good[network].items()) if n != number}

    check_broken("enc", drop_layer("enc", 3), "5 layers with kernels, but 6 are expected")
    check_broken("dec2", drop_layer("dec2", len(good["dec2"]) - 1), "6 layers with noise, but 7 are expected")
    check_broken("dec", {**good["dec"], "conv2d_99": {"kernel": SECRET, "bias": SECRET[0]}}, "12 layers with kernels")
    check_broken("enc2", keras2.make_codec(16, 2)["enc2"], "is .*, but .* is expected")
    check_broken("dec", good["dec2"], "with kernels|expected")
    check_broken("enc", {"input_1": {}}, "no layers with weights")
    swapped = dict(reversed(list(good["enc"].items())))
    check_broken("enc", swapped, "of no Musika network|is expected")
    musika_folder.read_codec(tmp_path)
    (tmp_path / "dec.h5").unlink()
    with pytest.raises(CheckpointError, match=r"dec\.h5 is missing"):
        musika_folder.read_codec(tmp_path)


# ------------------------------------------------------------------------------------------------ switch.npy


def encode_npy(array: np.ndarray, **options) -> bytes:
    file = io.BytesIO()
    np.save(file, array, **options)
    return file.getvalue()


def test_adaptive_weight(tmp_path: Path) -> None:
    assert musika_folder.read_penalty_weight(tmp_path) is None
    for array in (np.float32(-0.25), np.float64(-0.25), np.array([-0.25], np.float32)):
        (tmp_path / "switch.npy").write_bytes(encode_npy(np.asarray(array)))
        assert musika_folder.read_penalty_weight(tmp_path) == 0.25


@pytest.mark.parametrize(
    "header", [b"{'descr': (", b"'''", b"{[]:1}", b"-" * 3900 + b"1", b"{'descr': ('<f4',), 'fortran_order': False}"]
)
def test_headers_that_break_parsers(tmp_path: Path, header: bytes) -> None:
    data = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + np.float32(-0.5).tobytes()
    (tmp_path / "switch.npy").write_bytes(data)
    with pytest.raises(CheckpointError, match="not one plain number"):
        musika_folder.read_penalty_weight(tmp_path)


def test_mutated_adaptive_weights(tmp_path: Path) -> None:
    good, rng, read = encode_npy(np.float32(-0.25)), np.random.default_rng(0), 0
    for _ in range(300):
        data = bytearray(good)
        for place in rng.integers(0, len(data), rng.integers(1, 4)):
            data[place] = rng.integers(256)
        (tmp_path / "switch.npy").write_bytes(data)
        with contextlib.suppress(CheckpointError):
            read += 0 <= musika_folder.read_penalty_weight(tmp_path) <= 1
    assert 0 < read < 300


@reference.needs_reference
def test_networks_of_different_sizes_are_not_one_model(tmp_path: Path) -> None:
    for name, source in (("gen_ema", "default"), ("critic", "small"), ("gen", "small")):
        (tmp_path / f"{name}.h5").symlink_to(reference.FOLDER / source / f"{name}.h5")
    with pytest.raises(CheckpointError, match=r"critic\.h5 has small True.*gen_ema\.h5 beside it False"):
        musika_folder.read_critic(tmp_path)
    with pytest.raises(CheckpointError, match=r"gen\.h5 has small True"):
        musika_folder.read_raw_generator(tmp_path)


def test_adaptive_weight_that_is_none(tmp_path: Path) -> None:
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w") as file:
        file.writestr("a.npy", encode_npy(np.float32(-1)))
    bomb = encode_npy(np.float32(-0.5)).replace(b"'shape': (), ", b"'shape': (1099511627776,), ")
    for data, part in (
        (encode_npy(np.array([{"a": 1}], object), allow_pickle=True), "not one plain number"),
        (b"\x80\x04K\x01.", "not one plain number"),
        (zipped.getvalue(), "not one plain number"),
        (encode_npy(np.zeros(3, np.float32)), "not one plain number"),
        (encode_npy(np.int64(0)), "not one plain number"),
        (encode_npy(np.float32(-0.5))[:-1], "not one plain number"),
        (encode_npy(np.float32(-0.5)) + b"more", "not one plain number"),
        (bomb, "not one plain number"),
        (b"", "not one plain number"),
        (b"\0" * 5000, "larger than one number"),
        (encode_npy(np.float32(np.nan)), "and -1 to 0 is expected"),
        (encode_npy(np.float32(0.5)), "and -1 to 0 is expected"),
    ):
        (tmp_path / "switch.npy").write_bytes(data)
        with pytest.raises(CheckpointError, match=part) as caught:
            musika_folder.read_penalty_weight(tmp_path)
        assert "switch.npy" in str(caught.value) and str(caught.value).isprintable()


# ------------------------------------------------------------------------------------------------ mutations


def test_mutations() -> None:
    """A short form of the 20,000: nothing crashes, hangs, takes memory or reads another file."""
    words = [sys.executable, "-m", "benchmarks.mutations", "--files", "400", "--seed", "7"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    figures = json.loads(done.stdout)
    assert figures["files"] == figures["read"] + figures["refused"] == 400
    assert figures["read"] > 10 and figures["refused"] > 100 and not figures["wrong"]
