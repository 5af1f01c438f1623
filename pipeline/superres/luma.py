"""Luma of BT.601 in studio range, as in MATLAB's rgb2ycbcr, for networks that process only luma.

Such a network adds a residual to bicubic luma and uses bicubic chroma. Colour conversion and bicubic
enlargement are both linear, so this equals adding the residual, times 255/219, to all three channels of the
bicubic RGB image. No conversion back is needed.
"""

from __future__ import annotations

from torch import Tensor

from pipeline.video.colour import LUMA, LUMA_OFFSET

LUMA_TO_RGB = 255 / 219
"""Change of each of R, G and B per unit of luma at constant chroma."""


def luma(rgb: Tensor) -> Tensor:
    """Luma (..., 1, h, w) in [16/255, 235/255] of RGB (..., 3, h, w) in [0, 1]."""
    r, g, b = rgb.split(1, dim=-3)
    return LUMA[0] * r + LUMA[1] * g + LUMA[2] * b + LUMA_OFFSET
