"""Recognisers and their training."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from pipeline.config.section import (
    Fraction,
    Name,
    NonNegativeFloat,
    Pair,
    PositiveFloat,
    PositiveInt,
    Section,
    Stream,
)


class StreamTraining(Section):
    """How one stream (or the joint network) of a recogniser is trained, with SGD."""

    iterations: PositiveInt = Field(description="optimiser steps")
    batch_size: PositiveInt = Field(128, description="clips a step")
    micro_batch: PositiveInt | None = Field(
        None,
        description="clips in memory at once, over which BN takes its statistics; gradients add up to those "
        "of batch_size; default: a device's part of batch_size",
    )
    lr: PositiveFloat = Field(1e-3, description="learning rate")
    milestones: list[PositiveInt] = Field(default_factory=list, description="steps of the drops")
    gamma: PositiveFloat = Field(0.1, description="factor at each milestone")
    momentum: Fraction = Field(0.9, description="SGD's momentum")
    weight_decay: NonNegativeFloat = Field(5e-4, description="SGD's weight decay")
    clip_gradient: PositiveFloat | None = Field(None, description="largest gradient norm")
    dropout: Fraction = Field(0.5, description="dropout before the classifier")
    partial_bn: bool = Field(False, description="only the first batch normalisation trains")
    first_conv_rate: PositiveFloat = Field(
        1.0, description="factor of the first convolution's learning rate (TSN's flow stream: 5)"
    )
    norm_rate: PositiveFloat = Field(
        1.0, description="factor of the learning rate of batch normalisation's gains (ST-ResNet: 2)"
    )
    norm_momentum: Fraction | None = Field(
        None,
        description="share by which BN's running statistics move in a step, to the mean over its "
        "micro_batches (ST-ResNet: 0.05); default: the network's own share (0.1), at every micro_batch",
    )


class DatasetTraining(StreamTraining):
    """A stream's training, with what differs for single data sets."""

    per_dataset: dict[Name, dict[str, Any]] = Field(
        default_factory=dict, description="keys of this section that differ for a data set"
    )

    def for_dataset(self, dataset: str) -> Self:
        """The training of one data set, its own keys laid over the common ones."""
        common = self.model_dump(exclude={"per_dataset"})
        return type(self).model_validate(common | self.per_dataset.get(dataset, {}))

    @model_validator(mode="after")
    def _check(self) -> DatasetTraining:
        for dataset in self.per_dataset:
            self.for_dataset(dataset)
        return self


class AppearanceTraining(DatasetTraining):
    """Training of ST-ResNet's appearance stream."""

    same_place: bool = Field(
        True,
        description="crops of the clips of a micro_batch share their place and their mirroring, as in the "
        "release; false: drawn for each clip",
    )


class JointStage1(DatasetTraining):
    """First stage of the joint network: without pooling over time."""

    frames: PositiveInt = Field(5, description="frames per clip")
    strides: Pair = Field([5, 15], description="least and most frames between them, drawn for each clip")

    @model_validator(mode="after")
    def _check_strides(self) -> Self:
        if self.strides[0] > self.strides[1]:
            raise ValueError(f"strides {self.strides}: the least is larger than the most")
        return self


class JointStage2(JointStage1):
    """Second stage: goes on from the first with max-pooling over time after conv5."""

    frames: PositiveInt = Field(11, description="frames per clip")
    strides: Pair = Field([1, 15], description="least and most frames between them, drawn for each clip")


class JointTraining(Section):
    """Training of the joint network: two stages, one after the other, in one job."""

    stage1: JointStage1 = Field(description="first stage, without pooling over time")
    stage2: JointStage2 | None = Field(None, description="second stage, with it; null: only one stage")

    def for_dataset(self, dataset: str) -> JointTraining:
        """The training of one data set."""
        stage2 = self.stage2 and self.stage2.for_dataset(dataset)
        return JointTraining(stage1=self.stage1.for_dataset(dataset), stage2=stage2)

    @property
    def stages(self) -> list[JointStage1]:
        """The stages that there are, in order."""
        return [self.stage1] if self.stage2 is None else [self.stage1, self.stage2]


