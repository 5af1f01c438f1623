"""The tables beside Table 4: the base class of all kinds, which are files in report/tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import BeforeValidator, Field

from pipeline.config.report import Method
from pipeline.config.section import Name, Section, Stream
from pipeline.config.trained_on import HR, TrainedOn, is_hr, trained_on_problem, variant_name
from pipeline.plugins import named
from pipeline.request import Request

if TYPE_CHECKING:
    import pandas as pd

    from pipeline.config import Config
    from pipeline.experiment import Experiment
    from pipeline.experiment.rows import Rows
    from pipeline.report.tabulate import Made, TableData

KINDS = {
    "degradations": "degradations",
    "table1": "per_class",
    "table2": "ablation",
    "table3": "ablation",
    "figure8": "mixtures",
    "pairings": "pairings",
    "quality": "quality",
    "significance": "significance",
    "protocols": "protocols",
}
"""Kinds of entries that have the paper's name or the name of their kind: these need no key ``table``."""

ALWAYS = ("pairings", "quality", "significance")
"""Entries of every configuration that does not remove them (``NAME: null``)."""


class Columns(Section):
    """The columns of a table."""

    needs_hr: ClassVar[bool] = False

    datasets: list[Name] | None = Field(None, description="data sets; null: all")
    recognizers: list[Name] | None = Field(None, description="recognisers; null: all")


class ModelRow(Section):
    """A row of a table that shows a model, which is trained and scored only for tables that show it."""

    label: str = Field(description="name of the row")
    model: Name = Field(description="SR model")


class NoSettings(Request):
    """Settings of a table that reads only its own section of the configuration."""


class Table(Columns):
    """Base of all tables: a section of the configuration that states what it reads and makes the table.

    Attributes:
        Settings: further keys that it reads, from ``report``, ``quality`` and ``seed``.
        figure: whether it also has a picture (``draw``).
        needs_hr: whether data sets without HR (``resolution: native``) are left out.
        shows_degradations: whether it reads scores of rows under further degradations.
    """

    HOME: ClassVar[str] = "pipeline.report.tables"
    Settings: ClassVar[type[Request]] = NoSettings
    figure: ClassVar[bool] = False
    shows_degradations: ClassVar[bool] = False

    table: str = Field(
        description="kind: a file in report/tables, or package.module:Class; default: the entry's name, "
        "where table1 means per_class, table2 and table3 ablation, figure8 mixtures"
    )

    def scored_rows(self, rows: Rows) -> dict[str, Method]:
        """Rows whose scores it reads, including the rows of pairings' streams; by default all rows."""
        return rows.methods

    def columns(self, experiment: Experiment) -> tuple[list[str], list[str]]:
        """Its data sets and recognisers, in the order of the configuration."""
        return experiment.rows.datasets_of(self), experiment.rows.recognizers_of(self)

    def reads(self, experiment: Experiment) -> list[str]:
        """Files that it reads: by default the scores of its rows in its columns."""
        return experiment.files.scores(self.scored_rows(experiment.rows), *self.columns(experiment))

    def models(self) -> tuple[Stream, list[ModelRow]] | None:
        """Models that it shows beside the rows of Table 4, and the stream on which they are scored."""
        return None

    def trainings(self) -> list[TrainedOn]:
        """On what its recognisers are trained again, if they are trained on HR for Table 4."""
        return []

    def joint_pairs(self, methods: dict[str, Method]) -> list[tuple[str, str]]:
        """Pairs of a spatial and a temporal row that a joint network scores for it."""
        return []

    def problems(self, key: str, config: Config) -> Iterator[str]:
        """One line per key that does not fit the rest; ``key`` is the table's own."""
        yield from ()

    def make(self, data: TableData) -> Made:
        """Make the table: a data frame for the CSV, and Markdown. Raises ScoresError for missing scores."""
        raise NotImplementedError

    def draw(self, table: pd.DataFrame, path: Path) -> None:
        """Draw the picture of a table from its CSV."""
        raise NotImplementedError


class RetrainingTable(Table):
    """Base of tables that train recognisers once more, on other clips; only those that are trained on HR."""

    needs_hr: ClassVar[bool] = True

    rows: list[Name] = Field(min_length=1, description="tested rows of methods")

    def trained(self) -> list[TrainedOn]:
        """What the recognisers are trained on, in order; HR stands for Table 4's own."""
        raise NotImplementedError

    def trainings(self) -> list[TrainedOn]:
        """All but HR."""
        return [on for on in self.trained() if not is_hr(on)]

    def scored_rows(self, rows: Rows) -> dict[str, Method]:
        """The rows, and for pairings the rows of their streams."""
        return rows.with_parts(self.rows)

    def columns(self, experiment: Experiment) -> tuple[list[str], list[str]]:
        """Without recognisers that are trained on something else."""
        datasets, names = super().columns(experiment)
        recognizers = experiment.rows.recognizers
        return datasets, [name for name in names if recognizers[name].trained_on == HR]

    def reads(self, experiment: Experiment) -> list[str]:
        """Scores of all trainings; for Table 4's recogniser, pairings use the scores of their two rows."""
        datasets, recognizers = self.columns(experiment)
        files = []
        for recognizer in recognizers:
            for on in self.trained():
                shown = self.scored_rows(experiment.rows) if is_hr(on) else self.rows
                files += experiment.files.scores(shown, datasets, [variant_name(recognizer, on)])
        return files

    def problems(self, key: str, config: Config) -> Iterator[str]:
        """Unknown rows, a missing baseline, and streams that cannot be trained."""
        yield from unknown_rows(key, self.rows, config)
        for on in self.trainings():
            if problem := trained_on_problem(f"{key}.trained_on", on, config.methods, config.report.baseline):
                yield problem
        recognizers = config.recognition.recognizers
        for name in self.recognizers or recognizers:
            if recognizers[name].trained_on != HR:
                if self.recognizers:
                    yield f"{key}.recognizers: {name} is not trained on hr (its trained_on); leave it out"
                continue
            for stream in recognizers[name].streams:
                if recognizers[name].training_of(stream) is None:
                    yield f"recognition.recognizers.{name}.{stream}: missing, but {key} trains it"


def _with_kinds(value: Any) -> Any:
    """Entries with the kinds that their names imply, and the entries of every configuration."""
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
    """One line per undefined name in ``tables``, or in what they read."""
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
    """One line per row of a table that is not a row of ``methods``."""
    for row in rows:
        if row not in config.methods:
            yield f"{key}.rows: {row!r} is not a row of methods; known: {', '.join(config.methods)}"
