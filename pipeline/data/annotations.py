"""Reads annotation lists: lines of a path and a label, tables with a header, and files of class names."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, get_args

from pipeline.data.lists import COMMENT, NUMBERED, ListLine, join_parts, read_classes, read_rows
from pipeline.data.manifest import DataError
from pipeline.data.names import VIDEO_SUFFIXES, composed, shown

_GAP = r"[\s,;]+"
_SUFFIX = "|".join(sorted(suffix[1:] for suffix in VIDEO_SUFFIXES))
# The last suffix with something after it ends a path, because names may contain ".avi" and blanks.
_ENDED = re.compile(rf"(.*\.(?:{_SUFFIX})){_GAP}(.+?)[\s,;]*", re.IGNORECASE)
_QUOTED = re.compile(rf'"([^"]+)"{_GAP}(.+?)[\s,;]*')
_SEPARATED = re.compile(r"(.*\S)\s*[,;\t]\s*([^,;\t]+?)[\s,;]*")
_BLANK = re.compile(r"(.*\S)\s+(\S+)")
_COUNTED = re.compile(rf"(.*\S){_GAP}\d+")
_COUNTS = re.compile(rf"(?:\d+{_GAP})*(\d+)")


Column = Literal["path", "label", "split"]
"""Columns that a table has under these or other names."""

COLUMNS: tuple[Column, ...] = get_args(Column)


@dataclass(frozen=True)
class Row(ListLine):
    """A line of an annotation list.

    Attributes:
        path: the clip's path as the list writes it, its parts joined by "/".
        label: number or name of its class, as written.
        split: its split, as written; None if the list has no such column.
    """

    path: str = ""
    label: str = ""
    split: str | None = None


def read_annotations(path: Path, columns: Mapping[Column, str]) -> list[Row]:
    """Read all lines of a list.

    A list whose first line has the name of a column is a table: its header is separated by commas,
    semicolons, tabs or blanks, and so are its lines. Otherwise a line is a path and, after blanks, tabs,
    commas or semicolons, its label. Numbers between the two (mmaction2's number of frames) are ignored.

    Args:
        path: the list.
        columns: names of the columns ``path``, ``label`` and ``split`` in a header.

    Raises:
        DataError: the file is missing, empty or no text, a column is missing, or a line is malformed.
    """
    lines = [(row, text) for row, text in read_rows(path) if not COMMENT.fullmatch(text)]
    if not lines:
        raise DataError(f'{path}: lists no clips; expected lines of "path label"')
    names = {key: columns.get(key, key).casefold() for key in COLUMNS}
    delimiter = next((mark for mark in (",", ";", "\t") if mark in lines[0][1]), None)
    header = [name.casefold() for name in _fields(lines[0][1], delimiter)]
    if set(header) & set(names.values()):
        return list(_table(path, lines, header, delimiter, names))
    rows = [_line(path, row, text) for row, text in lines]
    return _without_counts(rows)


def _fields(text: str, delimiter: str | None) -> list[str]:
    if delimiter is None:
        return text.split()
    return [field.strip() for field in next(csv.reader([text], delimiter=delimiter, skipinitialspace=True))]


def _table(
    path: Path,
    lines: list[tuple[int, str]],
    header: list[str],
    delimiter: str | None,
    names: dict[Column, str],
) -> Iterator[Row]:
    (first, text), *rest = lines
    for key in ("path", "label"):
        if names[key] not in header:
            raise DataError(
                f"{path}, line {first}: found the columns {shown(', '.join(header))}, but no {names[key]}; "
                f"expected it, or its other name in columns: {{{key}: NAME}}"
            )
    if not rest:
        raise DataError(f"{path}: lists no clips, it holds a header alone")
    for number, text in rest:
        found = dict(zip(header, fields := _fields(text, delimiter), strict=False))
        written = join_parts(found.get(names["path"], ""))
        row = Row(text, path, number, written, found.get(names["label"], ""), found.get(names["split"]))
        if len(fields) != len(header) or not row.path or not row.label:
            raise row.refused(f"{len(header)} columns as in line {first}, a path and a label among them")
        yield row


def _line(path: Path, number: int, text: str) -> Row:
    patterns = (_QUOTED, _ENDED, _SEPARATED, _BLANK)
    found = next(filter(None, (pattern.fullmatch(text) for pattern in patterns)), None)
    row = Row(text, path, number)
    if not found or not (written := join_parts(found[1])):
        raise row.refused('"path label"')
    label = found[2].strip('"')
    if counts := _COUNTS.fullmatch(label):
        label = counts[1]
    return replace(row, path=written, label=label)


def _without_counts(rows: list[Row]) -> list[Row]:
    """Paths of folders without the numbers of frames after them, if every line has one.

    Names may end in numbers: what would make one path of two was part of a name.
    """
    while all(row.label.isdecimal() and _COUNTED.fullmatch(row.path) for row in rows):
        shorter = [replace(row, path=_COUNTED.fullmatch(row.path)[1]) for row in rows]  # type: ignore[index]
        if len({row.path for row in shorter}) < len({row.path for row in rows}):
            break
        rows = shorter
    return rows


def read_class_names(path: Path) -> dict[str, int]:
    """Number of each class by name, in the order of the numbers.

    Lines are "number name", or names alone, which are numbered from 0.

    Raises:
        DataError: the file is missing, empty or no text, or a line repeats a number or a name.
    """
    lines = [(row, text) for row, text in read_rows(path) if not COMMENT.fullmatch(text)]
    if not lines:
        raise DataError(f"{path}: names no classes; expected one on each line")
    if all(NUMBERED.fullmatch(text) for _, text in lines):
        return read_classes(path)
    first: dict[str, int] = {}
    for row, text in lines:
        if first.setdefault(composed(text), row) != row:
            raise DataError(
                f"{path}, line {row}: found class {shown(text)} again, first in line "
                f"{first[composed(text)]}; expected each class once"
            )
    return {text: number for number, (_, text) in enumerate(lines)}
