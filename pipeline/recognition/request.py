"""Requests of the stages in this folder."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from pipeline.config.compute import Compute, Inference
from pipeline.config.section import Pair
from pipeline.recognition.streams import AnyStream, PlannedStream, ScoredStream, TrainedStream
from pipeline.request import Request

FRAME_SIZE = "width and height in pixels that frames are resized to before flow and recognition"


class PlanFrames(Request):
    """Plan what all recognisers read of the test clips."""

    streams: list[Annotated[PlannedStream, *AnyStream("planned").metadata()]] = Field(
        description="streams of all recognisers"
    )


class TrainRecognizer(Request):
    """Train one stream, or the network that joins two."""

    part: Annotated[TrainedStream, *AnyStream("trained").metadata()] = Field(
        description="the stream: its network, its training, its input"
    )
    dataset: str = Field(description="name of the data set, recorded in the weights")
    layout: str = Field(description="its layout, recorded in the weights to detect a wrong split")
    split: int = Field(description="its split, recorded for the same reason")
    frame_size: Pair = Field(description=FRAME_SIZE)
    compute: Compute = Field(description="device, devices, threads, precision")
    seed: int = Field(description="seed of weights, batches, crops, dropout")
    trained_on: list[str] = Field(
        description="models that made the training clips' frames and flow; hr: the originals",
        min_length=2,
        max_length=2,
    )
    ratio: Annotated[float, Field(ge=0, le=1)] = Field(
        description="ratio of the clips of each class that are used in LR (figure 8): 0 (none) to 1 (all)"
    )


class ScoreClips(Request):
    """Score test clips of one row with some streams of a recogniser."""

    streams: list[Annotated[ScoredStream, *AnyStream("scored").metadata()]] = Field(
        description="streams in the order of their weights"
    )
    dataset: str = Field(description="name of the data set in the scores")
    recognizer: str = Field(description="name of the recogniser in the scores")
    method: str = Field(description="name of the row in the scores")
    shard: int | None = Field(description="shard of the test clips; null: all")
    layout: str = Field(description="layout of the data set, to detect weights of another split")
    split: int = Field(description="its split; weights that were trained on another one are refused")
    frame_size: Pair = Field(description=FRAME_SIZE)
    compute: Inference = Field(description="device, threads, precision")
