"""What the stages of this folder are asked. Lists where the order shows, because requests sort their keys."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from pipeline.config.report import Column, Method
from pipeline.config.section import Section
from pipeline.config.tables import Table
from pipeline.plugins import named
from pipeline.request import Request


class RowEntry(Method):
    """A row, with the name that its scores carry."""

    name: str = Field(description="name in the scores")


class DatasetEntry(Section):
    """A data set of the columns."""

    name: str = Field(description="name in the scores")
    label: str = Field(description="name in tables; empty: its name")
    published: str | None = Field(description="the paper's name for it, under which its numbers stand beside")


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

    rows: list[RowEntry] = Field(description="rows that are shown, and those of pairings' streams")
    datasets: list[DatasetEntry] = Field(description="data sets of the columns")
    recognizers: list[RecognizerEntry] = Field(description="recognisers of the columns")
    caption: str = Field(description="sentence that labels the results, as under demo data")


class Aggregate(Columns):
    """Make Table 4."""

    confidence: float = Field(description="level of the intervals; 1 - confidence is that of the tests")
    baseline: str = Field(description="row that others are compared with")


class DrawComparison(Request):
    """Draw frames and flow of several rows side by side."""

    labels: list[str] = Field(description="name of each row, from left to right")
    shard: int = Field(description="test shard that the stores are of")
    bound: float = Field(description="pixels of flow at the last of the stored levels")


class Intervals(Request):
    """Settings of tables whose accuracies have intervals."""

    confidence: float = Field(description="level of the intervals; 1 - confidence is that of tests")


class Tabulate(Columns):
    """Make one of the tables beside Table 4."""

    name: str = Field(description="name of the table")
    table: Annotated[Table, *named(Table, "table")] = Field(description="the table's section")
    settings: dict[str, Any] = Field(description="what else this kind of table reads (its Settings)")


class DrawTable(Request):
    """Draw the picture of a table."""

    table: Annotated[Table, *named(Table, "table")] = Field(description="the table's section")
