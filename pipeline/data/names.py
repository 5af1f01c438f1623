"""Names in lists and on disks: suffixes, accents, case, junk files, bytes that are not UTF-8."""

from __future__ import annotations

import unicodedata

VIDEO_SUFFIXES = frozenset(
    (
        *(".3gp", ".avi", ".flv", ".m2v", ".m4v", ".mkv", ".mov", ".mp4"),
        *(".mpeg", ".mpg", ".mxf", ".ogv", ".ts", ".webm", ".wmv", ".y4m"),
    )
)
"""Suffixes of files that count as videos, whatever their codec."""

JUNK = frozenset(
    name.casefold()
    for name in (
        *("__MACOSX", "Thumbs.db", "ehthumbs.db", "desktop.ini", "@eaDir", "lost+found"),
        *("$RECYCLE.BIN", "System Volume Information"),
    )
)
"""Files and folders that operating systems create, apart from hidden ones (.DS_Store, ._clip.avi)."""

NOT_UTF8 = "its path is not UTF-8; rename it"
"""Reason for a file whose path cannot be stored, because manifests and stores use UTF-8."""


def is_video(name: str) -> bool:
    """Whether a file of this name counts as a video."""
    return stem(name) != name


def stem(name: str) -> str:
    """A name without its video suffix, if it has one: "v.mp4_a.AVI" gives "v.mp4_a"."""
    head, dot, ending = name.rpartition(".")
    return head if head and dot + ending.lower() in VIDEO_SUFFIXES else name


def bare(name: str) -> str:
    """A name without any video suffixes: "v.avi.mp4" gives "v"."""
    while (shorter := stem(name)) != name:
        name = shorter
    return name


def composed(name: str) -> str:
    """A name with composed accents (NFC): macOS stores e and its accent as two characters."""
    return unicodedata.normalize("NFC", name)


def folded(name: str) -> str:
    """A name for comparisons that ignore case and the encoding of accents."""
    return composed(composed(name).casefold())


def is_junk(name: str) -> bool:
    """Whether a file or folder is not data: hidden, or created by an operating system."""
    return name.startswith(".") or name.casefold() in JUNK


def is_utf8(name: str) -> bool:
    """Whether a name from a disk or a list can be written as UTF-8."""
    return shown(name) == name


def shown(name: str) -> str:
    """A name for messages and files: bytes that are not UTF-8 as \\xNN."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
