"""Requests of the stages in this folder."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from pipeline.config.compute import Device
from pipeline.config.flow import TVL1, FlowNetwork
from pipeline.config.patches import DrawnFrames
from pipeline.request import Request


class ExtractFlow(Request):
    """Make the quantised TV-L1 flow of a shard of clips."""

    split: Literal["train", "test"] = Field(description="split of the clips")
    shard: int = Field(description="shard of this split")
    tvl1: TVL1 = Field(description="parameters of TV-L1")
    bound: float = Field(description="flow is clipped to +-bound pixels, then quantised to 8 bits (TSN: 20)")
    frame_size: list[int] = Field(description="width and height in pixels (TSN: 340x256)")


class ExtractTrainingFlow(Request, DrawnFrames):
    """Make the flow of a shard of training videos, between drawn frames."""

    shard: int = Field(description="shard of the videos")
    engine: Literal["tvl1", "flownet2"] = Field(description="file of pipeline/flow that computes it")
    tvl1: TVL1 | None = Field(description="parameters of TV-L1; null: FlowNet2")
    flownet2: FlowNetwork | None = Field(description="FlowNet2's network; null: TV-L1")
    compute: Device | None = Field(description="device and threads of FlowNet2; null: TV-L1")
    gap: int = Field(description="distance in frames from the first to the second of a pair")
    seed: int = Field(description="the configuration's seed")
