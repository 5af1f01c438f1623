"""What the stages of this folder are asked."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from pipeline.config.compute import Compute, Inference
from pipeline.config.superres import Architecture, FeatureNetwork, SRProgress, SRRecipe
from pipeline.request import Request


class TrainSR(Request, Architecture):
    """Train an SR network: all that decides its weights beside the files that are read."""

    name: str = Field(description="model; what is drawn depends on it and on the seed")
    training: SRRecipe = Field(description="recipe")
    feature_network: FeatureNetwork | None = Field(description="network of losses that compare features")
    compute: Compute = Field(description="device, threads, precision")
    seed: int = Field(description="the one seed of all stages")


class ShowProgress(Request, SRProgress):
    """How often a training shows and saves where it stands."""


class SuperResolve(Request, Architecture, Inference):
    """Super-resolve the frames of one shard of clips that are read."""

    split: Literal["train", "test"] = Field(description="split of the clips")
    shard: int = Field(description="shard of the split")
    batch_pixels: int = Field(description="HR pixels in the network at once, at least one frame's")
