"""How a stream of a recogniser is trained, whatever its protocol."""

from __future__ import annotations

from typing import Any, ClassVar, Self

from pydantic import Field, model_validator

from pipeline.config.section import Fraction, Name, NonNegativeFloat, PositiveFloat, PositiveInt, Section


class StreamTraining(Section):
    """How one stream (or the joint network) of a recogniser is trained, with SGD."""

    iterations: PositiveInt = Field(description="optimiser steps")
    batch_size: PositiveInt = Field(128, description="clips per step")
    micro_batch: PositiveInt | None = Field(
        None,
        description="clips in memory at once, over which BN computes its statistics; gradients accumulate "
        "over batch_size; default: a device's part of batch_size",
    )
    lr: PositiveFloat = Field(1e-3, description="learning rate")
    milestones: list[PositiveInt] = Field(
        default_factory=list, description="steps at which the learning rate drops"
    )
    gamma: PositiveFloat = Field(0.1, description="factor at each milestone")
    momentum: Fraction = Field(0.9, description="SGD's momentum")
    weight_decay: NonNegativeFloat = Field(5e-4, description="SGD's weight decay")
    clip_gradient: PositiveFloat | None = Field(
        None, description="largest norm of the gradient; null: no clipping"
    )
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
        description="momentum of BN's running statistics per step, towards the mean over its micro_batches "
        "(ST-ResNet: 0.05); default: the network's own momentum (0.1), at every micro_batch",
    )


class DatasetTraining(StreamTraining):
    """A stream's training, with keys that differ between data sets."""

    # The same keys for one data set, as in a training's request.
    Single: ClassVar[type[StreamTraining]] = StreamTraining

    per_dataset: dict[Name, dict[str, Any]] = Field(
        default_factory=dict, description="keys of this section that differ for a data set"
    )

    def for_dataset(self, dataset: str) -> StreamTraining:
        """The training for one data set; its own keys override the common ones."""
        common = self.model_dump(exclude={"per_dataset"})
        return self.Single.model_validate(common | self.per_dataset.get(dataset, {}))

    def sections(self, key: str) -> dict[str, DatasetTraining]:
        """The sections of a training by their keys; ``key`` is the training's own."""
        return {key: self}

    @model_validator(mode="after")
    def _check(self) -> Self:
        for dataset in self.per_dataset:
            self.for_dataset(dataset)
        return self
