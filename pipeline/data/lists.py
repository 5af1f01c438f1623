"""Reads split lists with their variations: places, encodings, and lines of a path and a number."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pipeline.data.manifest import DataError
from pipeline.data.names import NOT_UTF8, VIDEO_SUFFIXES, composed, folded, is_utf8, shown
from pipeline.data.walk import walk, without_links

BOMS = {codecs.BOM_UTF8: "utf-8", codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
"""Byte order marks and their encodings."""

# Separates a path from the numbers after it.
_GAP = r"[\s,;]+"
_NUMBERS = rf"((?:{_GAP}\d+)*)[\s,;]*"
# The last suffix that only numbers follow ends a path, because names may contain ".avi", numbers and blanks.
_ENDED = re.compile(rf"(.*\.(?:{'|'.join(suffix[1:] for suffix in sorted(VIDEO_SUFFIXES))})){_NUMBERS}", re.I)
_QUOTED = re.compile(rf'"([^"]+)"{_NUMBERS}')
_PLAIN = re.compile(rf"(.*?)({_GAP}\d+)?[\s,;]*")
NUMBERED = re.compile(rf"(\d+)(?:[.:)]\s*|{_GAP})(\S.*)")
COMMENT = re.compile(r"#(\s.*)?")
"""Lines that say nothing. Names may start with "#", as several of HMDB51's do."""


@dataclass(frozen=True)
class ListLine:
    """One line of a list of any form.

    Attributes:
        text: the whole line, for messages.
        file: the list.
        row: number of the line, from 1.
    """

    text: str
    file: Path
    row: int

    @property
    def place(self) -> str:
        """Position of the line, such as "trainlist01.txt, line 3"."""
        return f"{self.file.name}, line {self.row}"

    def refused(self, expected: str) -> DataError:
        """The error for a malformed line."""
        return DataError(f'{self.file}, line {self.row}: found "{shown(self.text)}", expected {expected}')


@dataclass(frozen=True)
class Line(ListLine):
    """A line of a split list.

    Attributes:
        path: the path as the list writes it, its parts joined by "/".
        number: the last number after the path; None if there is none.
    """

    path: str
    number: int | None


def read_list(path: Path, labelled: bool | None = None) -> list[Line]:
    """Read "path, optional label at the end" from each line of a list, in order.

    Numbers between a path and its label (TSN's lists have frame counts) are ignored if the path has a video
    suffix. A path without one may itself end in a number.

    Args:
        path: the list.
        labelled: whether every line has a label; None: yes if all lines end in a number.

    Raises:
        DataError: the file is missing or is not text.
    """
    rows = []
    for row, text in read_rows(path):
        certain = _ENDED.fullmatch(text) or _QUOTED.fullmatch(text)
        if certain or not COMMENT.fullmatch(text):
            found = certain or _PLAIN.fullmatch(text)
            assert found is not None  # it matches every line
            rows.append((row, text, certain, found))
    if labelled is None:
        labelled = all(found[2] for _, _, _, found in rows)
    lines = []
    for row, text, certain, found in rows:
        has_label = found[2] and (certain or labelled)
        written = found[1] if certain or has_label else text
        number = int(re.findall(r"\d+", found[2])[-1]) if has_label else None
        lines.append(Line(text, path, row, join_parts(written), number))
    return lines


def join_parts(path: str) -> str:
    """A path as lists write it, its parts joined by "/"."""
    return "/".join(part for part in path.replace("\\", "/").split("/") if part not in ("", "."))


def read_classes(path: Path) -> dict[str, int]:
    """Number of each class by name, from lines "1 ApplyEyeMakeup", in the order of the numbers.

    Raises:
        DataError: the file is missing or is not text, or a line is malformed or repeats a number or class.
    """
    numbers: dict[str, int] = {}
    seen: dict[str | int, int] = {}
    for row, text in read_rows(path):
        if COMMENT.fullmatch(text):
            continue
        matched = NUMBERED.fullmatch(text)
        if not matched or not is_utf8(text):
            raise DataError(f'{path}, line {row}: found "{shown(text)}", expected "number class" in UTF-8')
        number, name = int(matched[1]), matched[2]
        for what, key in (("number", number), ("class", composed(name))):
            if key in seen:
                raise DataError(
                    f"{path}, line {row}: found {what} {key} again, first in line {seen[key]}; expected each "
                    "number and each class once"
                )
            seen[key] = row
        numbers[name] = number
    return dict(sorted(numbers.items(), key=lambda item: item[1]))


def find_lists(folder: Path, pattern: str, expected: str) -> dict[str, Path]:
    """The lists whose names match a pattern, ignoring case, by the text of the pattern's group.

    They may be in the folder itself, or all in one folder below it.

    Raises:
        DataError: there are none, or some in several folders, or two of one name; the message says which.
    """
    if not folder.is_dir():
        found = "a file" if folder.exists() else "no such folder"
        raise DataError(f"{folder}: {found}; expected the folder of the official split lists ({expected})")
    by_folder: dict[str, list[tuple[str, Path]]] = {}
    files = walk(folder).files
    for relative, path in files:
        if matched := re.fullmatch(pattern, path.name, re.IGNORECASE):
            by_folder.setdefault(relative.rpartition("/")[0], []).append((matched[1], path))
    if not by_folder:
        some = ", ".join(shown(relative) for relative, _ in files[:3]) + (", ..." if len(files) > 3 else "")
        raise DataError(
            f"{folder}: no lists {expected}, but {some or 'no files at all'}; put the data set's official "
            "split lists there"
        )
    places = [""] if "" in by_folder else without_links(folder, by_folder)
    if len(places) > 1:
        several = ", ".join(map(shown, places))
        raise DataError(f"{folder}: lists {expected} in several folders ({several}); give one of them")
    lists: dict[str, Path] = {}
    for key, path in by_folder[places[0]]:
        twin = next((other for other in lists if folded(other) == folded(key)), None)
        if twin is not None:
            raise DataError(f"{path}: found beside {lists[twin].name}; expected one of them")
        if not is_utf8(key):
            raise DataError(f"{shown(str(path))}: {NOT_UTF8}")
        lists[key] = path
    return lists


def read_rows(path: Path) -> Iterator[tuple[int, str]]:
    """(number, stripped text) of each non-empty line of a list."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}; expected a list") from error
    encoding = next((encoding for bom, encoding in BOMS.items() if data.startswith(bom)), "utf-8")
    try:
        # File names may have any encoding, and so may the names in lists.
        text = data.decode(encoding, "surrogateescape" if encoding == "utf-8" else "strict")
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: starts as {encoding}, but {error}; expected text, best in UTF-8") from error
    if "\0" in text:
        raise DataError(f"{path}: holds zero bytes; expected text in UTF-8, or in UTF-16 with its mark")
    for row, line in enumerate(re.split(r"\r\n|\r|\n", text.removeprefix("\ufeff")), start=1):
        if line.strip():
            yield row, line.strip()
