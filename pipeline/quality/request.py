"""Request of the stage in this folder."""

from __future__ import annotations

from pydantic import Field

from pipeline.config.quality import Measure
from pipeline.config.section import Scale
from pipeline.request import Request


class MeasureQuality(Request, Measure):
    """Compare the frames and the flow of one model with HR, on one shard of test clips."""

    dataset: str = Field(description="name of the data set in the lines")
    model: str = Field(description="name of the SR model in the lines")
    shard: int = Field(description="shard of the test clips")
    scale: Scale = Field(description="border that null stands for")
    bound: float = Field(description="flow in pixels at the stored level 255 (TSN: 20)")
