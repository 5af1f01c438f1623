"""Any tree of videos with annotation lists, as mmaction2, PySlowFast and many others write them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import takewhile
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from pipeline.config.data import Dataset
from pipeline.data.annotations import Column, Row, read_annotations, read_class_names
from pipeline.data.entries import Entry, Lists, choose_classes, class_finder, take_once
from pipeline.data.lists import find_lists
from pipeline.data.manifest import DataError, Split
from pipeline.data.names import composed, shown

USES = {
    "train": ("train", "training", "trainlist"),
    "test": ("test", "testing", "testlist"),
    "val": ("val", "valid", "validation", "vallist"),
}
"""Words for the splits, in names of lists and in columns. Validation clips are tested if no others are."""

CLASS_FILE = "classes.txt"


class Annotations(Dataset):
    """Lists of lines "path label", or tables with a header; class folders are not needed.

    Classes are in the order of their numbers, names without numbers in alphabetical order. Clips are
    identified by class and path, without the folders that all paths share and the class's own.
    """

    sources: ClassVar = {"root": "the videos, in any folders", "splits": "the folder of the annotation lists"}

    lists: dict[Literal["train", "test"], str] | str | None = Field(
        None,
        description="names of the lists in `splits`, one each (`{train: train.csv, test: val.csv}`) "
        "or one with a column of splits; null: found by their names",
    )
    class_file: str | None = Field(
        None,
        description="file in `splits` with the classes' names, one a line, from 0, or `number name`; "
        "null: classes.txt, if there is one",
    )
    columns: dict[Column, str] = Field(
        default_factory=dict,
        description="names of a list's columns that are not `path`, `label` and `split`, such as "
        "`{path: video, label: class}`",
    )

    def read_lists(self, splits: Path) -> Lists:
        """Read the lists and the classes' names; raises DataError."""
        files = find_lists(splits, r"(.+\.(?:txt|csv|tsv|lst|list))", "train.txt, test.txt")
        class_file = self._named("class_file", files, self.class_file or CLASS_FILE, self.class_file is None)
        rows = list(self._rows(splits, {n: path for n, path in files.items() if path != class_file}))
        names = _class_names([row for _, row in rows], class_file)
        if not self.native:
            _check_splits(rows, names, self.classes)
        used = {names[row.label] for _, row in rows}
        known = [name for name in dict.fromkeys(names.values()) if name in used]
        shared = _shared_folders([row for _, row in rows])
        entries = [_entry(split, row, names[row.label], shared) for split, row in rows]
        return take_once(splits, known, choose_classes(known, self.classes), entries)

    def _named(self, key: str, files: dict[str, Path], name: str, optional: bool = False) -> Path | None:
        """A file by its name, or by its path's end, ignoring case."""
        wanted = composed(Path(name).name).casefold()
        found = next((path for file, path in files.items() if composed(file).casefold() == wanted), None)
        if found is None and not optional:
            there = ", ".join(shown(file) for file in files)
            raise DataError(f"{key}: no file {name} in the lists' folder, only {there}")
        return found

    def _rows(self, splits: Path, files: dict[str, Path]) -> Iterator[tuple[Split | None, Row]]:
        """All lines with their splits, training first."""
        lists = self.lists if self.lists is not None else self._by_name(splits, files)
        if isinstance(lists, dict):
            uses: tuple[Split, ...] = ("test",) if self.native else ("train", "test")
            for split in uses:
                if split not in lists:
                    raise DataError(f"{splits}: lists names no {split} list; expected one for {split}")
                path = self._named(f"lists.{split}", files, lists[split])
                assert path is not None  # refused otherwise
                yield from ((split, row) for row in read_annotations(path, self.columns))
            return
        path = self._named("lists", files, lists)
        assert path is not None  # refused otherwise
        rows = read_annotations(path, self.columns)
        if self.native and all(row.split is None for row in rows):
            yield from (("test", row) for row in rows)
        else:
            yield from _by_column(rows, self.columns)

    def _by_name(self, splits: Path, files: dict[str, Path]) -> dict[Literal["train", "test"], str] | str:
        """The lists of this split, by the words in their names."""
        found: dict[str, list[str]] = {use: [] for use in USES}
        numbers = set()
        for name in files:
            use = next((use for use, words in USES.items() if {*words} & {*_words(name)}), None)
            if use:
                numbers.add(number := _number(name))
                found[use] += [name] * (number == self.split)
        tested = found["test"] or found["val"]
        for names in (found["train"], tested):
            if len(names) > 1:
                raise DataError(
                    f"{splits}: {' and '.join(map(shown, names))} may both be meant; name the lists of the "
                    "splits, as in lists: {train: NAME, test: NAME}"
                )
        if tested and (found["train"] or self.native):
            return dict(zip(("test", "train"), (*tested, *found["train"]), strict=False))
        if len(files) == 1 and not numbers:
            return next(iter(files))
        there = ", ".join(shown(name) for name in files) or "nothing"
        raise DataError(
            f"{splits}: no list for training and one for test of split {self.split}, but {there}; expected "
            "train.txt and test.txt or val.txt, one list with a column split, or their names in lists"
        )


