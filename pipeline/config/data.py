"""Where videos and split lists come from."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, field_validator, model_validator

from pipeline.config.section import Pair, PositiveInt, Section


class Demo(Section):
    """The generated data sets that stand in for CDVL, UCF101 and HMDB51."""

    height: PositiveInt = Field(72, description="height of the action clips in pixels")
    frames: PositiveInt = Field(10, description="frames of an action clip")
    train_clips: PositiveInt = Field(40, description="training clips per class")
    test_clips: PositiveInt = Field(40, description="test clips per class")
    videos: PositiveInt = Field(16, description="natural-like training videos")
    video_frames: PositiveInt = Field(40, description="frames of a training video")


class Shards(Section):
    """Into how many jobs the clips of a split are divided; shards balance frames."""

    train: PositiveInt = Field(1, description="shards of the training split")
    test: PositiveInt = Field(1, description="shards of the test split")


class Dataset(Section):
    """An action data set with official train and test lists."""

    label: str = Field("", description="name in tables and figures; empty: its key")
    layout: Literal["ucf101", "hmdb51"] = Field(description="layout of folders and split lists")
    root: Path | None = Field(
        None, description="folder of the class folders, or the published archive; null: the demo's"
    )
    splits: Path | None = Field(
        None, description="folder of the split lists, or their archive; null: the demo's"
    )
    split: Literal[1, 2, 3] = Field(1, description="official split; the paper uses 1")
    classes: list[str] | None = Field(None, description="subset of classes; null: all")
    shards: Shards = Field(default_factory=Shards, description="jobs per split")
    published: Literal["UCF101", "HMDB51"] | None = Field(
        None, description="whose published Table 4 stands beside ours; null: none"
    )

    @model_validator(mode="after")
    def _check(self) -> Dataset:
        if self.classes and self.published:
            raise ValueError(
                "published numbers are of all classes: set published to null, or leave out classes"
            )
        return self


class TrainingVideos(Section):
    """The natural videos that SR networks are trained on (CDVL-134 in the paper)."""

    root: Path | None = Field(None, description="folder of videos, or an archive of them; null: the demo's")
    listed: Literal["cdvl134"] | None = Field(
        None,
        description="the list whose videos alone are used: `cdvl134`, the paper's; null: all below the root",
    )
    size: Literal["by_height"] | Pair = Field(
        "by_height",
        description="what videos are resized to, keeping their aspect: `by_height`, the authors' rule, to "
        "240 to 288 lines by their format (1080p to 480x270, 720p to 427x240, VGA to 320x240); or a width "
        "and a height in pixels, to their area",
    )
    max_frames: PositiveInt | None = Field(None, description="read at most so many; null: all")
    shards: PositiveInt = Field(1, description="jobs the videos are divided into")

    @field_validator("size", mode="wrap")
    @classmethod
    def _check_size(cls, value: Any, check: Any) -> Any:
        # One message in place of one for each of the two types.
        try:
            return check(value)
        except ValidationError as error:
            expected = "by_height, or a width and a height in pixels such as [320, 240]"
            raise ValueError(f"expected {expected}") from error