class RecognizerBase(Section):
    """What both protocols share."""

    label: str = Field("", description="name in tables; empty: its key")
    args: dict[str, Any] = Field(default_factory=dict, description="the backbone's arguments")
    initial_weights: str | None = Field(
        None,
        description="ImageNet weights that training starts from: a path, or PACKAGE:FILE for a file of an "
        "installed package (`package:folder/file.pth`)",
    )
    crop: PositiveInt = Field(224, description="side of the network's input in pixels")

    def weights_for(self, stream: str, dataset: str) -> Path | None:
        """The published weights of a stream on a data set; None where it is trained here."""
        given = self.weights.get(stream)
        return given.get(dataset) if isinstance(given, dict) else given


class TSN(RecognizerBase):
    """Temporal segment network (Wang et al. 2016): late fusion of two streams."""

    streams: ClassVar = ("spatial", "temporal")
    protocol: Literal["tsn"] = Field("tsn", description="protocol")
    network: str = Field("bn_inception", description="backbone, a file in recognition/networks")
    flow_stack: PositiveInt = Field(5, description="consecutive flow fields per snippet")
    first_frame: Literal[1, 2] = Field(
        2, description="first RGB frame that is read; TSN's extraction never writes a clip's first frame"
    )
    train_snippets: PositiveInt = Field(3, description="segments per clip in training")
    test_snippets: PositiveInt = Field(25, description="snippets per clip at test")
    test_crops: Literal[1, 2, 5, 10] = Field(
        10, description="1 centre, 2 with its mirror image, 5 with corners, 10 with all mirrored"
    )
    fusion: list[NonNegativeFloat] = Field(
        [1.0, 1.5], min_length=2, max_length=2, description="weights spatial, temporal"
    )
    weights: dict[Stream, Path | dict[Name, Path]] = Field(
        default_factory=dict,
        description="published or imported streams: a path, or one for each data set",
    )
    spatial: DatasetTraining | None = Field(None, description="training of the spatial stream")
    temporal: DatasetTraining | None = Field(None, description="training of the temporal stream")


class STResNet(RecognizerBase):
    """Spatio-temporal residual network (Feichtenhofer et al. 2016): a joint network fuses."""

    streams: ClassVar = ("spatial", "temporal", "joint")
    protocol: Literal["st_resnet"] = Field("st_resnet", description="protocol")
    network: str = Field("resnet50", description="backbone, a file in recognition/networks")
    flow_stack: PositiveInt = Field(10, description="flow fields around each frame")
    test_frames: PositiveInt = Field(25, description="frames per clip at test")
    temporal_pool: bool = Field(
        True, description="the scored joint network pools over time: it was trained in two stages"
    )
    weights: dict[Literal["spatial", "temporal", "joint"], Path | dict[Name, Path]] = Field(
        default_factory=dict,
        description="published or imported networks: a path, or one for each data set",
    )
    spatial: AppearanceTraining | None = Field(None, description="training of the appearance stream")
    temporal: DatasetTraining | None = Field(None, description="training of the motion stream")
    joint: JointTraining | None = Field(None, description="training of the joint network")

    @model_validator(mode="after")
    def _check(self) -> STResNet:
        if self.joint and self.temporal_pool != (self.joint.stage2 is not None):
            raise ValueError(
                f"temporal_pool is {str(self.temporal_pool).lower()}, but joint has {len(self.joint.stages)} "
                "stage(s); give joint.stage2 with temporal_pool: true, or neither"
            )
        return self


Recognizer = Annotated[TSN | STResNet, Field(discriminator="protocol")]


class Recognition(Section):
    """The recognisers, trained on HR clips of the training split only."""

    frame_size: Pair = Field(
        [340, 256],
        description="width and height that frames are resized to before flow and recognition",
    )
    recognizers: dict[Name, Recognizer] = Field(description="recognisers by name")
