"""Counts clips and frames and compares them with the published numbers, without decoding."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from pipeline.config import Config, Dataset
from pipeline.data.cdvl134 import UNLISTED, differences, find_cdvl134, missing, read_cdvl134
from pipeline.data.entries import Listing, unknown_classes
from pipeline.data.folder import find_videos
from pipeline.data.manifest import Clip, DataError, Split, read_manifest
from pipeline.data.match import NO_FILE
from pipeline.data.members import is_archive

SPLITS: tuple[Split, Split] = ("train", "test")


VIDEO_FRAMES, VIDEO_PIXELS = 300, 480 * 270
"""Assumed for an unlisted training video before it is decoded: ten seconds of 1080p, resized by height."""

NAMED = 5
"""Videos named in a message, unless all are requested."""


@dataclass(frozen=True)
class Clips:
    """The clips of a run.

    Attributes:
        lengths: for each split, the number of clips of each length in frames.
        pixels: HR pixels of a mean frame.
        summary: one line on what was found and what was expected.
    """

    lengths: dict[Split, Counter[int]]
    pixels: float
    summary: str

    def clips(self, split: Split) -> int:
        return sum(self.lengths[split].values())

    def frames(self, split: Split) -> int:
        return sum(length * clips for length, clips in self.lengths[split].items())


def content(config: Config, name: str, part: str, path: Path | None) -> Path | None:
    """Folder of a data set's videos or lists: the given one, or the one into which the run unpacks."""
    return config.output / "unpacked" / name / part if is_archive(path) else path


def count_clips(config: Config, name: str) -> Clips:
    """Clips of an action data set: from its manifest, else its files, else its lists, else as published.

    Raises:
        DataError: a list or the manifest is malformed, a clip is in both lists, or no listed clip exists.
    """
    dataset = config.datasets[name]
    clips, found = _found_clips(config, name, dataset)
    counts = dataset.counts
    length, width = (counts.frames, counts.width) if counts else dataset.typical
    lengths = {split: Counter({length: clips[split]}) for split in SPLITS}
    pixels = 240.0 * width
    manifest = config.output / "data" / name / "manifest.csv"
    frames = f"about {sum(clips.values()) * length:,} frames ({length} a clip assumed)"
    if manifest.is_file():
        listed = read_manifest(manifest)
        lengths = {split: Counter(clip.frames for clip in listed if clip.split == split) for split in SPLITS}
        total = sum(clip.frames for clip in listed)
        pixels = sum(clip.frames * clip.height * clip.width for clip in listed) / max(total, 1)
        frames = f"{total:,} frames in {manifest}"
    return Clips(lengths, pixels, f"{found}; {frames}")


def _found_clips(config: Config, name: str, dataset: Dataset) -> tuple[dict[Split, int], str]:
    """Clips of each split, and a summary of what was found and expected."""
    published = dataset.counts
    splits = content(config, name, "splits", dataset.splits)
    root = content(config, name, "videos", dataset.root)
    if splits is None or not splits.exists():
        if published is None:
            return {"train": 0, "test": 0}, "no lists yet, and nothing is published of this layout"
        share = len(dataset.classes) / published.classes if dataset.classes else 1
        clips: dict[Split, int] = {
            "train": round(share * published.train),
            "test": round(share * published.test),
        }
        return clips, f"no lists yet; as published {_splits(clips)}"
    lists = dataset.read_lists(splits)
    classes = lists.classes
    used = ("test",) if dataset.native else SPLITS
    listed = {split: sum(e.split == split for e in lists.entries) * (split in used) for split in SPLITS}
    _check_shared(config, name, classes)
    wrong = [f"{len(lists.repeated):,} lines of the lists repeat a clip"] if lists.repeated else []
    if published and dataset.classes is None:
        wrong += _differ("classes", len(classes), published.classes)
        if dataset.split == 1:
            for split in SPLITS:
                wrong += _differ(f"listed {split} clips", listed[split], getattr(published, split))
    if root is None or not root.exists():
        found = f"no videos yet; the lists name {_splits(listed)} of {len(classes)} classes"
        return listed, _with(found, wrong)
    listing = dataset.find_clips(root, splits)
    clips = {split: sum(c.entry.split == split for c in listing.candidates) for split in SPLITS}
    limit = str(dataset.limit)
    if published and dataset.classes is None:
        wrong += _differ("video files", listing.files, published.clips)
    for split in () if limit else SPLITS:
        wrong += _differ(f"{split} clips", clips[split], listed[split], "listed")
    lacking = [clip for clip, reason in listing.left_out if reason == NO_FILE]
    if lists.by_path and lacking:
        wrong.append(f"no file of {', '.join(lacking[:NAMED])}{', ...' * (len(lacking) > NAMED)}")
    seen = len({candidate.entry.class_name for candidate in listing.candidates})
    wrong += _differ("classes with clips", seen, len(classes), "listed")
    limited = f" ({limit})" if limit else ""
    return clips, _with(f"{listing.files:,} video files, {_splits(clips)} of {seen} classes{limited}", wrong)


