"""Spatio-temporal residual network: Feichtenhofer et al., NIPS 2016 (docs/facts.md, section 7)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Self, cast

import numpy as np
from pydantic import Field, model_validator

from pipeline.config.recognition import Protocol
from pipeline.config.report import Column
from pipeline.config.section import Pair, PositiveInt, Section
from pipeline.config.stream_training import DatasetTraining, StreamTraining
from pipeline.recognition import sampling
from pipeline.recognition.crops import Box, Place, full_boxes, st_box, st_flow_box, st_place
from pipeline.recognition.streams import PlannedStream, ScoredStream, StreamPart, StreamParts, TrainedStream

if TYPE_CHECKING:
    from torch import Tensor, nn

    from pipeline.recognition.backbone import Backbone
    from pipeline.recognition.joint_networks.st_resnet import STResNet as JointNetwork


class SamePlace(Section):
    """How the appearance stream's crops are drawn."""

    same_place: bool = Field(
        True,
        description="whether the crops of a micro_batch share their place and mirroring, as in the release; "
        "false: drawn for each clip",
    )


class AppearanceSteps(StreamTraining, SamePlace):
    """Training of the appearance stream on one data set."""


class AppearanceTraining(DatasetTraining, SamePlace):
    """Training of ST-ResNet's appearance stream."""

    Single: ClassVar[type[StreamTraining]] = AppearanceSteps


class JointSteps(StreamTraining):
    """A stage of the joint network's training on one data set."""

    frames: PositiveInt = Field(description="frames per clip")
    strides: Pair = Field(description="least and most frames between them, drawn for each clip")

    @model_validator(mode="after")
    def _check_strides(self) -> Self:
        if self.strides[0] > self.strides[1]:
            raise ValueError(f"strides {self.strides}: the least is larger than the most")
        return self


class JointStage1(DatasetTraining, JointSteps):
    """First stage of the joint network: without pooling over time."""

    Single: ClassVar[type[StreamTraining]] = JointSteps

    frames: PositiveInt = Field(5, description="frames per clip")
    strides: Pair = Field([5, 15], description="least and most frames between them, drawn for each clip")


class JointStage2(JointStage1):
    """Second stage: continues from the first with max-pooling over time after conv5."""

    frames: PositiveInt = Field(11, description="frames per clip")
    strides: Pair = Field([1, 15], description="least and most frames between them, drawn for each clip")


class JointStages(Section):
    """The stages of the joint network's training on one data set."""

    stage1: JointSteps = Field(description="first stage, without pooling over time")
    stage2: JointSteps | None = Field(description="second stage, with it; null: only one stage")


class JointTraining(Section):
    """Training of the joint network: two stages, one after the other, in one job."""

    stage1: JointStage1 = Field(description="first stage, without pooling over time")
    stage2: JointStage2 | None = Field(None, description="second stage, with it; null: only one stage")

    def for_dataset(self, dataset: str) -> JointStages:
        """The training of one data set."""
        stage2 = self.stage2 and self.stage2.for_dataset(dataset)
        return JointStages.model_validate({"stage1": self.stage1.for_dataset(dataset), "stage2": stage2})

    def sections(self, key: str) -> dict[str, DatasetTraining]:
        """The stages in order."""
        return {f"{key}.stage{n}": stage for n, stage in enumerate((self.stage1, self.stage2), 1) if stage}


class FlowStack(Section):
    """Input of the motion stream at a place."""

    flow_stack: PositiveInt = Field(10, description="flow fields around each frame")


class ScoredFrames(Section):
    """Places at test."""

    test_frames: PositiveInt = Field(25, description="frames per clip at test")


class TemporalPool(Section):
    """Form of the joint network at test."""

    temporal_pool: bool = Field(
        True, description="whether the joint network pools over time at test: it was trained in two stages"
    )


class Appearance(StreamPart):
    """Reads single frames."""

    reads_frames: ClassVar[bool] = True


