"""How the demo's objects move: pose as a function of the frame's number.

Every motion is recognisable from a handful of flow fields, whichever way it is mirrored.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np


@dataclass(frozen=True)
class Pose:
    """Position relative to the object's place (pixels), angle (radians), scale, pattern's scroll (pixels)."""

    x: float = 0.0
    y: float = 0.0
    angle: float = 0.0
    scale: float = 1.0
    scroll: tuple[float, float] = (0.0, 0.0)


Motion = Callable[[np.random.Generator, int], list[Pose]]
"""Draws a motion's speed, phase and side, and gives the pose in each of n frames."""


def _wave(rng: np.random.Generator, frames: int, period: tuple[float, float]) -> np.ndarray:
    """A sine over the frames with random period and phase."""
    return np.sin(2 * np.pi * (np.arange(frames) / rng.uniform(*period) + rng.uniform()))


def swing(rng: np.random.Generator, frames: int) -> list[Pose]:
    """To and fro along a flat arc, leaning into it."""
    wave = _wave(rng, frames, (8, 10))
    reach = rng.uniform(2.2, 3.2)
    return [Pose(x=reach * s, y=-0.25 * reach * s * s, angle=0.2 * s) for s in wave]


def bounce(rng: np.random.Generator, frames: int) -> list[Pose]:
    """Up and down, turning sharply at the ground."""
    wave = np.abs(_wave(rng, frames, (13, 17)))
    reach = rng.uniform(6, 9)
    return [Pose(y=reach * (0.6 - s)) for s in wave]


def approach(rng: np.random.Generator, frames: int) -> list[Pose]:
    """Growing."""
    rate = rng.uniform(0.06, 0.085)
    return [Pose(scale=float(np.exp(rate * (t - (frames - 1) / 2)))) for t in range(frames)]


def retreat(rng: np.random.Generator, frames: int) -> list[Pose]:
    """Shrinking."""
    return approach(rng, frames)[::-1]


def slide(rng: np.random.Generator, frames: int) -> list[Pose]:
    """Straight on, level, to either side."""
    speed = rng.choice([-1, 1]) * rng.uniform(1.2, 2.2)
    return [Pose(x=speed * (t - (frames - 1) / 2)) for t in range(frames)]


def nod(rng: np.random.Generator, frames: int) -> list[Pose]:
    """Up and down, smoothly."""
    reach = rng.uniform(2.5, 3.5)
    return [Pose(y=reach * s) for s in _wave(rng, frames, (8, 10))]


def roll(rng: np.random.Generator, frames: int) -> list[Pose]:
    """The surface runs up or down inside an outline that stands still."""
    speed = rng.choice([-1, 1]) * rng.uniform(0.8, 1.5)
    return [Pose(scroll=(0.0, speed * t)) for t in range(frames)]


def revolve(rng: np.random.Generator, frames: int) -> list[Pose]:
    """The surface runs sideways inside an outline that stands still."""
    return [replace(pose, scroll=pose.scroll[::-1]) for pose in roll(rng, frames)]


def rock(rng: np.random.Generator, frames: int) -> list[Pose]:
    """Slowly to and fro on a slant."""
    return _slant(rng, _wave(rng, frames, (12, 15)))


def shake(rng: np.random.Generator, frames: int) -> list[Pose]:
    """Quickly to and fro on a slant."""
    return _slant(rng, _wave(rng, frames, (3.6, 4.6)))


def _slant(rng: np.random.Generator, wave: np.ndarray) -> list[Pose]:
    reach, side = rng.uniform(0.9, 1.5), rng.choice([-1, 1])
    return [Pose(x=side * reach * s, y=reach * s) for s in wave]
