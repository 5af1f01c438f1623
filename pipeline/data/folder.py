"""Reader of plain folders of videos, such as CDVL's: every video file below the root."""

from __future__ import annotations

from pathlib import Path

from pipeline.data.layout import VIDEO_SUFFIXES
from pipeline.data.manifest import DataError


def find_videos(root: Path) -> tuple[list[tuple[str, Path]], list[tuple[str, str]]]:
    """Videos below a folder, sorted by their path.

    Returns:
        (identifier, path) of each video, and (file, reason) of each file that is none. Identifiers
        are paths without extension, their folders joined by "__"; the extension stays where two
        videos would get the same one.

    Raises:
        DataError: the root is not a folder.
    """
    if not root.is_dir():
        raise DataError(f"{root}: no such folder; expected the training videos in it")
    videos, others = [], []
    for path in sorted(root.rglob("*")):
        relative = path.relative_to(root)
        if path.is_dir() or any(part.startswith(".") for part in relative.parts):
            continue
        if path.suffix.lower() in VIDEO_SUFFIXES:
            videos.append(("__".join(relative.with_suffix("").parts), path))
        else:
            others.append((relative.as_posix(), f'suffix "{path.suffix}" is not a video\'s'))
    names = [name for name, _ in videos]
    named = [(name if names.count(name) == 1 else f"{name}{path.suffix}", path) for name, path in videos]
    return named, others
