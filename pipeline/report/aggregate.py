"""Scores of all rows -> Table 4 as CSV and Markdown."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import binomtest

from pipeline.config import Method, Recognizer, Report, STResNet
from pipeline.files import atomic_path
from pipeline.report.accuracy import fuse, mean_class_accuracy
from pipeline.report.published import STREAMS, published_accuracy
from pipeline.report.scores import Scores, ScoresError, read_scores


@dataclass(frozen=True)
class Cell:
    """One accuracy of the table; all numbers but ``clips`` in percent."""

    method: str
    dataset: str
    recognizer: str
    stream: str
    top1: float
    low: float
    high: float
    mean_class: float
    clips: int
    paper: float | None


def aggregate(
    scores: list[Path],
    methods: dict[str, Method],
    datasets: dict[str, dict[str, str | None]],
    recognizers: dict[str, Recognizer],
    report: Report,
    csv: Path,
    markdown: Path,
) -> None:
    """Compute Table 4 (section 4.2) from the clips' scores.

    Args:
        scores: files of ``score_clips``: every data set, recogniser, row and shard, in any order.
        methods: rows in order; a pairing takes each stream's scores from its two rows.
        datasets: ``label`` and ``published`` of each data set, in order.
        recognizers: ``label``, ``protocol`` and, for TSN, the ``fusion`` weights, in order.
        report: level of the intervals and the caption.
        csv: the table, one row a method: top-1, mean per-class accuracy, interval and the paper's value
            of every data set x recogniser x stream, in percent, and the number of clips.
        markdown: the same for reading.
    Raises:
        ScoresError: if a row's scores are missing, or two rows were scored on different clips.
    """
    cells = list(_cells(read_scores(scores), methods, datasets, recognizers, report))
    table = pd.DataFrame([vars(cell) for cell in cells])
    names = _Names(methods, datasets, recognizers)
    with atomic_path(csv) as path:
        _wide(table, names).to_csv(path, index=False, float_format="%.2f")
    with atomic_path(markdown) as path:
        path.write_text(_markdown(table, names, report))


def _cells(
    scores: dict[tuple[str, str, str], Scores],
    methods: dict[str, Method],
    datasets: dict[str, dict[str, str | None]],
    recognizers: dict[str, Recognizer],
    report: Report,
) -> Iterator[Cell]:
    paper = published_accuracy()
    for dataset, about in datasets.items():
        for name, recognizer in recognizers.items():
            for method, row in methods.items():
                for stream in STREAMS:
                    values, labels = _stream_scores(scores, dataset, name, recognizer, method, row, stream)
                    correct = int((values.argmax(axis=1) == labels).sum())
                    interval = binomtest(correct, len(labels)).proportion_ci(report.confidence, "wilson")
                    yield Cell(
                        method=method,
                        dataset=dataset,
                        recognizer=name,
                        stream=stream,
                        top1=100 * correct / len(labels),
                        low=100 * interval.low,
                        high=100 * interval.high,
                        mean_class=100 * mean_class_accuracy(values, labels),
                        clips=len(labels),
                        paper=paper.get((row.label, about["published"], recognizer.protocol, stream)),
                    )


def _stream_scores(
    scores: dict[tuple[str, str, str], Scores],
    dataset: str,
    name: str,
    recognizer: Recognizer,
    method: str,
    row: Method,
    stream: str,
) -> tuple[np.ndarray, np.ndarray]:
    """Class scores (N, classes) and labels (N,) of one cell."""

    def of(method: str, stream: str) -> Scores:
        if (dataset, name, method) not in scores:
            raise ScoresError(f"no scores of {dataset}, {name}, {method}; run score_clips for it")
        return scores[dataset, name, method].of(stream)

    spatial, temporal = (method, method) if row.model else (row.spatial, row.temporal)
    if stream == "spatial":
        chosen = of(spatial, "spatial")
    elif stream == "temporal":
        chosen = of(temporal, "temporal")
    elif isinstance(recognizer, STResNet):
        chosen = of(method, "joint")
    else:
        chosen = fuse(of(spatial, "spatial"), of(temporal, "temporal"), recognizer.fusion)
    return chosen.values, chosen.labels


class _Names:
    """Labels of rows and columns, in the order of the configuration."""

    def __init__(self, methods, datasets, recognizers) -> None:
        self.methods = {k: m.label or k for k, m in methods.items()}
        self.datasets = {k: d["label"] or k for k, d in datasets.items()}
        self.recognizers = {k: r.label or k for k, r in recognizers.items()}

    def column(self, dataset: str, recognizer: str, stream: str) -> str:
        return f"{self.datasets[dataset]} {self.recognizers[recognizer]} {stream}"


def _wide(table: pd.DataFrame, names: _Names) -> pd.DataFrame:
    """One row a method; top-1 first, then the other quantities in the same order of columns."""
    columns = {"method": list(names.methods.values())}
    for quantity, suffix in (
        ("top1", ""),
        ("mean_class", " mean per-class"),
        ("low", " low"),
        ("high", " high"),
        ("paper", " paper"),
    ):
        for key, cells in table.groupby(["dataset", "recognizer", "stream"], sort=False):
            if cells[quantity].notna().any():
                by_method = cells.set_index("method")[quantity]
                columns[names.column(*key) + suffix] = [by_method[m] for m in names.methods]
    for dataset, cells in table.groupby("dataset", sort=False):
        columns[f"{names.datasets[dataset]} clips"] = cells["clips"].iloc[0]
    return pd.DataFrame(columns)


def _markdown(table: pd.DataFrame, names: _Names, report: Report) -> str:
    lines = ["# Table 4: recognition accuracy of x4 super-resolved video", ""]
    if report.caption:
        lines += [f"**{report.caption}**", ""]
    lines += [
        f"Overall top-1 accuracy in percent, with the half-width of its {100 * report.confidence:g} % Wilson "
        "interval over clips; mean per-class accuracy in brackets. The row of a pairing takes its spatial "
        "scores from the first and its temporal scores from the second method.",
    ]
    for (dataset, recognizer), cells in table.groupby(["dataset", "recognizer"], sort=False):
        clips = cells["clips"].iloc[0]
        lines += [
            "",
            f"## {names.datasets[dataset]}, {names.recognizers[recognizer]} ({clips} test clips)",
            "",
        ]
        rows = {names.methods[m]: {} for m in names.methods}
        for cell in cells.itertuples():
            row = rows[names.methods[cell.method]]
            half = (cell.high - cell.low) / 2
            row[cell.stream] = f"{cell.top1:.2f} ±{half:.1f} ({cell.mean_class:.2f})"
            if cells["paper"].notna().any():
                row[f"{cell.stream}, paper"] = "/" if pd.isna(cell.paper) else f"{cell.paper:.2f}"
        lines.append(pd.DataFrame(rows).T.to_markdown())
    return "\n".join(lines) + "\n"
