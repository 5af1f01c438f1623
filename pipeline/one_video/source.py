"""A video as a clip: measured once, then its frames read forwards in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from pipeline.data.manifest import Clip
from pipeline.video.clock import Clock
from pipeline.video.frames import VideoError, read_frames


class Size(NamedTuple):
    """Number of a clip's frames, and their height and width."""

    frames: int
    height: int
    width: int


def measure(path: Path) -> tuple[Size, Clock]:
    """Decode a video to its end, so that damage is found before hours of work. Raises VideoError."""
    clock, count, shape = Clock(), 0, (0, 0, 3)
    for frame in tqdm(
        read_frames(path, clock=clock),
        f"reading {path.name}",
        unit="frame",
        leave=False,
        delay=2,
        mininterval=2,
    ):
        count, shape = count + 1, frame.shape
    return Size(count, shape[0], shape[1]), clock


def as_clip(name: str, frames: int, height: int, width: int) -> Clip:
    """A clip of HR frames of this size, as the stages take it; it belongs to no class."""
    return Clip(name, name, "", 0, "test", frames, height, width, 0)


class ArrayFrames:
    """Frames (T, h, w, 3) of one clip in memory."""

    def __init__(self, frames: np.ndarray) -> None:
        self._frames = frames

    def read(self, clip: str, numbers: Sequence[int]) -> np.ndarray:
        """Frames by their numbers."""
        return self._frames[list(numbers)]


class StreamedFrames:
    """Frames of one clip from an iterator; those of the last call are kept for the next one.

    Raises VideoError if the iterator ends too early: the file was changed after it was measured.
    """

    def __init__(self, frames: Iterator[np.ndarray]) -> None:
        self._frames = enumerate(frames)
        self._kept: dict[int, np.ndarray] = {}

    def read(self, clip: str, numbers: Sequence[int]) -> np.ndarray:
        """Frames by their numbers: later ones than the last call's, or some of that call's."""
        wanted, first, last = set(numbers), min(numbers), max(numbers)
        self._kept = {number: frame for number, frame in self._kept.items() if number >= first}
        while not self._kept.keys() >= wanted:
            number, frame = next(self._frames, (None, None))
            if number is None or frame is None or number > last:
                raise VideoError(
                    f"{clip}: no frame {last}; the file has changed while it was read, run again"
                )
            if number in wanted:
                self._kept[number] = frame
        return np.stack([self._kept[number] for number in numbers])
