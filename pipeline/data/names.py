"""Names of videos as lists and disks have them: endings, accents, capitals."""

from __future__ import annotations

import unicodedata

VIDEO_SUFFIXES = frozenset(
    (
        *(".3gp", ".avi", ".flv", ".m2v", ".m4v", ".mkv", ".mov", ".mp4"),
        *(".mpeg", ".mpg", ".mxf", ".ogv", ".ts", ".webm", ".wmv", ".y4m"),
    )
)
"""Endings of files that are taken for videos, whatever their codec."""


def is_video(name: str) -> bool:
    """Whether a file of this name is taken for a video."""
    return stem(name) != name


def stem(name: str) -> str:
    """A name without its video's ending, if it has one: "v.mp4_a.AVI" gives "v.mp4_a"."""
    head, dot, ending = name.rpartition(".")
    return head if head and dot + ending.lower() in VIDEO_SUFFIXES else name


def bare(name: str) -> str:
    """A name without any video's ending: "v.avi.mp4" gives "v"."""
    while (shorter := stem(name)) != name:
        name = shorter
    return name


def composed(name: str) -> str:
    """A name with composed accents (NFC): disks of a Mac hold e and its accent as two characters."""
    return unicodedata.normalize("NFC", name)


def folded(name: str) -> str:
    """A name without regard to capitals and to how its accents are written."""
    return composed(composed(name).casefold())
