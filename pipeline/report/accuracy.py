"""Late fusion and the two definitions of accuracy."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pipeline.report.scores import ScoresError, StreamScores


def fuse(spatial: StreamScores, temporal: StreamScores, weights: Sequence[float]) -> StreamScores:
    """Weighted sum of two streams' scores before softmax (TSN: 1 : 1.5, spatial : temporal).

    Raises:
        ScoresError: if the two streams were scored on different clips.
    """
    if not np.array_equal(spatial.clips, temporal.clips):
        raise ScoresError("the two streams to fuse were scored on different clips; score both again")
    values = weights[0] * spatial.values + weights[1] * temporal.values
    return StreamScores(spatial.clips, spatial.labels, values)


def mean_class_accuracy(values: np.ndarray, labels: np.ndarray) -> float:
    """Mean over classes of the fraction of a class's clips that are right.

    Args:
        values: (N, classes) scores.
        labels: (N,) true classes; classes without a clip do not count.
    """
    correct = values.argmax(axis=1) == labels
    return float(np.mean([correct[labels == c].mean() for c in np.unique(labels)]))
