"""Requests of the stages in this folder. Ordered entries are lists, because requests sort their keys."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from pipeline.config.data import Limit
from pipeline.config.report import Column, Row
from pipeline.config.section import Scale, Section
from pipeline.config.tables import Table
from pipeline.plugins import named
from pipeline.request import Request


class RowEntry(Row):
    """A row, with its name in the scores."""

    name: str = Field(description="name in the scores")
    # Under a further degradation these are no names of the configuration.
    model: str | None = Field(description="SR model, or hr; null: a pairing")
    spatial: str | None = Field(description="row from which the spatial stream comes")
    temporal: str | None = Field(description="row from which the temporal stream comes")

    @classmethod
    def of(cls, name: str, row: Row) -> RowEntry:
        """The entry of a row."""
        return cls(name=name, **{key: getattr(row, key) for key in Row.model_fields})


class DatasetEntry(Section):
    """A data set of the columns."""

    name: str = Field(description="name in the scores")
    label: str = Field(description="name in tables; empty: its name")
    published: str | None = Field(
        description="the paper's name for it, whose numbers are shown beside ours; null: none"
    )
    limit: Limit = Field(description="the clips of each class that are used, where not all are")
    joins: list[str] = Field(
        description="data sets of single splits that are shown together; empty for a data set of its own"
    )
    resolution: Literal["hr", "native"] = Field(description="native: it has no HR, and so no row of it")


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
    scale: Scale = Field(description="super-resolution factor")

    @property
    def heading(self) -> str:
        """The caption, with the scale where it is not the paper's."""
        return self.caption if self.scale == 4 else f"{self.caption} Super-resolution x{self.scale}.".strip()


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
    lacking_hr: list[str] = Field(
        description="names of data sets that it leaves out, because they have no HR"
    )


class DrawTable(Request):
    """Draw the picture of a table."""

    table: Annotated[Table, *named(Table, "table")] = Field(description="the table's section")
