"""Files as Keras 2 writes them by `save_weights`, made with h5py alone: good ones, for tests to spoil."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from musika.checkpoint.published.tables import list_codec_layers, list_critic_weights, list_generator_weights
from musika.config import GeneratorConfig

Layers = Mapping[str, Mapping[str, np.ndarray]]  # layer to weight to array, in stored order
GENERATOR = GeneratorConfig(channels=4, coordinate_depth=2, base_channels=2, small=True, critic_fields=())


def encode_h5(layers: Layers, fixed: bool = True, version: str = "earliest", **storage: Any) -> bytes:
    """A file of weights.

    Args:
        layers: those without weights have no arrays.
        fixed: names in strings of fixed length, as Keras 2.8 leaves them; or of variable length, as later ones do.
        version: of HDF5's format, "earliest" or "latest".
        storage: options of h5py for the arrays, such as `compression="gzip"`.
    """
    file = io.BytesIO()
    with h5py.File(file, "w", libver=version) as root:
        root.attrs["backend"], root.attrs["keras_version"] = "tensorflow", "2.8.0"
        root.attrs["layer_names"] = _names(list(layers), fixed)
        for layer, weights in layers.items():
            group = root.create_group(layer)
            group.attrs["weight_names"] = _names([f"{layer}/{weight}:0" for weight in weights], fixed)
            for weight, array in weights.items():
                options = storage if array.ndim > 1 else {}
                group.create_dataset(f"{layer}/{weight}:0", data=array, **options)
        root.create_group("top_level_model_weights").attrs["weight_names"] = _names([], fixed)
    return file.getvalue()


def _names(names: Sequence[str], fixed: bool) -> Any:
    if not names:
        return np.zeros(0)  # what Keras writes for no names at all
    return np.array([name.encode() for name in names]) if fixed else list(names)


def make_generator(config: GeneratorConfig = GENERATOR, seed: int = 0) -> dict[str, dict[str, np.ndarray]]:
    """Layers of a generator with random weights, noise included."""
    return _layers({name: weight.shape for name, weight in list_generator_weights(config).items()}, seed)


def make_critic(config: GeneratorConfig = GENERATOR, seed: int = 0) -> dict[str, dict[str, np.ndarray]]:
    """Layers of a critic with random weights."""
    return _layers({name: weight.shape for name, weight in list_critic_weights(config).items()}, seed)


def _layers(shapes: Mapping[str, tuple[int, ...]], seed: int) -> dict[str, dict[str, np.ndarray]]:
    random = np.random.default_rng(seed)
    layers: dict[str, dict[str, np.ndarray]] = {"input_1": {}}
    for name, shape in shapes.items():
        layer, weight = name.split("/")
        layers.setdefault(layer, {})[weight] = random.normal(0, 0.1, shape).astype(np.float32)
        layers.setdefault(f"tf.nn.silu_{len(layers)}", {})
    return layers


def make_codec(hop: int = 8, depth: int = 2, seed: int = 0) -> dict[str, dict[str, dict[str, np.ndarray]]]:
    """Layers of `enc enc2 dec dec2` with random weights, noise included, under names that mean nothing."""
    random, networks, number = np.random.default_rng(seed), {}, 17
    for network, layers in list_codec_layers(hop, depth).items():
        kernels, noises = {}, {}
        for layer in layers:
            number += 1
            transposed = layer.shape[1] == 4
            bias = layer.shape[2 if transposed else 3]
            kernels[f"conv2d_transpose_{number}" if transposed else f"conv2d_{number}"] = {
                "kernel": random.normal(0, 0.1, layer.shape).astype(np.float32),
                "bias": random.normal(0, 0.1, bias).astype(np.float32),
            }
            if network.startswith("dec") and layer.shape[1] > 1:
                noises[f"add_noise_{number}"] = {"noise_weight": random.normal(0, 0.1, 1).astype(np.float32)}
        networks[network] = {"input_3": {}, **kernels, **noises}
    return networks


def write_gan(folder: Path, config: GeneratorConfig = GENERATOR, switch: float | None = -0.75) -> Path:
    """A Musika folder with generators, critic and, unless None, `switch.npy`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "gen_ema.h5").write_bytes(encode_h5(make_generator(config, 0)))
    (folder / "gen.h5").write_bytes(encode_h5(make_generator(config, 1)))
    (folder / "critic.h5").write_bytes(encode_h5(make_critic(config)))
    if switch is not None:
        np.save(folder / "switch.npy", np.float32(switch))
    return folder


def write_codec(folder: Path, hop: int = 8, depth: int = 2) -> Path:
    """A Musika folder with an autoencoder."""
    folder.mkdir(parents=True, exist_ok=True)
    for network, layers in make_codec(hop, depth).items():
        (folder / f"{network}.h5").write_bytes(encode_h5(layers))
    return folder
