"""Content of the folder of real clips, derived from its files and the official lists."""

from __future__ import annotations

from collections import Counter
from pathlib import Path


def count_clips(real_data: Path, layout: str, classes: list[str]) -> Counter:
    """Clips of some classes that are there, by use in split 1: train, test, or neither ("unlisted")."""
    splits = real_data / "splits" / layout
    uses = {}
    if layout == "ucf101":
        for use in ("train", "test"):
            for line in (splits / f"{use}list01.txt").read_text().splitlines():
                uses[line.split()[0]] = use
    else:
        for name in classes:
            for line in (splits / f"{name}_test_split1.txt").read_text().splitlines():
                clip, number = line.split()
                uses[f"{name}/{clip}"] = {"1": "train", "2": "test"}.get(number, "unlisted")
    there = [f"{name}/{path.name}" for name in classes for path in (real_data / layout / name).glob("*.avi")]
    return Counter(uses.get(clip, "unlisted") for clip in there)
