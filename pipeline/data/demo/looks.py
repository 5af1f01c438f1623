"""Appearance of the demo's objects: an outline, and a fine pattern of two colours inside.

The patterns of one pair cover about the same area, so they can only be distinguished by their detail, whose
period is near the resolution limit of frames down-sampled by 4 (8 pixels).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import cv2
import numpy as np

from pipeline.data.demo.scene import SPRITE_FINE, Sprite, sprite_grid

Grid = np.ndarray
"""Coordinates (s, s), float32, in pixels."""


# Each takes coordinates in units of the pattern's period and returns True where the second colour is.


def stripes(x: Grid, y: Grid) -> np.ndarray:
    """Parallel bands."""
    return (x % 1.0) < 0.5


def lattice(x: Grid, y: Grid) -> np.ndarray:
    """Crossing lines, like a racket's strings."""
    return ((x % 1.0) < 0.3) | ((y % 1.0) < 0.3)


def checks(x: Grid, y: Grid) -> np.ndarray:
    """Chess-board squares."""
    return ((x % 1.0) < 0.5) ^ ((y % 1.0) < 0.5)


def dots(x: Grid, y: Grid) -> np.ndarray:
    """Round dots in shifted rows."""
    row = np.floor(y)
    return (((x + 0.5 * (row % 2)) % 1.0) - 0.5) ** 2 + ((y % 1.0) - 0.5) ** 2 < 0.39**2


def rings(x: Grid, y: Grid) -> np.ndarray:
    """Circles around the middle."""
    return (np.hypot(x, y) % 1.0) < 0.5


def zigzag(x: Grid, y: Grid) -> np.ndarray:
    """Chevrons."""
    return ((y + np.abs((0.6 * x) % 1.0 - 0.5)) % 1.0) < 0.5


def spokes(x: Grid, y: Grid) -> np.ndarray:
    """Seven rays and a hub."""
    return ((np.arctan2(y, x) * 7 / (2 * np.pi)) % 1.0 < 0.45) | (np.hypot(x, y) < 0.4)


PATTERNS: dict[str, Callable[[Grid, Grid], np.ndarray]] = {
    pattern.__name__: pattern for pattern in (stripes, lattice, checks, dots, rings, zigzag, spokes)
}


# Each takes coordinates in units of the object's radius and returns True inside.


def disc(x: Grid, y: Grid) -> np.ndarray:
    """A round object."""
    return np.hypot(x, y) < 1


def paddle(x: Grid, y: Grid) -> np.ndarray:
    """A round head with a handle."""
    return (np.hypot(x, y + 0.25) < 0.75) | ((np.abs(x) < 0.14) & (y > 0) & (y < 1.1))


def flag(x: Grid, y: Grid) -> np.ndarray:
    """A cloth on a pole."""
    cloth = (np.abs(x) < 0.95) & (y > -0.8) & (y < 0.5)
    return cloth | ((x > -1.05) & (x < -0.85) & (y > -0.9) & (y < 1.2))


def diamond(x: Grid, y: Grid) -> np.ndarray:
    """A square on its tip."""
    return np.abs(x) + np.abs(y) < 1.2


def flower(x: Grid, y: Grid) -> np.ndarray:
    """Five petals."""
    return np.hypot(x, y) < 0.8 + 0.28 * np.cos(5 * np.arctan2(y, x))


def barrel(x: Grid, y: Grid) -> np.ndarray:
    """A broad box with round corners."""
    return (np.abs(x) / 1.15) ** 4 + (np.abs(y) / 0.75) ** 4 < 1


def triangle(x: Grid, y: Grid) -> np.ndarray:
    """A triangle standing on its base."""
    return (y < 0.75) & (y > -1.1 + 1.75 * np.abs(x))


OUTLINES: dict[str, Callable[[Grid, Grid], np.ndarray]] = {
    outline.__name__: outline for outline in (disc, paddle, flag, diamond, flower, barrel, triangle)
}


@dataclass(frozen=True)
class Look:
    """An outline with a pattern; the pattern ``speckles`` is drawn for each object.

    Attributes:
        outline: a name of OUTLINES.
        pattern: a name of PATTERNS, or "speckles".
        period: smallest and largest period of the pattern in pixels at scale 1.
        radius: of the outline's unit circle in pixels at scale 1.
        contrast: smallest and largest difference of the two colours' brightness, in parts of the range.
    """

    outline: str
    pattern: str
    period: tuple[float, float] = (8.0, 11.0)
    radius: float = 13.0
    contrast: tuple[float, float] = (0.6, 1.0)


