"""Networks and tensors of the published implementation, where `../shared/musika_reference` is there.

Weights are read by plain h5py here, so that tests can compare `musika/checkpoint/published/musika_folder.py` with them.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from musika.checkpoint.published import tables
from musika.config import GeneratorConfig

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "musika_reference"
SIZES = ("default", "small")

needs_reference = pytest.mark.skipif(not FOLDER.is_dir(), reason="needs ../shared/musika_reference")


def make_config(size: str) -> GeneratorConfig:
    """Our configuration of the reference's sizes."""
    return GeneratorConfig(channels=32, coordinate_depth=16, base_channels=8, small=size == "small", critic_fields=())


@functools.cache
def read_tensors(size: str) -> dict[str, np.ndarray]:
    """All reference tensors by name."""
    with np.load(FOLDER / size / "tensors.npz") as file:
        return dict(file)


def read_weights(size: str, network: str) -> dict[str, np.ndarray]:
    """Published weights `layer/weight` to array, with the axis of height 1 taken out."""
    h5py = pytest.importorskip("h5py")
    found = {}
    with h5py.File(FOLDER / size / f"{network}.h5") as file:
        for layer in file.attrs["layer_names"]:
            for name in file[layer].attrs["weight_names"]:
                array = np.asarray(file[layer][name])
                found[str(name).removesuffix(":0")] = array[0] if array.ndim == 4 else array
    return found


def map_generator_names(size: str) -> dict[str, str]:
    """Published layer names of the generator to ours."""
    return _map_layers(tables.list_generator_weights(make_config(size)))


def map_critic_names(size: str) -> dict[str, str]:
    """Published layer names of the critic to ours."""
    return _map_layers(tables.list_critic_weights(make_config(size)))


def _map_layers(table: tables.Table) -> dict[str, str]:
    return {name.split("/")[0]: weight.ours.rsplit("/", 1)[0] for name, weight in table.items()}


def rename(published: str, names: dict[str, str]) -> str:
    """Our name of a published `layer/weight`."""
    layer, weight = published.removesuffix(":0").split("/")
    return f"{names[layer]}/{weight}"


def read_our_weights(size: str, network: str) -> dict[str, np.ndarray]:
    """Published weights under our names, in our shapes: a convolution with kernel 1 is a dense layer here."""
    names = map_critic_names(size) if network == "critic" else map_generator_names(size)
    found = {}
    for published, array in read_weights(size, network).items():
        dense = array.ndim == 3 and array.shape[0] == 1
        found[rename(published, names)] = array[0] if dense else array
    return found


def assign_weights(layer: Any, arrays: dict[str, np.ndarray]) -> Any:
    """Sets all weights of a layer and returns it."""
    from musika import checkpoint

    checkpoint.assign(layer, arrays)
    return layer


def measure_distance(value: Any, reference: np.ndarray) -> float:
    """Largest difference, as a share of the reference's largest magnitude."""
    from keras import ops

    found = np.asarray(ops.convert_to_numpy(value))
    assert found.shape == reference.shape
    return float(np.abs(found.astype(np.float64) - reference).max() / np.abs(reference).max())
