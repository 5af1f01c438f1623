"""Data sets of several official splits: ``split: [1, 2, 3]`` stands for one data set for each split."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.errors import PipelineError

SPLITS = (1, 2, 3)


class SplitsError(PipelineError):
    """A data set of several splits would hide another one."""


def with_splits(raw: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration with data sets ``NAME_1``, ``NAME_2``, ... in place of those of several splits.

    Names of such data sets in columns of tables, in ``per_dataset`` and in ``weights`` stand for all of them.
    What is no list of different splits stays as it is, for the check of types.

    Raises:
        SplitsError: a data set already has such a name.
    """
    datasets = raw.get("datasets")
    if not isinstance(datasets, dict):
        return dict(raw)
    found: dict[str, list[str]] = {}
    every: dict[str, Any] = {}
    for name, section in datasets.items():
        splits = section.get("split") if isinstance(section, dict) else None
        if not isinstance(splits, list) or not splits or len({*map(str, splits)}) < len(splits):
            every[name] = section
            continue
        if any(split not in SPLITS or isinstance(split, bool) for split in splits):
            every[name] = section
            continue
        label = section.get("label") or name
        found[name] = [f"{name}_{split}" for split in splits]
        if taken := [one for one in found[name] if one in datasets]:
            raise SplitsError(f"datasets.{taken[0]}: this is the name of a split of {name}; rename it")
        for one, split in zip(found[name], splits, strict=True):
            own: dict[str, Any] = {"split": split, "label": f"{label} split {split}", "split_of": label}
            # The paper's numbers are of split 1.
            own |= {"published": section.get("published")} if split == 1 else {"published": None}
            every[one] = {**section, **own}
    if not found:
        return dict(raw)
    rest = {key: _renamed(value, ("", key), found) for key, value in raw.items() if key != "datasets"}
    return rest | {"datasets": every}


def _renamed(value: Any, place: tuple[str, str], found: Mapping[str, list[str]]) -> Any:
    """A value with the new names; ``place`` holds the last two keys that lead to it."""
    parent, key = place
    if isinstance(value, list):
        if key != "datasets":
            return value
        return [one for name in value for one in found.get(str(name), [name])]
    if not isinstance(value, dict):
        return value
    by_dataset = key == "per_dataset" or parent == "weights"
    renamed: dict[str, Any] = {}
    for name, item in value.items():
        for one in found.get(name, [name]) if by_dataset else [name]:
            renamed[one] = _renamed(item, (key, str(name)), found)
    return renamed
