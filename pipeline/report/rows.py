"""Rows of the tables: the scores of each cell, and the labels of rows and columns."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import lazy_loader

from pipeline.config.report import ColumnPart
from pipeline.files import atomic_path
from pipeline.report.accuracy import fuse
from pipeline.report.request import Columns, DatasetEntry, RowEntry
from pipeline.report.scores import Scores, ScoresError, StreamScores, pool, read_scores

if TYPE_CHECKING:
    import pandas as pd
else:
    pd = lazy_loader.load("pandas")


NO_HR = "its videos are low-resolution by themselves, so there is no HR"
"""Reason for what a data set of ``resolution: native`` lacks."""


class Rows:
    """The scores of all rows, found by data set, recogniser, row and column."""

    def __init__(self, files: list[Path], request: Columns) -> None:
        self.methods = {row.name: row for row in request.rows}
        self.datasets = {dataset.name: dataset for dataset in request.datasets}
        self.recognizers = {recognizer.name: recognizer for recognizer in request.recognizers}
        self._scores = read_scores(files)
        for dataset in request.datasets:
            if dataset.joins:
                self._scores |= pool(self._scores, dataset.name, dataset.joins)

    def of(self, dataset: str, recognizer: str, method: str, column: str) -> StreamScores:
        """Scores of one cell: the column's sum of streams.

        For a pairing, streams that were not scored for the pairing itself come from its two rows.

        Raises:
            ScoresError: there are no such scores or columns, or the streams have different clips.
        """
        entry = self.recognizers[recognizer]
        found = entry.column(column)
        if found is None:
            known = ", ".join(column.name for column in entry.columns)
            raise ScoresError(f"{recognizer} has no column {column}, only {known}; leave it out of the table")
        streams = [self.part(dataset, recognizer, method, part) for part in found.parts]
        if len(streams) == 1:
            return streams[0]
        return fuse(streams, [part.weight for part in found.parts])

    def part(self, dataset: str, recognizer: str, method: str, part: ColumnPart) -> StreamScores:
        """Unweighted scores of a stream of a row. Raises ScoresError."""
        row = self.methods[method]
        own = self._scores.get((dataset, recognizer, method))
        if row.model is None and part.row and (own is None or part.stream not in own.streams):
            return self.part(dataset, recognizer, getattr(row, part.row), part)
        return self._own(dataset, recognizer, method).of(part.stream)

    def shown(self, dataset: str) -> dict[str, RowEntry]:
        """Rows that a data set has: HR, and pairings with it, exist only where there is HR."""
        if self.datasets[dataset].resolution == "hr":
            return self.methods
        return {name: row for name, row in self.methods.items() if not self._needs_hr(row)}

    def _needs_hr(self, row: RowEntry) -> bool:
        parts = [self.methods[part].model for part in (row.spatial, row.temporal) if part]
        return "hr" in (row.model, *parts)

    def has(self, dataset: str, recognizer: str, method: str) -> bool:
        """Whether a row was scored, or for a pairing the rows of its streams."""
        row = self.methods[method]
        parts = [method] if row.model else [row.spatial, row.temporal]
        return all((dataset, recognizer, part) in self._scores for part in parts)

    def scored_row(self, recognizer: str, method: str, column: str) -> str:
        """The row that provides a cell's scores: its own row, or for a pairing's streams one of its two."""
        row, found = self.methods[method], self.recognizers[recognizer].column(column)
        if row.model or found is None or len(found.parts) > 1 or found.parts[0].row is None:
            return method
        return getattr(row, found.parts[0].row)

    def _own(self, dataset: str, recognizer: str, method: str) -> Scores:
        key = (dataset, recognizer, method)
        if key not in self._scores:
            raise ScoresError(f"no scores of {', '.join(key)}; run score_clips for it")
        return self._scores[key]


class Names:
    """Labels of rows, data sets and recognisers, in the order of the configuration."""

    def __init__(self, request: Columns) -> None:
        self.methods = {entry.name: one_line(entry.label) or entry.name for entry in request.rows}
        self.datasets = {
            entry.name: " ".join(filter(None, (one_line(entry.label) or entry.name, _limited(entry))))
            for entry in request.datasets
        }
        self.recognizers = {entry.name: one_line(entry.label) or entry.name for entry in request.recognizers}

    def column(self, dataset: str, recognizer: str, stream: str) -> str:
        """Name of a column."""
        return f"{self.datasets[dataset]} {self.recognizers[recognizer]} {stream}"


def _limited(entry: DatasetEntry) -> str:
    return f"({entry.limit})" if str(entry.limit) else ""


def columns(request: Columns) -> Iterator[tuple[str, str]]:
    """Data set and recogniser of each pair of them, in the tables' order."""
    for dataset in request.datasets:
        for recognizer in request.recognizers:
            yield dataset.name, recognizer.name


def each_column(request: Columns) -> Iterator[tuple[str, str, str]]:
    """Data set, recogniser and column of each column of the tables, in order."""
    for dataset in request.datasets:
        for recognizer in request.recognizers:
            for column in recognizer.columns:
                yield dataset.name, recognizer.name, column.name


def one_line(text: str) -> str:
    """A label or caption in one line, as in a table: line breaks become blanks."""
    return " ".join(text.split())


def markdown_table(table: pd.DataFrame, **options: Any) -> str:
    """A table in Markdown, with special characters in labels escaped; options: those of tabulate."""

    def cell(value: Any) -> Any:
        return one_line(value).replace("|", "\\|") if isinstance(value, str) else value

    shown = table.map(cell).rename(index=cell, columns=cell)
    shown.index.name = cell(table.index.name)
    return shown.to_markdown(**options)


def write_markdown(path: Path, title: str, caption: str, lines: list[str]) -> None:
    """Write a table as Markdown: its title, the sentence that labels all results, and the other lines."""
    head = [f"# {title}", ""] + ([f"**{one_line(caption)}**", ""] if caption.strip() else [])
    with atomic_path(path) as temporary:
        temporary.write_text("\n".join([*head, *lines]) + "\n", encoding="utf-8")
