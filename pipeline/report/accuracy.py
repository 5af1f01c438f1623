"""Late fusion, two definitions of accuracy, and confidence intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from pipeline.report.scores import ScoresError, StreamScores


@dataclass(frozen=True)
class Accuracy:
    """Accuracy over clips, in percent; ``low`` and ``high`` are the interval of ``top1``."""

    top1: float
    low: float
    high: float
    mean_class: float
    clips: int


def fuse(streams: Sequence[StreamScores], weights: Sequence[float]) -> StreamScores:
    """Weighted sum of streams' scores before softmax (TSN: 1 : 1.5, spatial : temporal).

    Raises:
        ScoresError: if the streams were scored on different clips.
    """
    first, *others = streams
    if not all(np.array_equal(first.clips, other.clips) for other in others):
        raise ScoresError("the streams to fuse were scored on different clips; score all again")
    values = weights[0] * first.values
    for weight, other in zip(weights[1:], others, strict=True):
        values = values + weight * other.values
    return StreamScores(first.clips, first.labels, values)


def measure(scores: StreamScores, confidence: float) -> Accuracy:
    """Top-1 accuracy with Wilson's interval, and mean per-class accuracy."""
    # Imported here, because planning a run does not need it.
    from scipy.stats import binomtest

    correct, clips = int(scores.correct.sum()), len(scores.labels)
    interval = binomtest(correct, clips).proportion_ci(confidence, "wilson")
    return Accuracy(
        top1=100 * correct / clips,
        low=100 * interval.low,
        high=100 * interval.high,
        mean_class=100 * mean_class_accuracy(scores.values, scores.labels),
        clips=clips,
    )


def mean_of_splits(pooled: Accuracy, splits: Sequence[Accuracy]) -> Accuracy:
    """Accuracies as means over splits; clips and interval are those of the pooled clips.

    The interval has the pooled clips' width and its place relative to their accuracy.
    """
    top1 = float(np.mean([split.top1 for split in splits]))
    shift = top1 - pooled.top1
    return replace(
        pooled,
        top1=top1,
        low=max(0.0, pooled.low + shift),
        high=min(100.0, pooled.high + shift),
        mean_class=float(np.mean([split.mean_class for split in splits])),
    )


def mean_class_accuracy(values: np.ndarray, labels: np.ndarray) -> float:
    """Mean over classes of the fraction of correctly classified clips.

    Args:
        values: (N, classes) scores.
        labels: (N,) true classes; classes without clips are ignored.
    """
    correct = values.argmax(axis=1) == labels
    return float(np.mean([correct[labels == c].mean() for c in np.unique(labels)]))
