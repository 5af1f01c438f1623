"""Reader of HMDB51's published layout: class folders and one split list a class."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pipeline.data.layout import Entry, Listing, Lists, choose_classes, class_finder, take_once
from pipeline.data.lists import find_lists, read_list
from pipeline.data.manifest import Split
from pipeline.data.match import match_files

USES: dict[int | None, Split | None] = {0: None, 1: "train", 2: "test"}


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
        DataError: no lists, a malformed line, an unknown class, a clip with two uses, or no listed clip
            is there.

    Source: docs/facts.md, section 1 ("name.avi 0|1|2": unused, train, test; names hold [ ] ! ; ( ) & #).
    """
    return match_files(root, read_lists(splits, split, classes), f"not in the lists of split {split}")


def read_lists(splits: Path, split: int, classes: list[str] | None) -> Lists:
    """What the official lists name, as ``find_clips`` orders it; raises DataError."""
    paths = find_lists(splits, rf"(.+)_test_split0*{split}\.txt", f"*_test_split{split}.txt")
    known = sorted(paths)
    chosen = choose_classes(known, classes)
    entries = (entry for name in chosen for entry in _read_list(paths[name], name, known))
    return take_once(splits, known, chosen, entries)


def _read_list(path: Path, class_name: str, known: list[str]) -> Iterator[Entry]:
    find_class = class_finder(known)
    for line in read_list(path, labelled=True):
        *folders, name = line.path.split("/")
        elsewhere = folders and find_class(folders[-1]) not in (None, class_name)
        if not name or line.number not in USES or elsewhere:
            raise line.refused(f'"name.avi 0|1|2" with a name of {class_name}')
        yield Entry(class_name, USES[line.number], name, line.place)
