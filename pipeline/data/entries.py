"""Types shared by the readers of layouts: entries of the lists, and what a reader found."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
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
    """

    class_name: str
    split: Split | None
    name: str
    place: str

    @property
    def id(self) -> str:
        """ "Class/name" without the suffix; only the name if there are no classes."""
        return "/".join(filter(None, (self.class_name, stem(self.name))))

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
    """

    known: list[str]
    classes: list[str]
    entries: list[Entry]
    repeated: list[tuple[str, str]]


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


def take_once(splits: Path, known: list[str], classes: list[str], entries: Iterable[Entry]) -> Lists:
    """The lists' content for the chosen classes, each clip once.

    Raises:
        DataError: the lists name a clip for two splits or classes.
    """
    first: dict[str, Entry] = {}
    repeated, contradictions = [], []
    for entry in entries:
        if entry.class_name not in classes:
            continue
        earlier = first.setdefault(composed(entry.id), entry)
        if earlier.split != entry.split:
            contradictions.append((earlier, entry))
        elif earlier is not entry:
            repeated.append((f"{shown(entry.id)} ({entry.place})", "named by an earlier line; taken once"))
    if contradictions:
        raise DataError(f"{splits}: {conflict('listed for two splits', contradictions)}")
    return Lists(known, classes, list(first.values()), repeated)


def conflict(problem: str, pairs: list[tuple[Entry, Entry]]) -> str:
    """One line that names pairs of contradictory entries and says what to do."""
    some = "; ".join(f"{one} and {other}" for one, other in pairs[:NAMED])
    more = f"; and {len(pairs) - NAMED} more" if len(pairs) > NAMED else ""
    clips = "clip" if len(pairs) == 1 else "clips"
    return (
        f"{len(pairs)} {clips} {problem}: {some}{more}; a clip has one class and one split: remove one "
        "line of each"
    )
