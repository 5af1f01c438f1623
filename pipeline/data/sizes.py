"""Target sizes of training videos."""

from __future__ import annotations

import math
from typing import Literal

MOST_LINES, FEWEST_LINES = 288, 240
"""Range of heights of a training video after resizing by height: those of SIF and CIF."""


def fit(
    height: int, width: int, size: Literal["by_height"] | list[int], multiple: int = 4
) -> tuple[int, int]:
    """Height and width in pixels to which a video is resized.

    Args:
        height, width: those of the video.
        size: ``training_videos.size``: ``"by_height"`` or the width and height of an area.
        multiple: the scale, of which sizes of equal area are multiples.
    """
    return fit_height(height, width) if size == "by_height" else fit_area(height, width, size, multiple)


def fit_height(height: int, width: int) -> tuple[int, int]:
    """Height and width after the authors' resizing: 240 to 288 lines, depending on the format.

    Both sides are divided by the smallest whole number that leaves 288 lines or fewer: 1080p / 4, 720p / 3,
    576, 525 (486) and 480 lines / 2; CIF and SIF are kept. All of the authors' videos have such formats. For
    others the rules are ours: if fewer than 240 lines would be left (360p, 432p), the video gets 240; for
    upright videos the shorter side counts; smaller videos keep their size. Halves are rounded up.

    Source: the sizes in the authors' lists (cdvl134.csv); paper section 4.1 has "around 320x240".
    """
    lines = min(height, width)
    if lines <= MOST_LINES:
        return height, width
    scale = max(1 / math.ceil(lines / MOST_LINES), FEWEST_LINES / lines)
    return math.floor(height * scale + 0.5), math.floor(width * scale + 0.5)


def fit_area(height: int, width: int, size: list[int], multiple: int = 4) -> tuple[int, int]:
    """Height and width of about the area of ``size`` with the same aspect ratio, multiples of ``multiple``.

    Smaller videos keep their size, because enlarging would not add detail.
    """
    scale = math.sqrt(size[0] * size[1] / (height * width))
    if scale >= 1:
        return height, width
    lines, columns = (max(1, round(side * scale / multiple)) * multiple for side in (height, width))
    return lines, columns