def _check_shared(config: Config, name: str, classes: list[str]) -> None:
    """Refuse classes that the data set lacks whose recognisers score this one's clips."""
    other = config.datasets[name].recognizer_from
    splits = content(config, other, "splits", config.datasets[other].splits) if other else None
    if other is None or splits is None or not splits.exists():
        return
    known = config.datasets[other].read_lists(splits).classes
    if lacking := unknown_classes(classes, known):
        raise DataError(
            f"recognizer_from: {other} has no class {', '.join(lacking)}, only {', '.join(known)}; name the "
            "classes that both have in `classes`"
        )


def count_videos(config: Config, named: int | None = NAMED) -> Clips:
    """The training videos: from their manifest, else their files, else the paper's list.

    Their frames are known after list_videos has run; until then, the list gives those of its videos.

    Args:
        config: the configuration.
        named: how many missing, unlisted or differing videos the message names; None: all.

    Raises:
        DataError: the manifest is malformed, or no video of the list exists.
    """
    videos = config.training_videos
    root = content(config, "training_videos", "videos", videos.root)
    root = root if root and root.is_dir() else None
    listing = find_cdvl134(root) if videos.listed and root else None
    manifest = config.output / "data" / "training_videos" / "manifest.csv"
    clips = read_manifest(manifest) if manifest.is_file() else []
    if clips:
        frames = [clip.frames for clip in clips]
        pixels = sum(clip.height * clip.width for clip in clips) / len(clips)
        found = f"{len(clips)} videos, {sum(frames):,} frames in {manifest}"
    else:
        frames, pixels, found = _expect_videos(root, listing)
        frames = [min(length, videos.max_frames or length) for length in frames]
        pixels = pixels if videos.size == "by_height" else float(videos.size[0] * videos.size[1])
    wrong = _unlike_the_list(config, listing, clips, named) if videos.listed else []
    return Clips({"train": Counter(frames), "test": Counter()}, pixels, _with(found, wrong))


def _expect_videos(root: Path | None, listing: Listing | None) -> tuple[list[int], float, str]:
    """Frames of videos that are not decoded yet, pixels of a mean frame, and what was found."""
    rows = read_cdvl134()
    published = f"the paper has {len(rows)}"
    if root and not listing:
        count = len(find_videos(root)[0])
        return [VIDEO_FRAMES] * count, float(VIDEO_PIXELS), f"{count} videos; {published}"
    found = f"no videos yet; {published}"
    if listing:
        there = [rows[candidate.entry.id] for candidate in listing.candidates]
        found = f"{len(there)} of the paper's {len(rows)} videos"
    else:
        there = list(rows.values())
    frames = [row.frames for row in there]
    pixels = sum(row.frames * row.height * row.width for row in there) / sum(frames)
    return frames, pixels, f"{found}; {sum(frames):,} frames according to its list"


def _unlike_the_list(
    config: Config, listing: Listing | None, clips: list[Clip], named: int | None
) -> list[str]:
    """Number and names of videos that are missing, unlisted, or differ from the list in length or size."""
    differing = differences(clips, config.training_videos, config.scale)
    kinds = {"not as listed": [f"{n} ({what})" for n, what in differing]}
    if listing:
        kinds |= {
            "missing": missing(listing),
            "not in the list, and not used": [n for n, why in listing.left_out if why == UNLISTED],
        }
    more = {kind: ", ..." if named and len(names) > named else "" for kind, names in kinds.items()}
    return [f"{len(n)} {kind}: {', '.join(n[:named])}{more[kind]}" for kind, n in kinds.items() if n]


def _splits(clips: dict[Split, int]) -> str:
    return f"{clips['train']:,} train and {clips['test']:,} test clips"


def _differ(what: str, found: int, expected: int, by: str = "published") -> list[str]:
    return [] if found == expected else [f"{found:,} {what}, {expected:,} are {by}"]


def _with(found: str, wrong: list[str]) -> str:
    return f"{found}. BUT: {'; '.join(wrong)}" if wrong else found
