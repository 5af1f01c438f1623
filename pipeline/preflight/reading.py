"""How much of the test clips is read and seen: frames, flow fields and the networks' views."""

from __future__ import annotations

from collections import Counter
from functools import cache

from pipeline.config import Config, Recognizer
from pipeline.experiment import TWO_STREAMS
from pipeline.recognition.plan import read_indices


class Reads:
    """Frames and flow fields that the recognisers of a configuration read of test clips."""

    def __init__(self, config: Config) -> None:
        self._recognizers = config.recognition.recognizers.values()
        self._count = cache(self._read)

    def count(self, lengths: Counter[int]) -> tuple[int, int]:
        """Frames and flow fields that are read, given how many clips there are of each length."""
        frames = fields = 0
        for length, clips in lengths.items():
            per_frames, per_fields = self._count(length)
            frames += clips * per_frames
            fields += clips * per_fields
        return frames, fields

    def _read(self, length: int) -> tuple[int, int]:
        frames: set[int] = set()
        fields: set[int] = set()
        for spec in self._recognizers:
            rgb, flow = read_indices(spec, length)
            frames |= rgb
            fields |= flow
        ends = {end for field in fields for end in (field, field + 1) if end < length}
        return len(frames | ends), len(fields)


def views(spec: Recognizer, streams: list[str], size: list[int]) -> dict[str, float]:
    """Views of a test clip that each stream's backbone sees, in units of its square input."""
    if spec.protocol == "tsn":
        return {stream: spec.test_snippets * spec.test_crops for stream in streams}
    # All of the frame and its mirror image; the joint network runs both backbones once more.
    whole = 2 * spec.test_frames * size[0] * size[1] / spec.crop**2
    return {stream: whole * ((stream in streams) + ("joint" in streams)) for stream in TWO_STREAMS}
