"""Steps from HR to LR frames, one file each; for your own class write ``package.module:Class``.

Their base class is ``pipeline.config.degradation.Step``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pipeline.config.degradation import Shot, Step
from pipeline.files import seed_for

if TYPE_CHECKING:
    import numpy as np


def degrade(
    frames: Iterator[np.ndarray], chain: list[Step], clip: str, scale: int, seed: int | None
) -> Iterator[np.ndarray]:
    """The frames of a clip after all steps of a chain, one by one.

    Args:
        frames: HR frames (h, w, 3) uint8; the sides are multiples of ``scale``.
        chain: the steps.
        clip: identifier of the clip.
        scale: super-resolution factor.
        seed: the configuration's seed; None if no step draws random numbers.
    """
    for number, step in enumerate(chain):
        # Two steps of one chain draw different numbers, and so do two clips.
        random = (seed or 0, seed_for(seed or 0, "degrade", clip, str(number))) if step.draws else ()
        frames = step.apply(frames, Shot(clip, scale, random))
    return frames
