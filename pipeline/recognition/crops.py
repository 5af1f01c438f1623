"""Crops of the protocols at test and in training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

TSN_SCALES = {"spatial": (1.0, 0.875, 0.75, 0.66), "temporal": (1.0, 0.875, 0.75)}
"""Sides of TSN's training crops, relative to the frame's shorter side."""

TSN_PLACES = tuple((row, column) for row in range(5) for column in range(5) if row % 2 == column % 2)
"""Their positions, in fourths of the free space."""

Place = tuple[float, float, bool]
"""Position of a crop as fractions of the free height and width, and whether it is mirrored."""

ST_FLOW_SIDES = (256 / 224, 1.0, 192 / 224, 168 / 224)
"""Sides of the training crops of ST-ResNet's flow stream, relative to the network's input."""


@dataclass(frozen=True)
class Box:
    """A part of a frame, in pixels, which may be mirrored."""

    top: int
    left: int
    height: int
    width: int
    mirrored: bool = False


def scoring_boxes(height: int, width: int, crop: int, count: int) -> list[Box]:
    """TSN's test crops of ``crop`` pixels: 1 centre, 2 with mirror, 5 with corners, 10 with all mirrors.

    A crop larger than the frame is cut to the frame.
    """
    h, w = min(crop, height), min(crop, width)
    places = [((height - h) // 2, (width - w) // 2)]
    if count in (5, 10):
        places += [(top, left) for top in (0, height - h) for left in (0, width - w)]
    mirrors = (False, True) if count in (2, 10) else (False,)
    return [Box(top, left, h, w, mirrored) for mirrored in mirrors for top, left in places]


def clip_boxes(height: int, width: int, side: float, count: int) -> list[Box]:
    """Test crops of clip networks: ``scoring_boxes``, or 3 along the longer side (start, centre, end).

    Their side is a fraction of the frame's shorter side. Source: Wang et al., CVPR 2018 (non-local), for
    three crops of the whole shorter side.
    """
    pixels = max(1, round(side * min(height, width)))
    if count != 3:
        return scoring_boxes(height, width, pixels, count)
    free = max(height, width) - pixels
    across = (min(height, width) - pixels) // 2
    starts = [(along, across) if height > width else (across, along) for along in (0, free // 2, free)]
    return [Box(top, left, pixels, pixels) for top, left in starts]


def clip_box(height: int, width: int, sides: Sequence[float], rng: np.random.Generator) -> Box:
    """Training crop of clip networks: a square at any place, mirrored or not.

    Its side is a fraction of the frame's shorter side, drawn between the two ``sides``.
    """
    pixels = max(1, round(float(rng.uniform(sides[0], sides[1])) * min(height, width)))
    top, left = (int(rng.integers(free + 1)) for free in (height - pixels, width - pixels))
    return Box(top, left, pixels, pixels, bool(rng.integers(2)))


def full_boxes(height: int, width: int) -> list[Box]:
    """ST-ResNet's test views: the whole frame and its mirror image."""
    return [Box(0, 0, height, width), Box(0, 0, height, width, True)]


def tsn_box(height: int, width: int, crop: int, stream: str, rng: np.random.Generator) -> Box:
    """TSN's training crop: scale jittering at one of 13 fixed places, mirrored or not.

    The sides are two scales of the frame's shorter side that are equal or neighbours, all such pairs equally
    likely; a side within 2 pixels of ``crop`` becomes ``crop``. The places are those of a 5x5 grid whose row
    and column are both even or both odd: corners, edges' middles, centre, and between them.

    Source: TSN's section 3.2 and its released code (multi_scale, fix_crop, more_fix_crop, max_distort 1).
    """
    sides = [int(min(height, width) * scale) for scale in TSN_SCALES[stream]]
    sides = [crop if abs(side - crop) < 3 and crop <= min(height, width) else max(1, side) for side in sides]
    count = len(sides)
    pairs = [(sides[i], sides[j]) for i in range(count) for j in range(count) if abs(i - j) <= 1]
    h, w = pairs[int(rng.integers(len(pairs)))]
    row, column = TSN_PLACES[int(rng.integers(len(TSN_PLACES)))]
    return Box(row * ((height - h) // 4), column * ((width - w) // 4), h, w, bool(rng.integers(2)))


def st_place(rng: np.random.Generator) -> Place:
    """Position of ST-ResNet's training crop, away from the centre.

    The offset is one of 20 steps from 0 to 0.25, or from 0.75 to 1, of the free space in both directions
    together; mirrored or not (authors' code, borders25 and f25noCtr).
    """
    low = 0.0 if rng.integers(2) else 0.75
    down, right = low + 0.25 * rng.integers(20, size=2) / 19
    return float(down), float(right), bool(rng.integers(2))


def st_box(height: int, width: int, crop: int, rng: np.random.Generator, place: Place | None = None) -> Box:
    """ST-ResNet's training crop of frames, or of frames with their flow, at ``place`` or a random place.

    Sides are 0.75 to 1.25 of the network's input (authors' code).
    """
    scale = 0.75 + 0.5 * rng.random(2)
    h, w = (max(1, min(round(crop * s), n)) for s, n in zip(scale, (height, width), strict=True))
    down, right, mirrored = place or st_place(rng)
    return Box(int((height - h) * down), int((width - w) * right), h, w, mirrored)


def st_flow_box(height: int, width: int, crop: int, rng: np.random.Generator) -> Box:
    """ST-ResNet's training crop for its flow stream: height and width from 4 sizes, corner or centre.

    The sides are 256, 224, 192 and 168 for an input of 224, and less where the frame is smaller (authors'
    code, multiScaleRegular).
    """
    drawn = rng.integers(len(ST_FLOW_SIDES), size=2)
    h, w = (min(round(crop * ST_FLOW_SIDES[i]), n) for i, n in zip(drawn, (height, width), strict=True))
    places = [(top, left) for top in (0, height - h) for left in (0, width - w)]
    places.append(((height - h + 1) // 2, (width - w + 1) // 2))
    top, left = places[int(rng.integers(len(places)))]
    return Box(top, left, h, w, bool(rng.integers(2)))
