"""Musika folders: the Keras-2 HDF5 files of published checkpoints become named arrays.

The layers of the GAN are recognised by their names. The layers of the autoencoder have automatic names, so they are
recognised by their order. Sizes are read from shapes. Before any number is read, every layer must be there with its
shape, and nothing else. The reader of the files trusts nothing in them (hdf5.py).

Kernels of convolutions lose their first dimension, which is 1; those of length 1 become dense kernels `[in, out]`.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from musika.checkpoint.published.hdf5 import Entry, Weights
from musika.checkpoint.published.tables import (
    Shape,
    Table,
    Weight,
    list_codec_layers,
    list_critic_weights,
    list_generator_weights,
    list_layer_weights,
)
from musika.config import GeneratorConfig, PublishedCodecConfig
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
Sizes = TypeVar("Sizes", GeneratorConfig, PublishedCodecConfig)


# ------------------------------------------------------------------------------------------------ folders


def is_musika_folder(folder: Path) -> bool:
    """Whether a folder holds weights as Keras 2 saves them, and no checkpoint in our format."""
    return bool(_list_networks(folder))


def holds_codec(folder: Path) -> bool:
    """Whether a Musika folder has an autoencoder, or a part of one."""
    return not _list_networks(folder).isdisjoint(CODEC)


def holds_generator(folder: Path) -> bool:
    """Whether a Musika folder has a generator, or a part of what belongs to one."""
    return not _list_networks(folder).isdisjoint((GENERATOR, RAW_GENERATOR, CRITIC))


def _list_networks(folder: Path) -> set[str]:
    """The networks that a Musika folder has files of."""
    if (folder / "config.json").exists() and any(folder.glob("*.safetensors")):
        return set()  # a checkpoint in our format; a config.json alone may be somebody else's
    return {name for name in (*CODEC, GENERATOR, RAW_GENERATOR, CRITIC) if (folder / f"{name}.h5").is_file()}


# ------------------------------------------------------------------------------------------------ reading networks


def read_generator_config(folder: Path) -> GeneratorConfig:
    """Sizes of a Musika folder's generator, read from shapes alone.

    Raises:
        CheckpointError: as `read_generator`.
    """
    path = _find_generator(folder)
    with Weights(path) as file:
        return _match_generator(path, file.entries)[0]


def read_generator(folder: Path, network: str = GENERATOR) -> tuple[GeneratorConfig, Arrays]:
    """The generator of a Musika folder: its sizes, and its weights by our names.

    Args:
        network: stem of the file; `gen_ema` holds averaged weights.

    Raises:
        CheckpointError: names the first thing that does not fit.
    """
    path = _find_generator(folder, network)
    with Weights(path) as file:
        config, table = _match_generator(path, file.entries)
        return config, _read_arrays(file, table)


def read_raw_generator(folder: Path) -> Arrays | None:
    """The generator's weights before averaging, by our names; None where the folder does not have them.

    Raises:
        CheckpointError: as `read_generator`; or its sizes are not those of the averaged one.
    """
    if not (folder / f"{RAW_GENERATOR}.h5").exists():
        return None
    config, arrays = read_generator(folder, RAW_GENERATOR)
    _check_same_sizes(folder, RAW_GENERATOR, config, tuple(config.to_dict()))
    return arrays


def read_critic(folder: Path) -> Arrays | None:
    """The critic's weights by our names; None where the folder does not have them.

    Raises:
        CheckpointError: as `read_generator`; or its sizes do not fit the generator.
    """
    path = folder / f"{CRITIC}.h5"
    if not path.exists():
        return None
    with Weights(path) as file:
        shapes = _get_shapes(path, file.entries)
        first = _get_shape(path, shapes, "1c/kernel", 4)
        config = _make_config(
            path,
            GeneratorConfig,
            channels=first[2],
            base_channels=first[3] // 3,
            small="6c0/kernel" not in shapes,
            critic_fields=(),
        )
        table = list_critic_weights(config)
        _check_shapes(path, shapes, table)
        _check_same_sizes(folder, CRITIC, config, ("channels", "base_channels", "small"))
        return _read_arrays(file, table)


def read_penalty_weight(folder: Path) -> float | None:
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
        weight = -_parse_number(path.read_bytes())  # the original stores it with the other sign
    except OSError as error:
        raise CheckpointError(f"{format_path(path)} cannot be read: {describe_error(error)}") from error
    except ValueError as error:
        raise CheckpointError(f"{format_path(path)} is not one plain number ({error}): leave it out") from error
    if not 0 <= weight <= 1:  # not true of NaN either
        raise CheckpointError(f"{format_path(path)} holds {-weight:g}, and -1 to 0 is expected: leave it out")
    return weight


def read_codec(folder: Path) -> tuple[PublishedCodecConfig, Arrays]:
    """The autoencoder of a Musika folder: its sizes, of which hop and latent depth are known, and weights by our names.

    Raises:
        CheckpointError: names the first thing that does not fit.
    """
    if not holds_codec(folder) and is_musika_folder(folder):
        raise CheckpointError(
            f"{format_path(folder)} holds a Musika generator, no codec: name a codec's folder", about="codec"
        )
    paths = {network: folder / f"{network}.h5" for network in CODEC}
    arrays: Arrays = {}
    with contextlib.ExitStack() as files:
        networks = {network: files.enter_context(Weights(path)) for network, path in paths.items()}
        hop = _get_kernel_shape(paths["enc"], networks["enc"].entries, 0)[3] // 4
        depth = _get_kernel_shape(paths["enc2"], networks["enc2"].entries, -1)[3]
        config = _make_config(paths["enc"], PublishedCodecConfig, hop=hop, latent_depth=depth)
        layers = list_codec_layers(hop, depth)
        tables = {name: _match_by_order(paths[name], file.entries, layers[name]) for name, file in networks.items()}
        for network, file in networks.items():
            arrays |= _read_arrays(file, tables[network])
    return config, arrays


def _find_generator(folder: Path, network: str = GENERATOR) -> Path:
    if not holds_generator(folder) and is_musika_folder(folder):
        raise CheckpointError(
            f"{format_path(folder)} holds a Musika codec, no generator: name a generator's folder", about="generator"
        )
    return folder / f"{network}.h5"


def _read_arrays(file: Weights, table: Table) -> Arrays:
    """The arrays of a file whose entries fit the table, by our names and in our shapes."""
    arrays = {}
    for entry, array in zip(file.entries, file.read_arrays(), strict=True):
        if array.ndim == 4:  # [1, k, in, out]
            array = array[0, 0] if array.shape[1] == 1 else array[0]
        arrays[table[f"{entry.layer}/{entry.weight}"].ours] = array
    return arrays


def _parse_number(data: bytes) -> float:
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


def _check_same_sizes(folder: Path, network: str, config: GeneratorConfig, names: Sequence[str]) -> None:
    """Raises CheckpointError unless a network has the sizes of the averaged generator."""
    own, other = read_generator_config(folder).to_dict(), config.to_dict()
    for name in names:
        if other[name] != own[name]:
            raise CheckpointError(
                f"{format_path(folder / network)}.h5 has {name} {other[name]}, and {GENERATOR}.h5 beside it "
                f"{own[name]}: they are not of one model"
            )


def _get_kernel_shape(path: Path, entries: Sequence[Entry], number: int) -> Shape:
    """The shape of the kernel of the first layer (0) or the last one (-1)."""
    layers = [entry.layer for entry in entries]
    if not layers:
        raise CheckpointError(
            f"{format_path(path)} has no layers with weights: it is another network, or not one of Musika's"
        )
    return _get_shape(path, _get_shapes(path, entries), f"{layers[number]}/kernel", 4)


def _get_shapes(path: Path, entries: Sequence[Entry]) -> dict[str, Shape]:
    """Shapes by `layer/weight`."""
    shapes: dict[str, Shape] = {}
    for entry in entries:
        name = f"{entry.layer}/{entry.weight}"
        if name in shapes:
            raise CheckpointError(f"{format_path(path)} has two arrays {name[:80]!r}")
        shapes[name] = entry.shape
    return shapes


def _get_shape(path: Path, shapes: Mapping[str, Shape], name: str, dimensions: int) -> Shape:
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


def _check_shapes(path: Path, shapes: Mapping[str, Shape], table: Table) -> None:
    """Raises CheckpointError unless both have the same names and shapes."""
    for name, weight in table.items():
        if name not in shapes:
            raise CheckpointError(f"{format_path(path)} has no array {name!r}")
        if shapes[name] != weight.shape:
            raise CheckpointError(
                f"{format_path(path)}: array {name!r} is {list(shapes[name])}, but {list(weight.shape)} is expected"
            )
    for name in shapes:
        if name not in table:
            raise CheckpointError(f"{format_path(path)} has an array {format_path(name[:80])!r} too many")


def _make_config(path: Path, kind: type[Sizes], **sizes: Any) -> Sizes:
    try:
        return kind(**sizes)
    except ConfigError as error:
        raise CheckpointError(f"{format_path(path)} has arrays of no Musika network: {error}") from error


def _match_generator(path: Path, entries: Sequence[Entry]) -> tuple[GeneratorConfig, Table]:
    """Sizes and table of a generator, after its entries were found to fit them."""
    shapes = _get_shapes(path, entries)
    start, out = _get_shape(path, shapes, "00d/kernel", 2), _get_shape(path, shapes, "9c/kernel", 4)
    config = _make_config(
        path,
        GeneratorConfig,
        channels=out[3],
        coordinate_depth=start[0] // 4,
        base_channels=start[1] // 28,
        small="0_smallc/kernel" in shapes,
        critic_fields=(),
    )
    table = list_generator_weights(config)
    _check_shapes(path, shapes, table)
    return config, table


def _match_by_order(path: Path, entries: Sequence[Entry], layers: Sequence[Weight]) -> Table:
    """The table of one network of the autoencoder: its n-th kernel is the n-th layer's, its n-th noise likewise.

    Raises:
        CheckpointError: a layer is missing, too many, or has another shape.
    """
    network = layers[0].ours.split("/")[0]
    noisy = [layer for layer in layers if network.startswith("dec") and layer.shape[1] > 1]
    stored = dict.fromkeys(entry.layer for entry in entries)
    noises = [name for name in stored if any(e.layer == name and e.weight == "noise_weight" for e in entries)]
    kernels = [name for name in stored if name not in noises]
    for what, names, expected in (("kernels", kernels, layers), ("noise", noises, noisy)):
        if len(names) != len(expected):
            raise CheckpointError(
                f"{format_path(path)} has {len(names)} layers with {what}, but {len(expected)} are expected "
                f"in {network}"
            )
    table: Table = {}
    for name, layer in zip(kernels, layers, strict=True):
        channels = layer.shape[2] if layer.shape[1] == 4 else layer.shape[3]  # kernels of 4 are transposed
        table |= list_layer_weights(name, layer.ours, layer.shape, channels)
    for name, layer in zip(noises, noisy, strict=True):
        table[f"{name}/noise_weight"] = Weight(f"{layer.ours}/noise", (1,))
    _check_shapes(path, _get_shapes(path, entries), table)
    return table
