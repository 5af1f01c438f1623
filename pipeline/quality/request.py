"""What the stage of this folder is asked."""

from __future__ import annotations

from pydantic import Field

from pipeline.config.quality import Measure
from pipeline.request import Request


class MeasureQuality(Request, Measure):
    """Compare the frames and the flow of one model with HR's, on one shard of test clips."""

    dataset: str = Field(description="data set, a name that the lines carry")
    model: str = Field(description="SR model, a name that the lines carry")
    shard: int = Field(description="shard of the test clips")
    bound: float = Field(description="pixels that the flow's levels 0 and 255 stand for (TSN: 20)")
