"""Requests of the stages in this folder."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from pipeline.config.data import Dataset, Demo, ListedVideos, VideoSize
from pipeline.config.degradation import Chain
from pipeline.config.section import Scale
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
    scale: Scale = Field(description="sizes are cut to multiples of it")


class ListVideos(Request, ListedVideos):
    """Make the manifest of the training videos."""

    scale: Scale = Field(description="sizes are cut to multiples of it")


class Degrade(Request):
    """How LR frames are made of HR frames."""

    scale: Scale = Field(description="factor between HR and LR")
    degradation: Chain = Field(description="steps from HR to LR, in order")
    seed: int | None = Field(description="the configuration's seed; null: no step draws random numbers")
    ffmpeg: str | None = Field(description="version of ffmpeg that encodes; null: no step is a codec")


class PrepareClips(Degrade):
    """Decode a shard of action clips."""

    split: Literal["train", "test"] = Field(description="split of the clips")
    shard: int = Field(description="shard of this split")


class PrepareNativeClips(Request):
    """Decode a shard of clips that are low-resolution by themselves."""

    scale: Scale = Field(description="factor of super-resolution, by which the manifest's sizes are larger")
    split: Literal["train", "test"] = Field(description="split of the clips")
    shard: int = Field(description="shard of this split")


class PrepareVideos(Degrade, VideoSize):
    """Decode and resize a shard of training videos."""

    shard: int = Field(description="shard of the videos")


class DegradeFrames(Degrade):
    """Make LR frames of a shard's HR frames under one of the further degradations."""

    split: Literal["train", "test"] = Field(description="split of the clips")
    shard: int = Field(description="shard of this split")
