"""Where videos and split lists come from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from pydantic import Field, ValidationError, field_validator, model_validator

from pipeline.config.section import Name, Pair, PositiveInt, Section

if TYPE_CHECKING:
    from pipeline.data.entries import Listing, Lists


class Demo(Section):
    """The generated data sets that replace CDVL, UCF101 and HMDB51."""

    height: PositiveInt = Field(72, description="height of the action clips in pixels")
    frames: PositiveInt = Field(10, description="frames of an action clip")
    train_clips: PositiveInt = Field(40, description="training clips per class")
    test_clips: PositiveInt = Field(40, description="test clips per class")
    videos: PositiveInt = Field(16, description="natural-like training videos")
    video_frames: PositiveInt = Field(40, description="frames of a training video")


class Shards(Section):
    """Number of jobs that process a split; shards balance frames."""

    train: PositiveInt = Field(1, description="shards of the training split")
    test: PositiveInt = Field(1, description="shards of the test split")


@dataclass(frozen=True)
class Counts:
    """Published counts of a data set: ``train`` and ``test`` are clips of split 1, ``frames`` and ``width``
    are means over clips; heights are 240.
    """

    clips: int
    classes: int
    train: int
    test: int
    frames: int
    width: int


LISTED: dict[str, Any] = {"root": None, "splits": None, "label": "", "published": None, "degradations": []}
"""Keys of a data set that its listing does not read, and what stands in their place."""


class Dataset(Section):
    """An action data set with training and test lists. Subclasses define the layouts.

    Attributes:
        counts: published counts; None if there are none.
        sources: where to get ``root`` and ``splits``.
        typical: assumed number of frames and width in pixels of a clip, before any is decoded.
    """

    HOME: ClassVar[str] = "pipeline.data.layouts"
    counts: ClassVar[Counts | None] = None
    sources: ClassVar[dict[str, str]] = {}
    typical: ClassVar[tuple[int, int]] = (150, 320)

    label: str = Field("", description="name in tables and figures; empty: its key")
    layout: str = Field(
        description="layout of folders and lists: a file in data/layouts, or package.module:Class"
    )
    root: Path | None = Field(
        None, description="folder of the class folders, or the published archive; null: the demo's"
    )
    splits: Path | None = Field(
        None, description="folder of the split lists, or their archive; null: the demo's"
    )
    split: Literal[1, 2, 3] = Field(1, description="official split; the paper uses 1")
    classes: list[str] | None = Field(None, description="subset of classes; null: all")
    shards: Shards = Field(default_factory=Shards, description="jobs per split")
    degradations: list[Name] = Field(
        default_factory=list,
        description="names in `degradations` under which its test clips are tested beside `degradation`, for "
        "the table of that name",
    )
    published: Literal["UCF101", "HMDB51"] | None = Field(
        None, description="data set whose published Table 4 is shown beside ours; null: none"
    )

    @model_validator(mode="after")
    def _check(self) -> Dataset:
        if self.classes and self.published:
            raise ValueError(
                "published numbers are of all classes: set published to null, or leave out classes"
            )
        return self

    def read_lists(self, splits: Path) -> Lists:
        """Read the lists in ``splits``: classes in the order of their labels, and clips.

        Raises:
            DataError: a list is missing or malformed, a class is unknown, or a clip is in both splits.
        """
        raise NotImplementedError

    def find_clips(self, root: Path, splits: Path) -> Listing:
        """Match the listed clips with the files below ``root``; raises DataError like ``read_lists``."""
        # Imported here, because data/ imports the configuration.
        from pipeline.data.match import match_files

        return match_files(root, self.read_lists(splits), f"not in the lists of split {self.split}")

    def listed(self) -> Self:
        """The section as the listing reads it: without labels, and without paths, which are arguments."""
        return self.model_copy(update=LISTED)


class VideoSize(Section):
    """Size and length of the training videos."""

    size: Literal["by_height"] | Pair = Field(
        "by_height",
        description="size that videos are resized to, keeping their aspect ratio: `by_height`, the authors' "
        "rule, 240 to 288 lines by format (1080p to 480x270, 720p to 427x240, VGA to 320x240); or a width "
        "and a height in pixels, for equal area",
    )
    max_frames: PositiveInt | None = Field(
        None, description="largest number of frames that is read; null: all"
    )

    @field_validator("size", mode="wrap")
    @classmethod
    def _check_size(cls, value: Any, check: Any) -> Any:
        # One message instead of one for each of the two types.
        try:
            return check(value)
        except ValidationError as error:
            expected = "by_height, or a width and a height in pixels such as [320, 240]"
            raise ValueError(f"expected {expected}") from error


class ListedVideos(VideoSize):
    """Which videos are listed."""

    listed: Literal["cdvl134"] | None = Field(
        None,
        description="list of the videos that are used: `cdvl134`, the paper's; null: all below the root",
    )
    shards: PositiveInt = Field(1, description="number of jobs that process the videos")


class TrainingVideos(ListedVideos):
    """The natural videos on which SR networks are trained (CDVL-134 in the paper)."""

    root: Path | None = Field(None, description="folder of videos, or an archive of them; null: the demo's")
