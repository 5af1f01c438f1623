"""Rows of the tables: whose scores stand in a cell, and under which names rows and columns are shown."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import lazy_loader

from pipeline.files import atomic_path
from pipeline.report.accuracy import fuse
from pipeline.report.request import Columns
from pipeline.report.scores import Scores, ScoresError, StreamScores, read_scores

if TYPE_CHECKING:
    import pandas as pd
else:
    pd = lazy_loader.load("pandas")


class Rows:
    """The scores of all rows, found by data set, recogniser, row and stream."""

    def __init__(self, files: list[Path], request: Columns) -> None:
        self.methods = {row.name: row for row in request.rows}
        self.datasets = {dataset.name: dataset for dataset in request.datasets}
        self.recognizers = {recognizer.name: recognizer for recognizer in request.recognizers}
        self._scores = read_scores(files)

    def of(self, dataset: str, recognizer: str, method: str, stream: str) -> StreamScores:
        """Scores of one cell.

        A pairing takes a stream that was not scored for itself from its two rows. Fusion is ST-ResNet's
        joint network, or the weighted sum of TSN's streams.

        Raises:
            ScoresError: there are no such scores, or the streams are of different clips.
        """
        if stream == "fusion":
            weights = self.recognizers[recognizer].fusion
            if weights is None:
                return self._own(dataset, recognizer, method).of("joint")
            streams = (self.of(dataset, recognizer, method, s) for s in ("spatial", "temporal"))
            return fuse(*streams, weights)
        row = self.methods[method]
        own = self._scores.get((dataset, recognizer, method))
        if row.model is None and (own is None or stream not in own.streams):
            return self.of(dataset, recognizer, getattr(row, stream), stream)
        return self._own(dataset, recognizer, method).of(stream)

    def _own(self, dataset: str, recognizer: str, method: str) -> Scores:
        key = (dataset, recognizer, method)
        if key not in self._scores:
            raise ScoresError(f"no scores of {', '.join(key)}; run score_clips for it")
        return self._scores[key]


class Names:
    """Labels of rows, data sets and recognisers, in the order of the configuration."""

    def __init__(self, request: Columns) -> None:
        self.methods = {entry.name: one_line(entry.label) or entry.name for entry in request.rows}
        self.datasets = {entry.name: one_line(entry.label) or entry.name for entry in request.datasets}
        self.recognizers = {entry.name: one_line(entry.label) or entry.name for entry in request.recognizers}

    def column(self, dataset: str, recognizer: str, stream: str) -> str:
        """Name of a column."""
        return f"{self.datasets[dataset]} {self.recognizers[recognizer]} {stream}"


def columns(request: Columns) -> Iterator[tuple[str, str]]:
    """Data set and recogniser of each pair of them, in the tables' order."""
    for dataset in request.datasets:
        for recognizer in request.recognizers:
            yield dataset.name, recognizer.name


def one_line(text: str) -> str:
    """A label or caption as it stands in a table: line breaks are blanks."""
    return " ".join(text.split())


def markdown_table(table: pd.DataFrame, **options: Any) -> str:
    """A table in Markdown, whose columns no sign in a label can break; options: tabulate's."""

    def cell(value: Any) -> Any:
        return one_line(value).replace("|", "\\|") if isinstance(value, str) else value

    shown = table.map(cell).rename(index=cell, columns=cell)
    shown.index.name = cell(table.index.name)
    return shown.to_markdown(**options)


def write_markdown(path: Path, title: str, caption: str, lines: list[str]) -> None:
    """Write a table for reading: its title, the sentence that labels all results, and the rest."""
    head = [f"# {title}", ""] + ([f"**{one_line(caption)}**", ""] if caption.strip() else [])
    with atomic_path(path) as temporary:
        temporary.write_text("\n".join([*head, *lines]) + "\n", encoding="utf-8")
