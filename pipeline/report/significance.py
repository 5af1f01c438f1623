"""Significance of differences between two rows: paired tests and intervals over clips."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import TYPE_CHECKING

import lazy_loader
import numpy as np

from pipeline.files import seed_for
from pipeline.report.rows import Rows
from pipeline.report.scores import ScoresError

if TYPE_CHECKING:
    import pandas as pd
else:
    pd = lazy_loader.load("pandas")

BATCH_VALUES = 20_000_000
"""Resampled clips (of all rows) held at once."""


def mcnemar(first: np.ndarray, second: np.ndarray) -> float:
    """Two-sided exact p-value of McNemar's test that two rows are right equally often.

    Under that hypothesis, a clip that only one row recognises is equally likely to be either row's, so their
    number is binomial with 1/2. Source: McNemar 1947; Dietterich 1998, section 3.1.

    Args:
        first, second: (N,) whether each clip is recognised, the same clips in the same order.
    """
    only_first, only_second = int((first & ~second).sum()), int((second & ~first).sum())
    discordant = only_first + only_second
    # Imported here, because planning a run does not need it.
    from scipy.stats import binomtest

    return float(binomtest(only_first, discordant).pvalue) if discordant else 1.0


def holm(p: np.ndarray) -> np.ndarray:
    """p-values (M,) of one family, adjusted by Holm's step-down method (Holm 1979).

    If adjusted values below alpha count as differences, the probability of one or more false positives in the
    family is at most alpha, whatever the dependence between its tests.
    """
    order = np.argsort(p, kind="stable")
    steps = (len(p) - np.arange(len(p))) * p[order]
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0) if len(p) else steps
    return adjusted


def intervals(correct: np.ndarray, confidence: float, resamples: int, seed: int) -> np.ndarray:
    """Bootstrap percentile intervals (pairs, 2) of the difference in accuracy of every two rows.

    Clips are drawn with replacement, the same for all rows (paired). Fractions, not percent. A pair that
    agrees on every clip has an interval of zero width, because such clips say nothing about its noise.

    Args:
        correct: (rows, N) whether each clip is recognised.
        confidence: level.
        resamples: number of resamples.
        seed: of the draw.
    """
    first, second = np.triu_indices(len(correct), 1)

    def differences(*rows: np.ndarray, axis: int) -> np.ndarray:
        means = np.stack([row.mean(axis=axis) for row in rows])
        return means[first] - means[second]

    if not len(first):
        return np.empty((0, 2))
    from scipy.stats import bootstrap

    found = bootstrap(
        tuple(correct.astype(np.float32)),
        differences,
        paired=True,
        vectorized=True,
        n_resamples=resamples,
        batch=max(1, BATCH_VALUES // correct.size),
        confidence_level=confidence,
        method="percentile",
        rng=np.random.default_rng(seed),
    ).confidence_interval
    return np.stack([found.low, found.high], axis=1)


def correctness(rows: Rows, dataset: str, recognizer: str, stream: str) -> dict[str, np.ndarray]:
    """Whether each clip (N,) is recognised, by row. Pairings are compared only in fused columns.

    Raises:
        ScoresError: two rows were scored on different clips.
    """
    found, clips = {}, None
    for name, row in rows.shown(dataset).items():
        if row.model is None and rows.scored_row(recognizer, name, stream) != name:
            continue
        scores = rows.of(dataset, recognizer, name, stream)
        if clips is not None and not np.array_equal(scores.clips, clips):
            raise ScoresError(
                f"{dataset}, {recognizer}: {name} was scored on other clips; score all rows again"
            )
        found[name], clips = scores.correct, scores.clips
    return found


def compare(correct: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """Every two rows of one column: clips that only one recognises, McNemar's p, and p after Holm.

    The family for Holm's method is all pairs of rows of the column.
    """
    pairs = [
        {
            "first": first,
            "second": second,
            "difference": 100 * float(correct[first].mean() - correct[second].mean()),
            "only_first": int((correct[first] & ~correct[second]).sum()),
            "only_second": int((correct[second] & ~correct[first]).sum()),
            "p": mcnemar(correct[first], correct[second]),
        }
        for first, second in combinations(correct, 2)
    ]
    table = pd.DataFrame(pairs, columns=["first", "second", "difference", "only_first", "only_second", "p"])
    return table.assign(p_holm=holm(table["p"].to_numpy(float)))


def differences(
    rows: Rows, column: tuple[str, str, str], confidence: float, resamples: int, seed: int
) -> pd.DataFrame:
    """``compare`` of a column (data set, recogniser, stream), with the difference's bootstrap interval.

    Args:
        seed: the configuration's; each column draws by itself.
    """
    correct = correctness(rows, *column)
    table = compare(correct)
    drawn = seed_for(seed, "bootstrap", *column)
    limits = 100 * intervals(np.stack(list(correct.values())), confidence, resamples, drawn)
    table.insert(3, "low", limits[:, 0])
    table.insert(4, "high", limits[:, 1])
    table["beyond_noise"] = table["p_holm"] < 1 - confidence
    return table
