"""Motions of the demo's objects: pose as a function of the frame number.

Every motion can be recognised from a few flow fields, also when it is mirrored.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from pipeline.data.demo.looks import RESTING, Surface


@dataclass(frozen=True)
class Pose:
    """Position relative to the object's place (pixels), angle (radians), and where its surface has run."""

    x: float = 0.0
    y: float = 0.0
    angle: float = 0.0
    surface: Surface = RESTING


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


def slide(rng: np.random.Generator, frames: int) -> list[Pose]:
    """Straight on, level, to either side."""
    speed = rng.choice([-1, 1]) * rng.uniform(1.2, 2.2)
    return [Pose(x=speed * (t - (frames - 1) / 2)) for t in range(frames)]


def nod(rng: np.random.Generator, frames: int) -> list[Pose]:
    """Up and down, smoothly."""
    reach = rng.uniform(2.5, 3.5)
    return [Pose(y=reach * s) for s in _wave(rng, frames, (8, 10))]


def roll(rng: np.random.Generator, frames: int) -> list[Pose]:
    """The surface moves up or down inside a static outline."""
    return [Pose(surface=Surface(y=way)) for way in _run(rng, frames, (0.8, 1.5))]


def revolve(rng: np.random.Generator, frames: int) -> list[Pose]:
    """The surface moves sideways inside a static outline."""
    return [Pose(surface=Surface(x=way)) for way in _run(rng, frames, (0.8, 1.5))]


def drift(rng: np.random.Generator, frames: int) -> list[Pose]:
    """The surface moves slowly and obliquely inside a static outline."""
    return _aslant(rng, frames, (0.3, 0.5))


def rush(rng: np.random.Generator, frames: int) -> list[Pose]:
    """The surface moves fast and obliquely inside a static outline."""
    return _aslant(rng, frames, (0.9, 1.4))


def _aslant(rng: np.random.Generator, frames: int, speed: tuple[float, float]) -> list[Pose]:
    heading = rng.choice([-1, 1]) * rng.uniform(0.6, 1.0)
    along, down = float(np.cos(heading)), float(np.sin(heading))
    return [Pose(surface=Surface(x=along * way, y=down * way)) for way in _run(rng, frames, speed)]


def _run(rng: np.random.Generator, frames: int, speed: tuple[float, float]) -> np.ndarray:
    """A way of random speed and direction, zero in the middle of the clip."""
    return rng.choice([-1, 1]) * rng.uniform(*speed) * (np.arange(frames) - (frames - 1) / 2)
