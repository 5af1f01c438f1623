"""Flow between pairs of a clip's frames, by any engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from pipeline.errors import PipelineError


class FlowError(PipelineError):
    """Flow cannot be computed; the message names the clip and what to do."""


class Frames(Protocol):
    """What frames are read from: a shard store, or the frames of one video."""

    def read(self, clip: str, numbers: Sequence[int]) -> np.ndarray:
        """Frames (n, h, w, 3) uint8 of a clip."""
        ...


@dataclass(frozen=True)
class Engine:
    """A way to compute flow; each engine's module has a context manager ``load_engine`` that returns one.

    Attributes:
        prepare: an RGB frame (h, w, 3) uint8 -> what ``flow`` takes.
        flow: two prepared frames -> flow (2, h, w) float32 in pixels from the first to the second.
    """

    prepare: Callable[[np.ndarray], np.ndarray]
    flow: Callable[[np.ndarray, np.ndarray], np.ndarray]


def pair_flows(
    reader: Frames, clip: str, numbers: list[int], gap: int, engine: Engine
) -> Iterator[np.ndarray]:
    """Flow (h, w, 2) from frame t to t + gap for ascending t; each frame is read and prepared once."""
    ready: dict[int, np.ndarray] = {}
    for number in numbers:
        ready = {kept: frame for kept, frame in ready.items() if kept >= number}
        for wanted in (number, number + gap):
            if wanted not in ready:
                ready[wanted] = engine.prepare(reader.read(clip, [wanted])[0])
        yield np.moveaxis(engine.flow(ready[number], ready[number + gap]), 0, -1)
