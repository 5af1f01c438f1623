"""Table 1: accuracy of each class, and which classes SR helps or harms most."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.config import Method, PerClass, Recognizer, Report
from pipeline.files import atomic_path
from pipeline.report.rows import Names, Rows, columns, markdown_table, write_markdown
from pipeline.report.scores import STREAMS, StreamScores


def class_accuracy(scores: StreamScores) -> pd.DataFrame:
    """Number of clips and share of them that are recognised, in percent, by name of the class."""
    classes = [clip.split("/")[0] for clip in scores.clips]
    groups = pd.Series(100.0 * scores.correct).groupby(classes)
    return pd.DataFrame({"clips": groups.size(), "accuracy": groups.mean()})


def case(hr: float, baseline: float, sr: float) -> str:
    """The case of the paper's Table 1 that three accuracies of a class show, or nothing.

    a: SR restores what down-sampling lost (HR > SR > baseline); b: SR harms (baseline > HR > SR);
    c: SR is better than HR itself (SR > HR > baseline).
    """
    orders = {"a": (hr, sr, baseline), "b": (baseline, hr, sr), "c": (sr, hr, baseline)}
    return next((name for name, (x, y, z) in orders.items() if x > y > z), "")


def tabulate_classes(
    scores: list[Path],
    methods: dict[str, Method],
    datasets: dict[str, dict[str, str | None]],
    recognizers: dict[str, Recognizer],
    table: PerClass,
    report: Report,
    csv: Path,
    markdown: Path,
) -> None:
    """Compute Table 1 (section 3.1.1) for every stream of every column.

    Args:
        scores: files of ``score_clips`` of the rows.
        methods: the rows and, for pairings, the rows of their streams.
        datasets: ``label`` of each data set, in order.
        recognizers: ``label``, ``protocol`` and, for TSN, the ``fusion`` weights, in order.
        table: rows to show, and how many classes the Markdown names.
        report: baseline and caption.
        csv: a line for each class of each column; see docs/tables.md.
        markdown: the classes with the largest differences from the baseline, for reading.
    Raises:
        ScoresError: scores are missing.
    """
    rows, names = Rows(scores, methods, recognizers), Names(methods, datasets, recognizers)
    parts = []
    for dataset, recognizer in columns(datasets, recognizers):
        for stream in STREAMS:
            found = {row: class_accuracy(rows.of(dataset, recognizer, row, stream)) for row in table.rows}
            part = _classes(found, methods, names, report.baseline)
            part.insert(0, "dataset", names.datasets[dataset])
            part.insert(1, "recognizer", names.recognizers[recognizer])
            part.insert(2, "stream", stream)
            parts.append(part)
    whole = pd.concat(parts, ignore_index=True)
    with atomic_path(csv) as path:
        whole.to_csv(path, index=False, float_format="%.2f")
    title = "Table 1: accuracy of classes"
    sr = [names.methods[row] for row in table.rows if row != report.baseline and methods[row].model != "hr"]
    baseline = names.methods[report.baseline] if report.baseline in table.rows else None
    lines = _lines(whole, sr if baseline else [], baseline, table.shown)
    write_markdown(markdown, title, report.caption, lines)


def _classes(
    found: Mapping[str, pd.DataFrame], methods: Mapping[str, Method], names: Names, baseline: str
) -> pd.DataFrame:
    """One line a class: clips, accuracy of each row, difference from the baseline, the paper's case."""
    first = next(iter(found.values()))
    part = pd.DataFrame({"class": first.index, "clips": first["clips"].to_numpy()})
    accuracy = {row: table["accuracy"].to_numpy() for row, table in found.items()}
    for row, values in accuracy.items():
        part[names.methods[row]] = values
    if baseline not in accuracy:
        return part
    hr = next((row for row in accuracy if methods[row].model == "hr"), None)
    for row, values in accuracy.items():
        if row == baseline:
            continue
        part[f"{names.methods[row]} - {names.methods[baseline]}"] = values - accuracy[baseline]
        if hr not in (None, row):
            triples = zip(accuracy[hr], accuracy[baseline], values, strict=True)
            part[f"{names.methods[row]} case"] = [case(*triple) for triple in triples]
    return part


def _lines(whole: pd.DataFrame, sr: list[str], baseline: str | None, shown: int) -> list[str]:
    lines = [
        "Top-1 accuracy in percent of each class's test clips, of which a class may have few. "
        "Case a: HR > SR > baseline; b: baseline > HR > SR; c: SR > HR > baseline, as in the paper. "
        "All classes stand in the CSV.",
    ]
    for row in sr:
        differences = f"{row} - {baseline}"
        for (dataset, recognizer, stream), part in whole.groupby(
            ["dataset", "recognizer", "stream"], sort=False
        ):
            # Stable, so that classes with equal differences stand in alphabetical order.
            ordered = part.iloc[np.argsort(-part[differences].to_numpy(), kind="stable")]
            helped = ordered[ordered[differences] > 0].head(shown)
            harmed = ordered[ordered[differences] < 0].tail(shown)
            lines += ["", f"## {row} against {baseline}: {dataset}, {recognizer}, {stream}", ""]
            if helped.empty and harmed.empty:
                lines.append(f"The same on all {len(part)} classes.")
                continue
            lines.append(
                f"Better on {(part[differences] > 0).sum()}, worse on {(part[differences] < 0).sum()} of "
                f"{len(part)} classes; the furthest of both:"
            )
            lines += ["", markdown_table(_short(pd.concat([helped, harmed])), index=False, floatfmt=".2f")]
    return lines


def _short(part: pd.DataFrame) -> pd.DataFrame:
    return part.drop(columns=["dataset", "recognizer", "stream"])
