"""What the readers of published layouts share: candidates for the manifest, and what is left out."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.data.manifest import DataError, Split

VIDEO_SUFFIXES = frozenset(
    f".{name}"
    for name in re.findall(r"\w+", "3gp avi flv m2v m4v mkv mov mp4 mpeg mpg mxf ogv ts webm wmv y4m")
)
"""Files that are taken for videos, whatever their codec."""

NO_FILE = "listed, but no such file"
"""Reason for a clip whose file is not there."""


@dataclass(frozen=True)
class Entry:
    """A clip that the official lists name: "Class/name" without extension, its class, its split.

    ``split`` is None where the lists name the clip but use it for neither training nor test.
    """

    id: str
    class_name: str
    split: Split | None


@dataclass(frozen=True)
class Candidate:
    """A listed clip whose file is there."""

    entry: Entry
    path: Path


@dataclass
class Listing:
    """What a reader found.

    Attributes:
        classes: class names in the order of their labels.
        candidates: clips to decode, in the order of the lists.
        left_out: (clip, reason), in order.
    """

    classes: list[str]
    candidates: list[Candidate] = field(default_factory=list)
    left_out: list[tuple[str, str]] = field(default_factory=list)


def choose_classes(known: list[str], wanted: list[str] | None) -> list[str]:
    """The wanted classes in the data set's own order; all where none are named.

    Raises:
        DataError: an unknown or repeated name; the message names the known classes.
    """
    if wanted is None:
        return known
    unknown = [name for name in wanted if name not in known]
    if unknown or not wanted or len(set(wanted)) != len(wanted):
        problem = f"unknown {', '.join(unknown)}" if unknown else "the list is empty or repeats a name"
        raise DataError(f"classes: {problem}; the classes of this data set are {', '.join(known)}")
    return [name for name in known if name in set(wanted)]


def match_files(root: Path, classes: list[str], entries: Iterable[Entry], unlisted: str) -> Listing:
    """Find the listed clips' files below the class folders, without regard to case or suffix.

    Args:
        root: folder of the class folders.
        classes: classes that are read.
        entries: what the lists name for these classes.
        unlisted: reason given for files that no list names.

    Raises:
        DataError: the root is not a folder.
    """
    if not root.is_dir():
        raise DataError(f"{root}: no such folder; expected the class folders of the data set in it")
    files = _files_by_name(root, classes)
    listing = Listing(classes)
    seen = set()
    for entry in entries:
        key = entry.id.casefold()
        seen.add(key)
        paths = files.get(key, [])
        if not paths:
            if entry.split is not None:
                listing.left_out.append((entry.id, NO_FILE))
        elif entry.split is None:
            listing.left_out.append((entry.id, "listed as unused in this split"))
        else:
            listing.candidates.append(Candidate(entry, paths[0]))
            listing.left_out += [
                (path.relative_to(root).as_posix(), f"second file of clip {entry.id}") for path in paths[1:]
            ]
    for key in sorted(files.keys() - seen):
        listing.left_out += [(path.relative_to(root).as_posix(), unlisted) for path in files[key]]
    return listing


def _files_by_name(root: Path, classes: list[str]) -> dict[str, list[Path]]:
    """Video files by "class/name" in folded case; archives may hold a folder in the class folder."""
    names = {name.casefold() for name in classes}
    files: dict[str, list[Path]] = {}
    for folder in sorted(root.iterdir()):
        if folder.name.casefold() in names and folder.is_dir():
            for path in sorted(folder.rglob("*")):
                if path.suffix.lower() in VIDEO_SUFFIXES and not path.name.startswith("."):
                    files.setdefault(f"{folder.name}/{path.stem}".casefold(), []).append(path)
    return files


def read_lines(path: Path) -> list[str]:
    """Non-empty lines of a list, without surrounding blanks.

    Raises:
        DataError: the file is missing.
    """
    if not path.is_file():
        raise DataError(f"{path}: no such list; put the data set's official split lists there")
    text = path.read_text(encoding="utf-8-sig", errors="surrogateescape")
    return [line.strip() for line in text.splitlines() if line.strip()]
