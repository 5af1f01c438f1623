"""When the frames of a video are shown, and how wide their pixels."""

from __future__ import annotations

from array import array
from fractions import Fraction
from itertools import pairwise


class Clock:
    """Time stamps of a video's frames, in ticks; 16 bytes a frame.

    Attributes:
        tick: seconds of a tick.
        starts: when each frame is shown, strictly ascending. A frame without a time stamp, or with that of
            the frame before, is shown as soon as possible after that frame.
        lengths: how long each is shown; 0 if unknown.
        shape: width of a pixel in units of its height.
    """

    def __init__(self) -> None:
        self.tick, self.shape = Fraction(1, 1000), Fraction(1)
        self.starts = array("q")
        self.lengths = array("q")

    def set_tick(self, numerator: int, denominator: int) -> None:
        """Set the length of a tick in seconds."""
        if numerator and denominator:
            self.tick = Fraction(numerator, denominator)

    def set_shape(self, width: int, height: int) -> None:
        """Set the shape of pixels; 0: unknown, so square."""
        if width and height:
            self.shape = Fraction(width, height)

    def add(self, start: int | None, length: int | None) -> None:
        """Append a frame; None: unknown."""
        if self.starts:
            after = self.starts[-1] + (max(self.lengths[-1], 1) if start is None else 1)
            start = after if start is None else max(start, after)
        self.starts.append(start or 0)
        self.lengths.append(max(length or 0, 0))

    def take(self, other: Clock) -> None:
        """Become equal to another clock."""
        self.tick, self.shape = other.tick, other.shape
        self.starts, self.lengths = other.starts, other.lengths

    @property
    def seconds(self) -> list[float]:
        """When each frame is shown, in seconds."""
        return [float(start * self.tick) for start in self.starts]

    @property
    def steady(self) -> bool:
        """Whether all frames are equally far apart, to a tick."""
        steps = {later - earlier for earlier, later in pairwise(self.starts)}
        return not steps or max(steps) - min(steps) <= 1

    @property
    def rate(self) -> Fraction:
        """Mean frames per second; 25 for a single frame of unknown length."""
        frames = len(self.starts)
        if frames > 1 and self.starts[-1] > self.starts[0]:
            return (frames - 1) / ((self.starts[-1] - self.starts[0]) * self.tick)
        length = self.lengths[0] if frames else 0
        return 1 / (length * self.tick) if length else Fraction(25)
