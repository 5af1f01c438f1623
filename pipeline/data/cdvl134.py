"""CDVL-134, the paper's training videos: names, lengths and sizes from its authors' lists.

``cdvl134.csv`` has the authors' file names, the number of frames, and heights and widths after the authors'
resizing (pipeline.data.sizes.fit_height).
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pipeline.config.data import VideoSize
from pipeline.data.entries import Entry, Listing, Lists
from pipeline.data.manifest import Clip, DataError
from pipeline.data.match import match_files
from pipeline.data.names import stem

TABLE = Path(__file__).parent / "cdvl134.csv"

UNLISTED = "not one of CDVL-134's videos"
"""Reason for a video that is not in the paper's list."""


@dataclass(frozen=True)
class Listed:
    """A video of the list: file name, number of frames, size in pixels after the authors' resizing."""

    file: str
    frames: int
    height: int
    width: int


@cache
def read_cdvl134() -> dict[str, Listed]:
    """The 134 videos by their names without suffix, in the order of the list."""
    with TABLE.open(encoding="utf-8", newline="") as file:
        rows = [
            Listed(row["video"], *(int(row[key]) for key in ("frames", "height", "width")))
            for row in csv.DictReader(file)
        ]
    return {stem(row.file): row for row in rows}


def find_cdvl134(root: Path) -> Listing:
    """Find the listed videos below a folder; names are matched like those of clips (pipeline.data.match).

    Raises:
        DataError: the root is not a folder, or has none of them.
    """
    if not root.is_dir():
        raise DataError(f"{root}: no such folder; expected the training videos in it")
    entries = [
        Entry("", "train", row.file, f"{TABLE.name}, line {line}")
        for line, row in enumerate(read_cdvl134().values(), start=2)
    ]
    try:
        return match_files(root, Lists([], [], entries, []), UNLISTED)
    except DataError as error:
        raise DataError(f"{error}, or set training_videos.listed to null to train on any videos") from error


def missing(listing: Listing) -> list[str]:
    """Files of the list that are missing or cannot be read."""
    there = {candidate.entry.id for candidate in listing.candidates}
    return [row.file for name, row in read_cdvl134().items() if name not in there]


def differences(clips: Iterable[Clip], videos: VideoSize, scale: int) -> list[tuple[str, str]]:
    """Differences from the list: (video, found and listed frames or size).

    Args:
        clips: videos of the manifest, cropped to multiples of ``scale``; unlisted ones are ignored.
        videos: their settings; sizes are compared only if videos are resized by height, as by the authors.
        scale: super-resolution factor.
    """
    found = []
    for clip in clips:
        row = read_cdvl134().get(clip.id)
        if row is None:
            continue
        frames = min(row.frames, videos.max_frames or row.frames)
        height, width = (side // scale * scale for side in (row.height, row.width))
        if clip.frames != frames:
            found.append((clip.id, f"{clip.frames} frames; the list has {frames}"))
        if videos.size == "by_height" and (clip.height, clip.width) != (height, width):
            size = f"{clip.width}x{clip.height} pixels after resizing"
            found.append((clip.id, f"{size}; the list's video has {width}x{height}"))
    return found
