"""Reader of plain folders of videos, such as CDVL: every video below the root, or those of a list."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import Literal

from pipeline.data.cdvl134 import find_cdvl134
from pipeline.data.manifest import DataError
from pipeline.data.names import NOT_UTF8, composed, is_utf8, is_video, shown, stem
from pipeline.data.walk import walk


def find_videos(
    root: Path, listed: Literal["cdvl134"] | None = None
) -> tuple[list[tuple[str, Path]], list[tuple[str, str]]]:
    """Videos below a folder, sorted by path; those of a list in its order.

    Args:
        root: the folder.
        listed: the list of the videos to use; None: all videos.

    Returns:
        (identifier, path) of each video, and (file, reason) of each other file. Identifiers are paths without
        suffix, with folders joined by "__". If two would be equal, the suffix is kept, and a number is added
        if necessary. For a list they are its names without suffix.

    Raises:
        DataError: the root is not a folder, or has no video of the list.
    """
    if listed:
        listing = find_cdvl134(root)
        return [(found.entry.id, found.path) for found in listing.candidates], listing.left_out
    if not root.is_dir():
        raise DataError(f"{root}: no such folder; expected the training videos in it")
    found = walk(root, pictures=True)
    left_out = [(shown(relative), why) for relative, why in found.left_out]
    videos: list[tuple[str, Path]] = []
    first: dict[str, str] = {}
    clips = {relative for relative, _ in found.pictures}
    for relative, path in sorted([*found.files, *found.pictures], key=lambda file: file[0].split("/")):
        real = os.path.realpath(path)
        if relative not in clips and not is_video(path.name):
            left_out.append((shown(relative), f'suffix "{shown(path.suffix)}" is not a video\'s'))
        elif not is_utf8(str(path)):
            left_out.append((shown(relative), NOT_UTF8))
        elif first.setdefault(real, relative) != relative:
            left_out.append((relative, f"the same file as {first[real]}"))
        else:
            videos.append((relative, path))
    return _identify(videos), sorted(left_out)


def _identify(videos: list[tuple[str, Path]]) -> list[tuple[str, Path]]:
    """Replace the paths below the root by identifiers."""
    full = [composed(relative).replace("/", "__") for relative, _ in videos]
    counts = Counter(map(stem, full))
    named: dict[str, Path] = {}
    for name, (_, path) in zip(full, videos, strict=True):
        wanted = identifier = stem(name) if counts[stem(name)] == 1 else name
        number = 1
        while identifier in named:
            number += 1
            identifier = f"{wanted}_{number}"
        named[identifier] = path
    return list(named.items())
