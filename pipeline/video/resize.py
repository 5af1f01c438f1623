"""Bicubic resizing as MATLAB's ``imresize`` does it, and the recognisers' bilinear resizing."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

EXACT_STEPS = 4096
"""Weights that are multiples of 1/4096 give exact float32 sums of 8-bit values (below 2**24)."""


def bicubic_matrix(n_in: int, n_out: int) -> np.ndarray:
    """MATLAB's bicubic interpolation along one axis as a matrix.

    Keys' kernel with a = -0.5; when shrinking it is widened by n_in / n_out (antialiasing); samples
    beyond an edge are mirrored, the edge sample repeated; each row sums to one.

    Args:
        n_in: samples of the input.
        n_out: samples of the output; the scale is n_out / n_in.

    Returns:
        Weights (n_out, n_in), float64, read-only.

    Source: docs/facts.md, section 1; MathWorks' documentation of imresize; Keys 1981.
    """
    return _matrix(n_in, n_out)


@lru_cache(maxsize=64)
def _matrix(n_in: int, n_out: int) -> np.ndarray:
    if n_in < 1 or n_out < 1:
        raise ValueError(f"cannot resize {n_in} samples to {n_out}: both must be at least 1")
    scale = n_out / n_in
    stretch = min(scale, 1.0)
    support = 4.0 / stretch
    # Sample centres stand at half-integers, so output sample i looks at (i + 0.5) / scale - 0.5.
    centres = (np.arange(n_out) + 0.5) / scale - 0.5
    first = np.floor(centres - support / 2).astype(np.int64) + 1
    taps = first[:, None] + np.arange(int(np.ceil(support)) + 1)  # (n_out, taps)
    weights = stretch * _keys_kernel(stretch * (centres[:, None] - taps))
    weights /= weights.sum(axis=1, keepdims=True)
    # Mirroring with period 2n: ..., 1, 0, 0, 1, ..., n-1, n-1, n-2, ...
    folded = np.mod(taps, 2 * n_in)
    folded = np.where(folded < n_in, folded, 2 * n_in - 1 - folded)
    matrix = np.zeros((n_out, n_in))
    np.add.at(matrix, (np.arange(n_out)[:, None], folded), weights)
    matrix.setflags(write=False)
    return matrix


def _keys_kernel(x: np.ndarray) -> np.ndarray:
    """Keys' cubic convolution kernel with a = -0.5."""
    x = np.abs(x)
    near = (1.5 * x - 2.5) * x * x + 1.0
    far = ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0
    return np.where(x <= 1, near, np.where(x <= 2, far, 0.0))


def imresize(frames: np.ndarray, height: int, width: int) -> np.ndarray:
    """Resize frames as MATLAB's ``imresize(frame, [height width], 'bicubic')``.

    The axis that shrinks most is resized first, rows before columns at equal scales. 8-bit frames
    are rounded half away from zero and clipped after each axis, as MATLAB does.

    Args:
        frames: (..., h, w, c), uint8 or floating.
        height: rows of the result.
        width: columns of the result.

    Returns:
        (..., height, width, c) of the same type; floating frames are neither rounded nor clipped.

    Raises:
        TypeError: another type of frames.

    Source: docs/facts.md, section 1.
    """
    if frames.dtype != np.uint8 and not np.issubdtype(frames.dtype, np.floating):
        raise TypeError(f"imresize takes uint8 or floating frames, got {frames.dtype}")
    rows, columns, channels = frames.shape[-3:]
    steps = [(height / rows, _resize_rows, height), (width / columns, _resize_columns, width)]
    steps.sort(key=lambda step: step[0])
    result = np.empty((*frames.shape[:-3], height, width, channels), frames.dtype)
    # Frame by frame: one frame's intermediates stay in the cache, four times as fast as all at once.
    for place in np.ndindex(frames.shape[:-3]):
        planes = np.moveaxis(frames[place], -1, 0)  # (c, h, w): both axes become matrix products
        for _, resize, size in steps:
            planes = resize(planes, size)
        result[place] = np.moveaxis(planes, 0, -1)
    return result


def _resize_rows(planes: np.ndarray, height: int) -> np.ndarray:
    matrix = _weights(planes.shape[-2], height, planes.dtype)
    return _as(np.matmul(matrix, planes.astype(matrix.dtype)), planes.dtype)


def _resize_columns(planes: np.ndarray, width: int) -> np.ndarray:
    matrix = _weights(planes.shape[-1], width, planes.dtype)
    return _as(np.matmul(planes.astype(matrix.dtype), matrix.T), planes.dtype)


@lru_cache(maxsize=64)
def _weights(n_in: int, n_out: int, dtype: np.dtype) -> np.ndarray:
    """The matrix in float32 where sums of 8-bit values stay exact (as for x4), else in float64."""
    matrix = _matrix(n_in, n_out)
    steps = matrix * EXACT_STEPS
    if dtype == np.uint8 and np.array_equal(steps, np.rint(steps)):
        return matrix.astype(np.float32)
    return matrix


def _as(values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    if dtype == np.uint8:
        # Half away from zero; negative values are clipped to 0 whichever way they round.
        return np.clip(np.floor(values + values.dtype.type(0.5)), 0, 255).astype(np.uint8)
    return values.astype(dtype, copy=False)


def resize_frames(frames: np.ndarray, width: int, height: int) -> np.ndarray:
    """Resize with OpenCV's bilinear interpolation, as the recognisers do (docs/facts.md, section 7).

    Args:
        frames: (n, h, w, c), uint8.
        width: columns of the result.
        height: rows of the result.

    Returns:
        (n, height, width, c), uint8; the input itself where the size is already right.
    """
    if frames.shape[1:3] == (height, width):
        return frames
    resized = np.empty((len(frames), height, width, frames.shape[3]), frames.dtype)
    for frame, result in zip(frames, resized, strict=True):
        result[...] = cv2.resize(frame, (width, height), interpolation=cv2.INTER_LINEAR).reshape(result.shape)
    return resized
