"""Hash of what a listing depends on: the lists' entries, and name and content of each listed file.

It is a param of the rules, so the manifest is made again if a clip is replaced, added or removed, or if a
list changes, whatever the time stamps.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from pipeline.config import Dataset
from pipeline.content import Contents
from pipeline.data.folder import find_videos
from pipeline.data.walk import walk


def clips_inventory(dataset: Dataset, root: Path, splits: Path, contents: Contents) -> str:
    """Hash of what ``list_clips`` reads for a data set.

    Args:
        dataset: layout, split and classes.
        root: folder of the videos.
        splits: folder of the lists.
        contents: hashes of files.

    Raises:
        DataError: the lists or folders do not have the expected layout.
        ContentError: a file cannot be read.
    """
    listing = dataset.find_clips(root, splits)
    hashes = contents.hashes(candidate.path for candidate in listing.candidates)
    clips = [
        (c.entry.id, c.entry.class_name, str(c.entry.split), _relative(c.path, root), hashes[c.path])
        for c in listing.candidates
    ]
    return _hash([listing.classes, *clips, *listing.left_out])


def videos_inventory(root: Path, contents: Contents, listed: Literal["cdvl134"] | None = None) -> str:
    """Hash of what ``list_videos`` reads, all videos or a list's; raises as ``clips_inventory``."""
    videos, others = find_videos(root, listed)
    hashes = contents.hashes(path for _, path in videos)
    return _hash([*((name, _relative(path, root), hashes[path]) for name, path in videos), *others])


def files_inventory(root: Path, contents: Contents) -> str:
    """Hash of names and contents of all files below a folder; raises as ``clips_inventory``."""
    found = walk(root)
    hashes = contents.hashes(path for _, path in found.files)
    return _hash([*((relative, hashes[path]) for relative, path in found.files), *found.left_out])


def _relative(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix()


def _hash(rows: Iterable[Iterable[str]]) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for row in rows:
        # File names may contain bytes that are not UTF-8.
        digest.update("\0".join(row).encode("utf-8", "surrogateescape") + b"\n")
    return digest.hexdigest()
