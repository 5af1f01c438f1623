"""Sizes that training videos are resized to."""

from __future__ import annotations

import math
from typing import Literal

from pipeline.config import SCALE

MOST_LINES, FEWEST_LINES = 288, 240
"""Lines of a training video after resizing by height: between those of CIF and of SIF."""


def fit(height: int, width: int, size: Literal["by_height"] | list[int]) -> tuple[int, int]:
    """Height and width in pixels that a video is resized to.

    Args:
        height, width: the video's.
        size: ``training_videos.size``: ``"by_height"`` or the width and height of an area.
    """
    return fit_height(height, width) if size == "by_height" else fit_area(height, width, size)


def fit_height(height: int, width: int) -> tuple[int, int]:
    """Height and width after the authors' resizing: formats by their lines, to 240 to 288 of them.

    Both sides are divided by the smallest whole number that leaves 288 lines or fewer: 1080p / 4, 720p / 3,
    576, 525 (486) and 480 lines / 2; CIF and SIF stay. The authors' videos are all of such formats. Ours, for
    others: where less than 240 lines would be left (360p, 432p), the video gets 240; an upright one counts by
    its shorter side; a smaller one keeps its size. Halves are rounded up.

    Source: the sizes in the authors' lists (cdvl134.csv); paper section 4.1 has "around 320x240".
    """
    lines = min(height, width)
    if lines <= MOST_LINES:
        return height, width
    scale = max(1 / math.ceil(lines / MOST_LINES), FEWEST_LINES / lines)
    return math.floor(height * scale + 0.5), math.floor(width * scale + 0.5)


def fit_area(height: int, width: int, size: list[int]) -> tuple[int, int]:
    """Height and width of about the area of ``size`` with the same aspect, multiples of 4.

    Smaller videos keep their size: enlarging would add no detail to learn from.
    """
    scale = math.sqrt(size[0] * size[1] / (height * width))
    if scale >= 1:
        return height, width
    lines, columns = (max(1, round(side * scale / SCALE)) * SCALE for side in (height, width))
    return lines, columns
