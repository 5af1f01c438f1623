"""Every spatial row with every temporal row (the paper's supplement)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from pipeline.config import Method, Recognizer, Report, STResNet
from pipeline.files import atomic_path
from pipeline.report.accuracy import fuse, measure
from pipeline.report.rows import Names, Rows, columns, markdown_table, write_markdown


def tabulate_pairings(
    scores: list[Path],
    methods: dict[str, Method],
    datasets: dict[str, dict[str, str | None]],
    recognizers: dict[str, Recognizer],
    report: Report,
    csv: Path,
    markdown: Path,
) -> None:
    """Compute the accuracy of fused pairings, spatial scores of one row with temporal ones of another.

    TSN fuses scores, so every pair of rows is had from the scores that there are. ST-ResNet's joint network
    sees both streams at once and scores each pair anew, so only those of ``methods`` stand here, each row
    with itself among them.

    Args:
        scores: files of ``score_clips`` of all of ``methods``.
        methods: rows, and pairs of them, in order.
        datasets: ``label`` of each data set, in order.
        recognizers: ``label``, ``protocol`` and, for TSN, the ``fusion`` weights, in order.
        report: level of the intervals and caption.
        csv: a line for each pair of each column; see docs/tables.md.
        markdown: a grid for each column, for reading.
    Raises:
        ScoresError: scores are missing.
    """
    rows, names = Rows(scores, methods, recognizers), Names(methods, datasets, recognizers)
    lines = []
    for dataset, recognizer in columns(datasets, recognizers):
        for spatial, temporal, fused in _pairs(rows, dataset, recognizer):
            found = measure(fused, report.confidence)
            line = {"dataset": names.datasets[dataset], "recognizer": names.recognizers[recognizer]}
            line |= {"spatial": names.methods[spatial], "temporal": names.methods[temporal]}
            lines.append(line | vars(found))
    table = pd.DataFrame(lines)
    with atomic_path(csv) as path:
        table.to_csv(path, index=False, float_format="%.2f")
    write_markdown(markdown, "Pairings of spatial and temporal methods", report.caption, _lines(table))


def _pairs(rows: Rows, dataset: str, recognizer: str) -> Iterator[tuple]:
    """Spatial row, temporal row and their fused scores."""
    singles = [name for name, row in rows.methods.items() if row.model]
    spec = rows.recognizers[recognizer]
    if isinstance(spec, STResNet):
        for name, row in rows.methods.items():
            parts = (name, name) if row.model else (row.spatial, row.temporal)
            yield *parts, rows.of(dataset, recognizer, name, "fusion")
        return
    for spatial in singles:
        for temporal in singles:
            streams = (
                rows.of(dataset, recognizer, spatial, "spatial"),
                rows.of(dataset, recognizer, temporal, "temporal"),
            )
            yield spatial, temporal, fuse(*streams, spec.fusion)


def _lines(table: pd.DataFrame) -> list[str]:
    lines = [
        "Top-1 accuracy in percent after fusion: spatial stream of the row, temporal stream of the column."
    ]
    for (dataset, recognizer), cells in table.groupby(["dataset", "recognizer"], sort=False):
        order = list(dict.fromkeys([*cells["spatial"], *cells["temporal"]]))
        grid = cells.pivot(index="spatial", columns="temporal", values="top1").reindex(order)[
            [name for name in order if name in set(cells["temporal"])]
        ]
        shown = grid.map(lambda value: "" if pd.isna(value) else f"{value:.2f}")
        lines += ["", f"## {dataset}, {recognizer} ({cells['clips'].iloc[0]} test clips)", ""]
        if grid.isna().any(axis=None):
            lines += ["Empty: pairs that the joint network did not score (`tables.pairings.joint`).", ""]
        lines.append(markdown_table(shown.rename_axis("spatial \\ temporal"), disable_numparse=True))
    return lines