def _words(name: str) -> list[str]:
    return re.findall(r"[a-z]+", name.lower())


def _number(name: str) -> int:
    """Number of the official split in a list's name (trainlist01, val_split_2, test3); 1 if there is none."""
    words = "split|" + "|".join(word for words in USES.values() for word in words)
    found = re.findall(rf"(?<![a-z])(?:{words})[-_ ]?0*([1-9]\d*)(?!\d)", name.lower())
    return int(found[-1]) if found else 1


def _by_column(rows: Sequence[Row], columns: dict[Column, str]) -> Iterator[tuple[Split | None, Row]]:
    """Rows of one list by its column of splits; validation clips are unused beside test clips."""
    words = {word: use for use, known in USES.items() for word in known}
    uses = []
    for row in rows:
        if row.split is None:
            raise DataError(
                f"{row.file}: has no column {columns.get('split', 'split')}, and no other list is there; "
                "expected the column, or one list for training and one for test"
            )
        if (use := words.get(row.split.casefold())) is None:
            raise row.refused("train, val or test as its split")
        uses.append(use)
    tested = "test" if "test" in uses else "val"
    order: dict[str, Split | None] = {"train": "train", tested: "test"}
    found = [(order.get(use), row) for use, row in zip(uses, rows, strict=True)]
    yield from sorted(found, key=lambda item: ("train", "test", None).index(item[0]))


def _class_names(rows: list[Row], class_file: Path | None) -> dict[str, str]:
    """The class of each label, in the order of classes.

    Raises DataError for numbers among names, and for a label that the class file lacks.
    """
    labels: dict[str, Row] = {}
    for row in rows:
        labels.setdefault(row.label, row)
    numbers = read_class_names(class_file) if class_file else {}
    find_class = class_finder(numbers)
    numeric = [label for label in labels if label.isdecimal()]
    if len(numeric) == len(labels):
        by_number = {number: name for name, number in numbers.items()}
        for label in labels:
            if class_file and int(label) not in by_number:
                least, most = min(by_number), max(by_number)
                raise labels[label].refused(
                    f"a label of {class_file.name}, which numbers its classes from {least} to {most}"
                )
        ordered = sorted(labels, key=int)
        return {label: by_number.get(int(label), str(int(label))) for label in ordered}
    if class_file:
        for label, row in labels.items():
            if find_class(label) is None:
                raise row.refused(f"a class of {class_file.name}")
        named = {label: find_class(label) or "" for label in labels}
        return dict(sorted(named.items(), key=lambda item: numbers[item[1]]))
    if numeric:
        odd = next(row for row in rows if row.label.isdecimal() != rows[0].label.isdecimal())
        raise odd.refused(f"labels that are all numbers or all names, but {rows[0].place} has the other kind")
    return {label: composed(label) for label in sorted(labels, key=lambda label: (composed(label), label))}


def _check_splits(
    rows: list[tuple[Split | None, Row]], names: dict[str, str], chosen: list[str] | None
) -> None:
    """Refuse classes that have no line in one of the splits."""
    first: dict[Split | None, dict[str, Row]] = {"train": {}, "test": {}}
    for split, row in rows:
        first.setdefault(split, {}).setdefault(names[row.label], row)
    pairs: tuple[tuple[Split, Split], ...] = (("test", "train"), ("train", "test"))
    for split, other in pairs:
        for name, row in first[split].items():
            if name not in first[other] and (chosen is None or name in chosen):
                raise row.refused(
                    f"a class that the {other} list has, too; add its clips, or name the classes to use in "
                    "`classes`"
                )


def _shared_folders(rows: list[Row]) -> int:
    """Number of folders with which all paths begin."""
    levels = zip(*(row.path.split("/")[:-1] for row in rows), strict=False)
    return len(list(takewhile(lambda names: len(set(names)) == 1, levels)))


def _entry(split: Split | None, row: Row, class_name: str, shared: int) -> Entry:
    *folders, name = row.path.split("/")
    within = [part for part in folders[shared:] if composed(part).casefold() != class_name.casefold()]
    return Entry(class_name, split, name, row.place, "/".join(folders), "/".join(within))
