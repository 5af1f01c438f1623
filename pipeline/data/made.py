"""Finds the clips that another tool made of a data set's clips, and compares them with these."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from pipeline.content import content_hash
from pipeline.data.manifest import Clip
from pipeline.data.match import LOOSER
from pipeline.data.names import composed, folded, is_video, shown, stem
from pipeline.data.walk import walk
from pipeline.video.frames import VideoError, read_frames
from pipeline.video.pictures import PictureError, decode_pictures, is_picture, picture_files

SHOWN = 30
"""Clips that a message names before it only counts."""

Key = tuple[str, str]


def clips_folder(folder: Path, dataset: str, datasets: Sequence[str]) -> Path:
    """The folder of one data set's clips: FOLDER/DATASET, or FOLDER itself if it is the only one."""
    below = folder / dataset
    return below if below.is_dir() or len(datasets) > 1 else folder


def find_made(folder: Path, ids: Iterable[str]) -> tuple[dict[str, Path], list[str]]:
    """The video, or folder of pictures, of each clip.

    Clips lie in the folders of their identifiers ("Class/name"), at any depth, or all without folders. Names
    match whatever their suffixes and the encoding of accents; if none does, one that differs in case or by an
    additional suffix is taken, as for the data set's own clips (``match``).

    Args:
        folder: of the clips.
        ids: identifiers of the clips that are wanted.

    Returns:
        Paths by identifier, and one line for each clip without one.

    Raises:
        DataError: the folder cannot be read.
    """
    files = _files(folder)
    found: dict[str, Path] = {}
    problems: dict[str, str] = {}
    waiting = list(ids)
    for loosen in LOOSER:
        similar: dict[str, list[str]] = {}
        for relative in files:
            similar.setdefault(loosen(composed(relative.rpartition("/")[2])), []).append(relative)
        taken = set(found.values())
        for name in waiting:
            above, _, last = composed(name).rpartition("/")
            fitting = [
                relative
                for relative in similar.get(loosen(last), [])
                if _inside(relative.rpartition("/")[0], above) and not taken & set(files[relative])
            ]
            paths = [path for relative in fitting for path in files[relative]]
            if len(paths) == 1:
                found[name] = paths[0]
            elif paths:
                some = " and ".join(shown(str(path)) for path in paths[:2])
                problems.setdefault(
                    name, f"{shown(name)}: found {len(paths)} of this name, {some}; leave one"
                )
        waiting = [name for name in waiting if name not in found]
    missing = [problems.get(name, f"{shown(name)}: no such video or folder of pictures") for name in waiting]
    return found, missing


def _files(folder: Path) -> dict[str, list[Path]]:
    """Videos by their paths below a folder without suffix, and folders of pictures by theirs."""
    found: dict[str, dict[Path, None]] = {}
    for relative, path in walk(folder).files:
        if is_video(path.name):
            found.setdefault(stem(relative), {})[path] = None
        elif is_picture(path.name) and "/" in relative:
            found.setdefault(relative.rpartition("/")[0], {})[path.parent] = None
    return {name: list(paths) for name, paths in found.items()}


def _inside(folders: str, wanted: str) -> bool:
    """Whether a path ends in the wanted folders, or has none."""
    own, asked = folded(folders).split("/"), folded(wanted).split("/") if wanted else []
    return not folders or own[len(own) - len(asked) :] == asked


def compare(path: Path, clip: Clip, deep: bool = True) -> str | None:
    """Why a clip's file is not one of its super-resolved frames; None if it is.

    Args:
        path: a video or a folder of pictures.
        clip: from the data set's manifest.
        deep: decode it; otherwise only pictures are counted.
    """
    if not deep:
        count = len(picture_files(path)) if path.is_dir() else clip.frames
        return None if count == clip.frames else f"{path}: {count} frames, expected {clip.frames}"
    count = 0
    try:
        for frame in read_made(path):
            height, width = frame.shape[:2]
            if (height, width) != (clip.height, clip.width):
                return f"{path}: frames of {width}x{height}, expected {clip.width}x{clip.height}"
            count += 1
    except VideoError as error:
        return str(error)
    return None if count == clip.frames else f"{path}: {count} frames, expected {clip.frames}"


def read_made(path: Path, numbers: Sequence[int] | None = None) -> Iterator[np.ndarray]:
    """Frames (h, w, 3) uint8 of a video or of a folder of pictures, in order.

    Args:
        path: the clip.
        numbers: those frames alone, sorted, from 0.

    Raises:
        VideoError: it cannot be decoded; the message names it.
        pipeline.video.process.FfmpegError: ffmpeg could not work.
    """
    most = numbers[-1] + 1 if numbers else None
    wanted = None if numbers is None else set(numbers)
    try:
        frames = decode_pictures(path, most) if path.is_dir() else read_frames(path, most)
        for number, frame in enumerate(frames):
            if wanted is None or number in wanted:
                yield frame
    except (PictureError, OSError) as error:
        raise VideoError(f"{path}: {error}") from error


def with_file(clip: Clip, path: Path) -> Clip:
    """The clip with another file's path and content."""
    return replace(clip, path=str(path), content=content_hash(path))


def few(problems: Sequence[str]) -> list[str]:
    """The first problems, and how many more there are."""
    more = len(problems) - SHOWN
    return [*problems[:SHOWN], *([f"and {more} more"] if more > 0 else [])]
