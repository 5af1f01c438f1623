"""Significance of the differences between rows of Table 4."""

from __future__ import annotations

from typing import TYPE_CHECKING

import lazy_loader
from pydantic import Field

from pipeline.config.tables import Table
from pipeline.report.request import Intervals
from pipeline.report.rows import each_column, markdown_table
from pipeline.report.significance import differences
from pipeline.report.tabulate import Made, TableData

if TYPE_CHECKING:
    import pandas as pd
else:
    pd = lazy_loader.load("pandas")


class Significance(Table):
    """Tests of all differences between two rows of Table 4, column by column."""

    class Settings(Intervals):
        """Further keys that the table reads."""

        resamples: int = Field(description="bootstrap resamples of clips for each difference")
        seed: int = Field(description="seed of the resamples")

    def make(self, data: TableData) -> Made:
        """One line per column and pair of its rows; see docs/tables.md."""
        rows, names, settings = data.rows, data.names, data.settings
        tables = []
        for dataset, recognizer, stream in each_column(data.request):
            column = (dataset, recognizer, stream)
            table = differences(rows, column, settings.confidence, settings.resamples, settings.seed)
            table.insert(0, "dataset", names.datasets[dataset])
            table.insert(1, "recognizer", names.recognizers[recognizer])
            table.insert(2, "stream", stream)
            tables.append(table.replace({"first": names.methods, "second": names.methods}))
        whole = pd.concat(tables, ignore_index=True)
        return Made("Differences between rows of Table 4", whole, _lines(whole, settings.confidence))


def _lines(whole: pd.DataFrame, confidence: float) -> list[str]:
    level = f"{100 * confidence:g} %"
    lines = [
        "Percentage points of top-1 accuracy, first row minus second, with the paired bootstrap interval "
        f"({level}, not adjusted for the number of pairs). Listed are the differences beyond noise: "
        f"p of McNemar's exact test is below {1 - confidence:.2g} after Holm's adjustment for all "
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
