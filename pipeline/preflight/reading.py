"""Counts the frames and flow fields that are read of test clips."""

from __future__ import annotations

from collections import Counter
from functools import cache

from pipeline.config import Config
from pipeline.recognition.plan import read_indices
from pipeline.superres.segments import segments


class Reads:
    """Frames and flow fields that the recognisers of a configuration read of test clips."""

    def __init__(self, config: Config) -> None:
        specs = config.recognition.recognizers.values()
        self._streams = [spec.planned(stream) for spec in specs for stream in spec.streams]
        self._count = cache(self._read)

    def count(self, lengths: Counter[int]) -> tuple[int, int]:
        """Frames and flow fields that are read, given the number of clips of each length."""
        frames = fields = 0
        for length, clips in lengths.items():
            per_frames, per_fields = self._count(length)
            frames += clips * per_frames
            fields += clips * per_fields
        return frames, fields

    def seen(self, lengths: Counter[int], segment: int, overlap: int) -> int:
        """Frames that a network of whole clips computes for those that are read (``segments``)."""
        return sum(
            clips * sum(len(seen) for _, seen in segments(self._frames(length), length, segment, overlap))
            for length, clips in lengths.items()
        )

    def _read(self, length: int) -> tuple[int, int]:
        return len(self._frames(length)), len(read_indices(self._streams, length)[1])

    def _frames(self, length: int) -> list[int]:
        frames, fields = read_indices(self._streams, length)
        return sorted(frames | {end for field in fields for end in (field, field + 1) if end < length})
