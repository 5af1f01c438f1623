"""CSV files passed between stages: every row ends with a checksum of itself and of all rows after it."""

from __future__ import annotations

import csv
import io
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path

from pipeline.errors import DamagedError
from pipeline.files import write_whole

CHECK = "crc32"
"""The checksum's column, the last one."""
ENCODING = ("utf-8", "surrogateescape")
"""File names need not be UTF-8."""


def write_rows(path: Path | str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write rows of text and numbers atomically; None becomes an empty field. Raises DiskFullError."""
    texts = [["" if value is None else str(value) for value in row] for row in rows]
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\n")
    # A file without rows has no checksum column. A header with one but without rows is a truncated file.
    writer.writerow([*columns, CHECK] if texts else columns)
    writer.writerows([*row, check] for row, check in zip(texts, _checks(texts), strict=True))
    write_whole(path, buffer.getvalue().encode(*ENCODING))


def read_rows(path: Path | str, columns: Sequence[str], earlier: Sequence[str] = ()) -> list[dict[str, str]]:
    """Read rows written by ``write_rows``, as dictionaries; also files of earlier versions without checksums.

    ``earlier`` are the columns of such files, if they differ.

    Raises DamagedError for other columns and for changed, lost or added rows.
    """
    try:
        with Path(path).open(newline="", encoding=ENCODING[0], errors=ENCODING[1]) as file:
            text = file.read()
        header, *rows = list(csv.reader(io.StringIO(text, newline=""), strict=True)) or [[]]
    except csv.Error as error:
        raise DamagedError(path, error) from error
    if not text.endswith("\n"):
        raise DamagedError(path, "it ends within a line")
    if header == list(earlier):
        columns = earlier
    if header not in ([*columns, CHECK], [*columns]):
        raise DamagedError(path, f"columns are {header}, expected {[*columns, CHECK]}")
    for number, row in enumerate(rows, 2):
        if len(row) != len(header):
            raise DamagedError(path, f"row {number} has {len(row)} fields, expected {len(header)}")
    if header[-1] == CHECK:
        if not rows:
            raise DamagedError(path, "it ends after its first line")
        checks = _checks([row[:-1] for row in rows])
        for number, (row, check) in enumerate(zip(rows, checks, strict=True), 2):
            if row[-1] != check:
                raise DamagedError(path, f"row {number}, or what follows, is not what {CHECK} {row[-1]} says")
    return [dict(zip(columns, row, strict=False)) for row in rows]


def _checks(rows: list[list[str]]) -> list[str]:
    checks, check = [], 0
    for row in reversed(rows):
        check = zlib.crc32("\0".join(row).encode(*ENCODING), check)
        checks.append(f"{check:08x}")
    return checks[::-1]
