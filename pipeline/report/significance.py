"""Which differences between two rows are beyond noise: paired tests and intervals over clips."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import binomtest, bootstrap

from pipeline.config import Method, Recognizer, Report
from pipeline.files import atomic_path, seed_for
from pipeline.report.rows import Names, Rows, columns, markdown_table, write_markdown
from pipeline.report.scores import STREAMS, ScoresError

BATCH_VALUES = 20_000_000
"""Resampled clips (of all rows) held at once."""


def mcnemar(first: np.ndarray, second: np.ndarray) -> float:
    """Two-sided exact p of McNemar's test that two rows are right equally often.

    Of the clips that one row alone recognises, each is as likely to be the one's as the other's; so their
    number is binomial with 1/2. Source: McNemar 1947; Dietterich 1998, section 3.1.

    Args:
        first, second: (N,) whether each clip is recognised, the same clips in the same order.
    """
    only_first, only_second = int((first & ~second).sum()), int((second & ~first).sum())
    discordant = only_first + only_second
    return float(binomtest(only_first, discordant).pvalue) if discordant else 1.0


def holm(p: np.ndarray) -> np.ndarray:
    """p values (M,) of one family, adjusted by Holm's step-down method (Holm 1979).

    An adjusted value below alpha is a difference found with a chance below alpha of one or more false finds
    in the whole family, whatever the dependence between its tests.
    """
    order = np.argsort(p, kind="stable")
    steps = (len(p) - np.arange(len(p))) * p[order]
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0) if len(p) else steps
    return adjusted


def intervals(correct: np.ndarray, confidence: float, resamples: int, seed: int) -> np.ndarray:
    """Bootstrap percentile intervals (pairs, 2) of the difference in accuracy of every two rows.

    Clips are drawn with repetition, the same for all rows (paired). Fractions, not percent. A pair that
    agrees on every clip has an interval of no width: such clips say nothing about its noise.

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
    """Whether each clip (N,) is recognised, by row. A pairing is only compared where it is its own: fused.

    Raises:
        ScoresError: two rows were scored on different clips.
    """
    found, clips = {}, None
    for name, row in rows.methods.items():
        if row.model is None and stream != "fusion":
            continue
        scores = rows.of(dataset, recognizer, name, stream)
        if clips is not None and not np.array_equal(scores.clips, clips):
            raise ScoresError(
                f"{dataset}, {recognizer}: {name} was scored on other clips; score all rows again"
            )
        found[name], clips = scores.correct, scores.clips
    return found


def compare(correct: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """Every two rows of one column: who alone is right how often, p of McNemar, and p after Holm.

    The family that Holm's method guards is the column: all its pairs of rows.
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


def compare_rows(
    scores: list[Path],
    methods: dict[str, Method],
    datasets: dict[str, dict[str, str | None]],
    recognizers: dict[str, Recognizer],
    report: Report,
    seed: int,
    csv: Path,
    markdown: Path,
) -> None:
    """Test every difference between two rows of Table 4, column by column.

    Args:
        scores: files of ``score_clips``.
        methods: rows in order.
        datasets: ``label`` of each data set, in order.
        recognizers: ``label``, ``protocol`` and, for TSN, the ``fusion`` weights, in order.
        report: level, number of resamples and caption.
        seed: of the resamples.
        csv: one line for each column and two of its rows; see docs/tables.md.
        markdown: the differences beyond noise, for reading.
    Raises:
        ScoresError: scores are missing, or rows were scored on different clips.
    """
    rows, names = Rows(scores, methods, recognizers), Names(methods, datasets, recognizers)
    tables = []
    for dataset, recognizer in columns(datasets, recognizers):
        for stream in STREAMS:
            correct = correctness(rows, dataset, recognizer, stream)
            table = compare(correct)
            limits = 100 * intervals(
                np.stack(list(correct.values())),
                report.confidence,
                report.resamples,
                seed_for(seed, "bootstrap", dataset, recognizer, stream),
            )
            table.insert(3, "low", limits[:, 0])
            table.insert(4, "high", limits[:, 1])
            table["beyond_noise"] = table["p_holm"] < 1 - report.confidence
            for place, (key, value) in enumerate(
                {
                    "dataset": names.datasets[dataset],
                    "recognizer": names.recognizers[recognizer],
                    "stream": stream,
                }.items()
            ):
                table.insert(place, key, value)
            tables.append(table.replace({"first": names.methods, "second": names.methods}))
    whole = pd.concat(tables, ignore_index=True)
    with atomic_path(csv) as path:
        whole.to_csv(path, index=False, float_format="%.6g")
    write_markdown(markdown, "Differences between rows of Table 4", report.caption, _lines(whole, report))


def _lines(whole: pd.DataFrame, report: Report) -> list[str]:
    level = f"{100 * report.confidence:g} %"
    lines = [
        "Percentage points of top-1 accuracy, first row minus second, with the paired bootstrap interval "
        f"({level}, not adjusted for the number of pairs). Listed are the differences beyond noise: "
        f"p of McNemar's exact test is below {1 - report.confidence:.2g} after Holm's adjustment for all "
        "pairs of rows of the column. All pairs stand in the CSV.",
    ]
    for (dataset, recognizer, stream), table in whole.groupby(
        ["dataset", "recognizer", "stream"], sort=False
    ):
        found = table[table["beyond_noise"]]
        lines += ["", f"## {dataset}, {recognizer}, {stream}: {len(found)} of {len(table)} pairs", ""]
        if len(found):
            shown = pd.DataFrame(
                {
                    "first": found["first"],
                    "second": found["second"],
                    "difference": [f"{d:+.2f}" for d in found["difference"]],
                    "interval": [
                        f"{a:+.2f} to {b:+.2f}" for a, b in zip(found["low"], found["high"], strict=True)
                    ],
                    "p after Holm": [f"{p:.2g}" for p in found["p_holm"]],
                }
            )
            lines.append(markdown_table(shown, index=False, disable_numparse=True))
    return lines
