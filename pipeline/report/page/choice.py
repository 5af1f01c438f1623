"""Chooses the test clips that the page shows: those on which the rows disagree most tellingly."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from pipeline.report.request import Columns
from pipeline.report.rows import Rows, each_column
from pipeline.report.significance import correctness


@dataclass
class Disagreement:
    """How rows disagree on a clip.

    Attributes:
        alone: recogniser, column and row, where this row alone recognises the clip, HR not counted; last
            columns (fusion) first.
        split: sum over columns of the number of rows on the smaller side.
    """

    alone: list[tuple[str, str, str]] = field(default_factory=list)
    split: int = 0


def disagreements(rows: Rows, request: Columns, dataset: str) -> dict[str, Disagreement]:
    """Disagreement of the rows on each test clip of a data set, by clip.

    Raises:
        ScoresError: two rows were scored on different clips.
    """
    found: dict[str, Disagreement] = defaultdict(Disagreement)
    for name, recognizer, column in each_column(request):
        if name != dataset:
            continue
        correct = correctness(rows, dataset, recognizer, column)
        clips = rows.of(dataset, recognizer, next(iter(correct)), column).clips
        names = [row for row in correct if rows.methods[row].model != "hr"]
        right = np.stack([correct[row] for row in names])
        for clip, of_clip in zip(clips, right.T, strict=True):
            count = int(of_clip.sum())
            entry = found[str(clip)]
            entry.split += min(count, len(names) - count)
            if count == 1 and len(names) > 1:
                entry.alone.append((recognizer, column, names[int(of_clip.argmax())]))
    last = [recognizer.columns[-1].name for recognizer in request.recognizers]
    for entry in found.values():
        entry.alone.sort(key=lambda alone: alone[1] not in last)
    return dict(found)


def choose(
    found: dict[str, Disagreement], classes: dict[str, str], last: Sequence[str], count: int
) -> list[str]:
    """The clips to show: first those that one row alone recognises, then those that split the rows most.

    Within each kind the classes take turns, so that no class fills the page.

    Args:
        found: disagreement by clip.
        classes: class by clip.
        last: the recognisers' last columns (fusion), whose verdict counts before the other columns'.
        count: number of clips.
    """

    def rank(clip: str) -> tuple[int, int, int, str]:
        alone = found[clip].alone
        return (-sum(column in last for _, column, _ in alone), -len(alone), -found[clip].split, clip)

    ordered = sorted(found, key=rank)
    telling = [clip for clip in ordered if found[clip].alone]
    others = [clip for clip in ordered if not found[clip].alone]
    return [*_by_turns(telling, classes), *_by_turns(others, classes)][:count]


def _by_turns(clips: list[str], classes: dict[str, str]) -> Iterator[str]:
    """The clips in rounds of one clip of each class, each round in the given order."""
    seen: dict[str, int] = defaultdict(int)
    rounds = {}
    for clip in clips:
        rounds[clip] = seen[classes[clip]]
        seen[classes[clip]] += 1
    yield from sorted(clips, key=lambda clip: rounds[clip])
