"""Table 1: accuracy of each class, and the classes that SR improves or worsens most."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import lazy_loader
import numpy as np
from pydantic import Field

from pipeline.config.report import Method, Row
from pipeline.config.section import Name, PositiveInt
from pipeline.config.tables import Table, unknown_rows
from pipeline.report.rows import Names, each_column, markdown_table
from pipeline.report.scores import StreamScores
from pipeline.report.tabulate import Made, TableData
from pipeline.request import Request

if TYPE_CHECKING:
    import pandas as pd

    from pipeline.config import Config
    from pipeline.experiment.rows import Rows
else:
    pd = lazy_loader.load("pandas")


class PerClass(Table):
    """Table 1: accuracy of each class, and the classes that SR improves or worsens most."""

    class Settings(Request):
        """Further keys that the table reads."""

        baseline: str = Field(description="row to which others are compared")

    rows: list[Name] = Field(["hr", "bicubic", "vdsr"], min_length=1, description="rows of methods")
    shown: PositiveInt = Field(
        5, description="number of most improved and most worsened classes in the Markdown"
    )

    def scored_rows(self, rows: Rows) -> dict[str, Method]:
        """The rows, and for pairings the rows of their streams."""
        return rows.with_parts(self.rows)

    def problems(self, key: str, config: Config) -> Iterator[str]:
        """Rows that are not in ``methods``."""
        return unknown_rows(key, self.rows, config)

    def make(self, data: TableData) -> Made:
        """One line per class of each stream of each column (section 3.1.1); see docs/tables.md."""
        rows, names, baseline = data.rows, data.names, data.settings.baseline
        parts = []
        for dataset, recognizer, stream in each_column(data.request):
            there = [row for row in self.rows if row in rows.shown(dataset)]
            if not there:
                continue
            found = {row: class_accuracy(rows.of(dataset, recognizer, row, stream)) for row in there}
            part = _classes(found, rows.methods, names, baseline)
            part.insert(0, "dataset", names.datasets[dataset])
            part.insert(1, "recognizer", names.recognizers[recognizer])
            part.insert(2, "stream", stream)
            parts.append(part)
        whole = pd.concat(parts, ignore_index=True)
        compared = [row for row in self.rows if row != baseline and rows.methods[row].model != "hr"]
        sr = [names.methods[row] for row in compared] if baseline in self.rows else []
        lines = _lines(whole, sr, names.methods.get(baseline), self.shown)
        return Made("Table 1: accuracy of classes", whole, lines, digits="%.2f")


def class_accuracy(scores: StreamScores) -> pd.DataFrame:
    """Number of clips and accuracy in percent, by name of the class."""
    classes = [clip.split("/")[0] for clip in scores.clips]
    groups = pd.Series(100.0 * scores.correct).groupby(classes)
    return pd.DataFrame({"clips": groups.size(), "accuracy": groups.mean()})


def case(hr: float, baseline: float, sr: float) -> str:
    """The case of the paper's Table 1 for three accuracies of a class; empty if none applies.

    a: SR restores what down-sampling lost (HR > SR > baseline); b: SR is harmful (baseline > HR > SR);
    c: SR is better than HR (SR > HR > baseline).
    """
    orders = {"a": (hr, sr, baseline), "b": (baseline, hr, sr), "c": (sr, hr, baseline)}
    return next((name for name, (x, y, z) in orders.items() if x > y > z), "")


def _classes(
    found: Mapping[str, pd.DataFrame], methods: Mapping[str, Row], names: Names, baseline: str
) -> pd.DataFrame:
    """One line per class: clips, accuracy of each row, difference from the baseline, the paper's case."""
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
            # Stable, so that classes with equal differences are in alphabetical order.
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