class Motion(StreamPart, FlowStack):
    """Reads the flow around frames."""

    reads_flow: ClassVar[bool] = True

    def fields_at(self, place: int, fields: int) -> list[int]:
        """Equally many fields before and after a frame."""
        return sampling.st_fields(place, fields, self.flow_stack)


class Joint(Motion, TemporalPool):
    """Reads frames and the flow around them, in two backbones joined by motion injection."""

    reads_frames: ClassVar[bool] = True
    joint: ClassVar[str] = "st_resnet"

    def joint_args(self) -> dict[str, Any]:
        """Whether it pools over time."""
        return {"temporal_pool": self.temporal_pool}


class Plan(PlannedStream, FlowStack, ScoredFrames):
    """Frames at test: evenly spread over those with a full flow stack around them."""

    def places(self, frames: int) -> list[int]:
        """Equal for all streams."""
        return sampling.st_test_frames(frames, self.flow_stack, self.test_frames)


class AppearancePlan(Appearance, Plan):
    """Frames at test."""


class MotionPlan(Motion, Plan):
    """Flow at test."""


class JointPlan(Motion, Plan):
    """Frames and flow at test."""

    reads_frames: ClassVar[bool] = True


class Scoring(Plan, ScoredStream):
    """Means over frames, each as it is and mirrored."""

    def boxes(self, height: int, width: int) -> list[Box]:
        """The whole frame and its mirror image."""
        return full_boxes(height, width)

    def views(self, width: int, height: int, crop: int) -> float:
        """Both views of all frames."""
        return 2 * self.test_frames * width * height / crop**2

    def prepare(self, backbone: Backbone) -> None:
        """A new classifier, as in training."""
        start_classifier(backbone)


class AppearanceScoring(Appearance, Scoring):
    """Scores of frames."""


class MotionScoring(Motion, Scoring):
    """Scores of flow."""


class JointScoring(Joint, Scoring):
    """Scores of frames and flow: all frames in one pass; the mean over time and over both classifiers."""

    together: ClassVar[bool] = True

    def scores(self, network: nn.Module, tensors: list[Tensor]) -> Tensor:
        """The mean of both classifiers."""
        appearance, motion = network(*tensors)
        mean: Tensor = (appearance + motion).float() / 2
        return mean


class Training(TrainedStream):
    """One frame of a clip, or the flow around it."""

    def count(self, stage: StreamTraining) -> int:
        """One."""
        return 1

    def prepare(self, backbone: Backbone) -> None:
        """A new classifier, whatever the backbone's initialisation."""
        start_classifier(backbone)


class AppearanceStreamTraining(Appearance, Training):
    """Training on frames."""

    training: AppearanceSteps = Field(description="how it is trained, on one data set")

    def draw(self, frames: int, stage: StreamTraining, rng: np.random.Generator) -> list[int]:
        """Any frame."""
        return [int(rng.integers(frames))]

    def shared_place(self, stage: StreamTraining, rng: np.random.Generator) -> Place | None:
        """One place per micro_batch, as in the release."""
        assert isinstance(stage, AppearanceSteps)
        return st_place(rng) if stage.same_place else None

    def box(self, height: int, width: int, rng: np.random.Generator, place: Place | None) -> Box:
        """Random sides, away from the centre."""
        return st_box(height, width, self.crop, rng, place)


class MotionStreamTraining(Motion, Training):
    """Training on flow."""

    def draw(self, frames: int, stage: StreamTraining, rng: np.random.Generator) -> list[int]:
        """A frame with a full flow stack around it."""
        first, last = sampling.st_range(frames, self.flow_stack)
        return [int(rng.integers(first, last + 1))]

    def box(self, height: int, width: int, rng: np.random.Generator, place: Place | None) -> Box:
        """Four possible sides, at a corner or the centre."""
        return st_flow_box(height, width, self.crop, rng)


