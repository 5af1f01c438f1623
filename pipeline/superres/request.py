"""Requests of the stages in this folder."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from pipeline.config.compute import Compute, Inference
from pipeline.config.section import Scale
from pipeline.config.superres import Architecture, FeatureNetwork, SRProgress, SRRecipe
from pipeline.request import Request


class TrainSR(Request, Architecture):
    """Train an SR network: everything that determines its weights, except the files that are read."""

    scale: Scale = Field(description="super-resolution factor")
    name: str = Field(description="name of the model; random numbers depend on it and on the seed")
    training: SRRecipe = Field(description="recipe")
    feature_network: FeatureNetwork | None = Field(description="network of feature losses; null: not needed")
    compute: Compute = Field(description="device, threads, precision")
    seed: int = Field(description="the configuration's seed")


class ShowProgress(Request, SRProgress):
    """How often a training validates and saves its state."""


class SuperResolve(Request, Architecture, Inference):
    """Super-resolve the needed frames of one shard of clips."""

    scale: Scale = Field(description="super-resolution factor")
    split: Literal["train", "test"] = Field(description="split of the clips")
    shard: int = Field(description="shard of the split")
    batch_pixels: int = Field(
        description="largest number of HR pixels in the network at once, at least one frame"
    )


class CheckFrames(Request):
    """Compare the clips that another tool super-resolved with those of a data set."""

    dataset: str = Field(description="name of the data set, for messages")
    row: str = Field(description="row of the clips, for messages")
    split: Literal["train", "test"] = Field(description="split of the clips")


class ImportFrames(Request):
    """Read the needed frames of one shard of such clips."""

    split: Literal["train", "test"] = Field(description="split of the clips")
    shard: int = Field(description="shard of the split")


class MeasureCost(Request, Architecture, Inference):
    """Measure what an SR network costs: parameters, operations and time of a frame."""

    scale: Scale = Field(description="super-resolution factor")
    size: list[int] = Field(description="width and height of the HR frame")
