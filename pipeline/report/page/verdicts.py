"""What each row's recogniser says of the clips that the page shows."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import softmax

from pipeline.data.manifest import Clip
from pipeline.report.page.request import BuildPage
from pipeline.report.rows import Rows, each_column

TOP = 5


def verdicts(rows: Rows, request: BuildPage, dataset: str, clips: list[str]) -> dict[str, Any]:
    """Per clip, "recogniser column" and row: the best classes (labels) with the softmax of their scores.

    Raises:
        ScoresError: scores are missing.
    """
    found: dict[str, Any] = {clip: {} for clip in clips}
    for name, recognizer, column in each_column(request):
        if name != dataset:
            continue
        for method in rows.methods:
            scores = rows.of(dataset, recognizer, method, column)
            place = {str(clip): number for number, clip in enumerate(scores.clips)}
            shares = softmax(scores.values[[place[clip] for clip in clips]], axis=1)
            for clip, share in zip(clips, shares, strict=True):
                best = np.argsort(-share, kind="stable")[:TOP]
                top = [[int(label), round(float(share[label]), 3)] for label in best]
                found[clip].setdefault(f"{recognizer} {column}", {})[method] = top
    return found


def class_names(clips: list[Clip]) -> list[str]:
    """Names of a data set's classes by label."""
    names = {clip.label: clip.class_name for clip in clips}
    return [names.get(label, f"class {label}") for label in range(1 + max(names))]
