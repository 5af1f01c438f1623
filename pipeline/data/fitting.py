"""Which files on disk fit a listed clip: by class and name, or by the ends of paths."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from pipeline.data.entries import Entry
from pipeline.data.names import composed, folded, stem

Key = tuple[str, str]
"""Class (or folder) and name without suffix of files that are the same clip."""

Fitting = Callable[[Entry, Callable[[str], str]], list[Key]]
"""The files that fit an entry, under a comparison of names."""


def fit_classes(clips: list[Key], flat: bool) -> Fitting:
    """Files of the entry's class and name; ``flat``: there are no class folders, so files of its name."""

    @cache
    def similar(loosen: Callable[[str], str]) -> dict[Key, list[Key]]:
        found: dict[Key, list[Key]] = {}
        for key in clips:
            found.setdefault((key[0], loosen(key[1])), []).append(key)
        return found

    def fitting(entry: Entry, loosen: Callable[[str], str]) -> list[Key]:
        group = "" if flat else entry.class_name
        return similar(loosen).get((group, loosen(composed(stem(entry.name)))), [])

    return fitting


def fit_paths(clips: list[Key]) -> Fitting:
    """Files of the entry's name with most folders in common."""

    @cache
    def similar(loosen: Callable[[str], str]) -> dict[str, list[Key]]:
        found: dict[str, list[Key]] = {}
        for key in clips:
            found.setdefault(loosen(key[1]), []).append(key)
        return found

    def fitting(entry: Entry, loosen: Callable[[str], str]) -> list[Key]:
        named = similar(loosen).get(loosen(composed(stem(entry.name))), [])
        shared = {key: common for key in named if (common := common_end(entry.folders or "", key[0]))}
        return [key for key in named if shared.get(key) == max(shared.values())] if shared else []

    return fitting


def common_end(listed: str, there: str) -> tuple[int, bool] | None:
    """Number of folders in which both paths end, and whether in the same case; None if they differ."""
    one, other = (composed(path).split("/")[::-1] if path else [] for path in (listed, there))
    count = min(len(one), len(other))
    one, other = one[:count], other[:count]
    if [folded(name) for name in one] != [folded(name) for name in other]:
        return None
    return count, one == other
