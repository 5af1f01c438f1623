"""Rows of the tables, and what stands in them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from pipeline.config.section import Name, PositiveInt, Section, Stream


class Method(Section):
    """A row of Table 4: one model for both streams, or a pairing of two rows."""

    label: str = Field("", description="name in tables and figures; empty: its key")
    model: Name | Literal["hr"] | None = Field(None, description="SR model, or hr: no SR")
    spatial: Name | None = Field(None, description="row that serves the spatial stream")
    temporal: Name | None = Field(None, description="row that serves the temporal stream")

    @model_validator(mode="after")
    def _check(self) -> Method:
        if (self.model is None) == (self.spatial is None or self.temporal is None):
            raise ValueError("give either model, or both spatial and temporal")
        return self


class ColumnPart(Section):
    """One of the scores that a column adds up."""

    stream: str = Field(description="stream, a name in the scores")
    weight: float = Field(description="factor of its scores before softmax")
    row: Stream | None = Field(
        description="which row of a pairing has scored it; null: the pairing is scored itself"
    )


class Column(Section):
    """A column of the tables: the weighted sum of some streams' scores before softmax."""

    name: str = Field(description="name in tables")
    parts: list[ColumnPart] = Field(min_length=1, description="what is added up, in order")


class Report(Section):
    """What all tables share."""

    confidence: Annotated[float, Field(gt=0.5, lt=1)] = Field(
        0.95, description="level of all intervals; 1 - confidence is that of the tests"
    )
    baseline: Name = Field("bicubic", description="row without SR proper, which others are compared with")
    resamples: PositiveInt = Field(9999, description="bootstrap resamples of clips for each difference")
    pictured: list[Name] = Field(
        ["bicubic", "sosr", "tosr", "hr"], description="rows of the figures, HR last", min_length=1
    )
    caption: str = Field("", description="sentence that labels the results, as under demo data")
