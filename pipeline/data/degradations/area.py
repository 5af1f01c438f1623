"""Down-sampling by the mean of a block of pixels."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pipeline.config.degradation import Shot, Step

if TYPE_CHECKING:
    import numpy as np


class Area(Step):
    """Mean of each scale x scale block (OpenCV's INTER_AREA), halves rounded up; aligned at pixel centres."""

    shrinks = True

    def apply(self, frames: Iterator[np.ndarray], shot: Shot) -> Iterator[np.ndarray]:
        """Frame by frame."""
        from pipeline.data.degradations._blocks import blocks, mean

        for frame in frames:
            yield mean(blocks(frame, shot.scale))
