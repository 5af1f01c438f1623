"""Table 4 on the page: its cells, and the paired test of any two rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from pipeline.report.aggregate import cells
from pipeline.report.page.request import BuildPage
from pipeline.report.rows import Names, Rows, each_column
from pipeline.report.significance import correctness, differences


def table4(rows: Rows, request: BuildPage) -> dict[str, Any]:
    """Rows, columns with their cells, and for each column which clips each row recognises.

    Raises:
        ScoresError: scores are missing, or two rows were scored on different clips.
    """
    names = Names(request)
    table = pd.DataFrame([vars(cell) for cell in cells(rows, request)])
    baseline = request.baseline if request.baseline in rows.methods else None
    columns: list[dict[str, Any]] = []
    for column in each_column(request):
        dataset, recognizer, stream = column
        found = table[(table[["dataset", "recognizer", "stream"]] == list(column)).all(axis=1)]
        by_row = found.set_index("method")
        start = by_row.loc[baseline, "top1"] if baseline else None
        columns.append(
            {
                "dataset": dataset,
                "recognizer": recognizer,
                "stream": stream,
                "label": names.column(*column),
                "clips": int(by_row["clips"].iloc[0]),
                "cells": {row: _cell(by_row.loc[row], start) for row in rows.methods},
                "scored": {row: rows.scored_row(recognizer, row, stream) for row in rows.methods},
                "right": {row: _bits(right) for row, right in correctness(rows, *column).items()},
                "pairs": _pairs(rows, column, request),
            }
        )
    return {
        "rows": names.methods,
        "datasets": names.datasets,
        "recognizers": names.recognizers,
        "baseline": names.methods.get(baseline) if baseline else None,
        "groups": [
            {"dataset": label, "recognizer": entry.label or entry.name, "columns": len(entry.columns)}
            for label in names.datasets.values()
            for entry in request.recognizers
        ],
        "columns": columns,
        "clips": {dataset: _clips(rows, request, dataset) for dataset in names.datasets},
        "gains": max([1.0, *(abs(c["gain"] or 0) for column in columns for c in column["cells"].values())]),
        "confidence": request.confidence,
    }


def _cell(cell: pd.Series, start: float | None) -> dict[str, Any]:
    numbers = {key: round(float(cell[key]), 2) for key in ("top1", "low", "high", "mean_class")}
    gain = None if start is None else round(float(cell["top1"] - start), 2)
    paper = None if pd.isna(cell["paper"]) else float(cell["paper"])
    return numbers | {"gain": gain, "paper": paper, "marks": cell["marks"]}


def _bits(right: np.ndarray) -> str:
    return "".join("1" if one else "0" for one in right)


def _pairs(rows: Rows, column: tuple[str, str, str], request: BuildPage) -> list[dict[str, Any]]:
    table = differences(rows, column, request.confidence, request.resamples, request.seed)
    pairs: list[dict[str, Any]] = table.to_dict("records")
    return [{k: float(f"{v:.5g}") if isinstance(v, float) else v for k, v in p.items()} for p in pairs]


def _clips(rows: Rows, request: BuildPage, dataset: str) -> list[str]:
    """Names of a data set's clips, in the order of the bits of ``right``."""
    recognizer = request.recognizers[0]
    row = next(name for name, row in rows.methods.items() if row.model)
    return [str(clip) for clip in rows.of(dataset, recognizer.name, row, recognizer.columns[0].name).clips]
