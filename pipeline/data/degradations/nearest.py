"""Down-sampling by one pixel of each block, near its centre."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pipeline.config.degradation import Shot, Step

if TYPE_CHECKING:
    import numpy as np


class Nearest(Step):
    """The pixel at scale // 2 of each block in x and y (Pillow's NEAREST); even scales: half a pixel off."""

    shrinks = True

    def apply(self, frames: Iterator[np.ndarray], shot: Shot) -> Iterator[np.ndarray]:
        """Frame by frame."""
        for frame in frames:
            half = shot.scale // 2
            yield frame[half :: shot.scale, half :: shot.scale].copy()
