"""UCF101's published layout: class folders and the official train/test lists."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from pipeline.config.data import Counts, Dataset
from pipeline.data.entries import Entry, Lists, choose_classes, class_finder, take_once
from pipeline.data.lists import Line, find_lists, read_classes, read_list
from pipeline.data.manifest import DataError, Split


class UCF101(Dataset):
    """UCF101: classes in the order of classInd.txt; clips in the lists' order, training first.

    Source: docs/facts.md, section 1 (folder HandstandPushups holds v_HandStandPushups_...).
    """

    counts: ClassVar = Counts(clips=13_320, classes=101, train=9_537, test=3_783, frames=186, width=320)
    sources: ClassVar = {
        "root": "UCF101.rar from https://www.crcv.ucf.edu/data/UCF101.php, as it comes or unpacked",
        "splits": "UCF101TrainTestSplits-RecognitionTask.zip from "
        "https://www.crcv.ucf.edu/data/UCF101.php, as it comes or unpacked",
    }

    def read_lists(self, splits: Path) -> Lists:
        """Read classInd.txt, trainlist0N.txt and testlist0N.txt; raises DataError."""
        number = self.split
        expected = ["classInd.txt", f"trainlist{number:02d}.txt", f"testlist{number:02d}.txt"]
        pattern = rf"(classInd(?=\.)|(?:train|test)list(?=0*{number}\.))\d*\.txt"
        found = {key.lower(): path for key, path in find_lists(splits, pattern, ", ".join(expected)).items()}
        paths = []
        for key, name in zip(("classind", "trainlist", "testlist"), expected, strict=True):
            if key not in found:
                folder = next(iter(found.values())).parent
                raise DataError(
                    f"{folder / name}: no such list; put the data set's official split lists there"
                )
            paths.append(found[key])
        numbers = read_classes(paths[0])
        chosen = choose_classes(list(numbers), self.classes)
        entries = [*_read_list(paths[1], "train", numbers), *_read_list(paths[2], "test", numbers)]
        return take_once(splits, list(numbers), chosen, entries)


def _read_list(path: Path, split: Split, numbers: dict[str, int]) -> Iterator[Entry]:
    """Entries of lines "Class/v_Class_g08_c01.avi 1"; test lists carry no label."""
    find_class = class_finder(numbers)
    labelled: list[tuple[Line, int, str]] = []
    for line in read_list(path):
        *folders, name = line.path.split("/")
        class_name = next(filter(None, map(find_class, reversed(folders))), None)
        if class_name is None:
            raise line.refused('"Class/name.avi" with a class of classInd.txt')
        if line.number is not None:
            labelled.append((line, line.number, class_name))
        yield Entry(class_name, split, name, line.place)
    # The folder determines the class. Labels only confirm it, and many lists count them from 0.
    shifts = {number - numbers[class_name] for _, number, class_name in labelled}
    from_zero = min(numbers.values(), default=1) == 1 and shifts == {-1}
    for line, number, class_name in labelled:
        if number != numbers[class_name] and not from_zero:
            raise line.refused(f"label {numbers[class_name]}, which classInd.txt gives {class_name}")
