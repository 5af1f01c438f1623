"""Renders the demo's frames: a moving view of a picture, and rotated and scaled sprites.

Scenes are painted on a canvas with three times the resolution of the frame and then averaged, like light on a
camera's pixels, so that sub-pixel motion changes pixels as in real videos.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

FINE = 3
"""Canvas samples per frame pixel, along each axis."""

SPRITE_FINE = 4
"""Sprite samples per frame pixel at scale 1, along each axis."""


@dataclass(frozen=True)
class Sprite:
    """A flat object.

    Attributes:
        rgba: (s, s, 4) float32, colour 0 to 255 multiplied by opacity, opacity 0 to 1.
    """

    rgba: np.ndarray

    @property
    def reach(self) -> float:
        """Half diagonal in frame pixels at scale 1."""
        return self.rgba.shape[0] / SPRITE_FINE / 2**0.5


def sprite_grid(radius: float) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates x, y (s, s) in frame pixels at scale 1 around a sprite's centre."""
    samples = int(np.ceil(2 * (radius + 1) * SPRITE_FINE))
    axis = ((np.arange(samples) + 0.5) / SPRITE_FINE - samples / SPRITE_FINE / 2).astype(np.float32)
    return np.meshgrid(axis, axis)


def new_canvas(
    picture: np.ndarray, height: int, width: int, x: float, y: float, angle: float = 0.0, zoom: float = 1.0
) -> np.ndarray:
    """A fine canvas showing the picture around (x, y), turned and enlarged.

    Args:
        picture: (h, w, 3), float32.
        height: frame rows.
        width: frame columns.
        x: picture column in the middle of the frame; beyond its edges the picture is mirrored.
        y: picture row.
        angle: radians.
        zoom: frame pixels per picture pixel.

    Returns:
        (3 * height, 3 * width, 3), float32.
    """
    matrix = _inverse(width / 2, height / 2, x, y, angle, zoom, 1.0)
    return cv2.warpAffine(
        picture,
        matrix,
        (width * FINE, height * FINE),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REFLECT_101,
    )


def paint(
    canvas: np.ndarray, sprite: Sprite, x: float, y: float, angle: float = 0.0, scale: float = 1.0
) -> None:
    """Paint a sprite over the canvas, its centre at frame position (x, y), turned by radians, scaled."""
    reach = (sprite.reach * scale + 1) * FINE
    left, right = max(0, int(x * FINE - reach)), min(canvas.shape[1], int(x * FINE + reach) + 1)
    top, bottom = max(0, int(y * FINE - reach)), min(canvas.shape[0], int(y * FINE + reach) + 1)
    if left >= right or top >= bottom:
        return
    middle = sprite.rgba.shape[0] / 2
    matrix = _inverse(x - left / FINE, y - top / FINE, middle, middle, angle, scale, SPRITE_FINE)
    layer = cv2.warpAffine(
        sprite.rgba,
        matrix,
        (right - left, bottom - top),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_CONSTANT,
    )
    part = canvas[top:bottom, left:right]
    part *= 1 - layer[..., 3:]
    part += layer[..., :3]


def develop(canvas: np.ndarray, gain: float = 1.0) -> np.ndarray:
    """The frame (h, w, 3), uint8, that a camera takes of a canvas, its brightness changed by gain."""
    height, width = canvas.shape[0] // FINE, canvas.shape[1] // FINE
    frame = cv2.resize(canvas, (width, height), interpolation=cv2.INTER_AREA)
    return np.clip(np.rint(frame * gain), 0, 255).astype(np.uint8)


def _inverse(
    x: float, y: float, source_x: float, source_y: float, angle: float, scale: float, source_fine: float
) -> np.ndarray:
    """Matrix from canvas samples to source samples: (x, y) in frame pixels shows the source point."""
    turn = source_fine / scale * np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    # Sample i of the canvas is at frame position (i + 0.5) / FINE, and likewise in the source.
    shift = np.array([source_x - 0.5, source_y - 0.5]) + turn @ (0.5 / FINE - np.array([x, y]))
    return np.column_stack([turn / FINE, shift])
