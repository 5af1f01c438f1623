"""Rows of the tables, and settings of the report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from pipeline.config.section import Name, PositiveInt, Section, Stream


class Row(Section):
    """A row of a table: one source of frames for both streams, or a pairing of two rows."""

    label: str = Field("", description="name in tables and figures; empty: its key")
    model: Name | Literal["hr"] | None = Field(
        None, description="SR model; hr: the original frames; of a row with `frames`: the row itself"
    )
    spatial: Name | None = Field(None, description="row from which the spatial stream comes")
    temporal: Name | None = Field(None, description="row from which the temporal stream comes")

    @model_validator(mode="after")
    def _check(self) -> Row:
        if (self.model is None) == (self.spatial is None or self.temporal is None):
            raise ValueError("give either model, or frames, or both spatial and temporal")
        return self


class Method(Row):
    """A row of Table 4."""

    frames: Path | None = Field(
        None,
        description="folder of test clips that another tool super-resolved, as videos or folders of "
        "pictures: FOLDER/DATASET/CLIP, or FOLDER/CLIP for a single data set (docs/own-sr.md)",
    )


def _own_sources(value: Any) -> Any:
    """Rows with ``frames`` as the sources of their own frames."""
    if not isinstance(value, dict):
        return value
    return {
        name: {"model": name} | row if isinstance(row, dict) and row.get("frames") else row
        for name, row in value.items()
    }


Methods = Annotated[dict[Name, Method], BeforeValidator(_own_sources)]


class ColumnPart(Section):
    """One of the scores that a column sums."""

    stream: str = Field(description="name of the stream in the scores")
    weight: float = Field(description="factor of its scores before softmax")
    row: Stream | None = Field(
        description="row of a pairing that provides the scores; null: the pairing itself is scored"
    )


class Column(Section):
    """A column of the tables: the weighted sum of some streams' scores before softmax."""

    name: str = Field(description="name in tables")
    parts: list[ColumnPart] = Field(min_length=1, description="the summands, in order")


class Page(Section):
    """The report page."""

    clips: PositiveInt = Field(12, description="test clips of each data set that can be looked at")
    frames: PositiveInt = Field(48, description="most frames of each of these clips, from its first on")
    tables: list[Name] | None = Field(
        None, description="tables beside Table 4, by their names in `tables`; null: all"
    )


class Report(Section):
    """Settings of all tables."""

    confidence: Annotated[float, Field(gt=0.5, lt=1)] = Field(
        0.95, description="level of all intervals; tests use 1 - confidence"
    )
    baseline: Name = Field(
        "bicubic", description="row with plain interpolation, to which others are compared"
    )
    resamples: PositiveInt = Field(9999, description="bootstrap resamples of clips for each difference")
    pictured: list[Name] = Field(
        ["bicubic", "sosr", "tosr", "hr"], description="rows of the figures, HR last", min_length=1
    )
    caption: str = Field("", description="sentence that labels the results, for example as demo data")
    page: Page = Field(default_factory=Page, description="the report page")
