"""JPEG compression of single frames."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from pipeline.config.degradation import Level, Shot, Step

if TYPE_CHECKING:
    import numpy as np


class Jpeg(Step):
    """Each frame as a JPEG of OpenCV (4:2:0), decoded again."""

    jpeg: Annotated[int, Field(ge=1, le=100)] = Field(description="quality, 1 to 100 (best)")

    def level(self) -> Level:
        """Its quality."""
        return Level("JPEG quality", self.jpeg)

    def apply(self, frames: Iterator[np.ndarray], shot: Shot) -> Iterator[np.ndarray]:
        """Frame by frame."""
        import cv2

        for frame in frames:
            _, coded = cv2.imencode(".jpg", frame[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, self.jpeg])
            decoded = cv2.imdecode(coded, cv2.IMREAD_COLOR)
            assert decoded is not None  # of what was encoded a moment ago
            yield decoded[..., ::-1].copy()
