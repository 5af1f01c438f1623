"""One network that sees clips of RGB frames (R(2+1)D, VideoMAE), as the field trains and tests them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from pipeline.config.recognition import InputKeys, Protocol
from pipeline.config.section import PositiveInt, Section
from pipeline.config.stream_training import DatasetTraining, StreamTraining
from pipeline.recognition import sampling
from pipeline.recognition.crops import Box, Place, clip_box, clip_boxes
from pipeline.recognition.streams import PlannedStream, ScoredStream, StreamPart, StreamParts, TrainedStream

if TYPE_CHECKING:
    from torch import Tensor, nn

    from pipeline.recognition.backbone import Backbone

Side = Annotated[float, Field(gt=0, le=1)]
Level = Annotated[float, Field(ge=0, le=1)]
Deviation = Annotated[float, Field(gt=0, le=1)]


class Frames(Section):
    """The frames of a clip."""

    frames: PositiveInt = Field(16, description="frames of a clip, which the network sees at once")
    stride: PositiveInt = Field(2, description="distance of these frames in the video, in frames")


class Clips(Section):
    """Clips at test."""

    clips: PositiveInt = Field(5, description="clips per video at test, evenly spread; scores are averaged")


class Crops(Section):
    """Crops at test."""

    test_crops: Literal[1, 2, 3, 5, 10] = Field(
        1,
        description="1: centre, 2: with its mirror image, 3: along the longer side, 5: with corners, "
        "10: with all mirrored",
    )
    test_side: Side = Field(
        0.875,
        description="side of the test crops as a fraction of the frame's shorter side; crops are resized to "
        "crop (R(2+1)D: 112 of 128; VideoMAE: 1.0)",
    )


class TrainSides(Section):
    """Crops in training."""

    train_sides: list[Side] = Field(
        [0.7, 0.875],
        min_length=2,
        max_length=2,
        description="least and largest side of the training crops as a fraction of the frame's shorter side "
        "(PySlowFast: 224 of 320 to 256), drawn for each clip; crops lie anywhere, mirrored or not",
    )


class Levels(Section):
    """Normalisation of the input."""

    mean: list[Level] | None = Field(
        None,
        min_length=3,
        max_length=3,
        description="mean of R, G and B, of 0 to 1; null: the network's own (R(2+1)D: Kinetics)",
    )
    deviation: list[Deviation] | None = Field(
        None, min_length=3, max_length=3, description="their standard deviation; null: the network's own"
    )


class Rgb(StreamPart, Frames):
    """Reads clips of RGB frames; the places of a clip are all of its frames."""

    reads_frames: ClassVar[bool] = True


class RgbPlan(Rgb, PlannedStream, Clips):
    """Frames at test."""

    def places(self, frames: int) -> list[int]:
        """The frames of each clip in turn."""
        starts = sampling.clip_test_starts(frames, self.frames, self.stride, self.clips)
        return [n for s in starts for n in sampling.clip_frames(s, frames, self.frames, self.stride)]


class RgbNetwork(Rgb, InputKeys, Levels):
    """The network and its input."""

    @property
    def clip_shape(self) -> tuple[int, int]:
        """Frames of a clip and side of a crop."""
        return self.frames, self.crop

    def prepare(self, backbone: Backbone) -> None:
        """The configuration's normalisation, where it has one."""
        from dataclasses import replace

        levels = {"mean": self.mean, "std": self.deviation}
        given: dict[str, Any] = {k: tuple(255.0 * v for v in of) for k, of in levels.items() if of}
        backbone.normalisation = replace(backbone.normalisation, **given)


class RgbScoring(RgbNetwork, RgbPlan, ScoredStream, Crops):
    """Scores of clips, averaged over clips and crops before softmax."""

    together: ClassVar[bool] = True

    def boxes(self, height: int, width: int) -> list[Box]:
        """Squares of one side."""
        return clip_boxes(height, width, self.test_side, self.test_crops)

    def cut(self, raw: np.ndarray, box: Box, flow: bool) -> np.ndarray:
        """A crop of the network's size."""
        from pipeline.recognition import inputs

        return inputs.cut_resized(raw, box, self.crop, flow)

    def views(self, width: int, height: int, crop: int) -> float:
        """All crops of all clips."""
        return self.clips * self.test_crops

    def scores(self, network: nn.Module, tensors: list[Tensor]) -> Tensor:
        """The mean over clips, of which the network gets one at a time, to bound memory."""
        (frames,) = tensors  # (B, clips x T, 3, h, w)
        clips = frames.reshape(len(frames), self.clips, self.frames, *frames.shape[2:])
        clips = clips.movedim(1, 0).transpose(2, 3)  # (clips, B, 3, T, h, w)
        total: Tensor = sum(network(clip).float() for clip in clips)
        return total / self.clips


class RgbTraining(RgbNetwork, TrainedStream, TrainSides):
    """Training on one random clip of each video."""

    def draw(self, frames: int, stage: StreamTraining, rng: np.random.Generator) -> list[int]:
        """The frames of a clip at any position."""
        start = sampling.clip_train_start(frames, self.frames, self.stride, rng)
        return sampling.clip_frames(start, frames, self.frames, self.stride)

    def count(self, stage: StreamTraining) -> int:
        """One clip, which is the unit of preflight's estimate."""
        return 1

    def box(self, height: int, width: int, rng: np.random.Generator, place: Place | None) -> Box:
        """Random side, place and mirroring."""
        return clip_box(height, width, self.train_sides, rng)

    def loss(self, network: nn.Module, tensors: list[Tensor], labels: Tensor) -> tuple[Tensor, Tensor]:
        """Cross-entropy of the clip's scores."""
        from torch.nn import functional as F

        (frames,) = tensors  # (B, T, 3, h, w)
        scores = network(frames.transpose(1, 2)).float()
        return F.cross_entropy(scores, labels), scores


class Clip(Crops, Clips, TrainSides, Levels, Frames, Protocol):
    """One network that sees clips of RGB frames."""

    streams: ClassVar[dict[str, StreamParts]] = {"rgb": StreamParts(RgbPlan, RgbScoring, RgbTraining)}

    network: str = Field("r2plus1d_18", description="network of clips, a file in recognition/networks")
    crop: PositiveInt = Field(112, description="side of the network's input in pixels")
    rgb: DatasetTraining | None = Field(None, description="training of the network")

    @model_validator(mode="after")
    def _check_sides(self) -> Self:
        if self.train_sides[0] > self.train_sides[1]:
            raise ValueError(f"train_sides {self.train_sides}: the least is larger than the largest")
        return self
