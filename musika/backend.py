"""The only file that tells TensorFlow from JAX: compiling, gradients, precision, devices.

Everything above it is `keras.ops` on trees (nested dictionaries, lists and tuples) of tensors, and pure functions.
The environment variable KERAS_BACKEND chooses the backend: `tensorflow`, unless it is set.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from musika import environment
from musika.errors import UsageError

environment.choose_backend()

import keras  # noqa: E402
import numpy as np  # noqa: E402

Tree = Any
Key = TypeVar("Key")
NAME: str = keras.backend.backend()

if NAME == "tensorflow":
    import tensorflow as tf
elif NAME == "jax":
    import jax
else:  # by whoever imported Keras before; an untested backend would fail later and less clearly
    raise UsageError(f"Keras was imported with the backend {NAME}: Musika runs on tensorflow or jax")


def compile(function: Callable[..., Tree], xla: bool = False) -> Callable[..., Tree]:
    """A pure function of trees of tensors, compiled once for each set of shapes.

    Args:
        xla: on TensorFlow, compile with XLA instead of running a plain graph. JAX always compiles with XLA.
    """
    if NAME == "tensorflow":
        return tf.function(function, jit_compile=xla, autograph=False)
    return jax.jit(function)


def compile_finished(function: Callable[..., Tree], layers: Sequence[Any], xla: bool = False) -> Callable[..., Tree]:
    """`compile` of a function of finished layers: their weights become constants of the program.

    So oneDNN brings weights into its own order only once, and not at each call. JAX does so anyway.

    Args:
        layers: whose weights do not change any more, or shall not. They make the program larger and its start slower.
    """
    if NAME != "tensorflow":
        return compile(function, xla)

    def run(*inputs: Tree) -> Tree:
        weights = [weight for layer in layers for weight in layer.weights]
        constants = make_constants(dict(enumerate(weights)))
        with keras.StatelessScope(state_mapping=list(zip(weights, constants.values(), strict=True))):
            return function(*inputs)

    return compile(run, xla)


def make_constants(values: Mapping[Key, Any]) -> dict[Key, Any]:
    """Arrays, such as weights, as constants of the program that is being compiled; JAX makes them anyway."""
    if NAME != "tensorflow":
        return dict(values)
    with tf.init_scope():
        arrays = {name: to_numpy(value) for name, value in values.items()}
    return {name: _make_constant(array) for name, array in arrays.items()}


def _make_constant(value: np.ndarray) -> Any:
    """A constant of a graph; TensorFlow writes bfloat16 numbers into it one by one, which takes half a second."""
    if value.dtype.name != "bfloat16":
        return tf.constant(value)
    return tf.bitcast(tf.constant(value.view(np.int16)), tf.bfloat16)


def value_and_gradient(function: Callable[..., tuple[Any, Tree]], *inputs: Tree) -> tuple[Any, Tree, Tree]:
    """`function(*inputs)` gives (scalar, anything else); returns (scalar, anything else, gradient by the first input).

    May be nested, for a gradient of a gradient.
    """
    first, *rest = inputs
    if NAME == "tensorflow":
        leaves = tf.nest.flatten(first)
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(leaves)
            value, aux = function(first, *rest)
        gradient = tape.gradient(value, leaves, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        return value, aux, tf.nest.pack_sequence_as(first, gradient)
    (value, aux), gradient = jax.value_and_grad(function, has_aux=True)(first, *rest)
    return value, aux, gradient


def pull_back(function: Callable[[Tree], Tree], inputs: Tree) -> tuple[Tree, Callable[[Tree], Tree]]:
    """`function(inputs)` and the map from a gradient by its result to the gradient by its inputs.

    So a step may have two compiled parts: networks in a plain graph, spectra and losses in an XLA function that
    returns the gradient to hand across. The map may be called once.
    """
    if NAME == "tensorflow":
        leaves = tf.nest.flatten(inputs)
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(leaves)
            outputs = function(inputs)

        def back(gradient: Tree) -> Tree:
            grads = tape.gradient(
                outputs, leaves, output_gradients=gradient, unconnected_gradients=tf.UnconnectedGradients.ZERO
            )
            return tf.nest.pack_sequence_as(inputs, grads)

        return outputs, back
    outputs, vjp = jax.vjp(function, inputs)
    return outputs, lambda gradient: vjp(gradient)[0]


def to_device(tree: Tree) -> Tree:
    """The same tree with every array as a tensor of the backend."""
    return keras.tree.map_structure(keras.ops.convert_to_tensor, tree)


def to_numpy(tree: Tree) -> Tree:
    """The same tree with every tensor as a NumPy array; waits for the device."""
    return keras.tree.map_structure(lambda leaf: np.asarray(keras.ops.convert_to_numpy(leaf)), tree)


def count_threads() -> int:
    """Threads that one operation may use on the processor; their number can decide the last bit of a result."""
    chosen = os.environ.get(environment.THREADS, "")
    if NAME == "tensorflow" and not chosen:
        chosen = str(tf.config.threading.get_intra_op_parallelism_threads() or "")
    return int(chosen) if chosen.isdecimal() and int(chosen) else os.cpu_count() or 1


def has_accelerator() -> bool:
    """Whether there is a device other than the CPU."""
    if NAME == "tensorflow":
        return bool(tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("TPU"))
    return any(device.platform != "cpu" for device in jax.devices())


def has_native_bfloat16() -> bool:
    """Whether the processor multiplies bfloat16 numbers itself, and the backend lets it.

    False where it does not say so (other than Linux), and with JAX, which multiplies them as 32-bit numbers.
    """
    if NAME != "tensorflow":
        return False
    try:
        flags = set(Path("/proc/cpuinfo").read_text(errors="replace").split())
    except OSError:
        return False
    return bool(flags & {"avx512_bf16", "amx_bf16"})


def choose_half_policy() -> str:
    """Keras's policy for 16-bit numbers: bfloat16 where the device has it, else float16, which needs a loss scale."""
    if NAME == "tensorflow":
        gpus = [tf.config.experimental.get_device_details(gpu) for gpu in tf.config.list_physical_devices("GPU")]
        versions = [tuple(details.get("compute_capability", (0, 0))) for details in gpus]
    else:
        gpus = [device for device in jax.devices() if device.platform in ("gpu", "cuda")]
        versions = [tuple(int(n) for n in str(device.compute_capability).split(".")) for device in gpus]
    return "mixed_bfloat16" if all(version >= (8, 0) for version in versions) else "mixed_float16"


def choose_precision(choice: str) -> str:
    """Keras's dtype policy for a choice "auto", "True" or "False": 16 bit with "True", and with "auto" on a GPU."""
    half = choice == "True" or (choice == "auto" and has_accelerator())
    return choose_half_policy() if half else "float32"


def should_use_xla(choice: str) -> bool:
    """Whether to compile with XLA for a choice "auto", "True" or "False"; "auto" does so on an accelerator."""
    return choice == "True" or (choice == "auto" and has_accelerator())
