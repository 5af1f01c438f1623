"""The stages that make the tables beside Table 4 and their pictures."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import lazy_loader

from pipeline.files import atomic_path
from pipeline.report.request import DrawTable, Tabulate
from pipeline.report.rows import NO_HR, Names, Rows, one_line, write_markdown

if TYPE_CHECKING:
    import pandas as pd
else:
    pd = lazy_loader.load("pandas")


@dataclass(frozen=True)
class Made:
    """A finished table.

    Attributes:
        title: heading of the Markdown.
        table: content of the CSV.
        lines: the other lines of the Markdown.
        digits: format of the CSV's numbers.
    """

    title: str
    table: pd.DataFrame
    lines: list[str] = field(default_factory=list)
    digits: str = "%.6g"


@dataclass(frozen=True)
class TableData:
    """Input of a table: the request, and the files that it reads."""

    request: Tabulate
    files: list[Path]

    @cached_property
    def rows(self) -> Rows:
        """The scores, by data set, recogniser, row and stream."""
        return Rows(self.files, self.request)

    @cached_property
    def names(self) -> Names:
        """Labels of rows, data sets and recognisers."""
        return Names(self.request)

    @property
    def settings(self) -> Any:
        """The further keys that the table reads, as its ``Settings``."""
        return self.request.table.Settings.model_validate(self.request.settings)


def tabulate(request: Tabulate, read: list[Path], csv: Path, markdown: Path) -> None:
    """Make one of the tables beside Table 4.

    Args:
        request: the table's section, its rows and columns.
        read: score files of its rows, or other files that its kind reads; in any order.
        csv: the table; see docs/tables.md.
        markdown: the same for reading.

    Raises:
        ScoresError: scores are missing, or rows were scored on different clips.
        DamagedError: a file is damaged.
    """
    made = request.table.make(TableData(request, read))
    with atomic_path(csv) as path:
        made.table.to_csv(path, index=False, float_format=made.digits)
    lacking = [f"{one_line(name)} is left out: {NO_HR}." for name in request.lacking_hr]
    notes = [line for note in lacking for line in ("", note)]
    write_markdown(markdown, made.title, request.heading, [*made.lines, *notes])


def draw_table(request: DrawTable, csv: Path, out: Path) -> None:
    """Draw the picture of a table from its CSV.

    Args:
        request: the table's section.
        csv: the table.
        out: PNG.
    """
    with atomic_path(out) as path:
        request.table.draw(pd.read_csv(csv), path)
