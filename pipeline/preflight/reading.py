"""Counts the frames and flow fields that are read of test clips."""

from __future__ import annotations

from collections import Counter
from functools import cache

from pipeline.config import Config
from pipeline.recognition.plan import read_indices


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

    def _read(self, length: int) -> tuple[int, int]:
        frames, fields = read_indices(self._streams, length)
        ends = {end for field in fields for end in (field, field + 1) if end < length}
        return len(frames | ends), len(fields)
