"""Draws the frames of a training video from which patches are cropped."""

from __future__ import annotations

import numpy as np

from pipeline.errors import PipelineError


class TooShortError(PipelineError, ValueError):
    """A video has no frame that may be drawn."""


def draw_frames(
    clip_frames: int, frames_per_video: int, margin: int, gap: int, rng: np.random.Generator
) -> list[int]:
    """Draw frames of a video without replacement, sorted; all frames if there are too few.

    Source: section 4.1 (120 frames a video); docs/facts.md, section 2 (frames 6 to N - 5 from 1).

    Args:
        clip_frames: frames of the video.
        frames_per_video: frames to draw.
        margin: frames at both ends that are not drawn.
        gap: distance from a frame to its partner, which must not be in the margin either.
        rng: source of the draw; seed it with ``seed_for(seed, "draw", clip.id)``.

    Raises:
        TooShortError: no frame may be drawn.
    """
    candidates = np.arange(margin, clip_frames - margin - gap)
    if len(candidates) == 0:
        raise TooShortError(
            f"{clip_frames} frames are too few: a margin of {margin} at both ends and pairs {gap} apart "
            f"need at least {2 * margin + gap + 1}; leave the video out or lower patches.margin"
        )
    drawn = rng.choice(candidates, size=min(frames_per_video, len(candidates)), replace=False)
    return sorted(int(number) for number in drawn)
