"""Real pictures for the demo's backgrounds and surfaces, from scikit-image's wheel.

Each picture is cut into three disjoint strips: one for the SR training videos, one for the action sets'
training clips, one for their test clips. So no network is trained on a test background.
"""

from __future__ import annotations

import importlib.util
from functools import lru_cache
from pathlib import Path
from typing import Literal

import cv2
import numpy as np

from pipeline.data.manifest import DataError

PICTURES = {
    "astronaut.png": 1.0,
    "brick.png": 0.8,
    "camera.png": 0.8,
    "chelsea.png": 1.0,
    "coffee.png": 1.0,
    "coins.png": 1.0,
    "grass.png": 0.7,
    "gravel.png": 0.7,
    "hubble_deep_field.jpg": 0.6,
    "ihc.png": 1.0,
    "motorcycle_left.png": 0.8,
    "retina.jpg": 0.4,
    "rocket.jpg": 1.0,
    "text.png": 1.0,
}
"""Pictures in the wheel (no download) and their scale factors, so that all have fine detail."""

Purpose = Literal["videos", "train", "test"]
STRIPS: dict[Purpose, tuple[float, float]] = {"videos": (0.0, 0.5), "train": (0.5, 0.75), "test": (0.75, 1.0)}
"""Part of each picture's longer side that belongs to a purpose."""

SMALLEST = 40
"""Shortest side in pixels of a strip that is used."""


@lru_cache(maxsize=3)
def load_textures(purpose: Purpose) -> list[np.ndarray]:
    """The strips of all pictures for one purpose.

    Returns:
        Pictures (h, w, 3), float32, RGB, 0 to 255.

    Raises:
        DataError: scikit-image, or a picture of its wheel, is missing.
    """
    start, end = STRIPS[purpose]
    strips = []
    for name, size in PICTURES.items():
        picture = _load(name)
        if size < 1:
            picture = cv2.resize(picture, None, fx=size, fy=size, interpolation=cv2.INTER_AREA)
        if picture.shape[0] > picture.shape[1]:
            picture = picture.transpose(1, 0, 2)
        width = picture.shape[1]
        strip = picture[:, int(start * width) : int(end * width)]
        if min(strip.shape[:2]) >= SMALLEST:
            strips.append(np.ascontiguousarray(strip, dtype=np.float32))
    return strips


def _load(name: str) -> np.ndarray:
    spec = importlib.util.find_spec("skimage")
    if spec is None or not spec.submodule_search_locations:
        raise DataError("the demo's pictures come with scikit-image, which is not installed")
    path = Path(next(iter(spec.submodule_search_locations))) / "data" / name
    picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if picture is None:
        raise DataError(f"{path}: the demo needs this picture of scikit-image's wheel (0.26 has it)")
    return cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)
