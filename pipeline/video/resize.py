"""Bicubic resizing like MATLAB's ``imresize``, and the recognisers' bilinear resizing.

Bicubic weights are kept as integers over their sum, so that 8-bit frames are resized in exact arithmetic
(docs/decisions/0009-same-on-every-processor.md).
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import DTypeLike

EXACT = ((np.float32, 24), (np.float64, 53))
"""Types whose sums of integers are exact below 2**bits, fastest first."""
LARGEST_SUM = 2**54
"""Largest sum of absolute weights: 511 times as much fits into 64 bits."""


class _Kernel(NamedTuple):
    """Output i is the sum over k of weights[k, i] * input[index[k, i]], divided by total[i]; all int64."""

    index: np.ndarray  # type: ignore[assignment]  # (taps, n_out); hides tuple.index, which nobody calls
    weights: np.ndarray  # (taps, n_out)
    total: np.ndarray  # (n_out,), positive

    def matrix(self, n_in: int) -> np.ndarray:
        """The weights as a matrix (n_out, n_in)."""
        matrix = np.zeros((len(self.total), n_in), np.int64)
        np.add.at(matrix, (np.arange(len(matrix)), self.index), self.weights)
        return matrix


@lru_cache(maxsize=64)
def _kernel(n_in: int, n_out: int) -> _Kernel:
    """The exact weights of one axis, as integers.

    Let n / m be n_in / n_out in lowest terms and q = 2 max(n, m). Sample centres are at half-integers, so
    output i reads tap k at p / q of Keys' kernel, widened when shrinking, with p = (2 i + 1) n - (2 k + 1) m.
    Its cubics have halves as coefficients: times 2 q**3 the weights are integers.
    """
    if n_in < 1 or n_out < 1:
        raise ValueError(f"cannot resize {n_in} samples to {n_out}: both must be at least 1")
    divisor = math.gcd(n_in, n_out)
    n, m = n_in // divisor, n_out // divisor
    q = 2 * max(n, m)
    taps = -(-2 * q // m)  # as many k as can have |p| < 2 q
    if 2 * q**3 * taps > LARGEST_SUM:
        raise ValueError(
            f"cannot resize {n_in} samples to {n_out}: the weights do not fit into 64 bits; crop the frames "
            "to a size that shares a factor with the wanted one"
        )
    centre = (2 * np.arange(n_out, dtype=np.int64) + 1) * n
    k = (centre - m - 2 * q) // (2 * m) + 1 + np.arange(taps)[:, None]  # (taps, n_out)
    p = np.abs(centre - (2 * k + 1) * m)
    near = (3 * p - 5 * q) * p * p + 2 * q**3
    far = ((5 * q - p) * p - 8 * q * q) * p + 4 * q**3
    weights = np.where(p <= q, near, np.where(p < 2 * q, far, 0))
    # Mirroring with period 2n: ..., 1, 0, 0, 1, ..., n-1, n-1, n-2, ...
    folded = np.mod(k, 2 * n_in)
    return _Kernel(np.minimum(folded, 2 * n_in - 1 - folded), weights, weights.sum(axis=0))


def bicubic_matrix(n_in: int, n_out: int) -> np.ndarray:
    """MATLAB's bicubic interpolation along one axis as a matrix.

    Keys' kernel with a = -0.5; when shrinking it is widened by n_in / n_out (antialiasing); samples
    beyond an edge are mirrored, the edge sample repeated; each row sums to one.

    Args:
        n_in: samples of the input.
        n_out: samples of the output; the scale is n_out / n_in.

    Returns:
        Weights (n_out, n_in), float64, each rounded once from its exact value.

    Raises:
        ValueError: a size below 1, or sizes in the tens of thousands without a common factor.

    Source: docs/facts.md, section 1; MathWorks' documentation of imresize; Keys 1981.
    """
    kernel = _kernel(n_in, n_out)
    return kernel.matrix(n_in) / kernel.total[:, None]


def imresize(frames: np.ndarray, height: int, width: int) -> np.ndarray:
    """Resize frames like MATLAB's ``imresize(frame, [height width], 'bicubic')``.

    The axis that shrinks most is resized first, rows before columns at equal scales. 8-bit frames
    are rounded half away from zero and clipped after each axis, as in MATLAB; their bytes equal those of
    exact arithmetic. Floating-point frames are summed in float64 in a fixed order. Both give the same
    result on every processor.

    Args:
        frames: (..., h, w, c), uint8 or floating.
        height: rows of the result.
        width: columns of the result.

    Returns:
        (..., height, width, c) of the same type; floating frames are neither rounded nor clipped.

    Raises:
        TypeError: another type of frames.
        ValueError: sizes that bicubic_matrix refuses.

    Source: docs/facts.md, section 1.
    """
    if frames.dtype != np.uint8 and not np.issubdtype(frames.dtype, np.floating):
        raise TypeError(f"imresize takes uint8 or floating frames, got {frames.dtype}")
    rows, columns, channels = frames.shape[-3:]
    rows_first = height * columns <= width * rows  # height / rows <= width / columns
    result = np.empty((*frames.shape[:-3], height, width, channels), frames.dtype)
    # Frame by frame: the intermediates of one frame stay in the cache, four times as fast as all at once.
    for place in np.ndindex(frames.shape[:-3]):
        planes = np.moveaxis(frames[place], -1, 0)  # (c, h, w)
        if rows_first:
            planes = _resize_rows(planes, height)
        planes = _resize_rows(planes.swapaxes(1, 2), width).swapaxes(1, 2)
        if not rows_first:
            planes = _resize_rows(planes, height)
        result[place] = np.moveaxis(planes, 0, -1)
    return result


def _resize_rows(planes: np.ndarray, height: int) -> np.ndarray:
    """Resize (c, h, w) to (c, height, w) of the same type."""
    n_in = planes.shape[1]
    kernel = _kernel(n_in, height)
    total = kernel.total[:, None]
    if planes.dtype != np.uint8:
        return _sum_taps(planes.astype(np.float64), kernel.index, kernel.weights / kernel.total, planes.dtype)
    matrix = _exact_matrix(n_in, height)
    if matrix is None:
        sums = _sum_taps(planes.astype(np.int64), kernel.index, kernel.weights, np.int64)
        rounded = (2 * sums + total) // (2 * total)
    else:
        values = (matrix @ planes.astype(matrix.dtype)) / total.astype(matrix.dtype)
        rounded = np.floor(values + matrix.dtype.type(0.5))
    # Half up is half away from zero: negative values are clipped to 0 whichever way they round.
    return np.clip(rounded, 0, 255).astype(np.uint8)


@lru_cache(maxsize=64)
def _exact_matrix(n_in: int, n_out: int) -> np.ndarray | None:
    """Integer weights (n_out, n_in) in a type in which BLAS sums their products with bytes exactly, or None.

    If absolute weights sum to at most 2**(bits - 9), sums of products stay below 2**(bits - 1), so they are
    exact in any order, fused or not. Their rounding is exact too: a value that is not a tie differs from one
    by at least 1 / (2 total), which is at least 2**(8 - bits); the error of a quotient below 256 is at most
    2**(7 - bits).
    """
    kernel = _kernel(n_in, n_out)
    largest = np.abs(kernel.weights).sum(axis=0).max()
    for dtype, bits in EXACT:
        if largest <= 2 ** (bits - 9):
            return kernel.matrix(n_in).astype(dtype)
    return None


def _sum_taps(planes: np.ndarray, index: np.ndarray, weights: np.ndarray, dtype: DTypeLike) -> np.ndarray:
    """Weighted sums (c, n_out, w) of rows, multiplied and added one by one in the order of the taps."""
    sums = np.zeros((len(planes), index.shape[1], planes.shape[2]), planes.dtype)
    for rows, weight in zip(index, weights, strict=True):
        sums += weight[:, None] * planes[:, rows]
    return sums.astype(dtype, copy=False)


def resize_frames(frames: np.ndarray, width: int, height: int) -> np.ndarray:
    """Resize with OpenCV's bilinear interpolation, as the recognisers do (docs/facts.md, section 7).

    Args:
        frames: (n, h, w, c), uint8.
        width: columns of the result.
        height: rows of the result.

    Returns:
        (n, height, width, c), uint8; the input itself if it already has the size.
    """
    if frames.shape[1:3] == (height, width):
        return frames
    resized = np.empty((len(frames), height, width, frames.shape[3]), frames.dtype)
    for frame, result in zip(frames, resized, strict=True):
        result[...] = cv2.resize(frame, (width, height), interpolation=cv2.INTER_LINEAR).reshape(result.shape)
    return resized
