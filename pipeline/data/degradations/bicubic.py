"""Bicubic down-sampling like MATLAB's imresize, the paper's degradation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pipeline.config.degradation import Shot, Step

if TYPE_CHECKING:
    import numpy as np


class Bicubic(Step):
    """MATLAB's ``imresize``: Keys' kernel, widened by the scale (antialiasing); aligned at pixel centres."""

    shrinks = True

    def apply(self, frames: Iterator[np.ndarray], shot: Shot) -> Iterator[np.ndarray]:
        """Frame by frame."""
        from pipeline.video.resize import imresize

        for frame in frames:
            yield imresize(frame, frame.shape[0] // shot.scale, frame.shape[1] // shot.scale)
