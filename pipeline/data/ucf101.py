"""Reader of UCF101's published layout: class folders and the official train/test lists."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from pipeline.data.layout import Entry, Listing, choose_classes, match_files, read_lines
from pipeline.data.manifest import DataError, Split


def find_clips(root: Path, splits: Path, split: int, classes: list[str] | None) -> Listing:
    """Match the clips of one official split with the files below ``root``.

    Args:
        root: folder of the class folders.
        splits: folder of classInd.txt, trainlist0N.txt and testlist0N.txt.
        split: number of the official split, 1 to 3.
        classes: subset of the classes; None: all.

    Returns:
        Classes in classInd.txt's order; clips in the lists' order, training first.

    Raises:
        DataError: a list is missing or malformed, or a class is unknown.

    Source: docs/facts.md, section 1 (names match without regard to case: folder HandstandPushups holds
    v_HandStandPushups_...).
    """
    chosen, entries = read_lists(splits, split, classes)
    return match_files(root, chosen, entries, f"not in the lists of split {split}")


def read_lists(splits: Path, split: int, classes: list[str] | None) -> tuple[list[str], list[Entry]]:
    """Classes and clips that the official lists name, as ``find_clips`` orders them; raises DataError."""
    known = _read_classes(splits / "classInd.txt")
    chosen = choose_classes([name for name, _ in known], classes)
    entries = [
        *_read_list(splits / f"trainlist{split:02d}.txt", "train", dict(known)),
        *_read_list(splits / f"testlist{split:02d}.txt", "test", dict(known)),
    ]
    return chosen, [entry for entry in entries if entry.class_name in chosen]


def _read_classes(path: Path) -> list[tuple[str, int]]:
    """(class, number from 1) of each line "1 ApplyEyeMakeup", by number."""
    classes = []
    for line in read_lines(path):
        number, _, name = line.partition(" ")
        if not number.isdigit() or not name.strip():
            raise DataError(f'{path}: line "{line}" is not "number class"')
        classes.append((name.strip(), int(number)))
    return sorted(classes, key=lambda item: item[1])


def _read_list(path: Path, split: Split, classes: dict[str, int]) -> Iterator[Entry]:
    """Entries of lines "Class/v_Class_g08_c01.avi 1"; test lists carry no label."""
    by_folded_name = {name.casefold(): name for name in classes}
    for line in read_lines(path):
        name, _, label = line.partition(".avi")
        clip = PurePosixPath(name)
        class_name = by_folded_name.get(clip.parent.name.casefold())
        if class_name is None:
            raise DataError(f'{path}: line "{line}" names no class of classInd.txt')
        if label.strip() and label.strip() != str(classes[class_name]):
            raise DataError(
                f'{path}: line "{line}" has label {label.strip()}, '
                f"but classInd.txt numbers {class_name} {classes[class_name]}"
            )
        yield Entry(f"{class_name}/{clip.name}", class_name, split)
