"""Requests of the stages in this folder."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from pipeline.config.data import Dataset, Demo, ListedVideos, VideoSize
from pipeline.plugins import named
from pipeline.request import Request


class GenerateDemo(Request, Demo):
    """Write one of the demo's data sets."""

    kind: Literal["cdvl", "ucf101", "hmdb51"] = Field(
        description="cdvl: training videos; else an action data set in this layout"
    )
    seed: int = Field(description="the configuration's seed")


class ListClips(Request):
    """Make the manifest of an action data set."""

    name: str = Field(description="name of the data set, for messages")
    dataset: Annotated[Dataset, *named(Dataset, "layout")] = Field(
        description="layout, split, classes and shards; paths are separate arguments"
    )


class ListVideos(Request, ListedVideos):
    """Make the manifest of the training videos."""


class PrepareClips(Request):
    """Decode a shard of action clips."""

    split: Literal["train", "test"] = Field(description="split of the clips")
    shard: int = Field(description="shard of this split")


class PrepareVideos(Request, VideoSize):
    """Decode and resize a shard of training videos."""

    shard: int = Field(description="shard of the videos")
