"""How many clips and frames there are, against the published numbers. Nothing is decoded."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from pipeline.config import Config, Dataset
from pipeline.data.folder import find_videos
from pipeline.data.manifest import Split, read_manifest
from pipeline.data.members import is_archive
from pipeline.data.readers import READERS

SPLITS: tuple[Split, Split] = ("train", "test")


@dataclass(frozen=True)
class Published:
    """What is published: ``frames`` and ``width`` are means, ``train`` and ``test`` are split 1's."""

    clips: int
    classes: int
    train: int
    test: int
    frames: int
    width: int


PUBLISHED = {
    "ucf101": Published(13_320, 101, 9_537, 3_783, 186, 320),
    "hmdb51": Published(6_766, 51, 3_570, 1_530, 95, 340),
}
"""docs/facts.md, section 1; HMDB51's width as the paper's introduction has it. Heights are 240."""

PUBLISHED_VIDEOS = 134
"""Videos of CDVL-134 (paper, section 4.1)."""

VIDEO_FRAMES = 300
"""Frames assumed of a training video before it is decoded: ten seconds."""


@dataclass(frozen=True)
class Clips:
    """The clips that a run will have.

    Attributes:
        lengths: for each split, how many clips there are of each number of frames.
        pixels: HR pixels of a mean frame.
        told: what was found, against what was expected, in one line.
    """

    lengths: dict[Split, Counter[int]]
    pixels: float
    told: str

    def clips(self, split: Split) -> int:
        return sum(self.lengths[split].values())

    def frames(self, split: Split) -> int:
        return sum(length * clips for length, clips in self.lengths[split].items())


def content(config: Config, name: str, part: str, path: Path | None) -> Path | None:
    """Folder of a data set's videos or lists: that given, or what the run makes of an archive."""
    return config.output / "unpacked" / name / part if is_archive(path) else path


def count_clips(config: Config, name: str) -> Clips:
    """Clips of an action data set: from its manifest, else its files, else its lists, else as published.

    Raises:
        DataError: a list or the manifest is malformed, a clip is in both lists, or no listed clip is there.
    """
    dataset = config.datasets[name]
    published = PUBLISHED[dataset.layout]
    clips, found = _found_clips(config, name, dataset)
    lengths = {split: Counter({published.frames: clips[split]}) for split in SPLITS}
    pixels = 240.0 * published.width
    manifest = config.output / "data" / name / "manifest.csv"
    frames = f"about {sum(clips.values()) * published.frames:,} frames ({published.frames} a clip assumed)"
    if manifest.is_file():
        listed = read_manifest(manifest)
        lengths = {split: Counter(clip.frames for clip in listed if clip.split == split) for split in SPLITS}
        total = sum(clip.frames for clip in listed)
        pixels = sum(clip.frames * clip.height * clip.width for clip in listed) / max(total, 1)
        frames = f"{total:,} frames in {manifest}"
    return Clips(lengths, pixels, f"{found}; {frames}")


def _found_clips(config: Config, name: str, dataset: Dataset) -> tuple[dict[Split, int], str]:
    """Clips of each split, and what was found of how much."""
    published = PUBLISHED[dataset.layout]
    reader = READERS[dataset.layout]
    splits = content(config, name, "splits", dataset.splits)
    root = content(config, name, "videos", dataset.root)
    if splits is None or not splits.exists():
        share = len(dataset.classes) / published.classes if dataset.classes else 1
        clips = {"train": round(share * published.train), "test": round(share * published.test)}
        return clips, f"no lists yet; as published {_splits(clips)}"
    lists = reader.read_lists(splits, dataset.split, dataset.classes)
    classes = lists.classes
    listed = {split: sum(entry.split == split for entry in lists.entries) for split in SPLITS}
    wrong = [f"{len(lists.repeated):,} lines of the lists repeat a clip"] if lists.repeated else []
    if dataset.classes is None:
        wrong += _differ("classes", len(classes), published.classes)
        if dataset.split == 1:
            for split in SPLITS:
                wrong += _differ(f"listed {split} clips", listed[split], getattr(published, split))
    if root is None or not root.exists():
        told = f"no videos yet; the lists name {_splits(listed)} of {len(classes)} classes"
        return listed, _with(told, wrong)
    listing = reader.find_clips(root, splits, dataset.split, dataset.classes)
    found = {split: sum(c.entry.split == split for c in listing.candidates) for split in SPLITS}
    if dataset.classes is None:
        wrong += _differ("video files", listing.files, published.clips)
    for split in SPLITS:
        wrong += _differ(f"{split} clips", found[split], listed[split], "listed")
    seen = len({candidate.entry.class_name for candidate in listing.candidates})
    wrong += _differ("classes with clips", seen, len(classes), "listed")
    return found, _with(f"{listing.files:,} video files, {_splits(found)} of {seen} classes", wrong)


def count_videos(config: Config) -> Clips:
    """The training videos; their frames are known after list_videos has run."""
    videos = config.training_videos
    manifest = config.output / "data" / "training_videos" / "manifest.csv"
    root = content(config, "training_videos", "videos", videos.root)
    if manifest.is_file():
        listed = read_manifest(manifest)
        lengths = Counter(clip.frames for clip in listed)
        pixels = sum(clip.height * clip.width for clip in listed) / max(len(listed), 1)
        told = f"{len(listed)} videos, {sum(clip.frames for clip in listed):,} frames in {manifest}"
        return Clips({"train": lengths, "test": Counter()}, pixels, told)
    if root is not None and root.is_dir():
        count = len(find_videos(root)[0])
        told = f"{count} videos; the paper has {PUBLISHED_VIDEOS}"
    else:
        count = PUBLISHED_VIDEOS
        told = f"no videos yet; the paper has {count}"
    length = min(VIDEO_FRAMES, videos.max_frames or VIDEO_FRAMES)
    pixels = float(videos.size[0] * videos.size[1])
    return Clips({"train": Counter({length: count}), "test": Counter()}, pixels, told)


def _splits(clips: dict[Split, int]) -> str:
    return f"{clips['train']:,} train and {clips['test']:,} test clips"


def _differ(what: str, found: int, expected: int, by: str = "published") -> list[str]:
    return [] if found == expected else [f"{found:,} {what}, {expected:,} are {by}"]


def _with(told: str, wrong: list[str]) -> str:
    return f"{told}. BUT: {'; '.join(wrong)}" if wrong else told