@dataclass(frozen=True)
class Dress:
    """What differs between two objects of one look: colours, period and position of the pattern."""

    colours: tuple[np.ndarray, np.ndarray]
    period: float
    phase: np.ndarray
    speckles: np.ndarray = field(repr=False)


def draw_dress(look: Look, rng: np.random.Generator) -> Dress:
    """Random colours of either order, random period and phase."""
    first, second = random_colours(rng, rng.uniform(*look.contrast))
    # Smooth periodic noise; thresholded at its median it gives speckles of the pattern's period.
    noise = np.tile(rng.standard_normal((64, 64)).astype(np.float32), (3, 3))
    smooth = cv2.GaussianBlur(noise, (0, 0), 1.6)[64:128, 64:128]
    return Dress(
        (first, second),
        float(rng.uniform(*look.period)),
        rng.uniform(0, 1, 2).astype(np.float32),
        smooth > np.median(smooth),
    )


def random_colours(rng: np.random.Generator, contrast: float) -> tuple[np.ndarray, np.ndarray]:
    """Two colours (3,), 0 to 255, whose brightness differs by ``contrast`` of the range; random order."""
    middle = rng.uniform(0.5 * contrast, 1 - 0.5 * contrast) if contrast < 1 else 0.5
    tints = rng.uniform(-0.16, 0.16, (2, 3))
    tints -= tints.mean(axis=1, keepdims=True)
    sign = rng.choice([-0.5, 0.5])
    pair = [
        np.clip(255 * (middle + side * contrast + tint), 0, 255)
        for side, tint in zip((sign, -sign), tints, strict=True)
    ]
    return pair[0].astype(np.float32), pair[1].astype(np.float32)


@dataclass(frozen=True)
class Surface:
    """How far a pattern has run inside its outline: pixels to the right and down, radians, enlargement."""

    x: float = 0.0
    y: float = 0.0
    turn: float = 0.0
    size: float = 1.0


RESTING = Surface()
"""A pattern that moves with its outline."""


def draw_sprite(look: Look, dress: Dress, surface: Surface = RESTING) -> Sprite:
    """Draw an object, its pattern displaced inside the outline."""
    x, y = sprite_grid(look.radius * 1.25)
    inside = OUTLINES[look.outline](x / look.radius, y / look.radius)
    along, across = np.cos(surface.turn), np.sin(surface.turn)
    period = dress.period * surface.size
    u = (along * x + across * y - surface.x) / period
    v = (along * y - across * x - surface.y) / period
    if look.pattern == "speckles":
        # Eight noise samples a period: blobs of half a period.
        rows = np.floor((v + dress.phase[1]) * 8).astype(int) % 64
        columns = np.floor((u + dress.phase[0]) * 8).astype(int) % 64
        second = dress.speckles[rows, columns]
    elif look.pattern in ("rings", "spokes"):
        second = PATTERNS[look.pattern](u, v)
    else:
        second = PATTERNS[look.pattern](u + dress.phase[0], v + dress.phase[1])
    return textured_sprite(inside, np.where(second[..., None], dress.colours[1], dress.colours[0]))


def textured_sprite(inside: np.ndarray, colours: np.ndarray) -> Sprite:
    """A sprite of given colours (s, s, 3) where ``inside`` (s, s) is True."""
    opacity = inside.astype(np.float32)[..., None]
    return Sprite(np.concatenate([colours.astype(np.float32) * opacity, opacity], axis=-1))


def texture_patch(picture: np.ndarray, samples: int, rng: np.random.Generator) -> np.ndarray:
    """A random piece of a picture as sprite colours (samples, samples, 3), of sprite resolution."""
    side = min(int(np.ceil(samples / SPRITE_FINE)), *picture.shape[:2])
    top = int(rng.integers(picture.shape[0] - side + 1))
    left = int(rng.integers(picture.shape[1] - side + 1))
    piece = picture[top : top + side, left : left + side]
    return cv2.resize(piece, (samples, samples), interpolation=cv2.INTER_LINEAR)
