"""Tables 2 and 3: the effect of each loss on the accuracy of one stream."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, ClassVar

import lazy_loader
from pydantic import Field

from pipeline.config.report import Method
from pipeline.config.section import Stream
from pipeline.config.tables import ModelRow, Table
from pipeline.report.accuracy import measure
from pipeline.report.published import published_ablation
from pipeline.report.request import Intervals
from pipeline.report.rows import columns, markdown_table
from pipeline.report.significance import holm, mcnemar
from pipeline.report.tabulate import Made, TableData

if TYPE_CHECKING:
    import pandas as pd

    from pipeline.config import Config
    from pipeline.experiment import Experiment
    from pipeline.experiment.rows import Rows
else:
    pd = lazy_loader.load("pandas")


class Ablation(Table):
    """Tables 2 and 3: one stream's accuracy for the same network under several losses."""

    Settings: ClassVar = Intervals
    stream: Stream = Field(description="stream that is scored")
    rows: list[ModelRow] = Field(min_length=1, description="rows in order")

    def models(self) -> tuple[Stream, list[ModelRow]]:
        """The models of all rows."""
        return self.stream, self.rows

    def scored_rows(self, rows: Rows) -> dict[str, Method]:
        """For each model the row of Table 4 that shows it, else the model itself."""
        return rows.of_models([row.model for row in self.rows])

    def columns(self, experiment: Experiment) -> tuple[list[str], list[str]]:
        """Only recognisers that have the stream."""
        datasets, recognizers = super().columns(experiment)
        return datasets, [name for name in recognizers if self.stream in experiment.rows.streams(name)]

    def problems(self, key: str, config: Config) -> Iterator[str]:
        """An unknown stream or model, and rows that have a model's name but show another model."""
        recognizers = config.recognition.recognizers
        if not any(self.stream in recognizers[name].streams for name in self.recognizers or recognizers):
            yield f"{key}.stream: no recogniser of the table has a stream {self.stream}; leave the table out"
        models, methods = config.superres.models, config.methods
        for row in self.rows:
            if row.model not in models:
                yield f"{key}.rows: {row.model!r} is not a model; known: {', '.join(models)}"
            elif row.model in methods and methods[row.model].model != row.model:
                yield f"methods.{row.model}: named like a model of {key}, but another; rename it"

    def make(self, data: TableData) -> Made:
        """One line per row of each column (sections 3.1.2 and 3.2.2); see docs/tables.md."""
        rows, names, confidence = data.rows, data.names, data.settings.confidence
        scored = {row.model: name for name, row in rows.methods.items()}
        paper = published_ablation(data.request.name)
        parts = []
        for dataset, recognizer in columns(data.request):
            streams = [rows.of(dataset, recognizer, scored[row.model], self.stream) for row in self.rows]
            part = pd.DataFrame([vars(measure(stream, confidence)) for stream in streams])
            part["change"] = part["top1"].diff()
            p = [mcnemar(b.correct, a.correct) for a, b in pairwise(streams)]
            part["p_holm"] = [float("nan"), *holm(pd.Series(p, dtype=float).to_numpy())]
            about = (rows.datasets[dataset].published, rows.recognizers[recognizer].protocol)
            part["paper"] = [paper.get((row.label, *about), float("nan")) for row in self.rows]
            part.insert(0, "row", [row.label for row in self.rows])
            part.insert(0, "stream", self.stream)
            part.insert(0, "recognizer", names.recognizers[recognizer])
            part.insert(0, "dataset", names.datasets[dataset])
            parts.append(part)
        whole = pd.concat(parts, ignore_index=True)
        title = f"{_title(data.request.name)}: losses of the {self.stream} stream's SR"
        return Made(title, whole, _lines(whole, confidence))


def _title(name: str) -> str:
    """The paper's tables by number, others by name."""
    return re.sub(r"^table(\d)$", r"Table \1", name)


def _lines(whole: pd.DataFrame, confidence: float) -> list[str]:
    lines = [
        f"Top-1 accuracy in percent with the half-width of its {100 * confidence:g} % Wilson "
        "interval; change against the row above, with p of McNemar's exact test after Holm's adjustment for "
        "the changes of a column.",
    ]
    for (dataset, recognizer), part in whole.groupby(["dataset", "recognizer"], sort=False):
        half = (part["high"] - part["low"]) / 2
        shown = {
            "": part["row"],
            "accuracy": [f"{top1:.2f} ±{h:.1f}" for top1, h in zip(part["top1"], half, strict=True)],
            "change": ["" if pd.isna(c) else f"{c:+.2f}" for c in part["change"]],
            "p": ["" if pd.isna(p) else f"{p:.2g}" for p in part["p_holm"]],
        }
        if part["paper"].notna().any():
            shown["paper"] = ["/" if pd.isna(value) else f"{value:.2f}" for value in part["paper"]]
        clips = part["clips"].iloc[0]
        lines += ["", f"## {dataset}, {recognizer}, {part['stream'].iloc[0]} ({clips} test clips)", ""]
        lines.append(markdown_table(pd.DataFrame(shown), index=False, disable_numparse=True))
    return lines
