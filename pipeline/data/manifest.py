"""The manifest: the clips of a data set with class, split, length, size and shard."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Any, Literal

from pipeline.csv_rows import read_rows, write_rows
from pipeline.errors import DamagedError, PipelineError

Split = Literal["train", "test"]


class DataError(PipelineError):
    """Data is missing or does not have its layout; the message says where and what to do."""


@dataclass(frozen=True)
class Clip:
    """One clip of an action data set, or one training video.

    Attributes:
        id: "Class/name", the name without extension.
        path: the video file.
        class_name: the class as written in the data set's lists.
        label: number of the class, from 0.
        split: "train" or "test".
        frames: number of frames; they are numbered from 0.
        height: HR rows, the file's cropped at the bottom to a multiple of the scale; of a file that is LR by
            itself, those that SR makes of it.
        width: HR columns, likewise.
        shard: the job of this split that the clip belongs to, from 0.
        content: hash of the file's bytes (pipeline.content), so that changed content changes the manifest.
    """

    id: str
    path: str
    class_name: str
    label: int
    split: Split
    frames: int
    height: int
    width: int
    shard: int
    content: str = ""


COLUMNS = [field.name for field in fields(Clip)]


def write_manifest(path: Path | str, clips: Iterable[Clip]) -> None:
    """Write clips as CSV with checksums, atomically."""
    write_rows(path, COLUMNS, map(astuple, clips))


def read_manifest(path: Path | str) -> list[Clip]:
    """Read a manifest; those of earlier versions have no content hashes.

    Raises:
        DamagedError: the file is not a manifest, or was changed after it was written.
    """
    clips = []
    for row in read_rows(path, COLUMNS, earlier=COLUMNS[:-1]):
        try:
            numbers: dict[str, Any] = {
                key: int(row[key]) for key in ("label", "frames", "height", "width", "shard")
            }
        except ValueError as error:
            raise DamagedError(path, error) from error
        clips.append(Clip(**{**row, **numbers}))
    return clips


def count_classes(clips: Iterable[Clip]) -> int:
    """Number of classes of a data set, from its clips of both splits."""
    return 1 + max(clip.label for clip in clips)


def select(clips: Iterable[Clip], split: Split, shard: int | None = None) -> list[Clip]:
    """Clips of a split, or of one of its shards, in the manifest's order."""
    return [clip for clip in clips if clip.split == split and shard in (None, clip.shard)]


def assign_shards(frames: list[int], shards: int) -> list[int]:
    """Distribute clips over jobs with balanced numbers of frames: longest first, to the job with the fewest.

    Args:
        frames: number of frames of each clip.
        shards: number of jobs.

    Returns:
        The job of each clip, from 0; the same for the same input. Jobs are empty only if there are fewer
        clips than jobs.
    """
    load = [0] * shards
    result = [0] * len(frames)
    for clip in sorted(range(len(frames)), key=lambda clip: (-frames[clip], clip)):
        shard = min(range(shards), key=lambda shard: (load[shard], shard))
        result[clip] = shard
        load[shard] += frames[clip]
    return result
