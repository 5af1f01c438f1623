"""Types shared by the readers of layouts: entries of the lists, and what a reader found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

from pipeline.data.manifest import DataError, Split
from pipeline.data.names import composed, folded, shown, stem

NAMED = 5
"""Number of clips that an error names."""


@dataclass(frozen=True)
class Entry:
    """A clip that the official lists name.

    Attributes:
        class_name: its class; "" where there are none.
        split: its split; None if the lists use the clip for neither training nor test.
        name: its file name as written in the list, with or without a suffix.
        place: the list and the line, for messages.
        folders: for lists that name clips by their paths, all folders of the path, joined by "/"; None for
            lists whose clips are found by class and name.
        within: those of these folders that tell clips apart; part of the identifier.
    """

    class_name: str
    split: Split | None
    name: str
    place: str
    folders: str | None = None
    within: str = ""

    @property
    def id(self) -> str:
        """ "Class/name" without the suffix; only the name if there are no classes."""
        return "/".join(filter(None, (self.class_name, self.within, stem(self.name))))

    @property
    def key(self) -> str:
        """What makes two lines name the same clip: the path where there is one, else the identifier."""
        return composed(self.id if self.folders is None else f"{self.folders}/{stem(self.name)}")

    @property
    def written(self) -> str:
        """The clip as its list names it."""
        return self.id if self.folders is None else "/".join(filter(None, (self.folders, self.name)))

    def __str__(self) -> str:
        return f"{shown(self.id)} ({self.split or 'unused'}: {self.place})"


@dataclass(frozen=True)
class Lists:
    """Content of the official lists of a split, for the chosen classes.

    Attributes:
        known: all classes of the data set, in the order of their labels.
        classes: the chosen ones, in the same order.
        entries: their clips in the order of the lists, each one once.
        repeated: (clip and line, reason) of lines that name a clip again.
        by_path: whether entries name clips by their paths; otherwise by class and name.
        others: by path only, clips of classes that were not chosen.
    """

    known: list[str]
    classes: list[str]
    entries: list[Entry]
    repeated: list[tuple[str, str]]
    by_path: bool = False
    others: list[Entry] = field(default_factory=list)


@dataclass(frozen=True)
class Candidate:
    """A listed clip whose file exists."""

    entry: Entry
    path: Path


@dataclass
class Listing:
    """What a reader found.

    Attributes:
        classes: class names in the order of their labels.
        candidates: clips to decode, in the order of the lists; no two share a file.
        left_out: (clip or file, reason), in order; both can be encoded as UTF-8.
        files: number of video files of these classes, used or not.
    """

    classes: list[str]
    candidates: list[Candidate] = field(default_factory=list)
    left_out: list[tuple[str, str]] = field(default_factory=list)
    files: int = 0

    def tested(self) -> Listing:
        """The listing without training clips."""
        kept = [candidate for candidate in self.candidates if candidate.entry.split == "test"]
        return replace(self, candidates=kept)

    def first(self, train: int | None, test: int | None) -> Listing:
        """The listing with at most so many clips of each class and split; the others are left out."""
        counts: Counter[tuple[str, Split | None]] = Counter()
        most = {"train": train, "test": test}
        kept, left_out = [], list(self.left_out)
        for candidate in self.candidates:
            entry = candidate.entry
            counts[entry.class_name, entry.split] += 1
            limit = most[entry.split] if entry.split else None
            if limit is None or counts[entry.class_name, entry.split] <= limit:
                kept.append(candidate)
            else:
                left_out.append((entry.id, f"not among the first {limit} clips of its class (limit)"))
        return replace(self, candidates=kept, left_out=left_out)


def choose_classes(known: list[str], wanted: list[str] | None) -> list[str]:
    """The wanted classes in the data set's order; all classes if none are named.

    Raises:
        DataError: an unknown or repeated name; the message names the known classes.
    """
    if wanted is None:
        return known
    read = {composed(name) for name in wanted}
    unknown = [name for name in wanted if composed(name) not in map(composed, known)]
    if unknown or not wanted or len(read) != len(wanted):
        problem = f"unknown {', '.join(unknown)}" if unknown else "the list is empty or repeats a name"
        raise DataError(f"classes: {problem}; the classes of this data set are {', '.join(known)}")
    return [name for name in known if composed(name) in read]


def class_finder(known: Iterable[str]) -> Callable[[str], str | None]:
    """A function from a folder's name to the class of that name; inexact matches ignore case."""
    exact = {composed(name): name for name in known}
    loose: dict[str, list[str]] = {}
    for name in known:
        loose.setdefault(folded(name), []).append(name)

    @cache
    def find(folder: str) -> str | None:
        similar = loose.get(folded(folder), [])
        return exact.get(composed(folder)) or (similar[0] if len(similar) == 1 else None)

    return find


def unknown_classes(names: Iterable[str], known: Iterable[str]) -> list[str]:
    """Those names that are no known class's, by the comparison of ``class_finder``."""
    find_class = class_finder(known)
    return [name for name in names if find_class(name) is None]


def take_once(splits: Path, known: list[str], classes: list[str], entries: Iterable[Entry]) -> Lists:
    """The lists' content for the chosen classes, each clip once.

    Raises:
        DataError: the lists name a clip for two splits or classes.
    """
    first: dict[str, Entry] = {}
    repeated, contradictions = [], []
    by_path = False
    for entry in entries:
        by_path = by_path or entry.folders is not None
        if entry.class_name not in classes and not by_path:
            continue
        earlier = first.setdefault(entry.key, entry)
        if (earlier.split, earlier.class_name) != (entry.split, entry.class_name):
            contradictions.append((earlier, entry))
        elif earlier is not entry:
            repeated.append((f"{shown(entry.id)} ({entry.place})", "named by an earlier line; taken once"))
    if contradictions:
        splits_differ = any(one.split != other.split for one, other in contradictions)
        problem = "listed for two splits" if splits_differ else "listed for two classes"
        raise DataError(f"{splits}: {conflict(problem, contradictions)}")
    chosen = [entry for entry in first.values() if entry.class_name in classes]
    others = [entry for entry in first.values() if entry.class_name not in classes]
    return Lists(known, classes, chosen, repeated, by_path, others)


def conflict(problem: str, pairs: list[tuple[Entry, Entry]]) -> str:
    """One line that names pairs of contradictory entries and says what to do."""
    some = "; ".join(f"{one} and {other}" for one, other in pairs[:NAMED])
    more = f"; and {len(pairs) - NAMED} more" if len(pairs) > NAMED else ""
    clips = "clip" if len(pairs) == 1 else "clips"
    return (
        f"{len(pairs)} {clips} {problem}: {some}{more}; a clip has one class and one split: remove one "
        "line of each"
    )
