"""Peak signal-to-noise ratio: one rule for the tables and for validation in training."""

from __future__ import annotations

import numpy as np

EXACT_DB = 100.0
"""Largest PSNR, also that of identical pictures, so that means stay finite (black leaders are exact for every
method). VDSR's release also uses 100 dB; BasicSR uses infinity."""


def psnr(first: np.ndarray, second: np.ndarray) -> float:
    """Peak signal-to-noise ratio in dB of two pictures of equal shape, peak 255; at most EXACT_DB."""
    error = float(np.mean((np.asarray(first, np.float64) - second) ** 2))
    return min(EXACT_DB, 10 * float(np.log10(255**2 / error))) if error else EXACT_DB
