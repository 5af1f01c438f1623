"""The tables beside Table 4: what every kind of them has. The kinds are files of report/tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import BeforeValidator, Field

from pipeline.config.report import Method
from pipeline.config.section import Name, Section, Stream
from pipeline.plugins import named
from pipeline.request import Request

if TYPE_CHECKING:
    import pandas as pd

    from pipeline.config import Config
    from pipeline.experiment import Experiment
    from pipeline.experiment.rows import Rows
    from pipeline.report.tabulate import Made, TableData

KINDS = {
    "table1": "per_class",
    "table2": "ablation",
    "table3": "ablation",
    "figure8": "mixtures",
    "pairings": "pairings",
    "quality": "quality",
    "significance": "significance",
}
"""Kinds of the entries that are named as in the paper or as their kind: these need no key ``table``."""

ALWAYS = ("pairings", "quality", "significance")
"""Entries that stand in every configuration that does not take them out (``NAME: null``)."""


class Columns(Section):
    """The columns that a table is made for."""

    datasets: list[Name] | None = Field(None, description="data sets; null: all")
    recognizers: list[Name] | None = Field(None, description="recognisers; null: all")


class ModelRow(Section):
    """A row of a table that shows a model. The model is trained and scored only where a table has it."""

    label: str = Field(description="name of the row")
    model: Name = Field(description="SR model")


class NoSettings(Request):
    """A table reads nothing of the configuration but its own section."""


class Table(Columns):
    """Base of all tables: a section of the configuration that knows what it reads and how it is made.

    Attributes:
        Settings: what else of the configuration it reads: keys of ``report`` and ``quality``, ``seed``.
        figure: whether it has a picture as well (``draw``).
    """

    HOME: ClassVar[str] = "pipeline.report.tables"
    Settings: ClassVar[type[Request]] = NoSettings
    figure: ClassVar[bool] = False

    table: str = Field(
        description="kind: a file in report/tables, or package.module:Class; by its name table1 is "
        "per_class, table2 and table3 are ablation, and figure8 is mixtures"
    )

    def scored_rows(self, rows: Rows) -> dict[str, Method]:
        """Rows whose scores it reads, and for pairings the rows of their streams; by default all."""
        return rows.methods

    def columns(self, experiment: Experiment) -> tuple[list[str], list[str]]:
        """Data sets and recognisers that it is made for, in the configuration's order."""
        return experiment.rows.datasets_of(self), experiment.rows.recognizers_of(self)

    def reads(self, experiment: Experiment) -> list[str]:
        """Files that it is made from: by default the scores of its rows in its columns."""
        return experiment.files.scores(self.scored_rows(experiment.rows), *self.columns(experiment))

    def models(self) -> tuple[Stream, list[ModelRow]] | None:
        """Models that it shows beside Table 4's rows, and the one stream that they are scored on."""
        return None

    def mixed_ratios(self) -> list[float]:
        """Shares of LR clips for which its recognisers are trained once more."""
        return []

    def joint_pairs(self, methods: dict[str, Method]) -> list[tuple[str, str]]:
        """Pairs of a spatial with a temporal row that a joint network scores for it."""
        return []

    def problems(self, key: str, config: Config) -> Iterator[str]:
        """A line for each key of it that does not fit the rest; ``key`` is that of the table itself."""
        yield from ()

    def make(self, data: TableData) -> Made:
        """The table: a frame for the CSV, and lines of Markdown. Raises ScoresError for missing scores."""
        raise NotImplementedError

    def draw(self, table: pd.DataFrame, path: Path) -> None:
        """Draw the picture of a table from its CSV."""
        raise NotImplementedError


def mixture_name(recognizer: str, ratio: float) -> str:
    """Name of a recogniser that was trained with a share of LR; without any it is the plain one."""
    return f"{recognizer}-mixed{100 * ratio:g}" if ratio else recognizer


def _with_kinds(value: Any) -> Any:
    """Entries with their kind where the name says it, and those that always stand there."""
    if not isinstance(value, dict | None):
        return value
    entries: dict[Any, Any] = {name: {} for name in ALWAYS} | (value or {})
    return {
        name: {"table": KINDS[name]} | entry
        if isinstance(entry, dict) and name in KINDS and "table" not in entry
        else entry
        for name, entry in entries.items()
    }


Tables = Annotated[dict[Name, Annotated[Table, *named(Table, "table")] | None], BeforeValidator(_with_kinds)]


def table_problems(config: Config) -> Iterator[str]:
    """A line for each name in ``tables``, or in what they read, that points nowhere."""
    known: dict[str, Mapping[str, Any]] = {
        "datasets": config.datasets,
        "recognizers": config.recognition.recognizers,
    }
    tables = {f"tables.{name}": table for name, table in config.tables.items()}
    for key, table in {**tables, "quality": config.quality}.items():
        wrong = False
        for columns, all_names in known.items():
            for name in getattr(table, columns, None) or ():
                if name not in all_names:
                    wrong = True
                    yield f"{key}.{columns}: {name!r} is not among this config's: {', '.join(all_names)}"
        if isinstance(table, Table) and not wrong:
            yield from table.problems(key, config)


def unknown_rows(key: str, rows: list[str], config: Config) -> Iterator[str]:
    """A line for each name among the rows of a table that is no row of ``methods``."""
    for row in rows:
        if row not in config.methods:
            yield f"{key}.rows: {row!r} is no row of methods; known: {', '.join(config.methods)}"
