"""Mixtures of HR clips and enlarged LR clips for training (figure 8)."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from pipeline.data.manifest import Clip
from pipeline.files import seed_for
from pipeline.recognition.reading import Reader


def low_clips(clips: Sequence[Clip], ratio: float, seed: int) -> set[str]:
    """Identifiers of the clips that are used in LR: ``ratio`` of each class, rounded half up.

    The clips of a smaller ratio are a subset of those of a larger one, so that two mixtures differ only by
    their ratios.
    """
    by_class: dict[str, list[str]] = {}
    for clip in clips:
        by_class.setdefault(clip.class_name, []).append(clip.id)
    low = set()
    for name, ids in by_class.items():
        order = np.random.default_rng(seed_for(seed, "mixture", name)).permutation(len(ids))
        low |= {ids[place] for place in order[: int(np.floor(ratio * len(ids) + 0.5))]}
    return low


class MixedReader:
    """Reads some clips from one reader and the rest from another (``Reader``)."""

    def __init__(self, high: Reader, low: Reader, low_clips: Collection[str]) -> None:
        self._high, self._low, self._low_clips = high, low, low_clips

    def frames(self, clip: Clip, numbers: Sequence[int]) -> np.ndarray:
        """RGB frames (n, height, width, 3) uint8."""
        return self._reader(clip).frames(clip, numbers)

    def fields(self, clip: Clip, numbers: Sequence[int]) -> np.ndarray:
        """Quantised flow fields (n, height, width, 2) uint8."""
        return self._reader(clip).fields(clip, numbers)

    def _reader(self, clip: Clip) -> Reader:
        return self._low if clip.id in self._low_clips else self._high
