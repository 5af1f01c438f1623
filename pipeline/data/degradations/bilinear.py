"""Bilinear down-sampling without antialiasing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pipeline.config.degradation import Shot, Step

if TYPE_CHECKING:
    import numpy as np


class Bilinear(Step):
    """Bilinear interpolation at the centre of each block, without antialiasing (OpenCV's INTER_LINEAR).

    At an even scale that is the mean of the 2 x 2 middle pixels, at scale 3 the middle pixel.
    """

    shrinks = True

    def apply(self, frames: Iterator[np.ndarray], shot: Shot) -> Iterator[np.ndarray]:
        """Frame by frame."""
        from pipeline.data.degradations._blocks import blocks, mean

        middle = slice((shot.scale - 1) // 2, shot.scale // 2 + 1)
        for frame in frames:
            yield mean(blocks(frame, shot.scale)[:, middle, :, middle])
