"""All pairs of a spatial and a temporal row (the paper's supplement)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from itertools import permutations, product
from typing import TYPE_CHECKING, ClassVar

import lazy_loader
from pydantic import Field

from pipeline.config.report import Method
from pipeline.config.section import Name, Stream
from pipeline.config.tables import Table
from pipeline.report.accuracy import Accuracy, fuse, measure
from pipeline.report.request import Intervals
from pipeline.report.rows import Rows as ScoredRows
from pipeline.report.rows import columns, markdown_table
from pipeline.report.scores import StreamScores
from pipeline.report.tabulate import Made, TableData

if TYPE_CHECKING:
    import pandas as pd

    from pipeline.config import Config
    from pipeline.experiment import Experiment
    from pipeline.experiment.rows import Rows
else:
    pd = lazy_loader.load("pandas")


COLUMNS = ["dataset", "recognizer", "spatial", "temporal", *(field.name for field in fields(Accuracy))]


class Pairings(Table):
    """All pairs of a spatial and a temporal row, as in the paper's supplement.

    TSN fuses scores, so every pair is computed from the scores of its rows. A joint network reads both
    streams at once, so each pair is scored separately: pairs of rows in ``joint``, and each row with itself.
    """

    Settings: ClassVar = Intervals
    joint: list[Name] | None = Field(
        None,
        description="rows whose pairs ST-ResNet's joint network scores, each in a pass over the clips; "
        "default: all that have a model",
    )

    def joint_pairs(self, methods: dict[str, Method]) -> list[tuple[str, str]]:
        """All pairs of two rows in ``joint``, in both orders."""
        singles = [name for name, row in methods.items() if row.model]
        return list(permutations(singles if self.joint is None else self.joint, 2))

    def scored_rows(self, rows: Rows) -> dict[str, Method]:
        """All rows, and pairs that are not rows."""
        return rows.methods | rows.pairs

    def columns(self, experiment: Experiment) -> tuple[list[str], list[str]]:
        """Only recognisers that fuse streams."""
        datasets, recognizers = super().columns(experiment)
        return datasets, [name for name in recognizers if experiment.rows.recognizer(name).fused()]

    def reads(self, experiment: Experiment) -> list[str]:
        """Scores of the rows and of the pairs."""
        files, found = experiment.files, self.columns(experiment)
        return files.scores(experiment.rows.methods, *found) + files.pair_scores(*found)

    def problems(self, key: str, config: Config) -> Iterator[str]:
        """Rows of ``joint`` that do not exist or are pairings themselves."""
        single = [name for name, row in config.methods.items() if row.model]
        for row in self.joint or ():
            if row not in single:
                yield f"{key}.joint: {row!r} is not a row with a model; known: {', '.join(single)}"

    def make(self, data: TableData) -> Made:
        """One line per pair of each column, and a grid as Markdown; see docs/tables.md."""
        rows, names = data.rows, data.names
        lines = []
        for dataset, recognizer in columns(data.request):
            for spatial, temporal, fused in _pairs(rows, dataset, recognizer):
                line = {"dataset": names.datasets[dataset], "recognizer": names.recognizers[recognizer]}
                line |= {"spatial": names.methods[spatial], "temporal": names.methods[temporal]}
                lines.append(line | vars(measure(fused, data.settings.confidence)))
        table = pd.DataFrame(lines, columns=COLUMNS)
        return Made("Pairings of spatial and temporal methods", table, _lines(table), digits="%.2f")


def _pairs(rows: ScoredRows, dataset: str, recognizer: str) -> Iterator[tuple[str, str, StreamScores]]:
    """Spatial row, temporal row and their fused scores; the fusion is a recogniser's last column."""
    there = rows.shown(dataset)
    singles = [name for name, row in there.items() if row.model]
    fusion = rows.recognizers[recognizer].columns[-1]
    if any(part.row is None for part in fusion.parts):
        for name, row in there.items():
            spatial, temporal = (name, name) if row.model else (row.spatial, row.temporal)
            assert spatial is not None  # a row without model has both
            assert temporal is not None
            yield spatial, temporal, rows.of(dataset, recognizer, name, fusion.name)
        return
    weights = [part.weight for part in fusion.parts]
    for spatial, temporal in product(singles, singles):
        chosen: dict[Stream | None, str] = {"spatial": spatial, "temporal": temporal}
        streams = [rows.part(dataset, recognizer, chosen[part.row], part) for part in fusion.parts]
        yield spatial, temporal, fuse(streams, weights)


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
