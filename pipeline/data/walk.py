"""Files below a folder of users' data; links are followed, and unreadable entries are reported."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.data.manifest import DataError
from pipeline.data.names import is_junk, is_video
from pipeline.video.pictures import is_picture


@dataclass
class Walk:
    """Content of a folder; relative paths use "/" and are sorted by their parts.

    Attributes:
        files: (relative path, path) of each regular file. A name that is not UTF-8 has lone surrogates, as
            made by ``os.fsdecode``; ``os.fsencode`` gives its bytes.
        pictures: (relative path, path) of each folder of pictures, if these were asked for.
        left_out: (relative path, reason) of dangling and circular links, of unreadable folders, and of
            devices.
    """

    files: list[tuple[str, Path]] = field(default_factory=list)
    pictures: list[tuple[str, Path]] = field(default_factory=list)
    left_out: list[tuple[str, str]] = field(default_factory=list)


def walk(root: Path | str, pictures: bool = False) -> Walk:
    """Find all regular files below a folder, except junk; links to files and folders are followed.

    A link to a folder that contains it is not followed, so the walk ends. A folder with two links to it is
    visited at both places.

    Args:
        root: the folder.
        pictures: whether a folder below it that holds two or more numbered pictures, and neither videos nor
            folders, counts as one clip; its files are then no files of the walk.

    Raises:
        DataError: the root cannot be read, or a disk fails.
    """
    found = Walk()
    try:
        real = Path(root).resolve(strict=True)
        around = {_identity(folder.stat()) for folder in (real, *real.parents)}
        _walk(Path(root), "", around, found, pictures)
    except OSError as error:
        raise DataError(f"{root}: cannot be read: {error}; expected a folder of data") from error
    return found


def without_links(root: Path, folders: Iterable[str]) -> list[str]:
    """Folders below a root without duplicates: of several links to one folder, only the first."""
    first: dict[str, str] = {}
    for folder in folders:
        first.setdefault(os.path.realpath(root / folder), folder)
    return list(first.values())


def _walk(folder: Path, below: str, around: set[tuple[int, int]], found: Walk, pictures: bool) -> None:
    with os.scandir(folder) as entries:
        ordered = sorted((entry for entry in entries if not is_junk(entry.name)), key=lambda e: e.name)
    if pictures and below and _is_clip(ordered):
        found.pictures.append((below[:-1], folder))
        return
    for entry in ordered:
        path, relative = folder / entry.name, below + entry.name
        # Most entries are plain files, which the directory listing already says: no further call for each.
        if entry.is_file(follow_symlinks=False):
            found.files.append((relative, path))
            continue
        try:
            status = path.stat()
        except OSError as error:
            if not entry.is_symlink():
                raise
            found.left_out.append((relative, f"a link that leads nowhere: {error.strerror}"))
            continue
        if stat.S_ISREG(status.st_mode):
            found.files.append((relative, path))
        elif not stat.S_ISDIR(status.st_mode):
            found.left_out.append((relative, "neither a file nor a folder"))
        elif _identity(status) in around:
            found.left_out.append((relative, "a link back to a folder around it"))
        else:
            try:
                _walk(path, f"{relative}/", {*around, _identity(status)}, found, pictures)
            except PermissionError as error:
                found.left_out.append((relative, f"a folder that cannot be read: {error.strerror}"))


def _is_clip(entries: list[os.DirEntry[str]]) -> bool:
    names = [entry.name for entry in entries]
    if sum(map(is_picture, names)) < 2 or any(map(is_video, names)):
        return False
    return not any(entry.is_dir() for entry in entries if not is_picture(entry.name))


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino
