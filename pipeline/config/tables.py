"""The tables beside Table 4: rows, columns and what is trained for them alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

from pydantic import Field, field_validator

from pipeline.config.section import Name, PositiveInt, Section, Stream

if TYPE_CHECKING:
    from pipeline.config import Config


class Columns(Section):
    """The columns that a table is made for."""

    datasets: list[Name] | None = Field(None, description="data sets; null: all")
    recognizers: list[Name] | None = Field(None, description="recognisers; null: all")


class PerClass(Columns):
    """Table 1: accuracy of each class, and which classes SR helps or harms most."""

    rows: list[Name] = Field(["hr", "bicubic", "vdsr"], min_length=1, description="rows of methods")
    shown: PositiveInt = Field(5, description="classes helped or harmed most that the Markdown names")


class AblationRow(Section):
    """A row of an ablation. Its model is trained only where a table has it."""

    label: str = Field(description="name of the row")
    model: Name = Field(description="SR model")


class Ablation(Columns):
    """Tables 2 and 3: one stream's accuracy for the same network under several losses."""

    stream: Stream = Field(description="stream that is scored")
    rows: list[AblationRow] = Field(min_length=1, description="rows in order")


class Mixtures(Columns):
    """Figure 8: recognisers trained on mixtures of HR clips and enlarged LR clips."""

    ratios: list[Annotated[float, Field(ge=0, le=1)]] = Field(
        [0.0, 0.25, 0.5, 0.75, 1.0],
        min_length=1,
        description="shares of LR among the training clips; 0 is Table 4's recogniser",
    )
    rows: list[Name] = Field(
        ["hr", "bicubic", "sosr_tosr"], min_length=1, description="rows of methods that are tested on"
    )

    @field_validator("ratios")
    @classmethod
    def _in_order(cls, ratios: list[float]) -> list[float]:
        if sorted(set(ratios)) != ratios:
            raise ValueError("the ratios must rise, each once")
        return ratios


class Pairings(Columns):
    """All pairs of a spatial with a temporal row, as in the paper's supplement."""

    joint: list[Name] | None = Field(
        None,
        description="rows whose pairs ST-ResNet's joint network scores, each in a pass over the clips; "
        "default: all that have a model",
    )


class Tables(Section):
    """The paper's other tables; what is null is left out of the target ``tables``."""

    table1: PerClass | None = Field(None, description="per-class accuracy")
    table2: Ablation | None = Field(None, description="losses of the spatial stream's SR")
    table3: Ablation | None = Field(None, description="warp loss of the temporal stream's SR")
    figure8: Mixtures | None = Field(None, description="recognisers trained on HR and LR")
    pairings: Pairings = Field(
        default_factory=Pairings, description="every spatial row with every temporal row"
    )


def table_problems(config: Config) -> Iterator[str]:
    """A line for each name in ``tables``, or in what they read, that points nowhere."""
    yield from _row_problems(config)
    known = {"datasets": config.datasets, "recognizers": config.recognition.recognizers}
    tables = {f"tables.{name}": table for name, table in config.tables if table}
    for key, table in {**tables, "quality": config.quality}.items():
        for columns, all_names in known.items():
            for name in getattr(table, columns, None) or ():
                if name not in all_names:
                    yield f"{key}.{columns}: {name!r} is not among this config's: {', '.join(all_names)}"
    if config.tables.figure8:
        yield from _mixture_problems(config)


def _row_problems(config: Config) -> Iterator[str]:
    tables, methods, models = config.tables, config.methods, config.superres.models
    for name, table in {"table1": tables.table1, "figure8": tables.figure8}.items():
        for row in table.rows if table else ():
            if row not in methods:
                yield f"tables.{name}.rows: {row!r} is no row of methods; known: {', '.join(methods)}"
    single = [name for name, row in methods.items() if row.model]
    for row in tables.pairings.joint or ():
        if row not in single:
            yield f"tables.pairings.joint: {row!r} is no row with a model; known: {', '.join(single)}"
    for name, table in {"table2": tables.table2, "table3": tables.table3}.items():
        for row in table.rows if table else ():
            if row.model not in models:
                yield f"tables.{name}.rows: {row.model!r} is no model; known: {', '.join(models)}"
            elif row.model in methods and methods[row.model].model != row.model:
                yield f"methods.{row.model}: named like a model of tables.{name}, but another; rename it"


def _mixture_problems(config: Config) -> Iterator[str]:
    """Figure 8 needs the baseline's frames, and a recipe for every network that it trains."""
    methods, mixtures = config.methods, config.tables.figure8
    baseline = methods.get(config.report.baseline)
    if baseline is None or baseline.model in (None, "hr"):
        known = [name for name, row in methods.items() if row.model not in (None, "hr")]
        found = config.report.baseline
        yield f"report.baseline: {found!r} is no row with an SR model; known: {', '.join(known)}"
    recognizers = config.recognition.recognizers
    for name in mixtures.recognizers or recognizers:
        for stream in ("spatial", "temporal", "joint"):
            if name in recognizers and getattr(recognizers[name], stream, "none") is None:
                yield f"recognition.recognizers.{name}.{stream}: missing, but tables.figure8 trains it"
