"""Gaussian noise."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pydantic import Field

from pipeline.config.degradation import Level, Shot, Step
from pipeline.config.section import NonNegativeFloat

if TYPE_CHECKING:
    import numpy as np


class Noise(Step):
    """White Gaussian noise, independent in each pixel, channel and frame; rounded and clipped to 8 bits.

    It depends on the configuration's seed, the clip and the step's place in the chain.
    """

    draws = True

    noise: NonNegativeFloat = Field(description="standard deviation in grey levels of 0 to 255")

    def level(self) -> Level:
        """Its deviation."""
        return Level("noise sigma", self.noise)

    def apply(self, frames: Iterator[np.ndarray], shot: Shot) -> Iterator[np.ndarray]:
        """Frame by frame, with one generator for the clip."""
        import numpy as np

        generator = np.random.default_rng(shot.random)
        for frame in frames:
            noisy = frame + self.noise * generator.standard_normal(frame.shape)
            yield np.clip(np.floor(noisy + 0.5), 0, 255).astype(np.uint8)
