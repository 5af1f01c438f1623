"""Where the motion is: candidate crops of a frame, their scores, and the check of a pair's flow."""

from __future__ import annotations

import cv2
import numpy as np

from pipeline.config import SCALE


def candidate_positions(
    height: int, width: int, size: int, grid: list[int], align: int, rng: np.random.Generator
) -> np.ndarray:
    """Upper left corners (n, 2), as (y, x), of square crops on a grid from a random offset.

    ``grid`` is the stride in x and in y (authors' code: 40 and 30 px); ``align`` rounds positions down
    to its multiples, so that LR crops can be cut at the same place. ``height`` and ``width`` must hold
    a patch of ``size``.
    """
    axes = []
    for length, stride in ((height, grid[1]), (width, grid[0])):
        last = length - size
        # An offset beyond the last position would leave a frame hardly larger than a patch without crops.
        offset = int(rng.integers(0, min(stride, last + 1)))
        axes.append(np.unique(np.arange(offset, last + 1, stride) // align * align))
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
    """The ``crops`` positions whose interior holds most motion, most first (section 4.1).

    ``flow`` is (h, w, 2) in pixels; the score is the sum of its length over the interior (authors' code).
    Ties go to the earlier position.
    """
    # Not hypot, whose last digit depends on the C library: a rank must not.
    motion = np.sqrt(np.square(flow.astype(np.float64)).sum(axis=2))
    scores = box_sums(motion, positions, size, border)
    # The integral image leaves rounding noise of 1e-10: ties are decided by position, not by it.
    return positions[np.argsort(-scores.round(6), kind="stable")[:crops]]


def warped_frame(frame: np.ndarray, flow: np.ndarray) -> np.ndarray:
    """``frame`` (h, w, 3) uint8 sampled at x + flow(x), bilinear, border replicated; float32.

    OpenCV interpolates at 1/32 pixel, enough to compare errors; training warps exactly (pipeline.flow.warp).
    """
    height, width = frame.shape[:2]
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    flow = flow.astype(np.float32)
    return cv2.remap(
        frame.astype(np.float32), x + flow[..., 0], y + flow[..., 1],
        cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE,
    )  # fmt: skip


def warp_helps(
    first: np.ndarray,
    second: np.ndarray,
    flow: np.ndarray,
    positions: np.ndarray,
    size: int,
    border: int,
) -> np.ndarray:
    """Whether warping ``second`` by ``flow`` raises its PSNR against ``first``, for each crop: bool (n,).

    ``first`` and ``second`` are (h, w, 3) uint8, ``flow`` (h, w, 2) leads from first to second. Errors are
    taken over the crop's interior (authors' code: 10 px border left out). A still pair gains nothing and
    is no help.
    """
    reference = first.astype(np.float32)
    before = np.square(second.astype(np.float32) - reference).sum(axis=2)
    after = np.square(warped_frame(second, flow) - reference).sum(axis=2)
    gain = box_sums(before, positions, size, border) - box_sums(after, positions, size, border)
    return gain > 1e-6


def aligned(kind: str) -> int:
    """The multiple in pixels that positions of a kind of patch lie on.

    ToSR's LR patches are cut from LR frames, so HR positions are multiples of the scale; SoSR's LR patches
    are made from the HR patches, which may lie anywhere.
    """
    return SCALE if kind == "tosr" else 1
