"""HMDB51's published layout: class folders and one split list per class."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from pipeline.config.data import Counts, Dataset
from pipeline.data.entries import Entry, Lists, choose_classes, class_finder, take_once
from pipeline.data.lists import find_lists, read_list
from pipeline.data.manifest import Split

USES: dict[int | None, Split | None] = {0: None, 1: "train", 2: "test"}


class HMDB51(Dataset):
    """HMDB51: classes in alphabetical order; clips in the lists' order.

    Source: docs/facts.md, section 1 ("name.avi 0|1|2": unused, train, test; names hold [ ] ! ; ( ) & #).
    The width is that of the paper's introduction.
    """

    counts: ClassVar = Counts(clips=6_766, classes=51, train=3_570, test=1_530, frames=95, width=340)
    sources: ClassVar = {
        "root": "hmdb51_org.rar from https://serre-lab.clps.brown.edu/resource/"
        "hmdb-a-large-human-motion-database/, as it comes or unpacked",
        "splits": "test_train_splits.rar from https://serre-lab.clps.brown.edu/resource/"
        "hmdb-a-large-human-motion-database/, as it comes or unpacked",
    }

    def read_lists(self, splits: Path) -> Lists:
        """Read the lists {class}_test_split{N}.txt; raises DataError."""
        number = self.split
        paths = find_lists(splits, rf"(.+)_test_split0*{number}\.txt", f"*_test_split{number}.txt")
        known = sorted(paths)
        chosen = choose_classes(known, self.classes)
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
