"""The stage that trains a recogniser on a mixture of HR clips and enlarged LR clips (figure 8)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np

from pipeline.data.manifest import Clip
from pipeline.files import seed_for
from pipeline.recognition.reading import ClipReader
from pipeline.recognition.request import TrainMixedRecognizer
from pipeline.recognition.training import open_clips, train_stream


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
    """Reads some clips from one reader and the rest from another (``ClipReader``'s frames and fields)."""

    def __init__(self, high: ClipReader, low: ClipReader, low_clips: Collection[str]) -> None:
        self._high, self._low, self._low_clips = high, low, low_clips

    def frames(self, clip: Clip, numbers: Sequence[int]) -> np.ndarray:
        """RGB frames (n, height, width, 3) uint8."""
        return self._reader(clip).frames(clip, numbers)

    def fields(self, clip: Clip, numbers: Sequence[int]) -> np.ndarray:
        """Quantised flow fields (n, height, width, 2) uint8."""
        return self._reader(clip).fields(clip, numbers)

    def _reader(self, clip: Clip) -> ClipReader:
        return self._low if clip.id in self._low_clips else self._high


@contextmanager
def _open_mixed(
    open_high: Callable[[Sequence[Clip]], ClipReader],
    open_low: Callable[[Sequence[Clip]], ClipReader],
    ratio: float,
    seed: int,
    clips: Sequence[Clip],
) -> Iterator[MixedReader]:
    with open_high(clips) as high, open_low(clips) as low:
        yield MixedReader(high, low, low_clips(clips, ratio, seed))


def train_mixed_recognizer(
    request: TrainMixedRecognizer,
    manifest: Path,
    frames: list[Path],
    flow: list[Path],
    low_frames: list[Path],
    low_flow: list[Path],
    init: list[Path],
    code: str,
    out: Path,
) -> None:
    """Train like ``train_recognizer``, with ``ratio`` of the clips of each class in LR.

    A clip is entirely HR or entirely LR, in frames and flow: LR frames are down-sampled and enlarged again,
    LR flow is computed from them. Everything else, including random numbers, is the same for all ratios.
    Source: section 4.3, where sequences are mixed.

    Args:
        request: as in train_recognizer, with the ratio.
        manifest, init, code, out: as in train_recognizer.
        frames, flow: HR stores of the training split, all shards.
        low_frames, low_flow: stores of the enlarged LR clips.

    Raises:
        TrainingError: checkpoints or clips are missing, or a loss is not finite.
        ReadingError: a clip is not in its stores.
    """
    open_high = partial(open_clips, request, frames, flow)
    open_low = partial(open_clips, request, low_frames, low_flow)
    open_reader = partial(_open_mixed, open_high, open_low, request.ratio, request.seed)
    train_stream(open_reader, request, manifest, init, code, out)
