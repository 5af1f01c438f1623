"""The stage that computes Table 4 from the scores of all rows, as CSV and Markdown."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from pipeline.data.losses import summarise_losses
from pipeline.files import atomic_path
from pipeline.report.accuracy import mean_of_splits, measure
from pipeline.report.made_by import made_by
from pipeline.report.published import published_accuracy
from pipeline.report.request import Aggregate
from pipeline.report.rows import NO_HR, Names, Rows, each_column, markdown_table, write_markdown
from pipeline.report.significance import compare, correctness

JOINED = (
    "Accuracies are means over the splits; interval, number of clips and tests are of all their clips "
    "together. A clip that several splits test counts once there, as scored in the first of them."
)
"""Explanation of columns that join splits."""


@dataclass(frozen=True)
class Cell:
    """One cell of the table: an accuracy (pipeline.report.accuracy) and its annotations."""

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
    marks: str


def aggregate(
    request: Aggregate,
    scores: list[Path],
    csv: Path,
    markdown: Path,
    manifests: list[Path],
    left_out: list[Path],
    provenance: Path | None = None,
) -> None:
    """Compute Table 4 (section 4.2) from the clips' scores.

    Args:
        request: rows, columns, baseline, level of the intervals and tests; a pairing takes each stream's
            scores from its two rows.
        scores: files of ``score_clips``: every data set, recogniser, row and shard, in any order.
        csv: the table, one row per method: top-1, mean per-class accuracy, interval and the paper's value
            for every data set x recogniser x stream, in percent, and the number of clips.
        markdown: the same for reading, with marks at differences beyond noise.
        manifests: the data sets' manifests, in order.
        left_out: the clips left out of each, in order; the Markdown ends with the number of lost clips.
        provenance: the record of runs, which the Markdown's last line summarises.

    Raises:
        ScoresError: if a row's scores are missing, or two rows were scored on different clips.
    """
    rows, names = Rows(scores, request), Names(request)
    table = pd.DataFrame([vars(cell) for cell in cells(rows, request)])
    with atomic_path(csv) as path:
        _wide(table, names).to_csv(path, index=False, float_format="%.2f")
    title = "Table 4: recognition accuracy of x4 super-resolved video"
    listed = [names.datasets[dataset.name] for dataset in request.datasets if not dataset.joins]
    losses = summarise_losses(listed, manifests, left_out)
    lines = [*_lines(table, names, _hr(rows), request), "", losses, *made_by(provenance)]
    write_markdown(markdown, title, request.heading, lines)


def cells(rows: Rows, request: Aggregate) -> Iterator[Cell]:
    """All cells, column by column. Raises ScoresError as ``aggregate``."""
    paper = published_accuracy()
    for dataset, recognizer, stream in each_column(request):
        about = rows.datasets[dataset].published, rows.recognizers[recognizer].protocol
        marks = _marks(rows, dataset, recognizer, stream, request)
        for method, row in rows.shown(dataset).items():
            found = measure(rows.of(dataset, recognizer, method, stream), request.confidence)
            if splits := rows.datasets[dataset].joins:
                parts = [measure(rows.of(s, recognizer, method, stream), request.confidence) for s in splits]
                found = mean_of_splits(found, parts)
            yield Cell(
                method=method,
                dataset=dataset,
                recognizer=recognizer,
                stream=stream,
                **vars(found),
                paper=paper.get((row.label, *about, stream)),
                marks=marks[rows.scored_row(recognizer, method, stream)],
            )


def _marks(rows: Rows, dataset: str, recognizer: str, stream: str, request: Aggregate) -> dict[str, str]:
    """By row, a mark for each difference beyond noise from the baseline and from HR."""
    compared = compare(correctness(rows, dataset, recognizer, stream))
    beyond = compared[compared["p_holm"] < 1 - request.confidence]
    marks: dict[str, str] = defaultdict(str)
    for reference, above, below in ((request.baseline, "▲", "▼"), (_hr(rows), "△", "▽")):
        for pair in beyond.itertuples():
            if pair.second == reference:
                marks[pair.first] += above if pair.difference > 0 else below
            elif pair.first == reference:
                marks[pair.second] += below if pair.difference > 0 else above
    return marks


def _hr(rows: Rows) -> str | None:
    return next((name for name, row in rows.methods.items() if row.model == "hr"), None)


def _wide(table: pd.DataFrame, names: Names) -> pd.DataFrame:
    """One row per method; top-1 first, then the other quantities in the same order of columns."""
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
                columns[names.column(*key) + suffix] = [by_method.get(m, float("nan")) for m in names.methods]
    for dataset, cells in table.groupby("dataset", sort=False):
        columns[f"{names.datasets[dataset]} clips"] = cells["clips"].iloc[0]
    return pd.DataFrame(columns)


def _lines(table: pd.DataFrame, names: Names, hr: str | None, request: Aggregate) -> list[str]:
    lines = [
        "Overall top-1 accuracy in percent, with the half-width of its "
        f"{100 * request.confidence:g} % Wilson interval over clips; mean per-class accuracy in "
        "brackets. The row of a pairing takes its spatial scores from the first and its temporal scores "
        "from the second method.",
        *_legend(names.methods.get(request.baseline), names.methods[hr] if hr else None, request),
    ]
    joined = {dataset.name for dataset in request.datasets if dataset.joins}
    for (dataset, recognizer), cells in table.groupby(["dataset", "recognizer"], sort=False):
        clips = cells["clips"].iloc[0]
        lines += [
            "",
            f"## {names.datasets[dataset]}, {names.recognizers[recognizer]} ({clips} test clips)",
            "",
        ]
        if dataset in joined:
            lines += [JOINED, ""]
        shown = set(cells["method"])
        if lacking := [label for method, label in names.methods.items() if method not in shown]:
            lines += [f"Without {', '.join(lacking)}: {NO_HR}.", ""]
        rows: dict[str, dict[str, str]] = {names.methods[m]: {} for m in names.methods if m in shown}
        for cell in cells.itertuples():
            row = rows[names.methods[cell.method]]
            half = (cell.high - cell.low) / 2
            row[cell.stream] = f"{cell.top1:.2f} ±{half:.1f} ({cell.mean_class:.2f}) {cell.marks}".strip()
            if cells["paper"].notna().any():
                row[f"{cell.stream}, paper"] = "/" if pd.isna(cell.paper) else f"{cell.paper:.2f}"
        lines.append(markdown_table(pd.DataFrame(rows).T))
    return lines


def _legend(baseline: str | None, hr: str | None, request: Aggregate) -> list[str]:
    signs = [f"▲ above, ▼ below {baseline}"] * bool(baseline) + [f"△ above, ▽ below {hr}"] * bool(hr)
    if not signs:
        return []
    return [
        "",
        f"Beyond noise: {'; '.join(signs)}. Without a sign the difference is within noise. The test is "
        f"McNemar's over clips, two-sided and exact, at {1 - request.confidence:.2g} after Holm's adjustment "
        "for all pairs of rows of a column; `tables/significance.csv` (target `tables`) holds all of them.",
    ]
