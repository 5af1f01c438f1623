"""What the stages of this folder are asked."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from pipeline.config.compute import Compute, Inference
from pipeline.config.section import Pair
from pipeline.recognition.streams import AnyStream, PlannedStream, ScoredStream, TrainedStream
from pipeline.request import Request

FRAME_SIZE = "width and height in pixels that frames are resized to before flow and recognition"


class PlanFrames(Request):
    """Name what all recognisers read of the test clips."""

    streams: list[Annotated[PlannedStream, *AnyStream("planned").metadata()]] = Field(
        description="streams of all recognisers"
    )


class TrainRecognizer(Request):
    """Train one stream, or the network that joins two, on HR clips."""

    part: Annotated[TrainedStream, *AnyStream("trained").metadata()] = Field(
        description="the stream: its network, its training, what it sees"
    )
    dataset: str = Field(description="data set, a name that the weights carry")
    layout: str = Field(description="its layout, which the weights carry so that no split is mixed up")
    split: int = Field(description="its split, likewise")
    frame_size: Pair = Field(description=FRAME_SIZE)
    compute: Compute = Field(description="device, devices, threads, precision")
    seed: int = Field(description="of weights, batches, crops, dropout")


class TrainMixedRecognizer(TrainRecognizer):
    """Train it on a mixture of HR clips and enlarged LR clips."""

    ratio: Annotated[float, Field(ge=0, le=1)] = Field(
        description="share of the clips of each class that are seen in LR: 0 (HR only) to 1 (LR only)"
    )


class ScoreClips(Request):
    """Score test clips of one row with some streams of a recogniser."""

    streams: list[Annotated[ScoredStream, *AnyStream("scored").metadata()]] = Field(
        description="streams in the order of their weights"
    )
    dataset: str = Field(description="data set, a name that the scores carry")
    recognizer: str = Field(description="recogniser, a name that the scores carry")
    method: str = Field(description="row, a name that the scores carry")
    shard: int | None = Field(description="shard of the test clips; null: all")
    layout: str = Field(description="layout of the data set, which weights may be of another split of")
    split: int = Field(description="its split: weights that were trained on another one are refused")
    frame_size: Pair = Field(description=FRAME_SIZE)
    compute: Inference = Field(description="device, threads, precision")
