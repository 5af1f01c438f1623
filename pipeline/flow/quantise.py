"""Flow as 8-bit levels and back (docs/facts.md, section 6)."""

from __future__ import annotations

import numpy as np


def quantise(flow: np.ndarray, bound: float) -> np.ndarray:
    """Flow in pixels as levels round(255 (v + bound) / (2 bound)), clipped to 0-255.

    Zero motion becomes 128. Source: docs/facts.md, section 6, the recognisers' input.

    Args:
        flow: any shape, pixels, floating.
        bound: flow in pixels at level 255 (and -bound at level 0), positive.

    Returns:
        uint8 array of the same shape.

    Raises:
        ValueError: the bound is not positive, or flow is not finite.
    """
    if not bound > 0:
        raise ValueError(f"the flow's bound is {bound}, but must be positive")
    if not np.isfinite(flow).all():
        raise ValueError("flow holds values that are not finite; it cannot be quantised")
    # In float64 and half up, so that a level never depends on float32 rounding.
    levels = np.floor(255.0 * (flow.astype(np.float64) + bound) / (2.0 * bound) + 0.5)
    return np.clip(levels, 0, 255).astype(np.uint8)


def dequantise(levels: np.ndarray, bound: float) -> np.ndarray:
    """Flow in pixels from 8-bit levels, float32; the error is at most bound / 255 inside the bound.

    Raises:
        TypeError: levels are not uint8.
    """
    if levels.dtype != np.uint8:
        raise TypeError(f"quantised flow is uint8, but this is {levels.dtype}")
    return (levels.astype(np.float32) * np.float32(2.0 * bound / 255.0) - np.float32(bound)).astype(
        np.float32
    )
