"""The demo's natural-like videos, on which the SR networks are trained instead of CDVL's.

A camera moves smoothly over a real picture. In front of it, objects with real textures and small objects
with arbitrary outlines and patterns move and occlude each other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from pipeline.data.demo.looks import (
    OUTLINES,
    PATTERNS,
    Look,
    Surface,
    draw_dress,
    draw_sprite,
    texture_patch,
    textured_sprite,
)
from pipeline.data.demo.scene import SPRITE_FINE, Sprite, develop, new_canvas, paint, sprite_grid

FASTEST = 4.0
"""Largest speed of an object in pixels a frame."""

FASTEST_SURFACE = 2.0
"""Largest speed of a surface inside its outline in pixels a frame."""


@dataclass(frozen=True)
class Course:
    """A smooth course of one quantity: a straight part and a slow wave."""

    start: float
    rate: float
    reach: float
    period: float
    phase: float

    def at(self, t: int) -> float:
        """The quantity in frame t."""
        return self.start + self.rate * t + self.reach * np.sin(2 * np.pi * (t / self.period + self.phase))


def _draw_course(rng: np.random.Generator, start: float, speed: float) -> Course:
    """A course whose speed never exceeds ``speed`` a frame."""
    period = rng.uniform(8, 40)
    share = rng.uniform()
    reach = (1 - share) * speed * period / (2 * np.pi)
    return Course(start, rng.choice([-1, 1]) * share * speed, reach, period, rng.uniform())


@dataclass(frozen=True)
class Thing:
    """A moving object: its sprite in each frame, and its courses."""

    sprite: Callable[[int], Sprite]
    x: Course
    y: Course
    angle: Course
    size: Course


def render_video(
    textures: list[np.ndarray], height: int, width: int, frames: int, rng: np.random.Generator
) -> list[np.ndarray]:
    """A video of a moving view of a real picture with moving objects in it.

    Returns:
        Frames (height, width, 3), uint8, RGB.
    """
    picture = textures[rng.integers(len(textures))]
    camera_speed = rng.uniform(0, 1.5)
    camera = [
        _draw_course(rng, rng.uniform(0.3, 0.7) * side, speed)
        for side, speed in zip(picture.shape[1::-1], rng.uniform(0, camera_speed, 2), strict=True)
    ]
    turn = _draw_course(rng, rng.uniform(-0.3, 0.3), rng.choice([0, 0.012]))
    zoom = _draw_course(rng, rng.uniform(-0.1, 0.35), rng.choice([0, 0.008]))
    patterned = int(rng.integers(3, 5))
    things = [_draw_patterned(rng, height, width) for _ in range(patterned)]
    things += [_draw_textured(textures, rng, height, width) for _ in range(int(rng.integers(1, 3)))]
    order = rng.permutation(len(things))
    gain = rng.uniform(-0.002, 0.002)
    video = []
    for t in range(frames):
        canvas = new_canvas(
            picture, height, width, camera[0].at(t), camera[1].at(t), turn.at(t), np.exp(zoom.at(t))
        )
        for number in order:
            thing = things[number]
            # Objects that leave at one side re-enter at the other.
            x = (thing.x.at(t) + 20) % (width + 40) - 20
            y = (thing.y.at(t) + 20) % (height + 40) - 20
            paint(canvas, thing.sprite(t), x, y, thing.angle.at(t), np.exp(thing.size.at(t)))
        video.append(develop(canvas, 1 + gain * t))
    return video


def _draw_courses(rng: np.random.Generator, height: int, width: int) -> dict[str, Course]:
    speed = rng.uniform(0, FASTEST)
    heading = rng.uniform(0, np.pi / 2)
    return {
        "x": _draw_course(rng, rng.uniform(0.1, 0.9) * width, speed * np.cos(heading)),
        "y": _draw_course(rng, rng.uniform(0.1, 0.9) * height, speed * np.sin(heading)),
        "angle": _draw_course(rng, rng.uniform(-np.pi, np.pi), rng.choice([0, 0.15]) * rng.uniform()),
        "size": _draw_course(rng, rng.uniform(-0.2, 0.2), rng.choice([0, 0.03]) * rng.uniform()),
    }


def _draw_patterned(rng: np.random.Generator, height: int, width: int) -> Thing:
    outline = str(rng.choice(sorted(OUTLINES)))
    pattern = str(rng.choice([*sorted(PATTERNS), "speckles"]))
    radius = float(rng.uniform(9, 18))
    look = Look(outline, pattern, period=(5.5, 12.0), radius=radius, contrast=(0.2, 1.0))
    dress = draw_dress(look, rng)
    still = draw_sprite(look, dress)
    courses = _draw_courses(rng, height, width)
    if rng.integers(2):
        return Thing(lambda t: still, **courses)
    # A turning ball or barrel: the surface runs inside the outline.
    along, across = (_draw_course(rng, 0.0, speed) for speed in rng.uniform(0, FASTEST_SURFACE, 2))
    turn = _draw_course(rng, 0.0, rng.choice([0, 0.15]))
    size = _draw_course(rng, 0.0, rng.choice([0, 0.05]))

    def running(t: int) -> Sprite:
        return draw_sprite(
            look, dress, Surface(along.at(t), across.at(t), turn.at(t), float(np.exp(size.at(t))))
        )

    return Thing(running, **courses)


def _draw_textured(textures: list[np.ndarray], rng: np.random.Generator, height: int, width: int) -> Thing:
    """An ellipse, a polygon or a letter cut out of a real picture."""
    radius = float(rng.uniform(12, 28))
    x, y = sprite_grid(radius)
    shape = rng.integers(3)
    if shape == 0:
        inside = x**2 + (y / rng.uniform(0.5, 1)) ** 2 < radius**2
    elif shape == 1:
        angles = np.sort(rng.uniform(0, 2 * np.pi, int(rng.integers(4, 8))))
        corners = (
            radius * rng.uniform(0.6, 1, (len(angles), 1)) * np.column_stack([np.cos(angles), np.sin(angles)])
        )
        samples = corners * SPRITE_FINE + x.shape[0] / 2
        mask = np.zeros(x.shape, np.uint8)
        inside = cv2.fillPoly(mask, [np.rint(samples).astype(np.int32)], 1) > 0
    else:
        letter = chr(ord("A") + int(rng.integers(26)))
        inside = _letter(letter, x.shape[0])
    colours = texture_patch(textures[rng.integers(len(textures))], x.shape[0], rng)
    sprite = textured_sprite(inside, colours)
    return Thing(lambda t: sprite, **_draw_courses(rng, height, width))


def _letter(letter: str, samples: int) -> np.ndarray:
    """A bold capital that fills a square of so many samples."""
    mask = np.zeros((samples, samples), np.uint8)
    size = samples / 28
    thickness = max(2, samples // 7)
    (w, h), _ = cv2.getTextSize(letter, cv2.FONT_HERSHEY_SIMPLEX, size, thickness)
    cv2.putText(
        mask,
        letter,
        ((samples - w) // 2, (samples + h) // 2),
        cv2.FONT_HERSHEY_SIMPLEX,
        size,
        1,
        thickness,
    )
    return mask > 0
