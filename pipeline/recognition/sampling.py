"""Frames and flow fields that recognisers read. Both count from 0; field t goes from frame t to t + 1.

A clip of n frames has n - 1 fields; a clip of one frame has one field of zero motion.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def count_fields(frames: int) -> int:
    """The number of flow fields of a clip."""
    return max(frames - 1, 1)


def tsn_frames(frames: int, first_frame: int) -> tuple[int, int]:
    """Index of the first RGB frame that TSN reads, and the number of frames from there on.

    ``first_frame`` counts from 1. TSN's extraction writes a frame with the field that ends there, so it never
    writes the first one. A one-frame clip keeps its frame.
    """
    first = min(first_frame, frames) - 1
    return first, frames - first


def tsn_test_starts(length: int, stack: int, snippets: int) -> list[int]:
    """First indices of TSN's test snippets (docs/facts.md, section 7).

    The step is ``(length - stack) // (snippets - 1)``; clips too short for a step of one repeat their first
    snippet. ``length``: number of frames with ``stack`` 1, or of fields with the flow stack.
    """
    step = (length - stack) // (snippets - 1) if snippets > 1 else 0
    return [index * step for index in range(snippets)] if step > 0 else [0] * snippets


def tsn_test_frames(frames: int, first_frame: int, snippets: int) -> list[int]:
    """The frames of TSN's test snippets: ``tsn_test_starts``, counted from the first frame that is read."""
    first, length = tsn_frames(frames, first_frame)
    return [first + start for start in tsn_test_starts(length, 1, snippets)]


def tsn_train_starts(length: int, stack: int, segments: int, rng: np.random.Generator) -> list[int]:
    """First indices of one random snippet in each of TSN's equal training segments.

    Clips with fewer positions than segments draw sorted random positions; clips shorter than ``stack``
    repeat 0.
    """
    positions = length - stack + 1
    if positions >= segments:
        each = positions // segments
        return [segment * each + int(rng.integers(each)) for segment in range(segments)]
    if positions > 0:
        return sorted(int(position) for position in rng.integers(positions, size=segments))
    return [0] * segments


def tsn_stack(start: int, length: int, stack: int) -> list[int]:
    """The ``stack`` consecutive fields from ``start``; the last is repeated beyond the end of the clip."""
    return [min(start + offset, length - 1) for offset in range(stack)]


def st_range(frames: int, stack: int) -> tuple[int, int]:
    """First and last frame that have ``stack`` fields around them; the whole clip if none has."""
    half = stack // 2
    first, last = half, frames - 1 - (stack - half)
    return (first, last) if first <= last else (0, frames - 1)


def _spread(first: int, last: int, count: int) -> list[int]:
    if count == 1:
        return [(first + last) // 2]
    return [int(np.floor(position + 0.5)) for position in np.linspace(first, last, count)]


def st_test_frames(frames: int, stack: int, count: int) -> list[int]:
    """ST-ResNet's ``count`` test frames, evenly from the first to the last with a full flow stack.

    A clip with too few repeats all of them, then the last, first, last ... until there are enough (authors'
    code). The order matters for the joint network.
    """
    first, last = st_range(frames, stack)
    available = list(range(first, last + 1))
    if len(available) >= count:
        return _spread(first, last, count)
    chosen, from_end = list(available), True
    while len(chosen) < count:
        missing = count - len(chosen)
        chosen += available[-missing:] if from_end else available[:missing]
        from_end = not from_end
    return chosen


def st_train_frames(
    frames: int, stack: int, count: int, strides: Sequence[int], rng: np.random.Generator
) -> list[int]:
    """Frames of one training pass of the joint network: one stride in ``strides``, a random start.

    The frames are on a grid that begins at the first frame with a full flow stack. The first place of the
    grid is never the start unless there is no other (authors' code). Clips too short for the stride are
    covered evenly.
    """
    first, last = st_range(frames, stack)
    candidates = list(range(first, last + 1, int(rng.integers(strides[0], strides[1] + 1))))
    if len(candidates) < count:
        return _spread(first, last, count)
    spare = len(candidates) - count
    start = 1 + int(rng.integers(spare)) if spare else 0
    return candidates[start : start + count]


def st_fields(frame: int, fields: int, stack: int) -> list[int]:
    """The ``stack`` fields around a frame, ``stack // 2`` of them before it, clamped at the clip's ends."""
    first = frame - stack // 2
    return [min(max(first + offset, 0), fields - 1) for offset in range(stack)]


def clip_frames(start: int, frames: int, count: int, stride: int) -> list[int]:
    """``count`` frames from ``start`` on at a stride; beyond the end the last one (PySlowFast)."""
    return [min(start + offset * stride, frames - 1) for offset in range(count)]


def clip_test_starts(frames: int, count: int, stride: int, clips: int) -> list[int]:
    """First frames of ``clips`` test clips of ``count`` frames: in the middle of equal intervals.

    Source: mmaction2's SampleFrames in test mode. A video shorter than one clip repeats its first frame.
    """
    spare = max(frames - (count - 1) * stride, 0)
    return [int((index + 0.5) * spare / clips) for index in range(clips)]


def clip_train_start(frames: int, count: int, stride: int, rng: np.random.Generator) -> int:
    """First frame of a random training clip of ``count`` frames."""
    return int(rng.integers(max(frames - (count - 1) * stride, 1)))
