"""The demo's action classes and their clips.

Of the eight classes of a set, 1-2 and 3-4 share their motion and differ in the fine pattern of the object.
5-6 and 7-8 look the same and differ in the motion of a fine pattern inside a static outline. So one stream
alone must guess in half of the classes (a pattern also leaves faint traces in the flow, so the temporal
stream may guess a little better).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from pipeline.data.demo import motions
from pipeline.data.demo.looks import (
    OUTLINES,
    RESTING,
    Look,
    draw_dress,
    draw_sprite,
    texture_patch,
    textured_sprite,
)
from pipeline.data.demo.scene import Sprite, develop, new_canvas, paint, sprite_grid


@dataclass(frozen=True)
class Action:
    """A class: its name, what the object looks like, how it moves."""

    name: str
    look: Look
    motion: motions.Motion


def _set(looks: dict[str, Look], rows: list[tuple[str, str, motions.Motion]]) -> list[Action]:
    return [Action(name, looks[look], motion) for name, look, motion in rows]


SURFACE = partial(Look, period=(9.0, 11.0), radius=13.0, contrast=(0.35, 0.6))
"""Looks whose motion is only visible in a fine pattern of moderate contrast, which down-sampling weakens."""

UCF_ACTIONS = _set(
    {
        "racket": Look("paddle", "lattice"),
        "griddle": Look("paddle", "stripes"),
        "dotted": Look("disc", "dots"),
        "ringed": Look("disc", "rings"),
        "globe": SURFACE("disc", "checks"),
        "flower": SURFACE("flower", "checks"),
    },
    [
        ("RacketSwing", "racket", motions.swing),
        ("GriddleSwing", "griddle", motions.swing),
        ("DottedBallBounce", "dotted", motions.bounce),
        ("RingedBallBounce", "ringed", motions.bounce),
        ("GlobeSpin", "globe", motions.revolve),
        ("GlobeTumble", "globe", motions.roll),
        ("FlowerDrift", "flower", motions.drift),
        ("FlowerRush", "flower", motions.rush),
    ],
)
"""Classes of the set in UCF101's layout."""

HMDB_ACTIONS = _set(
    {
        "checked": Look("flag", "checks"),
        "chevron": Look("flag", "zigzag"),
        "spoked": Look("disc", "spokes"),
        "meshed": Look("disc", "lattice"),
        "barrel": SURFACE("barrel", "checks"),
        "bell": SURFACE("triangle", "checks"),
    },
    [
        ("slide_checked_flag", "checked", motions.slide),
        ("slide_chevron_flag", "chevron", motions.slide),
        ("nod_spoked_wheel", "spoked", motions.nod),
        ("nod_meshed_wheel", "meshed", motions.nod),
        ("roll_barrel", "barrel", motions.roll),
        ("revolve_barrel", "barrel", motions.revolve),
        ("drift_bell", "bell", motions.drift),
        ("rush_bell", "bell", motions.rush),
    ],
)
"""Classes of the set in HMDB51's layout."""


def render_action(
    action: Action,
    textures: list[np.ndarray],
    height: int,
    width: int,
    frames: int,
    rng: np.random.Generator,
) -> list[np.ndarray]:
    """Render a clip of one action; everything that does not define the class is random.

    Random are: the background, its contrast and the camera's pan; the object's place, size, colours, tilt
    and pattern phase; a distractor with a real texture, still or drifting; brightness.

    Returns:
        Frames (height, width, 3), uint8, RGB.
    """
    picture = textures[rng.integers(len(textures))]
    level = rng.uniform(70, 160)
    picture = level + rng.uniform(0.35, 0.6) * (picture - picture.mean())
    start = [rng.uniform(0.35, 0.65) * picture.shape[1], rng.uniform(0.2, 0.8) * picture.shape[0]]
    pan = rng.uniform(-0.5, 0.5, 2)
    size, tilt = rng.uniform(0.85, 1.2), rng.uniform(-0.25, 0.25)
    # Poses and scale may move the object by 25 pixels: keep most of it in the frame.
    place = [rng.uniform(0.3, 0.7) * width, rng.uniform(0.33, 0.67) * height]
    dress = draw_dress(action.look, rng)
    still = draw_sprite(action.look, dress)
    distractor = _draw_distractor(textures, rng)
    drift = rng.uniform(-1.2, 1.2, 2) * rng.integers(2)
    beside = [rng.uniform(0, width), rng.uniform(0, height)]
    gain = 1 + rng.uniform(-0.004, 0.004) * np.arange(frames)
    clip = []
    for t, pose in enumerate(action.motion(rng, frames)):
        canvas = new_canvas(picture, height, width, start[0] + pan[0] * t, start[1] + pan[1] * t)
        paint(canvas, distractor, beside[0] + drift[0] * t, beside[1] + drift[1] * t)
        sprite = still if pose.surface is RESTING else draw_sprite(action.look, dress, pose.surface)
        # The object is part of the scene, so it moves with the background when the camera pans.
        x, y = place[0] + pose.x - pan[0] * t, place[1] + pose.y - pan[1] * t
        paint(canvas, sprite, x, y, tilt + pose.angle, size)
        clip.append(develop(canvas, gain[t]))
    return clip


def _draw_distractor(textures: list[np.ndarray], rng: np.random.Generator) -> Sprite:
    """A blob of a real texture, of any outline."""
    radius = rng.uniform(5, 9)
    x, y = sprite_grid(radius * 1.25)
    outline = OUTLINES[str(rng.choice(sorted(OUTLINES)))]
    colours = texture_patch(textures[rng.integers(len(textures))], x.shape[0], rng)
    return textured_sprite(outline(x / radius, y / radius), colours)
