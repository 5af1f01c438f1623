"""Helpers that make sections and requests for layouts and listings."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from pipeline.config.data import Dataset, VideoSize
from pipeline.config.degradation import Chain
from pipeline.data import listing
from pipeline.data.entries import Listing, Lists
from pipeline.data.manifest import Clip
from pipeline.data.request import ListClips, ListVideos
from pipeline.plugins import find


def dataset(layout: str, **keys: Any) -> Dataset:
    """A data set in a layout."""
    return find(Dataset, layout)(layout=layout, **keys)


@dataclass(frozen=True)
class Reader:
    """A layout's reader."""

    layout: str

    def find_clips(self, root: Path, splits: Path, split: int, classes: list[str] | None) -> Listing:
        """Listed clips and their files."""
        return dataset(self.layout, split=split, classes=classes).find_clips(root, splits)

    def read_lists(self, splits: Path, split: int, classes: list[str] | None) -> Lists:
        """What the lists name."""
        return dataset(self.layout, split=split, classes=classes).read_lists(splits)


ucf101, hmdb51 = Reader("ucf101"), Reader("hmdb51")


def list_clips(section: Dataset, root: Path, splits: Path, *files: Path, scale: int = 4) -> list[Clip]:
    """The stage, under the section's label."""
    request = ListClips(name=section.label or "Demo", dataset=section.listed(), scale=scale)
    return listing.list_clips(ListClips.read(request.text()), root, splits, *files)


def list_videos(videos: VideoSize, root: Path, *files: Path, scale: int = 4) -> list[Clip]:
    """The stage, for a section of the configuration."""
    return listing.list_videos(ListVideos.of(videos, scale=scale), root, *files)


def degrading(*steps: Any, scale: int = 4, seed: int | None = None) -> dict[str, Any]:
    """Fields of requests that make LR frames; by default the paper's."""
    chain = TypeAdapter(Chain).validate_python(list(steps or ["bicubic"]))
    return {"scale": scale, "degradation": chain, "seed": seed, "ffmpeg": None}