class JointStreamTraining(Joint, Training):
    """Training of the joint network, from both trained streams."""

    starts_from: ClassVar[tuple[str, ...]] = ("spatial", "temporal")

    # Not one training as elsewhere but several: who asks goes by ``stages``.
    training: JointStages = Field(  # type: ignore[assignment]
        description="how it is trained, on one data set"
    )

    @property
    def stages(self) -> list[StreamTraining]:
        """The stages in order."""
        return [stage for stage in (self.training.stage1, self.training.stage2) if stage]

    def draw(self, frames: int, stage: StreamTraining, rng: np.random.Generator) -> list[int]:
        """Frames with one random stride."""
        assert isinstance(stage, JointSteps)
        return sampling.st_train_frames(frames, self.flow_stack, stage.frames, stage.strides, rng)

    def count(self, stage: StreamTraining) -> int:
        """The stage's number of frames."""
        assert isinstance(stage, JointSteps)
        return stage.frames

    def box(self, height: int, width: int, rng: np.random.Generator, place: Place | None) -> Box:
        """The same for frames and flow; random sides, away from the centre."""
        return st_box(height, width, self.crop, rng, place)

    def enter(self, network: nn.Module, number: int, stage: StreamTraining) -> None:
        """Pooling over time from the second stage on, and the stage's own dropout."""
        from torch import nn

        joint = cast("JointNetwork", network)
        joint.temporal_pool = number > 0
        for backbone in (joint.appearance, joint.motion):
            backbone.dropout = nn.Dropout(stage.dropout)

    def loss(self, network: nn.Module, tensors: list[Tensor], labels: Tensor) -> tuple[Tensor, Tensor]:
        """The sum of both classifiers' softmax losses at every time step.

        It is divided by the number of clips only (authors' Loss.m and cnn_train_dag.m).
        """
        from torch.nn import functional as F

        joint = cast("JointNetwork", network)
        appearance, motion = (scores.float() for scores in joint.step_scores(*tensors))
        repeated = labels.repeat_interleave(appearance.shape[1])
        first, second = (
            F.cross_entropy(scores.flatten(0, 1), repeated, reduction="sum")
            for scores in (appearance, motion)
        )
        return (first + second) / len(labels), (appearance.mean(1) + motion.mean(1)) / 2


class STResNet(TemporalPool, ScoredFrames, FlowStack, Protocol):
    """Spatio-temporal residual network (Feichtenhofer et al. 2016), whose joint network fuses the streams."""

    streams: ClassVar[dict[str, StreamParts]] = {
        "spatial": StreamParts(AppearancePlan, AppearanceScoring, AppearanceStreamTraining),
        "temporal": StreamParts(MotionPlan, MotionScoring, MotionStreamTraining),
        "joint": StreamParts(JointPlan, JointScoring, JointStreamTraining),
    }

    network: str = Field("resnet50", description="backbone, a file in recognition/networks")
    spatial: AppearanceTraining | None = Field(None, description="training of the appearance stream")
    temporal: DatasetTraining | None = Field(None, description="training of the motion stream")
    joint: JointTraining | None = Field(None, description="training of the joint network")

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.joint and self.temporal_pool != (self.joint.stage2 is not None):
            raise ValueError(
                f"temporal_pool is {str(self.temporal_pool).lower()}, but joint has "
                f"{len(self.joint.sections(''))} stage(s); give joint.stage2 with temporal_pool: true, or "
                "neither"
            )
        return self

    def fused(self) -> Column:
        """The joint network."""
        return Column(name="fusion", parts=[self.part("joint")])


def start_classifier(backbone: Backbone) -> None:
    """0.01 x normal and no bias (authors' cnn_ucf101_spatial.m)."""
    from torch.nn import init

    classifier = cast("nn.Linear", backbone.get_submodule(backbone.classifier))
    init.normal_(classifier.weight, std=0.01)
    init.zeros_(classifier.bias)
