"""Down-sampling by the first pixel of each block, as the field's BD degradation does after its blur."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pipeline.config.degradation import Shot, Step

if TYPE_CHECKING:
    import numpy as np


class Subsample(Step):
    """The first pixel of each scale x scale block: LR pixel (x, y) lies at HR pixel (s x, s y).

    As in VSR-DUF's and BasicSR's BD: (s - 1) / 2 HR pixels left of and above the place of bicubic.
    """

    shrinks = True

    def apply(self, frames: Iterator[np.ndarray], shot: Shot) -> Iterator[np.ndarray]:
        """Frame by frame."""
        for frame in frames:
            yield frame[:: shot.scale, :: shot.scale].copy()
