"""Where videos and split lists come from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, ValidationError, WithJsonSchema, field_validator, model_validator

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


ONE_SPLIT = {"enum": [1, 2, 3]}
SEVERAL_SPLITS = {"type": "array", "items": ONE_SPLIT, "minItems": 1, "uniqueItems": True}


class Limit(Section):
    """The first clips of each class, in the order of the lists, for trials."""

    train: PositiveInt | None = Field(None, description="training clips per class; null: all")
    test: PositiveInt | None = Field(None, description="test clips per class; null: all")

    def __str__(self) -> str:
        """Such as "first 9 train and 5 test clips per class"; empty without a limit."""
        parts = [f"{most} {split}" for split, most in (("train", self.train), ("test", self.test)) if most]
        return f"first {' and '.join(parts)} clips per class" if parts else ""


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
    split: Annotated[Literal[1, 2, 3], WithJsonSchema({"anyOf": [ONE_SPLIT, SEVERAL_SPLITS]})] = Field(
        1,
        description="official split; the paper uses 1; a list such as `[1, 2, 3]` stands for a data set for "
        "each split, and tables also show their mean",
    )
    split_of: str = Field("", description="set by the run for each split of a list; leave it out")
    resolution: Literal["hr", "native"] = Field(
        "hr",
        description="hr: the videos are HR, and LR is made of them; native: they are low-resolution by "
        "themselves, so there is no HR, and only their test clips are used",
    )
    recognizer_from: str | None = Field(
        None,
        description="for native: the data set whose recognisers score these clips; its classes must include "
        "this one's by name; null: their `weights` are given for this data set",
    )
    classes: list[str] | None = Field(None, description="subset of classes; null: all")
    limit: Limit = Field(
        default_factory=Limit, description="only the first clips of each class, for trials; tables say so"
    )
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
        if str(self.limit) and self.published:
            raise ValueError("published numbers are of all clips: set published to null, or leave out limit")
        if self.native and self.published:
            raise ValueError("published numbers are of HR: set published to null, or resolution to hr")
        if self.recognizer_from and not self.native:
            raise ValueError("recognizer_from is of use with resolution: native alone; leave it out")
        return self

    @property
    def native(self) -> bool:
        """Whether there is no HR."""
        return self.resolution == "native"

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

        unlisted = f"not in the lists of split {self.split}"
        found = match_files(root, self.read_lists(splits), unlisted)
        return (found.tested() if self.native else found).first(self.limit.train, self.limit.test)

    def listed(self) -> Self:
        """The section as the listing reads it: without labels, and without paths, which are arguments."""
        others = dict.fromkeys(("root", "splits", "published", "recognizer_from"))
        return self.model_copy(update=others | {"label": "", "split_of": "", "degradations": []})


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
