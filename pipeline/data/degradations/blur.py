"""Gaussian blur, the first half of the field's BD degradation."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Self

from pydantic import Field, model_validator

from pipeline.config.degradation import Level, Shot, Step
from pipeline.config.section import PositiveFloat, PositiveInt

if TYPE_CHECKING:
    import numpy as np


class Blur(Step):
    """Gaussian blur with mirrored edges (the edge pixel not repeated), rounded to 8 bits.

    BD of VSR-DUF, BasicSR and BasicVSR is ``[{blur: 1.6, size: 13}, subsample]``.
    """

    blur: PositiveFloat = Field(1.6, description="standard deviation in pixels (BD x4: 1.6)")
    size: PositiveInt = Field(13, description="side of the kernel in pixels, odd (BD: 13)")

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.size % 2 == 0:
            raise ValueError(f"size is {self.size}, but must be odd")
        return self

    def level(self) -> Level:
        """Its deviation."""
        return Level("blur sigma", self.blur)

    def weights(self) -> np.ndarray:
        """The kernel of one axis (size,), float64, which sums to one."""
        import numpy as np

        values = [
            math.exp(-((i - self.size // 2) ** 2) / (2 * self.blur * self.blur)) for i in range(self.size)
        ]
        return np.array(values) / math.fsum(values)

    def apply(self, frames: Iterator[np.ndarray], shot: Shot) -> Iterator[np.ndarray]:
        """Frame by frame: rows, then columns, summed in float64 in a fixed order, so with equal bytes."""
        import numpy as np

        weights, radius = self.weights(), self.size // 2
        for frame in frames:
            image = frame.astype(np.float64)
            for axis in (0, 1):
                around = [(radius, radius) if axis == each else (0, 0) for each in range(3)]
                padded = np.moveaxis(np.pad(image, around, mode="reflect"), axis, 0)
                total = np.zeros_like(np.moveaxis(image, axis, 0))
                for place, weight in enumerate(weights):
                    total += weight * padded[place : place + len(total)]
                image = np.moveaxis(total, 0, axis)
            yield np.clip(np.floor(image + 0.5), 0, 255).astype(np.uint8)
