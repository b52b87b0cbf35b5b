"""The one door for published Musika weights: folders of Keras-2 HDF5 files to named arrays of ours.

Networks of the GAN are recognised by the names of their layers, those of the autoencoder, whose names are automatic, by
their order. Sizes are read from shapes; then every layer must be there with its shape, and nothing else, before a
number is read. What reads the files trusts nothing in them (legacy_h5.py).

Kernels of convolutions lose their first size, which is 1, and those of one step are dense kernels `[in, out]` here.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from musika.checkpoint.published.hdf5 import Entry, Weights
from musika.checkpoint.published.tables import Shape, Table, Weight, codec_tables, critic_table, dense, generator_table
from musika.config import GeneratorConfig
from musika.errors import CheckpointError, ConfigError
from musika.files import describe_error, format_path

CODEC = ("enc", "enc2", "dec", "dec2")
GENERATOR, RAW_GENERATOR, CRITIC = "gen_ema", "gen", "critic"
SWITCH = "switch.npy"
MAX_SWITCH = 4096  # bytes of switch.npy
NPY_MAGIC = b"\x93NUMPY\x01\x00"
PLAIN_NUMBER = re.compile(
    rb"\{'descr': '(?P<type>[<>]f[248])', 'fortran_order': (?:False|True), 'shape': \((?:1, ?)*1?\), \} *\n?"
)

Arrays = dict[str, np.ndarray]


# ------------------------------------------------------------------------------------------------ folders


def holds(folder: Path) -> bool:
    """Whether a folder is one of Musika's: weights as Keras 2 saves them, and no configuration of ours."""
    return bool(_networks(folder))


def holds_codec(folder: Path) -> bool:
    """Whether a Musika folder has an autoencoder, or a part of one."""
    return not _networks(folder).isdisjoint(CODEC)


def holds_generator(folder: Path) -> bool:
    """Whether a Musika folder has a generator or what belongs to one."""
    return not _networks(folder).isdisjoint((GENERATOR, RAW_GENERATOR, CRITIC))


def _networks(folder: Path) -> set[str]:
    """Which networks a Musika folder has files of."""
    if (folder / "config.json").exists() and any(folder.glob("*.safetensors")):
        return set()  # ours; somebody else's config.json says nothing
    return {name for name in (*CODEC, GENERATOR, RAW_GENERATOR, CRITIC) if (folder / f"{name}.h5").is_file()}


# ------------------------------------------------------------------------------------------------ what is read


def generator_sizes(folder: Path) -> dict[str, Any]:
    """Sizes of a Musika folder's generator, for `GeneratorConfig.from_dict`, read from shapes alone.

    Raises:
        CheckpointError: as `generator`.
    """
    path = _generator_file(folder)
    with Weights(path) as file:
        return _generator_table(path, file.entries)[0].to_dict()


def generator(folder: Path, network: str = GENERATOR) -> tuple[dict[str, Any], Arrays]:
    """The generator of a Musika folder: sizes for `GeneratorConfig.from_dict`, and weights by our names.

    Args:
        network: stem of the file; `gen_ema` holds averaged weights.

    Raises:
        CheckpointError: names the first thing that does not fit.
    """
    path = _generator_file(folder, network)
    with Weights(path) as file:
        config, table = _generator_table(path, file.entries)
        return config.to_dict(), _read(file, table)


def raw_generator(folder: Path) -> Arrays | None:
    """The generator's weights before averaging, by our names; None where the folder does not have them.

    Raises:
        CheckpointError: as `generator`; or it is of other sizes than the averaged one.
    """
    if not (folder / f"{RAW_GENERATOR}.h5").exists():
        return None
    sizes, arrays = generator(folder, RAW_GENERATOR)
    _check_same(folder, RAW_GENERATOR, sizes, tuple(sizes))
    return arrays


def _check_same(folder: Path, network: str, sizes: Mapping[str, Any], names: Sequence[str]) -> None:
    """Raises CheckpointError unless a network has the sizes of the averaged generator."""
    own = generator_sizes(folder)
    for name in names:
        if sizes[name] != own[name]:
            raise CheckpointError(
                f"{format_path(folder / network)}.h5 has {name} {sizes[name]}, and {GENERATOR}.h5 beside it "
                f"{own[name]}: "
                "they are not of one model"
            )


