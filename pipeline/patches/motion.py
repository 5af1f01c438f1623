"""Finds motion: candidate crops of a frame, their scores, and the check of a pair's flow."""

from __future__ import annotations

import numpy as np


def candidate_positions(
    height: int, width: int, size: int, grid: list[int], align: int, rng: np.random.Generator
) -> np.ndarray:
    """Upper left corners (n, 2), as (y, x), of square crops on a grid from a random offset.

    ``grid`` is the stride in x and in y (authors' code: 40 and 30 px). The offset is drawn so that every row
    and column of the grid has as many crops as fit (authors' code): 5 x 4 of 128 px in a frame of 320x240.
    The authors list the first crop twice; here each is listed once. ``align`` rounds positions down to its
    multiples, so that LR crops can be cut at the same place. ``height`` and ``width`` must hold a patch of
    ``size``.
    """
    axes = []
    for length, stride in ((height, grid[1]), (width, grid[0])):
        places = length - size + 1
        # If the strides fill the frame exactly, the authors' offset is outside the frame; any other will do.
        offset = int(rng.integers(0, places % stride or stride))
        axes.append(np.unique(np.arange(offset, places, stride) // align * align))
    ys, xs = np.meshgrid(*axes, indexing="ij")
    return np.stack([ys.ravel(), xs.ravel()], axis=1)


def box_sums(values: np.ndarray, positions: np.ndarray, size: int, border: int) -> np.ndarray:
    """Sums (n,) of ``values`` (h, w) over the interior of crops at ``positions`` (n, 2), as (y, x).

    The interior is the crop of ``size`` without ``border`` pixels on each side.
    """
    integral = np.zeros((values.shape[0] + 1, values.shape[1] + 1))
    integral[1:, 1:] = values.astype(np.float64).cumsum(0).cumsum(1)
    top, left = (positions + border).T
    bottom, right = (positions + size - border).T
    return integral[bottom, right] - integral[top, right] - integral[bottom, left] + integral[top, left]


def top_motion(flow: np.ndarray, positions: np.ndarray, size: int, border: int, crops: int) -> np.ndarray:
    """The ``crops`` positions whose interior has the most motion, in descending order (section 4.1).

    ``flow`` is (h, w, 2) in pixels; the score is the sum of its length over the interior (authors' code).
    Ties go to the earlier position.
    """
    # Not hypot, whose last digit depends on the C library; ranks must not depend on it.
    motion = np.sqrt(np.square(flow.astype(np.float64)).sum(axis=2))
    scores = box_sums(motion, positions, size, border)
    # The integral image leaves rounding noise of 1e-10: ties are decided by position, not by it.
    return positions[np.argsort(-scores.round(6), kind="stable")[:crops]]


def warped_patch(patch: np.ndarray, flow: np.ndarray, border: int) -> np.ndarray:
    """``patch`` (h, w, 3) uint8 sampled at x + flow(x), without its border: (h - 2 border, w - 2 border, 3).

    Bilinear; 0 where a sample falls outside the patch. Each of the four products is rounded to 8 bits before
    they are summed, as MATLAB does with 8-bit images (authors' code).
    """
    height, width = patch.shape[:2]
    inner = (slice(border, height - border), slice(border, width - border))
    y, x = np.mgrid[:height, :width].astype(np.float64)
    x, y = (x + flow[..., 0])[inner], (y + flow[..., 1])[inner]
    inside = (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)
    x, y = np.where(inside, x, 0), np.where(inside, y, 0)
    left, top = np.floor(x).astype(int), np.floor(y).astype(int)
    right, low = np.ceil(x).astype(int), np.ceil(y).astype(int)
    alpha, beta = (x - left)[..., None], (y - top)[..., None]
    corners = (
        ((1 - alpha) * (1 - beta), top, left),
        (alpha * (1 - beta), top, right),
        ((1 - alpha) * beta, low, left),
        (alpha * beta, low, right),
    )
    total = sum(np.floor(share * patch[row, column] + 0.5) for share, row, column in corners)
    return (total.clip(max=255) * inside[..., None]).astype(np.uint8)


def warp_helps(first: np.ndarray, second: np.ndarray, flow: np.ndarray, border: int) -> bool:
    """Whether warping patch ``second`` by ``flow`` raises its PSNR against ``first`` (authors' code).

    Both are (h, w, 3) uint8, ``flow`` (h, w, 2) leads from first to second. ``border`` pixels on each side
    are left out. False if warping does not reduce the difference, as for a still pair.
    """
    inner = (slice(border, first.shape[0] - border), slice(border, first.shape[1] - border))
    reference = first[inner].astype(np.int64)
    before = np.square(second[inner] - reference).sum()
    after = np.square(warped_patch(second, flow, border) - reference).sum()
    return bool(after < before)
