"""imresize in exact arithmetic against plain matrix products in float, both on one thread, in one run.

    OPENBLAS_NUM_THREADS=1 python -m benchmarks imresize

The plain products are float32 where its sums of bytes are exact (as for x4) and float64 elsewhere. Their
ties fall as BLAS happens to add: the last column counts the bytes that differ from the exact ones.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from pipeline.video.resize import bicubic_matrix, imresize

SIZES = [
    ((240, 320), (60, 80)),
    ((128, 128), (32, 32)),
    ((60, 80), (240, 320)),
    ((480, 640), (240, 320)),
    ((240, 320), (256, 340)),
    ((1080, 1920), (208, 368)),
]
STEPS = 4096
"""Weights that are multiples of 1/4096 give exact sums of bytes in float32."""


def plain_matrix(n_in: int, n_out: int) -> np.ndarray:
    """The weights in float32 where they are exact, else in float64."""
    matrix = bicubic_matrix(n_in, n_out)
    return matrix.astype(np.float32 if (matrix * STEPS % 1 == 0).all() else np.float64)


def plain(frame: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Both axes by matrix products, the one that shrinks more first, rounded to bytes after each."""
    planes = np.moveaxis(frame, -1, 0)
    steps = [(len(m) / m.shape[1], m) for m in (rows, columns)]
    for _, matrix in sorted(steps, key=lambda step: step[0]):
        planes = planes.astype(matrix.dtype)
        planes = matrix @ planes if matrix is rows else planes @ matrix.T
        planes = np.clip(np.floor(planes + planes.dtype.type(0.5)), 0, 255).astype(np.uint8)
    return np.ascontiguousarray(np.moveaxis(planes, 0, -1))


def best(function: Callable[[], np.ndarray], repeats: int) -> float:
    """Least milliseconds of processor time of some repeats."""
    times = []
    for _ in range(repeats):
        start = time.thread_time()
        function()
        times.append(1e3 * (time.thread_time() - start))
    return min(times)


def main() -> None:
    rng = np.random.default_rng(0)
    print(f"{'from':>10} {'to':>9} {'exact':>8} {'plain':>8} {'ratio':>6} {'differ':>7}")
    for (height, width), size in SIZES:
        frame = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
        matrices = plain_matrix(height, size[0]), plain_matrix(width, size[1])
        exact_time, plain_time = np.inf, np.inf
        for _ in range(4):  # in turns, so that other work on the machine affects both
            exact_time = min(exact_time, best(lambda f=frame, s=size: imresize(f, *s), 10))
            plain_time = min(plain_time, best(lambda f=frame, m=matrices: plain(f, *m), 10))
        differ = np.count_nonzero(imresize(frame, *size) != plain(frame, *matrices))
        print(
            f"{width}x{height:<5} {size[1]:>5}x{size[0]:<4} {exact_time:7.2f}  {plain_time:7.2f} "
            f"{exact_time / plain_time:6.2f} {differ:7}"
        )


if __name__ == "__main__":
    main()
