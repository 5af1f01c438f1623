"""Reader of HMDB51's published layout: class folders and one split list a class."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pipeline.data.layout import Entry, Listing, choose_classes, match_files, read_lines
from pipeline.data.manifest import DataError, Split

USES: dict[str, Split | None] = {"0": None, "1": "train", "2": "test"}


def find_clips(root: Path, splits: Path, split: int, classes: list[str] | None) -> Listing:
    """Match the clips of one official split with the files below ``root``.

    Args:
        root: folder of the class folders.
        splits: folder of the lists {class}_test_split{N}.txt.
        split: number of the official split, 1 to 3.
        classes: subset of the classes; None: all.

    Returns:
        Classes in alphabetical order; clips in the lists' order.

    Raises:
        DataError: no lists, a malformed line, or an unknown class.

    Source: docs/facts.md, section 1 ("name.avi 0|1|2": unused, train, test; names hold [ ] ! ; ( ) & #).
    """
    chosen, entries = read_lists(splits, split, classes)
    return match_files(root, chosen, entries, f"not in the lists of split {split}")


def read_lists(splits: Path, split: int, classes: list[str] | None) -> tuple[list[str], list[Entry]]:
    """Classes and clips that the official lists name, as ``find_clips`` orders them; raises DataError."""
    ending = f"_test_split{split}.txt"
    known = sorted(path.name.removesuffix(ending) for path in splits.glob(f"*{ending}"))
    if not known:
        raise DataError(f"{splits}: no lists *{ending}; put HMDB51's official split lists there")
    chosen = choose_classes(known, classes)
    return chosen, [entry for name in chosen for entry in _read_list(splits / f"{name}{ending}", name)]


def _read_list(path: Path, class_name: str) -> Iterator[Entry]:
    for line in read_lines(path):
        # Names may hold blanks and signs: only the last word is the use.
        name, _, use = line.rpartition(" ")
        if use not in USES or not name.strip():
            raise DataError(f'{path}: line "{line}" is not "name.avi 0|1|2"')
        yield Entry(f"{class_name}/{name.strip().removesuffix('.avi')}", class_name, USES[use])
