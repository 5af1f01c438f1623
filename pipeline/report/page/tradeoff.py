"""Accuracy against quality and cost, row by row: the trade-off that the paper leaves to future work."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from scipy.stats import spearmanr

from pipeline.report.page.request import BuildPage
from pipeline.report.rows import Names

QUALITY = {
    "psnr": "PSNR (dB)",
    "ssim": "SSIM",
    "flow_epe": "flow error (px)",
    "profile_error": "temporal profile error (grey levels)",
}
COST = {"parameters": "parameters", "gflop": "GFLOP a frame", "milliseconds": "ms a frame"}


def tradeoff(
    request: BuildPage, table4: dict[str, Any], tables: list[dict[str, Any]], cost: list[Path]
) -> dict[str, Any]:
    """For each data set and row, its quality and cost; and for each column, how well each predicts accuracy.

    A pairing costs what its two models cost, each once, and has no quality: its frames are of two rows.

    Args:
        table4: Table 4 as on the page.
        tables: the other tables; quality comes from the one of that kind, if it is among them.
        cost: cost of each of ``request.costs``.
    """
    names = Names(request)
    costs = {model: json.loads(path.read_text()) for model, path in zip(request.costs, cost, strict=True)}
    models = {row.name: row.model for row in request.rows}
    quality = {key: value for table in tables for key, value in _quality(table)}
    points: dict[str, dict[str, dict[str, float]]] = {}
    for dataset, label in names.datasets.items():
        points[dataset] = {}
        for row in request.rows:
            used = [row.model] if row.model else [models[str(row.spatial)], models[str(row.temporal)]]
            found = quality.get((label, names.methods[row.name]), {}) if row.model else {}
            if set(used) <= set(costs):
                found = found | {
                    measure: sum(float(costs[str(model)][measure]) for model in dict.fromkeys(used))
                    for measure in COST
                }
            points[dataset][row.name] = {key: float(f"{value:.5g}") for key, value in found.items()}
    about: dict[str, Any] = next(iter(costs.values()), {})
    return {
        "measures": QUALITY | COST,
        "points": points,
        "agreement": list(_agreement(table4["columns"], points)),
        "about": {key: about.get(key) for key in ("size", "device", "precision")},
    }


def _quality(table: dict[str, Any]) -> Iterable[tuple[tuple[str, str], dict[str, float]]]:
    """Quality by labels of data set and row; nothing of a table of another kind."""
    columns = table["columns"]
    if not {"dataset", "method", *QUALITY} <= set(columns):
        return
    for line in table["lines"]:
        values = dict(zip(columns, line, strict=True))
        yield (values["dataset"], values["method"]), {key: values[key] for key in QUALITY}


def _agreement(columns: list[dict[str, Any]], points: dict[str, Any]) -> Iterable[list[Any]]:
    """Spearman's correlation of each measure with a column's accuracy, over the rows that have both."""
    for column in columns:
        line = [column["label"]]
        for measure in QUALITY | COST:
            of_rows = points[column["dataset"]]
            pairs = [(p[measure], column["cells"][row]["top1"]) for row, p in of_rows.items() if measure in p]
            different = len(pairs) > 3 and all(len(set(side)) > 1 for side in zip(*pairs, strict=True))
            found = float(spearmanr(*zip(*pairs, strict=True)).statistic) if different else None
            line.append(found if found is None else round(found, 2))
        yield line
