"""Requests of the stages in this folder. Ordered entries are lists, because requests sort their keys."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from pipeline.config.report import Column, Row
from pipeline.config.section import Section
from pipeline.config.tables import Table
from pipeline.plugins import named
from pipeline.request import Request


class RowEntry(Row):
    """A row, with its name in the scores."""

    name: str = Field(description="name in the scores")


class DatasetEntry(Section):
    """A data set of the columns."""

    name: str = Field(description="name in the scores")
    label: str = Field(description="name in tables; empty: its name")
    published: str | None = Field(
        description="the paper's name for it, whose numbers are shown beside ours; null: none"
    )


class RecognizerEntry(Section):
    """A recogniser of the columns."""

    name: str = Field(description="name in the scores")
    label: str = Field(description="name in tables; empty: its name")
    protocol: str = Field(description="protocol")
    columns: list[Column] = Field(description="its streams and their fusion, in order")

    def column(self, name: str) -> Column | None:
        """A column by its name, if the recogniser has it."""
        return next((column for column in self.columns if column.name == name), None)


class Columns(Request):
    """Rows and columns of a table, in order."""

    rows: list[RowEntry] = Field(description="rows to show, and those of the streams of pairings")
    datasets: list[DatasetEntry] = Field(description="data sets of the columns")
    recognizers: list[RecognizerEntry] = Field(description="recognisers of the columns")
    caption: str = Field(description="sentence that labels the results, for example as demo data")


class Aggregate(Columns):
    """Make Table 4."""

    confidence: float = Field(description="level of the intervals; tests use 1 - confidence")
    baseline: str = Field(description="row to which others are compared")


class DrawComparison(Request):
    """Draw frames and flow of several rows side by side."""

    labels: list[str] = Field(description="name of each row, from left to right")
    shard: int = Field(description="test shard of the stores")
    bound: float = Field(description="flow in pixels at the stored level 255")


class Intervals(Request):
    """Settings of tables whose accuracies have intervals."""

    confidence: float = Field(description="level of the intervals; tests use 1 - confidence")


class Tabulate(Columns):
    """Make one of the tables beside Table 4."""

    name: str = Field(description="name of the table")
    table: Annotated[Table, *named(Table, "table")] = Field(description="the table's section")
    settings: dict[str, Any] = Field(description="further keys that this kind of table reads (its Settings)")


class DrawTable(Request):
    """Draw the picture of a table."""

    table: Annotated[Table, *named(Table, "table")] = Field(description="the table's section")
