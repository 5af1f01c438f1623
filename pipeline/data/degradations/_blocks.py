"""The scale x scale blocks of HR pixels, of which each becomes one LR pixel; sums are exact integers."""

from __future__ import annotations

import numpy as np


def blocks(frame: np.ndarray, scale: int) -> np.ndarray:
    """(h, w, 3) uint8 to (h / s, s, w / s, s, 3) int64."""
    height, width = (side // scale for side in frame.shape[:2])
    return frame.reshape(height, scale, width, scale, 3).astype(np.int64)


def mean(block: np.ndarray) -> np.ndarray:
    """Mean of blocks (h, a, w, b, 3) as (h, w, 3) uint8; halves are rounded up."""
    count = block.shape[1] * block.shape[3]
    return ((2 * block.sum(axis=(1, 3)) + count) // (2 * count)).astype(np.uint8)
