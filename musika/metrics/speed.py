"""How fast this machine is: a reference that speeds of different machines are compared by."""

from __future__ import annotations

import time

import numpy as np

SIZE = 2048  # rows and columns of the matrices
REPEATS = 5


def measure_matrix_product() -> float:
    """GFLOP/s of a float32 matrix product on the backend, best of five."""
    from keras import ops

    from musika import backend

    matrix = backend.to_device(np.ones((SIZE, SIZE), np.float32))
    seconds = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        backend.to_numpy(ops.matmul(matrix, matrix)[:1])
        seconds.append(time.perf_counter() - start)
    return 2 * SIZE**3 / min(seconds) / 1e9
