"""Late fusion and accuracies, on (clips, classes) arrays of scores."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def fuse(spatial: np.ndarray, temporal: np.ndarray, weights: Sequence[float]) -> np.ndarray:
    """``weights[0] * spatial + weights[1] * temporal`` (TSN: 1 and 1.5, scores before softmax).

    Raises ValueError if the two do not hold the same clips and classes.
    """
    if spatial.shape != temporal.shape:
        raise ValueError(f"spatial scores are {spatial.shape}, temporal scores {temporal.shape}")
    return weights[0] * spatial + weights[1] * temporal


def top1(scores: np.ndarray, labels: np.ndarray) -> float:
    """The fraction of clips whose best class is the right one; the first of equal scores counts."""
    return float(np.mean(scores.argmax(1) == labels))


def mean_class_accuracy(scores: np.ndarray, labels: np.ndarray) -> float:
    """The mean over the classes present of each class's accuracy (what TSN reports)."""
    right = scores.argmax(1) == labels
    return float(np.mean([right[labels == label].mean() for label in np.unique(labels)]))
