"""Reads frames and flow of clips from shard stores at the recognisers' size."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from pipeline.data.manifest import Clip
from pipeline.errors import PipelineError
from pipeline.recognition.sampling import count_fields
from pipeline.video.resize import resize_frames
from pipeline.video.store import ShardReader

PRELOAD_BYTES = 1_500_000_000
"""A stream's clips are kept in memory if they need fewer bytes in total."""


class ReadingError(PipelineError):
    """The stores lack clips or fields that a recogniser reads."""


class Reader(Protocol):
    """What a training reads clips by."""

    def frames(self, clip: Clip, numbers: Sequence[int]) -> np.ndarray:
        """RGB frames (n, height, width, 3) uint8."""
        ...

    def fields(self, clip: Clip, numbers: Sequence[int]) -> np.ndarray:
        """Quantised flow fields (n, height, width, 2) uint8."""
        ...


class SizedReader(Reader, Protocol):
    """What a scoring reads clips by."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of all frames and fields."""
        ...


class ClipReader:
    """Frames and fields of ``clips`` from all the given shards.

    With ``keep``, whole clips are kept in memory after the first use, if all of them fit into PRELOAD_BYTES.
    A pickled reader opens its stores again in the other process, and keeps nothing there.
    Example: ``with ClipReader(clips, [hr], [flow], (340, 256)) as reader: ...``
    """

    def __init__(
        self,
        clips: Sequence[Clip],
        frames: Sequence[Path],
        flow: Sequence[Path],
        frame_size: Sequence[int],
        keep: bool = False,
    ):
        self._paths = {"frames": list(frames), "flow": list(flow)}
        self._width, self._height = frame_size
        total = sum(clip.frames for clip in clips)
        channels = 3 * bool(frames) + 2 * bool(flow)
        self._keep = keep and total * self._width * self._height * channels < PRELOAD_BYTES
        self._kept: dict[tuple[str, str], np.ndarray] = {}
        self._stack = ExitStack()

    def __enter__(self) -> ClipReader:
        self._readers: dict[str, dict[str, ShardReader]] = {}
        with ExitStack() as stack:
            for kind, paths in self._paths.items():
                self._readers[kind] = {}
                for path in paths:
                    reader = stack.enter_context(ShardReader(path))
                    self._readers[kind] |= dict.fromkeys(reader.clips, reader)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_keep": False, "_kept": {}, "_readers": {}, "_stack": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.__enter__()

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of all frames and fields."""
        return self._width, self._height

    def frames(self, clip: Clip, numbers: Sequence[int]) -> np.ndarray:
        """RGB frames (n, height, width, 3) uint8, resized to the recognisers' size."""
        return self._read("frames", clip, numbers, clip.frames)

    def fields(self, clip: Clip, numbers: Sequence[int]) -> np.ndarray:
        """Quantised flow fields (n, height, width, 2) uint8; field t goes from frame t to t + 1."""
        return self._read("flow", clip, numbers, count_fields(clip.frames))

    def _read(self, kind: str, clip: Clip, numbers: Sequence[int], count: int) -> np.ndarray:
        kept = self._kept.get((kind, clip.id))
        if kept is not None:
            return kept[list(numbers)]
        reader = self._readers[kind].get(clip.id)
        if reader is None:
            places = ", ".join(str(path) for path in self._paths[kind]) or f"any store of {kind}"
            raise ReadingError(f"clip {clip.id} is not in {places}; was it prepared by another manifest?")
        wanted = list(range(count)) if self._keep else list(numbers)
        read = reader.read(clip.id, wanted)
        if kind == "frames":
            read = resize_frames(read, self._width, self._height)
        elif read.shape[1:3] != (self._height, self._width):
            raise ReadingError(
                f"{reader.path}: flow of {clip.id} is {read.shape[2]}x{read.shape[1]}, but "
                f"recognition.frame_size is {self._width}x{self._height}; extract the flow again"
            )
        if not self._keep:
            return read
        self._kept[kind, clip.id] = read
        return read[list(numbers)]
