"""Temporal segment network: Wang et al., ECCV 2016, as released (docs/facts.md, section 7)."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from pipeline.config.recognition import InputKeys, Protocol
from pipeline.config.report import Column
from pipeline.config.section import NonNegativeFloat, PositiveInt, Section
from pipeline.config.stream_training import DatasetTraining, StreamTraining
from pipeline.recognition import sampling
from pipeline.recognition.crops import Box, Place, scoring_boxes, tsn_box
from pipeline.recognition.streams import PlannedStream, ScoredStream, StreamPart, StreamParts, TrainedStream


class FlowStack(Section):
    """Input of the temporal stream at a place."""

    flow_stack: PositiveInt = Field(5, description="consecutive flow fields per snippet")


class FirstFrame(Section):
    """First frame of the spatial stream."""

    first_frame: Literal[1, 2] = Field(
        2, description="first RGB frame that is read; TSN's extraction never writes a clip's first frame"
    )


class TrainSnippets(Section):
    """Places in training."""

    train_snippets: PositiveInt = Field(3, description="segments per clip in training")


class Snippets(Section):
    """Places at test."""

    test_snippets: PositiveInt = Field(25, description="snippets per clip at test")


class Crops(Section):
    """Crops at test."""

    test_crops: Literal[1, 2, 5, 10] = Field(
        10, description="1: centre, 2: with its mirror image, 5: with corners, 10: with all mirrored"
    )


class Spatial(StreamPart, FirstFrame):
    """Reads single frames."""

    reads_frames: ClassVar[bool] = True


class Temporal(StreamPart, FlowStack):
    """Reads stacks of flow fields; a place is the first of them."""

    reads_flow: ClassVar[bool] = True

    def fields_at(self, place: int, fields: int) -> list[int]:
        """The fields from the place on."""
        return sampling.tsn_stack(place, fields, self.flow_stack)


class SpatialPlan(Spatial, PlannedStream, Snippets):
    """Frames at test."""

    def places(self, frames: int) -> list[int]:
        """Evenly over the clip."""
        return sampling.tsn_test_frames(frames, self.first_frame, self.test_snippets)


class TemporalPlan(Temporal, PlannedStream, Snippets):
    """Fields at test."""

    def places(self, frames: int) -> list[int]:
        """Evenly over the clip."""
        fields = sampling.count_fields(frames)
        return sampling.tsn_test_starts(fields, self.flow_stack, self.test_snippets)


class Scoring(ScoredStream, Snippets, Crops, InputKeys):
    """Means over snippets and crops."""

    def boxes(self, height: int, width: int) -> list[Box]:
        """Centre, corners, and their mirror images."""
        return scoring_boxes(height, width, self.crop, self.test_crops)

    def views(self, width: int, height: int, crop: int) -> float:
        """All crops of all snippets."""
        return self.test_snippets * self.test_crops


# mypy compares the constructors of unchecked models that its plugin makes up.
class SpatialScoring(SpatialPlan, Scoring):  # type: ignore[misc]
    """Scores of frames."""


class TemporalScoring(TemporalPlan, Scoring):  # type: ignore[misc]
    """Scores of flow."""


class Training(TrainedStream, TrainSnippets):
    """One snippet per segment, all with the same crop; one softmax of their mean."""

    def count(self, stage: StreamTraining) -> int:
        """One snippet per segment."""
        return self.train_snippets

    def box(self, height: int, width: int, rng: np.random.Generator, place: Place | None) -> Box:
        """Scale jittering at fixed places."""
        return tsn_box(height, width, self.crop, self.stream, rng)


class SpatialTraining(Spatial, Training):
    """Training on frames."""

    def draw(self, frames: int, stage: StreamTraining, rng: np.random.Generator) -> list[int]:
        """One frame per segment."""
        first, length = sampling.tsn_frames(frames, self.first_frame)
        return [first + start for start in sampling.tsn_train_starts(length, 1, self.train_snippets, rng)]


class TemporalTraining(Temporal, Training):
    """Training on flow."""

    def draw(self, frames: int, stage: StreamTraining, rng: np.random.Generator) -> list[int]:
        """One stack per segment."""
        fields = sampling.count_fields(frames)
        return sampling.tsn_train_starts(fields, self.flow_stack, self.train_snippets, rng)


class TSN(Crops, Snippets, TrainSnippets, FirstFrame, FlowStack, Protocol):
    """Temporal segment network (Wang et al. 2016): late fusion of two streams."""

    streams: ClassVar[dict[str, StreamParts]] = {
        "spatial": StreamParts(SpatialPlan, SpatialScoring, SpatialTraining),
        "temporal": StreamParts(TemporalPlan, TemporalScoring, TemporalTraining),
    }

    network: str = Field("bn_inception", description="backbone, a file in recognition/networks")
    fusion: list[NonNegativeFloat] = Field(
        [1.0, 1.5], min_length=2, max_length=2, description="weights spatial, temporal"
    )
    spatial: DatasetTraining | None = Field(None, description="training of the spatial stream")
    temporal: DatasetTraining | None = Field(None, description="training of the temporal stream")

    def fused(self) -> Column:
        """The weighted sum of both streams."""
        parts = zip(self.streams, self.fusion, strict=True)
        return Column(name="fusion", parts=[self.part(stream, weight) for stream, weight in parts])
