"""Lost clips: listed, but missing or unusable."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pipeline.data.manifest import read_manifest
from pipeline.data.match import NO_FILE
from pipeline.data.names import NOT_UTF8

LOST = {
    "broken": ("broken",),
    "too small": ("too small",),
    "no such file": (NO_FILE, "no file of this very name", "no file beside that of"),
    "cannot be read": (NOT_UTF8, "a link to", "a folder that cannot be read"),
}
"""Kinds of losses, and how the reasons of each begin. Unlisted files, and clips that a split does not use,
are not losses."""


@dataclass(frozen=True)
class Losses:
    """How many of a data set's clips are used, and how many were lost for which reason."""

    label: str
    used: int
    reasons: dict[str, int]

    @property
    def lost(self) -> int:
        """Number of lost clips."""
        return sum(self.reasons.values())

    def __str__(self) -> str:
        """Text such as "UCF101 3 of 128 clips (broken 2, no such file 1)"."""
        counts = ", ".join(f"{reason} {count}" for reason, count in self.reasons.items())
        return f"{self.label} {self.lost} of {self.lost + self.used} clips" + f" ({counts})" * bool(counts)


def count_losses(label: str, used: int, left_out: Path) -> Losses:
    """Count what a listing lost.

    Args:
        label: name of the data set.
        used: number of clips in its manifest.
        left_out: what the listing left out (pipeline.data.listing).
    """
    with left_out.open(encoding="utf-8", errors="replace", newline="") as file:
        reasons = [row["reason"] for row in csv.DictReader(file)]
    counts = {kind: sum(reason.startswith(begin) for reason in reasons) for kind, begin in LOST.items()}
    return Losses(label, used, {kind: n for kind, n in counts.items() if n})


def summarise_losses(labels: Iterable[str], manifests: Iterable[Path], left_out: Iterable[Path]) -> str:
    """One line on the losses of several data sets.

    Args:
        labels: their names.
        manifests: their manifests, in the same order.
        left_out: what their listings left out, in the same order.
    """
    parts = []
    for label, manifest, path in zip(labels, manifests, left_out, strict=True):
        losses = count_losses(label, len(read_manifest(manifest)), path)
        parts.append(f"{losses}, see {path}" if losses.lost else str(losses))
    return f"left out: {'; '.join(parts)}"


def tell_losses(folder: Path, labels: dict[str, str]) -> None:
    """Print the losses of the data sets on the terminal, because the output of jobs goes to their logs.

    Args:
        folder: folder of the data sets' folders.
        labels: names of the data sets by their folders.
    """
    for name, label in labels.items():
        manifest, left_out = (folder / name / f"{file}.csv" for file in ("manifest", "left_out"))
        if manifest.is_file() and left_out.is_file():
            print(summarise_losses([label], [manifest], [left_out]), file=sys.stderr)