def critic(folder: Path) -> Arrays | None:
    """The critic's weights by our names; None where the folder does not have them.

    Raises:
        CheckpointError: as `generator`; or it is of other sizes than the generator.
    """
    path = folder / f"{CRITIC}.h5"
    if not path.exists():
        return None
    with Weights(path) as file:
        shapes = _shapes(path, file.entries)
        first = _sized(path, shapes, "1c/kernel", 4)
        config = _config(path, channels=first[2], base_channels=first[3] // 3, small="6c0/kernel" not in shapes)
        table = critic_table(config)
        _check(path, shapes, table)
        _check_same(folder, CRITIC, config.to_dict(), ("channels", "base_channels", "small"))
        return _read(file, table)


def adaptive_weight(folder: Path) -> float | None:
    """The adaptive weight of the critic's penalty, 0 to 1, from `switch.npy`; None where the folder does not have it.

    Raises:
        CheckpointError: the file is anything but one plain number in range.
    """
    path = folder / SWITCH
    if not path.exists():
        return None
    try:
        if not path.is_file() or path.stat().st_size > MAX_SWITCH:
            raise CheckpointError(f"{format_path(path)} is larger than one number: leave it out, or take the original")
        weight = -_number(path.read_bytes())  # the original stores it with the other sign
    except OSError as error:
        raise CheckpointError(f"{format_path(path)} cannot be read: {describe_error(error)}") from error
    except ValueError as error:
        raise CheckpointError(f"{format_path(path)} is not one plain number ({error}): leave it out") from error
    if not 0 <= weight <= 1:  # not true of NaN either
        raise CheckpointError(f"{format_path(path)} holds {-weight:g}, and -1 to 0 is expected: leave it out")
    return weight


def codec(folder: Path) -> tuple[dict[str, Any], Arrays]:
    """The autoencoder of a Musika folder: sizes for `PublishedCodecConfig.from_dict`, and weights by our names.

    Raises:
        CheckpointError: names the first thing that does not fit.
    """
    if not holds_codec(folder) and holds(folder):
        raise CheckpointError(f"{format_path(folder)} holds a Musika generator, no codec: name a codec's folder")
    paths = {network: folder / f"{network}.h5" for network in CODEC}
    arrays: Arrays = {}
    with contextlib.ExitStack() as files:
        opened = {network: files.enter_context(Weights(path)) for network, path in paths.items()}
        hop = _kernel(paths["enc"], opened["enc"].entries, 0)[3] // 4
        depth = _kernel(paths["enc2"], opened["enc2"].entries, -1)[3]
        if hop < 4 or hop % 4:
            raise CheckpointError(f"{format_path(paths['enc'])} is of hop {hop}, which is no multiple of 4")
        layers = codec_tables(hop, depth)
        tables = {name: _by_order(paths[name], file.entries, layers[name]) for name, file in opened.items()}
        for network, file in opened.items():
            arrays |= _read(file, tables[network])
    return {"hop": hop, "latent_depth": depth}, arrays


def _generator_file(folder: Path, network: str = GENERATOR) -> Path:
    if not holds_generator(folder) and holds(folder):
        raise CheckpointError(f"{format_path(folder)} holds a Musika codec, no generator: name a generator's folder")
    return folder / f"{network}.h5"


def _read(file: Weights, table: Table) -> Arrays:
    """The arrays of a file whose entries fit the table, by our names and in our shapes."""
    arrays = {}
    for entry, array in zip(file.entries, file.arrays(), strict=True):
        if array.ndim == 4:  # [1, k, in, out]
            array = array[0, 0] if array.shape[1] == 1 else array[0]
        arrays[table[f"{entry.layer}/{entry.weight}"].ours] = array
    return arrays


def _number(data: bytes) -> float:
    """The one floating-point number of a `.npy` file.

    Raises:
        ValueError: it is something else.
    """
    if data[:8] != NPY_MAGIC:
        raise ValueError("not a .npy file of version 1")
    begin = 10 + int.from_bytes(data[8:10], "little")
    header = PLAIN_NUMBER.fullmatch(data[10:begin])
    if header is None:  # read by nothing that evaluates text
        raise ValueError("its header describes something else")
    dtype = np.dtype(header["type"].decode())
    if len(data) - begin != dtype.itemsize:
        raise ValueError(f"{len(data) - begin} bytes")
    return float(np.frombuffer(data[begin:], dtype)[0])


# ------------------------------------------------------------------------------------------------ checks


def _kernel(path: Path, entries: Sequence[Entry], number: int) -> Shape:
    """The shape of the kernel of the first layer (0) or the last one (-1)."""
    layers = [entry.layer for entry in entries]
    if not layers:
        raise CheckpointError(
            f"{format_path(path)} has no layers with weights: it is another network, or not one of Musika's"
        )
    return _sized(path, _shapes(path, entries), f"{layers[number]}/kernel", 4)


def _shapes(path: Path, entries: Sequence[Entry]) -> dict[str, Shape]:
    """Shapes by `layer/weight`."""
    found: dict[str, Shape] = {}
    for entry in entries:
        name = f"{entry.layer}/{entry.weight}"
        if name in found:
            raise CheckpointError(f"{format_path(path)} has two arrays {name[:80]!r}")
        found[name] = entry.shape
    return found


def _sized(path: Path, shapes: Mapping[str, Shape], name: str, dimensions: int) -> Shape:
    """The shape of an array that sizes are read from."""
    shape = shapes.get(name)
    if shape is None:
        raise CheckpointError(
            f"{format_path(path)} has no array {name!r}: it is another network, or not one of Musika's"
        )
    if len(shape) != dimensions:
        raise CheckpointError(
            f"{format_path(path)}: array {name!r} is {list(shape)}; {dimensions} dimensions are expected"
        )
    return shape


def _check(path: Path, found: Mapping[str, Shape], table: Table) -> None:
    """Raises CheckpointError unless both have the same names and shapes."""
    for name, weight in table.items():
        if name not in found:
            raise CheckpointError(f"{format_path(path)} has no array {name!r}")
        if found[name] != weight.shape:
            raise CheckpointError(
                f"{format_path(path)}: array {name!r} is {list(found[name])}, but {list(weight.shape)} is expected"
            )
    for name in found:
        if name not in table:
            raise CheckpointError(f"{format_path(path)} has an array {format_path(name[:80])!r} too many")


def _config(path: Path, **sizes: Any) -> GeneratorConfig:
    try:
        return GeneratorConfig(**sizes)
    except ConfigError as error:
        raise CheckpointError(f"{format_path(path)} has arrays of no Musika network: {error}") from error


def _generator_table(path: Path, entries: Sequence[Entry]) -> tuple[GeneratorConfig, Table]:
    """Sizes and table of a generator whose entries fit them."""
    shapes = _shapes(path, entries)
    start, out = _sized(path, shapes, "00d/kernel", 2), _sized(path, shapes, "9c/kernel", 4)
    config = _config(
        path,
        channels=out[3],
        coordinate_depth=start[0] // 4,
        base_channels=start[1] // 28,
        small="0_smallc/kernel" in shapes,
    )
    table = generator_table(config)
    _check(path, shapes, table)
    return config, table


def _by_order(path: Path, entries: Sequence[Entry], layers: Sequence[Weight]) -> Table:
    """The table of one network of the autoencoder: its n-th kernel is the n-th layer's, its n-th noise likewise.

    Raises:
        CheckpointError: a layer is missing, too many, or has another shape.
    """
    network = layers[0].ours.split("/")[0]
    noisy = [layer for layer in layers if network.startswith("dec") and layer.shape[1] > 1]
    stored = dict.fromkeys(entry.layer for entry in entries)
    noises = [name for name in stored if any(e.layer == name and e.weight == "noise_weight" for e in entries)]
    kernels = [name for name in stored if name not in noises]
    for what, found, expected in (("kernels", kernels, layers), ("noise", noises, noisy)):
        if len(found) != len(expected):
            raise CheckpointError(
                f"{format_path(path)} has {len(found)} layers with {what}, but {len(expected)} are expected "
                f"in {network}"
            )
    table: Table = {}
    for name, layer in zip(kernels, layers, strict=True):
        channels = layer.shape[2] if layer.shape[1] == 4 else layer.shape[3]  # kernels of 4 are transposed
        table |= dense(name, layer.ours, layer.shape, channels)
    for name, layer in zip(noises, noisy, strict=True):
        table[f"{name}/noise_weight"] = Weight(f"{layer.ours}/noise", (1,))
    _check(path, _shapes(path, entries), table)
    return table
